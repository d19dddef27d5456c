"""Units of PET as sidecars and names say them, and what FDG in a brain measures in each."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pcsa_jax.data.layouts.sidecars import Sidecars, dataset_of
from pcsa_jax.data.names import parse_name
from pcsa_jax.data.subjects import Findings, Subject


class Unit(NamedTuple):
    """A unit of uptake.

    Attributes:
      name: as it is shown.
      least, most: the largest value of an FDG-PET of a brain lies between, with a wide margin: brains reach 5 to 25
        SUV, or 3 to 60 kBq/mL, whatever the dose, and 1.5 to 4 times any reference region.
      spellings: in small letters, without spaces; DICOM's words are among them.
    """

    name: str
    least: float
    most: float
    spellings: tuple[str, ...]


UNITS = (
    Unit("Bq/mL", 1e2, 1e6, ("bq/ml", "bq/cc", "bqml", "bq/cm3", "bq/cm^3")),
    Unit("kBq/mL", 1e-1, 1e3, ("kbq/ml", "kbq/cc", "kbqml")),
    Unit("MBq/mL", 1e-4, 1, ("mbq/ml", "mbq/cc", "mbqml")),
    Unit("SUV", 0.5, 200, ("suv", "suvbw", "suv(bw)", "g/ml", "gml", "suvlbm", "suv(lbm)")),
    Unit("SUVR", 0.3, 15, ("suvr",)),
)
UNKNOWN = ("", "n/a", "na", "none", "unknown", "arbitrary")


def unit_of(text: object) -> Unit | None:
    """The unit that a sidecar's ``Units`` names; None if it is none of :data:`UNITS`."""
    spelling = "".join(text.split()).lower() if isinstance(text, str) else ""
    return next((unit for unit in UNITS if spelling in unit.spellings), None)


def likely_units(largest: float) -> list[str]:
    """Those of :data:`UNITS` in which a PET may have this largest value."""
    return [unit.name for unit in UNITS if unit.least <= largest <= unit.most]


def with_units(subjects: Iterable[Subject]) -> list[Subject]:
    """``subjects`` with the unit of each PET: by its sidecars (``Units``), or ``suvr-`` in its name."""
    known: dict[Path | None, Sidecars] = {}
    found = []
    for subject in subjects:
        if subject.pet is not None and (said := _said(subject.pet, known)):
            subject = dataclasses.replace(subject, pet_unit=said)
        found.append(subject)
    return found


def _said(pet: Path, known: dict[Path | None, Sidecars]) -> str:
    root = dataset_of(pet)
    # What is wrong with a sidecar its reader has told.
    said = known.setdefault(root, Sidecars(root, Findings())).of(pet).get("Units")
    said = " ".join(said.split()) if isinstance(said, str) else ""
    if said.lower() in UNKNOWN:
        return "SUVR" if "suvr" in parse_name(pet).entities else ""
    return unit.name if (unit := unit_of(said)) else said
