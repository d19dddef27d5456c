"""Synthetic PET on disk: names, sidecars and the folder around them, as BIDS derivatives."""

import dataclasses
import gzip
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib

from pcsa_jax.data.files import replacing, write_json
from pcsa_jax.data.fingerprints import file_hash
from pcsa_jax.data.json_objects import read_object
from pcsa_jax.data.layout import sidecar, subject_folder, subject_stem
from pcsa_jax.data.names import parse_name
from pcsa_jax.data.synthetic_mark import SyntheticMark, mark_image
from pcsa_jax.errors import UserError

CALIBRATION = "CalibrationSHA256"
"""Key of a sidecar: what the map and the PET were judged by; absent without it."""

SYNTHETIC = "synthetic"
"""``desc-`` of the synthetic PET."""

SPREAD, LOW, HIGH, DEVIATION = "Std", "Low", "High", "Z"
EXTRAS = {
    SPREAD: "Voxel-wise standard deviation over several generators (n - 1)",
    LOW: "Lower end of the interval of each voxel of the real PET, looked at by itself",
    HIGH: "Upper end of the interval of each voxel of the real PET, looked at by itself",
    DEVIATION: "z: deviation from the cognitively normal training subjects, in SD of a new normal person",
}
"""What follows ``synthetic`` in the ``desc-`` of other volumes -> what they are, in words."""

TABLE = "familiarity.tsv"
"""Whether the generators know each map."""

INDEX = "index.html"
"""Lists the pages of a folder."""

PAGE_LOOK = "PageLook"
"""In the sidecar: how the page beside it was drawn. Another look is another page, made anew."""


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The files of one input.

    Attributes:
      pet: the synthetic PET.
      panel: a picture.
      extras: of :data:`EXTRAS`, the other volumes to be made.
      has_panel: whether the picture is to be made.
      page: what a person reads.
      page_look: how it is to look, in words; "" if it is not to be made.
    """

    pet: Path
    panel: Path
    extras: tuple[str, ...]
    has_panel: bool
    page: Path
    page_look: str

    @property
    def volumes(self) -> tuple[Path, ...]:
        """Those to be made, the synthetic PET first."""
        return (self.pet, *map(self.extra, self.extras))

    def extra(self, kind: str) -> Path:
        """Where a volume of :data:`EXTRAS` goes."""
        return self.pet.with_name(self.pet.name.replace(f"desc-{SYNTHETIC}_", f"desc-{SYNTHETIC}{kind}_"))


def name_outputs(
    root: Path, participant_id: str, session_id: str, entities: Mapping[str, str], *,
    extras: Sequence[str] = (), has_panel: bool = False, page_look: str = "",
) -> Outputs:  # fmt: skip
    """Where the outputs of one input go.

    Args:
      root: folder of the outputs.
      participant_id, session_id: "sub-X"; "ses-Y" or "".
      entities: others of the input's name, of ``run``, ``space`` and ``res``.
      extras: of :data:`EXTRAS`, the other volumes that there will be.
      has_panel: whether there will be a picture.
      page_look: how the page will look, in words; "" if there will be none.
    """
    words = [subject_stem(participant_id, session_id), "trc-18FFDG"]
    # The order of entities is BIDS's.
    words += [f"{name}-{entities[name]}" for name in ("run", "space", "res") if name in entities]
    stem, folder = "_".join(words), subject_folder(root, participant_id, session_id) / "pet"
    return Outputs(
        pet=folder / f"{stem}_desc-{SYNTHETIC}_pet.nii.gz",
        panel=root / "figures" / f"{stem}_desc-{SYNTHETIC}_pet.png",
        extras=tuple(extras),
        has_panel=has_panel,
        page=folder / f"{stem}_desc-{SYNTHETIC}_page.html",
        page_look=page_look,
    )


def write_outputs(outputs: Outputs, images: Iterable[nib.Nifti1Image], card: Mapping[str, Any]) -> None:
    """Writes the volumes of one input with their sidecars, each marked as synthetic in its header.

    The sidecar goes first and holds the volumes' SHA-256: whatever interrupts this, :func:`is_finished` tells later
    which volumes are whole and that those which are missing are ours to write.

    Args:
      outputs: where.
      images: one for each of ``outputs.volumes``.
      card: content of the sidecar; what it says of the unit holds for all but z.
    """
    marked = [
        mark_image(image, SyntheticMark.of_sidecar(card, content=parse_name(path).entities["desc"]))
        for path, image in zip(outputs.volumes, images, strict=True)
    ]
    # Neither time nor name in the gzip header: the same volume gives the same bytes.
    blobs = [gzip.compress(image.to_bytes(), compresslevel=3, mtime=0) for image in marked]
    hashes = {path.name: hashlib.sha256(blob).hexdigest() for path, blob in zip(outputs.volumes, blobs, strict=True)}
    page = {PAGE_LOOK: outputs.page_look} if outputs.page_look else {}
    write_json(sidecar(outputs.pet), {**card, "OutputSHA256": hashes, **page})
    # What an earlier recipe made and this one does not would be taken for this one's.
    for path in (outputs.panel, outputs.page):
        path.unlink(missing_ok=True)
    for kind, words in EXTRAS.items():
        path = outputs.extra(kind)
        if kind in outputs.extras:
            unit = {"Units": "arbitrary", "UnitsDescription": words} if kind == DEVIATION else {}
            write_json(sidecar(path), {**card, "Description": f"{words}. {card['Description']}", **unit})
        else:
            for left in (path, sidecar(path)):
                left.unlink(missing_ok=True)
    for path, blob in zip(outputs.volumes, blobs, strict=True):
        with replacing(path) as temporary:
            temporary.write_bytes(blob)


def is_finished(outputs: Outputs, recipe: Mapping[str, Any], *, calibration: str = "") -> bool:
    """Whether all of ``outputs`` are there, whole, made by the same recipe and judged by the same.

    Args:
      outputs: of one input.
      recipe: entries of the sidecar that decide on the voxels.
      calibration: its entry :data:`CALIBRATION`; "" for none.

    Returns:
      False where nothing is there, an interrupted start has left a part, or the same PET is to be judged anew.

    Raises:
      UserError: if there is anything else, which would be lost.
    """
    path = sidecar(outputs.pet)
    if not path.exists():
        stray = next((volume for volume in outputs.volumes if volume.exists()), None)
        if stray is not None:
            raise _in_the_way(stray, "no sidecar that says what it is")
        return False
    try:
        found = read_object(path, {"OutputSHA256": dict}, expected="a sidecar")
        hashes = found["OutputSHA256"]
    except UserError as error:
        raise _in_the_way(path, "a sidecar of something else") from error
    other = next((name for name, value in recipe.items() if found.get(name) != value), None)
    if other is not None:
        raise _in_the_way(path, f"one with another {other}")
    for volume in outputs.volumes:
        if volume.exists() and file_hash(volume) != hashes.get(volume.name):
            raise _in_the_way(volume, "one that was changed since it was written")
    has_page = outputs.page.exists() and found.get(PAGE_LOOK) == outputs.page_look
    return (
        found.get(CALIBRATION, "") == calibration
        and all(volume.exists() for volume in outputs.volumes)
        and (outputs.panel.exists() or not outputs.has_panel)
        and (has_page or not outputs.page_look)
    )


def _in_the_way(path: Path, found: str) -> UserError:
    return UserError(
        f"{path}: expected nothing, or the output of the same input and generators, found {found}. "
        "Use another --out, or --overwrite."
    )
