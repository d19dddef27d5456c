"""Names of the files of a cohort on disk (BIDS derivatives), in one place for writers and readers."""

from pathlib import Path

from pcsa_jax.data.grid import SPACE

PHANTOM_GENERATOR = "pcsa_jax phantom"
"""``GeneratedBy[0].Name`` in the ``dataset_description.json`` of the built-in cohort: how readers tell a phantom."""

PARTICIPANT_COLUMNS = ("participant_id", "diagnosis", "age", "sex")


def subject_stem(participant_id: str, session_id: str = "") -> str:
    """``sub-X`` or ``sub-X_ses-Y``: the beginning of every file name of a subject."""
    return f"{participant_id}_{session_id}" if session_id else participant_id


def subject_folder(root: Path, participant_id: str, session_id: str = "") -> Path:
    return Path(root, participant_id, session_id) if session_id else Path(root, participant_id)


def mri_path(root: Path, participant_id: str, session_id: str = "", *, size: int = 64) -> Path:
    """The grey-matter probability map that is the generator's input."""
    name = f"{subject_stem(participant_id, session_id)}_space-{SPACE}_res-{size}_label-GM_probseg.nii.gz"
    return subject_folder(root, participant_id, session_id) / "anat" / name


def pet_path(root: Path, participant_id: str, session_id: str = "", *, size: int = 64, desc: str = "") -> Path:
    """The FDG-PET volume; ``desc="predictable"`` is the phantom's PET without its unpredictable part."""
    entity = f"_desc-{desc}" if desc else ""
    stem = subject_stem(participant_id, session_id)
    name = f"{stem}_trc-18FFDG_space-{SPACE}_res-{size}{entity}_pet.nii.gz"
    return subject_folder(root, participant_id, session_id) / "pet" / name


def may_hold(dataset: Path, place: Path) -> bool:
    """Whether outputs may go to ``place``: outside of a data set, or to a folder of its own below ``derivatives/``.

    One rule for every command, so that no input is written among (BIDS keeps what is made of a data set there).
    """
    dataset, place = dataset.resolve(), place.resolve()
    if not place.is_relative_to(dataset):
        return True
    parts = place.relative_to(dataset).parts
    return len(parts) > 1 and parts[0] == "derivatives"


def sidecar(path: Path) -> Path:
    """The JSON sidecar of a NIfTI file."""
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")
