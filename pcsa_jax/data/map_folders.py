"""Folders of SPM's and CAT12's maps: which of several maps of one scan is meant; what to do with one as a cohort."""

from collections.abc import Sequence
from pathlib import Path

from pcsa_jax.data.names import NIFTI, parse_name, why_no_grey_matter_map
from pcsa_jax.data.subjects import counted, listing
from pcsa_jax.data.variants import MANIFEST, rank_of_prefix

MAPS = "mri"
"""Where CAT12 puts the volumes of a scan, beside it."""

OTHER_PREFIXES = ("", "m", "mi", "wm", "wmi", *(f"p{number}" for number in range(1, 8)))
"""Of a scan and of what is made of it, which names alone do not tell from people's."""


def choose_maps(paths: Sequence[Path]) -> tuple[list[Path], str]:
    """Of the maps that SPM or CAT12 has made of one scan the one that every reader takes; all other files.

    Args:
      paths: grey-matter maps of one folder, by their names.

    Returns:
      Those to take, in their order, and a line on the others, "" without any.
    """
    of_scan: dict[str, list[Path]] = {}
    for path in paths:
        name = parse_name(path)
        of_scan.setdefault(name.stem.removeprefix(name.prefix) if name.spm else path.name, []).append(path)
    best = [min(found, key=lambda path: rank_of_prefix(parse_name(path))) for found in of_scan.values()]
    left = [path for path in paths if path not in best]
    if not left:
        return list(paths), ""
    words = [
        ", ".join(dict.fromkeys(f"{parse_name(path).prefix}*" for path in found))
        for found in ([own[0] for own in zip(best, of_scan.values(), strict=True) if own[1][1:]], left)
    ]
    line = f"of several maps of one scan, {words[0]} is taken, not {words[1]} ({counted(len(left), 'file')})"
    return [path for path in paths if path in best], f"{line}; name files to take others"


def beside_maps(names: Sequence[str], other: Path) -> set[str]:
    """Those of the files ``names`` that are a scan of which there is a normalised map, or CAT12's other names of it.

    Only with the map it is certain that ``wmjohn`` and ``p1john`` are no people.

    Args:
      names: of the files of a folder.
      other: folder in which the maps may be, beside those that are among ``names``.
    """
    parsed = [parse_name(Path(name)) for name in names]
    maps = [name for name in (*parsed, *(parse_name(path) for path in other.glob("[!.]*"))) if name.spm]
    scans = {name.stem.removeprefix(name.prefix) for name in maps if name.spm["normalised"]}
    made = {prefix + scan for prefix in OTHER_PREFIXES for scan in scans}
    return {file for file, name in zip(names, parsed, strict=True) if not name.spm and name.stem in made}


def find_maps(path: Path) -> list[Path]:
    """The grey-matter maps of SPM or CAT12 in a folder, or else in its ``mri``, or else in the first one below."""
    for folder in (path, path / MAPS, *sorted(path.glob(f"*/{MAPS}/"))):
        files = [file for file in sorted(folder.glob("[!.]*")) if NIFTI.search(file.name)] if folder.is_dir() else []
        found = [file for file in files if (name := parse_name(file)).spm and not why_no_grey_matter_map(name)]
        if found:
            return found
    return []


def describe_maps(path: Path) -> tuple[str, str] | None:
    """What is found in a folder that holds such maps and is no cohort, and what to do; None if it holds none."""
    found = find_maps(path)
    if not found:
        return None
    folder, example = found[0].parent, choose_maps(found)[0][0].relative_to(path).as_posix()
    place = "" if folder == path else f" in {folder.relative_to(path).as_posix()}"
    return (
        f"{counted(len(found), 'grey-matter map')} of SPM or CAT12{place} ({listing(file.name for file in found[:2])})",
        f"Name them in {MANIFEST}, mri being {example}, and so on; synthesize takes the folder {folder}",
    )
