"""Who is in a phantom cohort, without making or opening a volume."""

import re
from pathlib import Path
from typing import NamedTuple

from pcsa_jax.data import layout
from pcsa_jax.data.json_objects import read_object
from pcsa_jax.data.layouts import bids_derivatives
from pcsa_jax.data.phantom.subject import SMOOTHING_FWHM_MM
from pcsa_jax.data.phantom.traits import diagnosis, participant_id
from pcsa_jax.data.subjects import Cohort, Seen, Subject, describe_left_out

PHANTOM_VERSION = "5"
"""Changes with every change of the numbers: part of the name of a cohort and of a cache folder."""

COHORT_NAME = f"pcsa_jax phantom, version {PHANTOM_VERSION}: simulated grey-matter maps and FDG-PET"
"""What every page calls the cohort."""


MRI_BYTES, PET_BYTES = 0.38, 0.44
"""Size on disk of a volume, as a part of its float32 voxels: measured at 32^3 to 96^3, within 4 %."""


class Origin(NamedTuple):
    """What a phantom's subjects are made from: a number is one person for one model and seed.

    Attributes:
      model: version of the software's model.
      seed: of the cohort.
    """

    model: str
    seed: int

    def describe(self) -> str:
        """As the cohort's ``dataset_description.json`` has it; :func:`read_origin` reads it back."""
        return f"Model {self.model}, seed {self.seed}"


def read_origin(cohort: Cohort) -> Origin | None:
    """Where a cohort's subjects come from, if it is a phantom that says so."""
    if not cohort.is_phantom:
        return None
    folder = cohort.root if cohort.root.is_dir() else cohort.root.parent
    path = folder / "dataset_description.json"
    if not path.is_file():  # volumes of a phantom in somebody's own table
        return None
    content = read_object(path, {"GeneratedBy": list | None}, expected="the phantom's description")
    first = next(iter(content.get("GeneratedBy") or ()), None)
    text = first.get("Description") if isinstance(first, dict) else None
    found = re.search(r"Model (\S+), seed (\d{1,18})\b", str(text))
    return Origin(found[1], int(found[2])) if found else None


def cohort_bytes(*, pairs: int, mri_only: int, size: int) -> float:
    """About how much disk the volumes of a phantom cohort take; a PET has its predictable part beside it."""
    return 4 * size**3 * (MRI_BYTES * (pairs + mri_only) + 2 * PET_BYTES * pairs)


def list_cohort(root: Path, *, pairs: int, mri_only: int, size: int) -> Cohort:
    """The cohort that :func:`~pcsa_jax.data.phantom.cohort.write_cohort` makes, as it is read, before it is written.

    Args: see there; the seed changes neither who there is nor the diagnoses.
    """
    subjects = sorted(
        (_subject(root, number, size=size, has_pet=number <= pairs) for number in range(1, pairs + mri_only + 1)),
        key=lambda subject: subject.participant_id,
    )
    return Cohort(
        root=root,
        name=COHORT_NAME,
        is_phantom=True,
        subjects=tuple(subjects),
        layout=bids_derivatives.NAME,
        reason=bids_derivatives.CLAIM,
        notes=tuple(describe_left_out(subjects)),
        seen=Seen(tracers=(("trc-18FFDG", pairs),)),
    )


def _subject(root: Path, number: int, *, size: int, has_pet: bool) -> Subject:
    name = participant_id(number)
    return Subject(
        participant_id=name,
        session_id="",
        diagnosis=diagnosis(number),
        mri=layout.mri_path(root, name, size=size),
        pet=layout.pet_path(root, name, size=size) if has_pet else None,
        predictable=layout.pet_path(root, name, size=size, desc="predictable") if has_pet else None,
        mri_fwhm_mm=SMOOTHING_FWHM_MM,
        pet_fwhm_mm=SMOOTHING_FWHM_MM if has_pet else None,
    )
