"""Writes ``docs/phantom_check.md`` from the kept figures."""

from typing import Any

from benchmarks.phantom.check import MEAN_CORRELATION, NEAREST, OWN_NEAREST, RATIO
from benchmarks.phantom.measures import GREY_REGIONS

WITHIN, PET_WITHIN, SD_WITHIN, BAND = 0.15, 0.10, 0.20, 1.5
TARGETS = {
    MEAN_CORRELATION: (0.95, 1.0),
    RATIO: (0.0, 1.3),
    "FDG: correlation with the own GM map": (0.50, 0.62),
    "FDG: correlation with the measured template, one CN subject": (0.86, 0.92),
    "FDG: correlation with the measured template, mean of CN": (0.95, 1.0),
}
"""Row -> smallest and largest wanted value."""

REMARKS = """The brain stem's figures take in one measured T1, whose stem the segmentation takes for grey matter by
half; it counts as one head more in every fit, in the stem alone. The thalamus lies so near the boundary between two
classes that a head shows a tenth or two thirds of it: seven heads do not tell the mean of seven others. Deep white
matter has about a seventh too much."""

HEAD = """# The phantom beside people

Made by `python -m benchmarks.phantom_calibration page`. **Real** grey matter: T1-weighted images painted from the
labels of {count} real heads, taken through this software's own `preprocess` (`python -m benchmarks.real_anatomy`); a
measured T1 counts as one head more in regional means. **Real** FDG: one person's measured PET (figures that were given
to us, of regions that may differ by some voxels) and the measured template of 116 healthy adults, measured here. All on
the 6 mm grid, GM maps divided by their maximum. Distances are squared, to the nearest of 84 training maps. **Before**
is version 4 of the phantom, **after** version {version}; [phantom.md](phantom.md) says how it is made.

A row is met if it is within {within:.0%} of the real mean or inside the range of the heads; SD within {sd:.0%}; a band
of the spectrum within a factor of {band}; FDG within {pet:.0%} of the person or the template, or between them;
correlations and distance by the aims of 0.95, 0.50 to 0.62, 0.86 to 0.92, and 1.3.
"""


def rendered(figures: dict[str, Any]) -> str:
    """The page, from what :func:`benchmarks.phantom.check.measure` found."""
    rows = figures["rows"]
    head = HEAD.format(
        count=figures["heads"], version=figures["version"], within=WITHIN, sd=SD_WITHIN, band=BAND, pet=PET_WITHIN
    )
    parts = [
        head,
        "## Before, after, real",
        _main_table(rows),
        _pictures(),
        "## Held out",
        _held_out(rows),
        _origin(figures),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def is_met(name: str, value: float, rows: dict[str, Any]) -> bool:
    """Whether a row of the table meets its target."""
    if name in TARGETS:
        low, high = TARGETS[name]
        return low <= round(value, 3) <= high
    if name.startswith("FDG"):
        real = [part[name] for part in (rows["person"], rows["template"]) if name in part]
        return min(real) * (1 - PET_WITHIN) <= value <= max(real) * (1 + PET_WITHIN)
    real = rows["heads"][name]
    if name.startswith("deviations"):
        return 1 / BAND <= value / real <= BAND
    within = SD_WITHIN if "SD" in name else WITHIN
    low, high = rows["range"].get(name, (real, real))
    return abs(value / real - 1) <= within or low <= value <= high


def _main_table(rows: dict[str, Any]) -> str:
    lines = ["| row | before | after | real | met |", "|---|---|---|---|---|"]
    before = rows.get("before", {})
    for name in rows["after"]:
        if name in (NEAREST, OWN_NEAREST):
            old = _number(before[name]) if name in before else "-"
            lines.append(f"| {name} | {old} | {_number(rows['after'][name])} | | |")
            continue
        met = "yes" if is_met(name, rows["after"][name], rows["real"]) else "**no**"
        old = _number(before[name]) if name in before else "-"
        lines.append(f"| {name} | {old} | {_number(rows['after'][name])} | {_real(name, rows['real'])} | {met} |")
    return "\n".join(lines)


def _real(name: str, real: dict[str, Any]) -> str:
    if name in (MEAN_CORRELATION, RATIO):
        return "1"
    if name.startswith("FDG"):
        parts = [("person", real["person"]), ("template", real["template"])]
        return ", ".join(f"{part[name]:.2f} ({who})" for who, part in parts if name in part) or "-"
    low_high = real["range"].get(name)
    return _number(real["heads"][name]) + ("" if low_high is None else f" ({low_high[0]:.2f} to {low_high[1]:.2f})")


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 3 else f"{value:.3f}" if abs(value) < 0.2 else f"{value:.2f}"


def _pictures() -> str:
    return (
        "![Maps of four phantom subjects, four painted heads and a measured T1](images/phantom_maps.png)\n\n"
        "*Four subjects of the phantom, four real heads by `preprocess`, and a measured T1 by `preprocess`, at 3 mm.*"
    )


def _held_out(rows: dict[str, Any]) -> str:
    first, second = rows["held_out"]
    halves = ", ".join(first["fitted_on"])
    lines = [
        "The table above was fitted to the heads it is measured on. Constants (segmentation error, knots, ventricles)",
        "were chosen on all heads; means, spread, folds and warp are fitted to one half here.",
        "",
        f"Fitted on one half of the heads ({halves}; then the others), measured on the half that the fit has not seen.",
        "",
        "| row | fitted on the first half | real: second half | fitted on the second half | real: first half |",
        "|---|---|---|---|---|",
    ]
    names = [f"GM map: {region}" for region in GREY_REGIONS]
    names += [name for name in first["phantom"] if name.startswith("deviations")]
    for name in [*names, "GM map: SD over people", MEAN_CORRELATION, RATIO]:
        cells = [f"{_found(name, part)} | {_number(part['real']['heads'].get(name, 1))}" for part in (first, second)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", REMARKS])


def _found(name: str, part: dict[str, Any]) -> str:
    value = part["phantom"][name]
    return _number(value) if is_met(name, value, part["real"]) else f"**{_number(value)}** (missed)"


def _origin(figures: dict[str, Any]) -> str:
    machine = figures["machine"]
    return (
        f"`{figures['command']}`, {figures['date']}: {machine['cpu']}, {machine['cores']} cores, "
        f"Python {machine['python']}, numpy {machine['packages']['numpy']}"
    )
