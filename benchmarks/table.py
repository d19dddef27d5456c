"""Rows as a Markdown table."""

from collections.abc import Sequence

from benchmarks.results import Row, Spread

HEAD = ("what", "ours", "best peer", "others", "ratio", "target", "met")


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value == 0 or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.1e}"


def spread(value: Spread | None, unit: str) -> str:
    """Median with the range of the repetitions."""
    if value is None:
        return "*not measured*"
    if unit == "s" and value.median < 0.5:
        value, unit = Spread(*(1000 * part for part in value[:3]), value.count), "ms"
    text = f"{number(value.median)} {unit}"
    return text if value.count == 1 else f"{text} ({number(value.low)}-{number(value.high)})"


def cells(row: Row) -> list[str]:
    others = [
        f"{name} {spread(value._replace(count=1), row.unit)}" for name, value in row.peers.items() if name != row.best
    ]
    limit = "" if row.target is None else f"<= {number(row.target)}" + ("" if row.of == "ratio" else f" {row.unit}")
    return [
        row.name,
        spread(row.ours, row.unit),
        f"{row.best} {spread(row.peers[row.best], row.unit)}" if row.best else "",
        ", ".join(others),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        limit,
        {True: "yes", False: "**no**", None: ""}[row.is_met],
    ]


def markdown(rows: Sequence[Row]) -> str:
    """The table; columns that are empty everywhere are left out, notes follow."""
    lines = [cells(row) for row in rows]
    kept = [index for index in range(len(HEAD)) if index < 2 or any(line[index] for line in lines)]
    table = [[HEAD[index] for index in kept], ["---"] * len(kept), *([line[index] for index in kept] for line in lines)]
    text = "\n".join("| " + " | ".join(line) + " |" for line in table)
    notes = [f"* {row.name}: {row.note}" for row in rows if row.note]
    return text + ("\n\n" + "\n".join(notes) if notes else "")
