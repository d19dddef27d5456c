"""Which tracer a PET shows: by its name, its sidecars, the raw scan that it was made from, or the user."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pcsa_jax.data.layouts.sidecars import Sidecars, read_object
from pcsa_jax.data.names import parse_name
from pcsa_jax.data.subjects import Findings
from pcsa_jax.data.variants import Visit

SOURCE = re.compile(r"bids:(?P<dataset>[A-Za-z0-9_-]*):(?P<path>.+)")
"""A BIDS URI: ``bids:raw:sub-01/pet/sub-01_pet.nii.gz``; without a name, of the data set itself."""


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
        found = _said(parse_name(pet).entities, facts)
        if not found:
            sources = facts.get("Sources")
            for source in sources if isinstance(sources, list) else [sources]:
                if isinstance(source, str) and (found := self._of_source(source)):
                    break
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

    def _of_source(self, source: str) -> str:
        """The tracer of the raw scan that a BIDS URI names."""
        match = SOURCE.fullmatch(source)
        place = Path(unquote(match["path"] if match else source))
        if place.is_absolute() or ".." in place.parts or parse_name(place).suffix != "pet":
            return ""
        if found := _said(parse_name(place).entities, {}):
            return found
        for root in self._raw_roots(match["dataset"] if match else ""):
            if (root / place).parent.is_dir():
                sidecars = self._raw.setdefault(root, Sidecars(root, Findings()))
                if found := _said({}, sidecars.of(root / place)):
                    return found
        return ""

    def _raw_roots(self, name: str) -> list[Path]:
        """Where the data set of a BIDS URI may be."""
        roots = []
        link = self._links.get(name)
        if isinstance(link, str):
            parts = urlsplit(link)
            if parts.scheme in ("", "file"):
                roots.append(self._root / unquote(parts.path))
        if self._root.resolve().parent.name == "derivatives":
            roots.append(self._root.resolve().parent.parent)
        return roots


def _said(entities: dict[str, str], facts: dict) -> str:
    """The tracer of a name, or else of sidecars."""
    if "trc" in entities:
        return f"trc-{entities['trc']}"
    tracer = facts.get("TracerName")
    return tracer.strip() if isinstance(tracer, str) else ""
