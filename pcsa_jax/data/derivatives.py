"""Synthetic PET on disk: names, sidecars and the folder around them, as BIDS derivatives."""

import dataclasses
import gzip
import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib

from pcsa_jax import __version__
from pcsa_jax.data.files import names_of_others, read_text, replacing, write_json, write_text
from pcsa_jax.data.fingerprints import file_hash
from pcsa_jax.data.json_objects import read_object
from pcsa_jax.data.layout import sidecar, subject_folder, subject_stem
from pcsa_jax.data.names import parse_name
from pcsa_jax.data.synthetic_mark import INTENDED_USE, SyntheticMark, mark_image
from pcsa_jax.errors import UserError

GENERATED_BY = "pcsa_jax synthesize"
"""``GeneratedBy[0].Name`` of a folder of synthetic PET."""

BIDS_VERSION = "1.10.0"
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

README = f"""# Synthetic FDG-PET

Every `*_desc-{SYNTHETIC}_pet.nii.gz` here is a generator's guess from the grey matter of a structural MRI. Nobody's
metabolism was measured. {INTENDED_USE}

The JSON file beside each volume names its input, the generator (SHA-256), the unit and everything that was done. The
header of each volume says that it is synthetic, too, and by which generator.
`*_desc-{SYNTHETIC}Std_pet.nii.gz` is the voxel-wise standard deviation over several generators, `...Low` and
`...High` the ends of each voxel's interval, in the same unit; `...Z` the deviation from normal people in SD.
`{TABLE}` says which inputs are unlike those that the generator was trained on.
`*_page.html`, if asked for, is what a person reads; `{INDEX}` lists them.
"""
IGNORED = ("figures", "skipped.tsv", TABLE, "*_page.html", INDEX)
"""What BIDS does not know of in such a folder; the validator does not see ``figures/`` as the folder itself."""


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


def is_finished(outputs: Outputs, recipe: Mapping[str, Any]) -> bool:
    """Whether all of ``outputs`` are there, whole, and made by the same recipe.

    Args:
      outputs: of one input.
      recipe: entries of the sidecar that decide on the voxels.

    Returns:
      False where nothing is there, or an interrupted start has left a part.

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
        all(volume.exists() for volume in outputs.volumes)
        and (outputs.panel.exists() or not outputs.has_panel)
        and (has_page or not outputs.page_look)
    )


def _in_the_way(path: Path, found: str) -> UserError:
    return UserError(
        f"{path}: expected nothing, or the output of the same input and generators, found {found}. "
        "Use another --out, or --overwrite."
    )


def open_folder(root: Path, datasets: Iterable[Path]) -> dict[Path, str]:
    """Makes ``root`` a folder of synthetic PET that may refer to files of ``datasets``.

    Args:
      root: a folder that is new, empty, or was made by this function.
      datasets: folders that inputs come from.

    Returns:
      The name of each of ``datasets`` in BIDS URIs (``bids:NAME:path``).

    Raises:
      UserError: if ``root`` holds something else or cannot be written.
    """
    path = root / "dataset_description.json"
    description = check_folder(root)
    links: dict[str, str] = dict(description.get("DatasetLinks", {}))
    names = {}
    for dataset in datasets:
        # Relative: the two folders may be moved together, and nobody's home folder is published.
        target = Path(os.path.relpath(dataset.resolve(), root.resolve())).as_posix()
        stem = re.sub(r"[^A-Za-z0-9]", "", dataset.resolve().name) or "inputs"
        candidates = [stem, *(f"{stem}{number}" for number in range(2, len(links) + 3))]
        names[dataset] = next(name for name in candidates if links.get(name, target) == target)
        links[names[dataset]] = target
    wanted = {
        "Name": "Synthetic FDG-PET",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": GENERATED_BY, "Version": __version__, "Description": INTENDED_USE}],
        **({"DatasetLinks": links} if links else {}),
    }
    try:
        if description != wanted:
            write_json(path, wanted)
            write_text(root / "README.md", README)
        _ignore(root / ".bidsignore")
    except OSError as error:
        raise UserError(f"--out {root}: could not be written ({error.strerror}). Choose another folder.") from error
    return names


def _ignore(path: Path) -> None:
    """Adds what BIDS does not know of to a ``.bidsignore``, which an earlier version may have written."""
    lines = read_text(path).splitlines() if path.exists() else []
    if not set(IGNORED) <= set(lines):
        write_text(path, "\n".join([*lines, *(line for line in IGNORED if line not in lines)]) + "\n")


def check_folder(root: Path) -> dict[str, Any]:
    """The ``dataset_description.json`` of a folder of synthetic PET; empty where there is nothing yet.

    Raises:
      UserError: if ``root`` holds anything else.
    """
    if root.exists() and not root.is_dir():
        raise UserError(f"--out {root}: expected a folder, found a file. Choose another.")
    if not root.exists() or not names_of_others(root):
        return {}
    try:
        description = read_object(root / "dataset_description.json", expected="a description")
        is_ours = description["GeneratedBy"][0]["Name"] == GENERATED_BY
    except (UserError, KeyError, IndexError, TypeError):
        is_ours = False
    if is_ours:
        _check_links(root, description)
        return description
    raise UserError(
        f"--out {root}: expected a new or empty folder, or one of synthetic PET, found other files. Choose another."
    )


def _check_links(root: Path, description: Mapping[str, Any]) -> None:
    """Raises UserError unless the data sets of a description are names with a place each, or none."""
    links = description.get("DatasetLinks", {})
    if not isinstance(links, dict) or not all(isinstance(link, str) for link in links.values()):
        raise UserError(
            f"--out {root}: expected DatasetLinks in dataset_description.json as an object of text, found "
            f"{str(links)[:60]}. Restore that file, or choose another folder."
        )
