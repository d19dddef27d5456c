"""What a person reads of one synthetic PET: a page of its own that prints on A4."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pcsa_jax.data.files import finite_or_none, write_text
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.normalisation import PetScale
from pcsa_jax.data.regional_values import RegionalValues, measure_regions
from pcsa_jax.data.regions import CONTROL_REGIONS
from pcsa_jax.data.synthetic_mark import INTENDED_USE
from pcsa_jax.presentation.figures import UPTAKE_LABEL
from pcsa_jax.presentation.html import data_uri, render
from pcsa_jax.presentation.mosaic import Row, Scale, draw_comparison, draw_mosaic
from pcsa_jax.presentation.viewing import CONVENTIONS, Viewing
from pcsa_jax.synthesis.flags import BAD, CALIBRATE, find_flags, find_limit, line_of_card, title_mark

TEMPLATE = Path(__file__).with_name("templates") / "reading.html"
OWN = "Synthetic PET"
SPREAD_SHARE = 0.1
"""Of the range of the PET: the top of the scale of an SD over generators, the same for everybody."""

MISSING = {
    "trivial": f"Nothing to compare with: the generator comes without mean PET and linear predictor. {CALIBRATE}",
    "intervals": "How far the real PET may lie from this one is not known: the generator comes without intervals. "
    f"{CALIBRATE}",
    "norm": f"Nothing to compare with: the generator comes without the PET of cognitively normal people. {CALIBRATE}",
    "spread": "There is no SD over generators, as there is one generator. Give --generator several times for one.",
}
"""What stands in the place of a part that is not there, and how to get it."""


class Picture(NamedTuple):
    """A picture that somebody else has drawn: PNG, and a caption in plain text that also stands for it."""

    png: bytes
    caption: str


class PageContent(NamedTuple):
    """All that a page shows; what is None or empty is said to be missing, with how to get it.

    Attributes:
      name: of the person and visit.
      mean: the synthetic PET, x y z on ``grid``, in the unit of ``scale``; so are the volumes below.
      grid: of the volumes.
      scale: of the PET; its range is the colours' in every picture.
      card: the sidecar.
      std: SD over several generators.
      trivial: PET of predictors that need no network, name for print -> volume.
      low, high: ends of the interval of each voxel.
      intervals: region -> ends of the interval of each of its values.
      coverage: what the intervals promise, one sentence.
      norm: pictures of the deviation from cognitively normal people.
      facts: more lines of the list below the flags, as (name, value).
      missing: part ("trivial", "intervals", "norm") that the generator lacks -> why, in place of :data:`MISSING`.
    """

    name: str
    mean: np.ndarray
    grid: Grid
    scale: PetScale
    card: Mapping[str, Any]
    std: np.ndarray | None = None
    trivial: Mapping[str, np.ndarray] = {}
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    intervals: Mapping[str, tuple[RegionalValues, RegionalValues]] = {}
    coverage: str = ""
    norm: Sequence[Picture] = ()
    facts: Sequence[tuple[str, str]] = ()
    missing: Mapping[str, str] = {}


def write_page(path: Path, content: PageContent, viewing: Viewing) -> None:
    """Renders ``templates/reading.html`` with its pictures inside; all text is escaped.

    Args:
      path: HTML file to write.
      content: what it shows.
      viewing: sides and colours.
    """
    html = render(
        TEMPLATE,
        name=content.name,
        flags=find_flags(content.card),
        bad=BAD,
        intended_use=INTENDED_USE,
        facts=[*_facts(content.card), *content.facts],
        pictures=_draw(content, viewing),
        norm=[_picture(picture.png, picture.caption) for picture in content.norm],
        unit="SUVR" if content.scale.unit == "SUVR" else "uptake (0–1)",
        meaning=content.scale.meaning,
        regions=_regions(content),
        has_trivial=bool(content.trivial),
        coverage=_sentence(content.coverage),
        limit=find_limit(content.card),
        sides=f"{viewing.convention} convention: {CONVENTIONS[viewing.convention]}",
        missing=_missing(content),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, html)


def _sentence(text: str) -> str:
    return f"{text.rstrip('.')}." if text else ""


def _missing(content: PageContent) -> dict[str, str]:
    there = {
        "trivial": bool(content.trivial),
        "intervals": content.low is not None or bool(content.intervals),
        "norm": bool(content.norm),
        "spread": content.std is not None,
    }
    return {part: content.missing.get(part, text) for part, text in MISSING.items() if not there[part]}


def _picture(png: bytes, caption: str) -> dict[str, str]:
    return {"data": data_uri(png, "png"), "caption": caption}


def _draw(content: PageContent, viewing: Viewing) -> dict[str, dict[str, str]]:
    """Section -> its picture."""
    low, high = content.scale.range
    uptake = Scale(low, high, "FDG uptake (SUVR)" if content.scale.unit == "SUVR" else UPTAKE_LABEL)
    own = Row(OWN, content.mean)
    others = [Row(name, volume) for name, volume in content.trivial.items()]
    comparisons = {"comparison": ([own, *others], uptake)}
    if content.low is not None and content.high is not None:
        ends = [Row("low end of interval", content.low), Row("high end of interval", content.high)]
        comparisons["intervals"] = ([ends[0], own, ends[1]], uptake)
    if content.std is not None:
        spread = Scale(0.0, SPREAD_SHARE * (high - low), "SD over generators, same unit")
        comparisons["spread"] = ([Row("SD", content.std)], spread)
    captions = {
        "comparison": "The same planes of each, above each other, on one scale."
        if others
        else "The planes to look at first.",
        "intervals": "The synthetic PET between the ends of each voxel's interval, on the same scale. "
        f"{_sentence(content.coverage)}".rstrip(),
        "spread": f"SD over the generators; the scale ends at {100 * SPREAD_SHARE:g} % of the PET's.",
        "mosaic": "The synthetic PET from below to above.",
    }
    look = {
        "grid": content.grid,
        "viewing": viewing,
        "title": f"{title_mark(content.card)}{content.name}, synthetic FDG-PET",
        "line": line_of_card(content.card),
    }
    with tempfile.TemporaryDirectory() as folder:
        drawn = {
            section: draw_comparison(Path(folder, section), rows, scale=scale, **look)
            for section, (rows, scale) in comparisons.items()
        }
        drawn["mosaic"] = draw_mosaic(Path(folder, "mosaic"), content.mean, scale=uptake, **look)
        return {section: _picture(path.read_bytes(), captions[section]) for section, path in drawn.items()}


def _facts(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Who, what, and by which generator."""
    lines = [("Made from", ", ".join(card.get("Sources", [])))]
    alike: dict[str, list[str]] = {}
    for generator in card.get("Generators", []):
        told = f"{generator['Row']}, step {generator['Step']}, trained on {generator['TrainingCohort']}"
        alike.setdefault(told, []).append(generator["SHA256"])
    for told, hashes in alike.items():
        title = f"{len(hashes)} generators" if hashes[1:] else "Generator"
        lines.append((title, f"{told}; SHA-256 {', '.join(hashes)}"))
    steps = card.get("Harmonisation", [])
    lines += [
        ("Map", "; ".join(steps) if steps else "used as it is"),
        ("Unit", f"{card.get('Units', '')}: {card.get('UnitsDescription', '')}"),
        ("Software", card.get("SoftwareVersions", "")),
    ]
    return lines


def _regions(content: PageContent) -> list[dict[str, Any]]:
    """Region -> the lines of the table: the synthetic PET's first, then those of the trivial predictors."""
    volumes = {OWN: content.mean, **content.trivial}
    measured = {name: measure_regions(volume, content.grid) for name, volume in volumes.items()}
    rows = []
    for region in measured[OWN]:
        bounds = content.intervals.get(region)
        rows.append({
            "name": region.replace("_precuneus", " / precuneus").replace("_", " "),
            "is_control": region in CONTROL_REGIONS,
            "lines": [
                {
                    "name": name,
                    "is_own": name == OWN,
                    "values": finite_or_none(values[region]),
                    "bounds": list(zip(*finite_or_none(bounds), strict=True)) if bounds and name == OWN else None,
                }
                for name, values in measured.items()
            ],
        })  # fmt: skip
    return rows
