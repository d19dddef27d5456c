"""Markdown of the pages."""

from collections.abc import Iterable, Sequence


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, num_left: int = 1) -> str:
    """A table whose first ``num_left`` columns stand to the left, the others to the right."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = ["---"] * num_left + ["---:"] * (len(header) - num_left)
    return "\n".join([line(header), f"| {' | '.join(rule)} |", *map(line, rows)])
