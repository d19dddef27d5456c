"""Which tracer a PET shows: by its name, its sidecars, the raw scan that it was made from, or the user."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pcsa_jax.data.layouts.sidecars import Sidecars, read_object
from pcsa_jax.data.names import is_fdg, parse_name
from pcsa_jax.data.subjects import Findings
from pcsa_jax.data.variants import Visit

SOURCE = re.compile(r"bids:(?P<dataset>[^:/]*):/*(?P<path>.+)")
"""A BIDS URI: ``bids:raw:sub-01/pet/sub-01_pet.nii.gz``; without a name, of the data set itself."""


UNSAID = ("", "n/a", "na", "none", "unknown")
"""What stands for a tracer that nobody knows, in small letters."""

MOST_STEPS = 3
"""From a PET to the raw scan: derivatives may be made of derivatives."""


class Tracers:
    """The tracers of a data set's PET.

    PETPrep writes ``trc-`` only if the raw scan's name has it, and no ``TracerName``; its sidecar names the raw scan
    (``Sources``), and ``dataset_description.json`` the data set that holds it (``DatasetLinks``). Where that path is
    another machine's, the data set around ``derivatives/`` is looked into.

    Args:
      root: folder of the data set.
      sidecars: of its volumes.
      findings: gets a problem for each PET of which nobody says.
      given: the tracer of those, by the user; "" for none.
    """

    def __init__(self, root: Path, sidecars: Sidecars, findings: Findings, *, given: str):
        self._root, self._sidecars, self._findings, self._given = root, sidecars, findings, given
        self._num_given = 0
        self._raw: dict[Path, Sidecars] = {}
        path = root / "dataset_description.json"
        links = read_object(path, Findings()).get("DatasetLinks") if path.is_file() else None
        self._links = links if isinstance(links, dict) else {}

    def of(self, pet: Path, visit: Visit, *, must_be_known: bool = True) -> str:
        """The tracer; "" if nobody says, which is a problem if it ``must_be_known``."""
        facts = self._sidecars.of(pet)
        found = _said(parse_name(pet).entities, facts) or self._of_sources(facts, MOST_STEPS)
        written = _tracer_name(facts)
        if found and written and is_fdg(found) != is_fdg(written):
            text = f"expected one tracer, found {found} in the name and {written} in the sidecar"
            self._findings.add(pet, text, "Correct the one that is wrong", visit=visit)
            return ""
        if not found and self._given:
            self._num_given += must_be_known
            found = self._given
        if not found and must_be_known:
            text = "expected the tracer in the name (trc-18FFDG) or in the sidecar (TracerName), found neither"
            remedy = "Rename the file or write its sidecar, or say it of all such PET: --tracer=FDG"
            self._findings.add(pet, text, remedy, visit=visit)
        if found:
            self._findings.tracers[found] += 1
        return found

    def check_given(self) -> None:
        """Notes how many PET the user's word decided; a problem if none."""
        if self._num_given:
            self._findings.notes.append(f"FDG-PET: tracer {self._given} as given of {self._num_given} PET")
        elif self._given:
            text = f"--tracer={self._given}: expected PET whose name and sidecars do not say the tracer, found none"
            self._findings.add(self._root, text, "Leave it out")

    def _of_sources(self, facts: dict[str, Any], steps: int) -> str:
        """The tracer of the first scan that ``Sources`` name and that says it."""
        for key in ("Sources", "RawSources"):
            sources = facts.get(key)
            for source in sources if isinstance(sources, list) else [sources]:
                if isinstance(source, str) and (found := self._of_source(source, steps)):
                    return found
        return ""

    def _of_source(self, source: str, steps: int) -> str:
        """The tracer of a scan that a BIDS URI, a path or a file URL names; only JSON beside it is read."""
        match = SOURCE.fullmatch(source)
        place = Path(unquote(match["path"] if match else urlsplit(source).path))
        if parse_name(place).suffix != "pet":
            return ""
        if found := _said(parse_name(place).entities, {}):
            return found
        roots = [Path("/")] if place.is_absolute() else self._raw_roots(match["dataset"] if match else "")
        for root in roots:
            if (root / place).parent.is_dir():
                facts = self._raw.setdefault(root, Sidecars(root, Findings())).of(root / place)
                if found := _said({}, facts) or (self._of_sources(facts, steps - 1) if steps > 1 else ""):
                    return found
        return ""

    def _raw_roots(self, name: str) -> list[Path]:
        """Where the data set of a BIDS URI may be."""
        roots = [] if name else [self._root]
        link = self._links.get(name)
        if isinstance(link, str):
            parts = urlsplit(link)
            if parts.scheme in ("", "file"):
                roots.append(self._root / unquote(parts.netloc + parts.path))
        for root in (self._root.absolute(), self._root.resolve()):
            if root.parent.name == "derivatives":
                roots.append(root.parent.parent)
        return roots


def _said(entities: dict[str, str], facts: dict[str, Any]) -> str:
    """The tracer of a name, or else of sidecars."""
    if "trc" in entities:
        return f"trc-{entities['trc']}"
    return _tracer_name(facts)


def _tracer_name(facts: dict[str, Any]) -> str:
    """``TracerName``; "" if it says nothing."""
    tracer = facts.get("TracerName")
    if isinstance(tracer, list) and len(tracer) == 1:
        (tracer,) = tracer
    name = tracer.strip() if isinstance(tracer, str) else ""
    return "" if name.lower() in UNSAID else name
