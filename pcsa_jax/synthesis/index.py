"""The list of the pages in a folder of synthetic PET, with their flags."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from pcsa_jax.data.derivatives import INDEX, SYNTHETIC
from pcsa_jax.data.files import read_text, write_text
from pcsa_jax.data.json_objects import read_object
from pcsa_jax.data.synthetic_mark import INTENDED_USE
from pcsa_jax.errors import UserError
from pcsa_jax.presentation.html import render
from pcsa_jax.synthesis.flags import BAD, Flag, find_flags

TEMPLATE = Path(__file__).with_name("templates") / "index.html"
TITLE = "Synthetic FDG-PET: list of pages"
"""By which a list is known again: any other file of its name is somebody's."""


def has_index(root: Path) -> bool:
    """Whether there is a list that was written by :func:`write_index`."""
    path = root / INDEX
    try:
        return path.exists() and f"<title>{TITLE}</title>" in read_text(path)
    except UserError:
        return False


def check_index(root: Path) -> None:
    """Makes sure that a list can be written; to be called before the work.

    Raises:
      UserError: if something else has its name, which would be lost.
    """
    if (root / INDEX).exists() and not has_index(root):
        raise UserError(
            f"{root / INDEX}: expected nothing or the list of this folder's pages, found another file. Move it away."
        )


def write_index(root: Path) -> None:
    """Writes the list of all pages of a folder with their flags anew; none where there are no pages.

    Raises:
      UserError: if it cannot be written.
    """
    check_index(root)
    pages = sorted(root.rglob(f"*_desc-{SYNTHETIC}_page.html"))
    try:
        if not pages:
            (root / INDEX).unlink(missing_ok=True)
            return
        entries = [_entry(root, page) for page in pages]
        known = [entry["flags"] for entry in entries if not entry["is_damaged"]]
        shared = [flag for flag in known[0] if all(flag in flags for flags in known)] if known else []
        for entry in entries:
            entry["flags"] = [flag for flag in entry["flags"] if flag not in shared]
        entries.sort(key=lambda entry: all(flag.level != BAD for flag in entry["flags"]))
        values = {"title": TITLE, "entries": entries, "shared": shared, "bad": BAD, "intended_use": INTENDED_USE}
        write_text(root / INDEX, render(TEMPLATE, **values))
    except OSError as error:
        raise UserError(
            f"{root / INDEX}: could not be written ({error.strerror}). Make room and start again: what is finished "
            "stays."
        ) from error


def _entry(root: Path, page: Path) -> dict[str, Any]:
    stem = page.name.removesuffix("_page.html")
    is_damaged = False
    try:
        flags = find_flags(read_object(page.with_name(f"{stem}_pet.json"), expected="a sidecar"))
    except UserError as error:
        flags, is_damaged = [Flag(BAD, str(error).replace(f"{root}/", ""))], True
    name = stem.removesuffix(f"_desc-{SYNTHETIC}").replace("_trc-18FFDG", "").replace("_", " ")
    address = quote(page.relative_to(root).as_posix())
    return {"name": name, "address": address, "flags": flags, "is_damaged": is_damaged}
