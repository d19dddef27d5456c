"""Finding the subjects of a cohort on disk, in whatever layout it is."""

from pathlib import Path

from pcsa_jax.data.layouts import bids_derivatives, caps, manifest
from pcsa_jax.data.layouts.sidecars import describe_root
from pcsa_jax.data.phantom_mark import note_phantom
from pcsa_jax.data.problems import Problem
from pcsa_jax.data.subjects import Cohort, Findings, Subject, Survey, describe_left_out
from pcsa_jax.errors import UserError

__all__ = ["Cohort", "Subject", "Survey", "read_cohort", "survey"]

LAYOUTS = (manifest, caps, bids_derivatives)
"""In this order: a manifest was written to be read; a CAPS has folders that BIDS derivatives have not."""


def survey(path: Path, *, participants: Path | None = None) -> Survey:
    """Finds every visit of a cohort and every problem of its tables and names; volumes are not opened.

    Args:
      path: a folder, or a manifest (.tsv).
      participants: where participants.tsv is if not in ``path``: the file, or the BIDS folder that holds it.

    Raises:
      UserError: if there is nothing at ``path`` or ``participants``.
    """
    path = Path(path)
    for place, what in ((path, "a folder or a manifest (.tsv)"), (participants, "participants.tsv or its folder")):
        if place is not None and not (Path(place).is_dir() or Path(place).is_file()):
            raise UserError(f"cohort {place}: expected {what}, found none. Check the path.")
    claims = [(layout, reason) for layout in LAYOUTS if (reason := layout.claim(path))]
    if not claims and any((path / name).is_file() for name in ("dataset_description.json", "participants.tsv")):
        claims = [(bids_derivatives, "it holds the tables of one")]
    if not claims:
        return _nothing(path)
    layout, reason = claims[0]
    findings = Findings()
    if claims[1:]:
        others = ", ".join(f"{other.NAME} ({why})" for other, why in claims[1:])
        findings.notes.append(f"Read as {layout.NAME} ({reason}), which comes before {others}")
    root = path if path.is_dir() else path.parent
    name, is_phantom = describe_root(root, findings, is_required=layout is bids_derivatives)
    subjects, without_mri = layout.read(path, Path(participants) if participants else None, findings)
    findings.notes.extend(describe_left_out(subjects))
    if not is_phantom and (note := note_phantom(subjects)):
        # The folder does not say so: a manifest, or files that were copied out of theirs.
        is_phantom = True
        findings.notes.insert(0, note)
    return Survey(
        root=path,
        name=name,
        layout=layout.NAME,
        reason=reason,
        is_phantom=is_phantom,
        subjects=tuple(subjects),
        without_mri=without_mri,
        problems=tuple(findings.problems),
        notes=tuple(findings.notes),
    )


def _nothing(path: Path) -> Survey:
    """The survey of a folder that holds no cohort."""
    found = "other files" if any(path.iterdir()) else "an empty folder"
    problem = Problem(
        "", "", path,
        f"expected a cohort (sub-* folders, subjects/sub-* folders of a Clinica CAPS, or manifest.tsv), found {found}",
        "README.md, 'Your own data', shows the layouts",
    )  # fmt: skip
    return Survey(path, path.resolve().name, "", "", False, (), (), (problem,), ())


def read_cohort(root: Path, *, participants: Path | None = None, with_diagnoses: bool = True) -> Cohort:
    """The cohort at ``root``, if nothing is wrong with its tables and names; volumes are not opened.

    Args:
      root, participants: see :func:`survey`.
      with_diagnoses: False to read it without them, or with those that are known.

    Raises:
      UserError: with the first problem and the number of the others.
    """
    found = survey(root, participants=participants)
    problems = [problem for problem in found.problems if with_diagnoses or not problem.is_of_diagnosis]
    if problems:
        others = len(problems) - 1
        more = f" ... and {others} more: python -m pcsa_jax check {root} lists them all." if others else ""
        raise UserError(f"{problems[0]}{more}")
    return Cohort(
        root=found.root,
        name=found.name,
        is_phantom=found.is_phantom,
        subjects=found.subjects,
        without_mri=found.without_mri,
        layout=found.layout,
        reason=found.reason,
        notes=found.notes,
    )
