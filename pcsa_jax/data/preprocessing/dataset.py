"""The folder that preprocessing writes: where it may lie, what stands at its top, which visits failed."""

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pcsa_jax import __version__
from pcsa_jax.data import files, layout, quality_table
from pcsa_jax.data.json_objects import read_object
from pcsa_jax.data.layout import may_hold
from pcsa_jax.data.preprocessing.outputs import RAW
from pcsa_jax.data.preprocessing.quality import MEASURES, warnings
from pcsa_jax.data.problems import visit_name
from pcsa_jax.data.quality_table import Quality, Reason
from pcsa_jax.data.subjects import Findings
from pcsa_jax.errors import UserError
from pcsa_jax.text import table_rows, table_text

GENERATOR = "pcsa_jax preprocess"
"""``GeneratedBy[0].Name`` of the folders that preprocessing may write to."""

BIDS_VERSION = "1.10.0"
PAGE = "preprocessing.html"
SCRATCH = ".scratch"
LOCK = ".lock"
LOGS = "logs"
FAILURE_COLUMNS = ("participant_id", "session_id", "reason")
IGNORED = ("*.html", f"{LOGS}/", "figures", "*_xfm.*", "failures.tsv", quality_table.FILE, f"{SCRATCH}/", LOCK)
"""What BIDS has no name for."""

README = """Grey-matter maps and FDG-PET made from raw scans by pcsa_jax preprocess, ready for training and synthesis.

anat/*_label-GM_probseg.nii.gz    grey-matter probability in MNI152, smoothed, 64x64x64 voxels
pet/*_pet.nii.gz                  FDG-PET on the same grid, in the unit of the scan
anat/*_desc-brain_mask.nii.gz     the brain, on the voxels of the T1w scan
anat/*_xfm.nii.gz                 ITK displacement fields (mm, LPS) between the T1w scan and MNI152
pet/*_from-pet_to-T1w_*_xfm.mat   ITK rigid transform from the PET to the T1w scan
figures/, preprocessing.html      pictures to check the results by eye
quality.tsv                       numbers of every visit, which are suspicious, and what you decide on them
failures.tsv                      visits that could not be worked through, if any

The sidecar of a grey-matter map names every step, its settings, the scans used and their SHA-256.
"""


class Failure(NamedTuple):
    """A visit that could not be worked through, and why."""

    participant_id: str
    session_id: str
    reason: str

    @property
    def name(self) -> str:
        return visit_name(self.participant_id, self.session_id)


def check_places(raw: Path, out: Path) -> None:
    """Raises UserError if ``out`` is no place to write: among the scans, around them, or somebody else's folder."""
    raw, real = raw.resolve(), out.resolve()
    if real == raw or raw.is_relative_to(real):
        raise UserError(
            f"OUT_DIR {out}: expected a folder beside the raw data, found one that holds them. Give another."
        )
    if not may_hold(raw, real):
        raise UserError(
            f"OUT_DIR {out}: expected a folder outside the raw data, found one among them. "
            f"Give another, or {raw / 'derivatives' / 'pcsa_jax'}."
        )
    if real.exists() and not real.is_dir():
        raise UserError(f"OUT_DIR {out}: expected a folder, found a file. Give another.")
    if real.is_dir() and files.names_of_others(real, {LOCK, SCRATCH}) and not _is_ours(real):
        raise UserError(
            f"OUT_DIR {out}: expected a new or empty folder, or one that preprocess has written, found other files. "
            "Give another."
        )


def _is_ours(out: Path) -> bool:
    try:
        description = read_object(out / "dataset_description.json", expected="a description")
        return description["GeneratedBy"][0]["Name"] == GENERATOR
    except (UserError, KeyError, IndexError, TypeError):
        return False


