"""Volumes known by their content: what a run has read, from its ``inputs.tsv``, against what the same ids hold now."""

import string
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from pcsa_jax.data.files import read_text
from pcsa_jax.data.inputs import HASH, NONE, Input
from pcsa_jax.data.problems import visit_name
from pcsa_jax.data.subjects import Subject, listing
from pcsa_jax.errors import UserError
from pcsa_jax.text import table_rows

MODALITIES = ("mri", "pet")


class Key(NamedTuple):
    """Which volume of whom: "sub-X", "ses-Y" or "", "mri" or "pet"."""

    participant_id: str
    session_id: str
    modality: str

    def __str__(self) -> str:
        return f"{visit_name(self.participant_id, self.session_id)} {self.modality.upper()}"


Contents = Mapping[Key, str]
"""Volume -> its :func:`~pcsa_jax.data.fingerprints.volume_hash`; "" where it has not been read."""


def contents_of(inputs: Iterable[Input]) -> dict[Key, str]:
    """What was read just now."""
    return {Key(one.participant_id, one.session_id, one.modality): one.content_hash for one in inputs}


def volumes_of(subjects: Iterable[Subject]) -> dict[Key, str]:
    """The volumes of visits that nobody has opened yet."""
    return {Key(one.participant_id, one.session_id, modality): "" for one in subjects for modality in MODALITIES}


class Known(NamedTuple):
    """What is known of volumes from an earlier reading.

    Attributes:
      source: the table that says so.
      contents: volume -> hash; empty if the table is of a version that took none.
      remedy: what to do where others are found.
    """

    source: Path
    contents: Contents
    remedy: str = "Put the former files back, or start a new run in another --workdir."

    def check(self, found: Contents, *, everybody: bool = False) -> None:
        """Compares volumes with those of the same people that are known.

        Args:
          found: all volumes of the people in it; those without a hash are compared by name alone.
          everybody: ``found`` must be all that is known; else people of whom nothing is known pass.

        Raises:
          UserError: if a volume has other voxels or another grid, is somebody else's by its content, or if visits came
            or went.
        """
        if not self.contents:
            return
        self.check_volumes(found)
        known = {key.participant_id for key in self.contents}
        people = None if everybody else known & {key.participant_id for key in found}
        expected, present = (
            {key for key in keys if people is None or key.participant_id in people} for keys in (self.contents, found)
        )
        for keys, what in ((expected - present, "lacks"), (present - expected, "has besides")):
            if keys:
                raise UserError(
                    f"{self.source}: expected the volumes that it names, found a cohort that {what} {len(keys)} "
                    f"({listing(map(str, sorted(keys)))}). {self.remedy}"
                )

    def check_volumes(self, found: Contents) -> None:
        """Raises UserError for volumes whose content is not what is known of them, whoever else there is or not."""
        owners = {digest: key for key, digest in self.contents.items() if digest}
        strange = []
        for key, digest in found.items():
            owner = owners.get(digest) if digest else None
            if owner is not None and owner.participant_id != key.participant_id:
                strange.append(f"{key}: those of {owner}")
            elif digest and self.contents.get(key, digest) not in (digest, ""):
                strange.append(str(key))
        if strange:
            raise UserError(
                f"{self.source}: expected the voxels and grids that were read before, found others in {len(strange)} "
                f"of {len(found)} volumes ({listing(strange)}). {self.remedy}"
            )


def read_known(path: Path) -> Known:
    """What an ``inputs.tsv`` knows; nothing if there is none or it is of a version without hashes.

    Raises:
      UserError: if it is damaged.
    """
    return parse_known(read_text(path), path) if path.is_file() else Known(path, {})


def parse_known(table: str, source: Path) -> Known:
    """:func:`read_known` of the content of a table."""
    header, *lines = table_rows(table) or [[]]
    if HASH not in header:
        return Known(source, {})
    contents: dict[Key, str] = {}
    for line, cells in enumerate(lines, start=2):
        row = dict(zip(header, cells, strict=False))
        participant, session, modality = (row.get(name, "") for name in ("participant_id", "session_id", "modality"))
        digest = "" if row.get(HASH) == NONE else row.get(HASH) or "?"
        if (digest and not _is_hash(digest)) or modality not in MODALITIES:
            raise UserError(f"{source} line {line}: expected a volume and its SHA-256, found another text. Restore it.")
        contents[Key(participant, "" if session == NONE else session, modality)] = digest
    return Known(source, contents)


def _is_hash(text: str) -> bool:
    return len(text) == 64 and not set(text) - set(string.hexdigits)
