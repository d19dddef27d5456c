"""The folder around synthetic PET: a BIDS derivative that says so, and that nothing else is put into."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pcsa_jax import __version__
from pcsa_jax.data.derivatives import INDEX, SYNTHETIC, TABLE
from pcsa_jax.data.files import names_of_others, read_text, write_json, write_text
from pcsa_jax.data.json_objects import read_object
from pcsa_jax.data.synthetic_mark import INTENDED_USE
from pcsa_jax.errors import UserError

GENERATED_BY = "pcsa_jax synthesize"
"""``GeneratedBy[0].Name`` of a folder of synthetic PET."""

BIDS_VERSION = "1.10.0"

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