def open_dataset(raw: Path, out: Path, *, name: str, settings: dict[str, Any]) -> None:
    """Writes what stands at the top of the folder, before the first visit, and clears what a killed run left."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / SCRATCH, ignore_errors=True)
    shown = ", ".join(f"{key}={json.dumps(value)}" for key, value in settings.items())
    description = {
        "Name": f"{name}: grey-matter maps and FDG-PET in MNI152",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [
            {"Name": GENERATOR, "Version": __version__, "Description": f"Settings of the last run: {shown}"}
        ],
        "DatasetLinks": {RAW: Path(os.path.relpath(raw.resolve(), out.resolve())).as_posix()},
    }
    files.write_json(out / "dataset_description.json", description)
    files.write_text(out / ".bidsignore", "".join(f"{line}\n" for line in IGNORED))
    files.write_text(out / "README", README)


class Finished(NamedTuple):
    """A visit that the folder holds.

    Attributes:
      participant_id, session_id: whose.
      quality: its numbers, see :mod:`pcsa_jax.data.preprocessing.quality`.
      has_pet: whether there was an FDG-PET.
      picture: PNG.
    """

    participant_id: str
    session_id: str
    quality: dict[str, float]
    has_pet: bool
    picture: Path

    @property
    def name(self) -> str:
        return visit_name(self.participant_id, self.session_id)


def find_finished(out: Path) -> list[Finished]:
    """All visits that the folder holds, in the order of their names, whichever run made them."""
    found = []
    for pattern in ("sub-*/anat/*_label-GM_probseg.json", "sub-*/ses-*/anat/*_label-GM_probseg.json"):
        for path in out.glob(pattern):
            folder = path.parent.parent
            session_id = folder.name if folder.name.startswith("ses-") else ""
            participant_id = folder.parent.name if session_id else folder.name
            quality = _quality(path)
            picture = folder / "figures" / f"{layout.subject_stem(participant_id, session_id)}_preprocessing.png"
            has_pet = layout.pet_path(out, participant_id, session_id).is_file()
            found.append(Finished(participant_id, session_id, quality, has_pet, picture))
    return sorted(found, key=lambda visit: (visit.participant_id, visit.session_id))


def _quality(sidecar: Path) -> dict[str, float]:
    """The numbers in a sidecar; none if it is damaged, as the page of all others is not to fail for that."""
    try:
        found = read_object(sidecar, {"Quality": dict}, expected="a sidecar")["Quality"]
        return {key: float(value) for key, value in found.items() if value is not None}
    except (UserError, ValueError, TypeError):
        return {}


def read_decisions(out: Path) -> dict[tuple[str, str], Quality]:
    """What ``quality.tsv`` of an earlier run holds.

    Raises:
      UserError: if it cannot be read: a person's decisions are in it, which would be lost.
    """
    findings = Findings()
    found = quality_table.read_quality(out, findings)
    if findings.problems:
        raise UserError(str(findings.problems[0]))
    return found


def assess(finished: Sequence[Finished], former: Mapping[tuple[str, str], Quality]) -> list[Quality]:
    """The lines of ``quality.tsv``: numbers, what is suspicious about them, what was decided on them before."""
    found = []
    for visit, marks in zip(finished, warnings([visit.quality for visit in finished]), strict=True):
        values = {key: f"{value:.6g}" for key, value in visit.quality.items() if key in MEASURES}
        reasons = tuple(Reason(key, values[key], why) for key, why in marks.items())
        found.append(Quality(visit.participant_id, visit.session_id, values, reasons))
    return quality_table.with_decisions(found, former)


def pass_through(raw: Path, out: Path, participants: Iterable[str]) -> None:
    """Copies the description of the participants' columns and the participants' sessions, where there are any."""
    wanted = [Path("participants.json")]
    for name in participants:
        wanted += [Path(name, f"{name}_sessions.tsv"), Path(name, f"{name}_sessions.json")]
    for path in wanted:
        if (raw / path).is_file():
            with files.replacing(out / path) as temporary:
                shutil.copyfile(raw / path, temporary)


def read_failures(out: Path) -> list[Failure]:
    """The failures that an earlier run has left."""
    path = out / "failures.tsv"
    if not path.is_file():
        return []
    columns, *lines = table_rows(files.read_text(path)) or [[]]
    rows = [dict(zip(columns, line, strict=False)) for line in lines]
    return [Failure(*(row.get(column, "") for column in FAILURE_COLUMNS)) for row in rows]


def write_failures(out: Path, failures: Iterable[Failure]) -> None:
    """Writes ``failures.tsv``; without failures there is none."""
    failures = sorted(failures)
    path = out / "failures.tsv"
    if not failures:
        path.unlink(missing_ok=True)
        return
    lines = [FAILURE_COLUMNS, *((f.participant_id, f.session_id, " ".join(f.reason.split())) for f in failures)]
    files.write_text(path, table_text(lines))
