"""Measured rows, the machine they come from, and the file that holds them."""

import datetime
import importlib.metadata
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from pcsa_jax.data.files import write_json

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("jax", "jaxlib", "flax", "numpy", "torch", "monai", "scikit-image")


class Spread(NamedTuple):
    """Repetitions of one measurement."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values), len(values))


class Row(NamedTuple):
    """One line of a table: what, ours, the peers', and what was aimed at. Less is better everywhere.

    Attributes:
      name: what was measured.
      unit: of every number here.
      ours: our figure, or None if there is none (``note`` says why).
      peers: name -> figure of each peer's variant.
      target: largest allowed value of ``of``, or None.
      of: "ratio" (ours over the best peer) or "ours".
      note: a short remark.
    """

    name: str
    unit: str
    ours: Spread | None
    peers: Mapping[str, Spread] = MappingProxyType({})
    target: float | None = None
    of: str = "ratio"
    note: str = ""

    @property
    def best(self) -> str | None:
        """The peer with the smallest median."""
        return min(self.peers, key=lambda name: self.peers[name].median, default=None)

    @property
    def ratio(self) -> float | None:
        """Ours over the best peer's."""
        return self.ours.median / self.peers[self.best].median if self.ours and self.peers else None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None if it cannot be said."""
        value = self.ratio if self.of == "ratio" else self.ours and self.ours.median
        return None if self.target is None or value is None else value <= self.target

    def to_json(self) -> dict[str, Any]:
        spreads = {name: spread._asdict() for name, spread in self.peers.items()}
        fields = self._asdict() | {"ours": self.ours and self.ours._asdict(), "peers": spreads}
        return fields | {"best": self.best, "ratio": self.ratio, "is_met": self.is_met}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Row":
        fields = {name: fields[name] for name in cls._fields}
        ours = Spread(**fields["ours"]) if fields["ours"] else None
        return cls(**fields | {"ours": ours, "peers": {k: Spread(**v) for k, v in fields["peers"].items()}})


def exact(value: float) -> Spread:
    """A figure that needs no repetition."""
    return Spread(value, value, value, 1)


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory and versions, without importing a framework."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _cpu_model() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    vectors = [name for name in ("avx512f", "avx2") if name in fields.get("flags", "").split()]
    return " ".join([fields.get("model name", platform.processor() or "unknown"), *vectors[:1]])


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def read_results(path: Path) -> dict[str, Any]:
    """The file's content; empty if there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write_section(
    path: Path, name: str, command: str, rows: Sequence[Row], extra: dict[str, Any] | None = None,
    *, machine: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Replaces the section ``name`` of the file, whole or not at all; other sections stay.

    Args:
      path: the file.
      name: of the section.
      command: that measures it again.
      rows: what was measured.
      extra: anything else to keep.
      machine: facts to add to those of :func:`describe_machine`.
    """
    results = read_results(path)
    section = {
        "date": datetime.date.today().isoformat(),
        "command": command,
        "machine": describe_machine() | (machine or {}),
        "rows": [row.to_json() for row in rows],
    }
    results[name] = section | ({"extra": extra} if extra else {})
    write_json(path, results)
