"""From the files found in a folder layout to visits: what BIDS derivatives and CAPS have in common."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pcsa_jax.data.subjects import PARTICIPANT_ID, Findings, Subject, counted, listing
from pcsa_jax.data.tables import People
from pcsa_jax.data.variants import Candidate, Visit, choose


def participants_to_read(people: People | None, folders: Iterable[Path], findings: Findings) -> list[str]:
    """The participants of the table, or those of the folders if there is no table; notes folders beyond the table."""
    on_disk = sorted(folder.name for folder in folders if folder.is_dir())
    listed = on_disk if people is None else sorted(people.diagnoses)
    unlisted = sorted(set(on_disk) - set(listed))
    if unlisted:
        findings.notes.append(
            f"Left out: {counted(len(unlisted), 'folder')} that participants.tsv lacks ({listing(unlisted)})"
        )
    return [participant_id for participant_id in listed if PARTICIPANT_ID.fullmatch(participant_id)]


def files_of_visit(paths: Iterable[Path], visit: Visit, findings: Findings) -> list[Path]:
    """Those of ``paths`` whose names say that they belong to ``visit``; a problem for each of the others."""
    stem = "_".join(filter(None, visit)) + "_"
    own = []
    for path in sorted(paths):
        if path.name.startswith(stem) and (visit[1] or "_ses-" not in path.name):
            own.append(path)
        else:
            found = f"expected a name that begins with {stem}, found another"
            findings.add(path, found, "Rename it or put it into its own folder", visit=visit)
    return own


def assemble(
    people: People | None,
    mri: Mapping[Visit, Sequence[Candidate]],
    pet: Mapping[Visit, Sequence[Candidate]],
    findings: Findings,
    *,
    fwhm_mm: Callable[[Path, Visit], float | None],
    predictable: Callable[[Path], Path | None] = lambda pet: None,
) -> list[Subject]:
    """The visits that have a GM map, each with the chosen variant of both modalities.

    Args:
      people: what the tables say; None without tables.
      mri, pet: the candidates of every visit.
      findings: gets problems and notes.
      fwhm_mm: what a volume has been smoothed with, if anybody says.
      predictable: the phantom's predictable part beside a PET.
    """
    chosen_mri, chosen_pet = choose(mri, "GM map", findings), choose(pet, "FDG-PET", findings)
    subjects = []
    for visit, candidate in chosen_mri.items():
        own_pet = chosen_pet[visit].path if visit in chosen_pet else None
        for path in filter(None, (candidate.path, own_pet)):
            findings.check_presence(path, visit=visit)
        subjects.append(
            Subject(
                *visit,
                diagnosis=people.diagnosis(*visit) if people else "",
                mri=candidate.path,
                pet=own_pet,
                predictable=predictable(own_pet) if own_pet else None,
                mri_fwhm_mm=fwhm_mm(candidate.path, visit),
                pet_fwhm_mm=fwhm_mm(own_pet, visit) if own_pet else None,
            )
        )
    pet_only = [" ".join(visit).strip() for visit, found in pet.items() if found and not mri.get(visit)]
    if pet_only:
        findings.notes.append(
            f"Left out: {counted(len(pet_only), 'visit')} with an FDG-PET but no GM map ({listing(pet_only)})"
        )
    return subjects


def without_mri(listed: Sequence[str], mri: Mapping[Visit, Sequence[Candidate]], findings: Findings) -> tuple[str, ...]:
    """The participants that no GM map belongs to, which is noted."""
    with_mri = {visit[0] for visit, found in mri.items() if found}
    missing = tuple(participant_id for participant_id in listed if participant_id not in with_mri)
    if missing:
        findings.notes.append(f"Left out: {counted(len(missing), 'participant')} without a GM map ({listing(missing)})")
    return missing
