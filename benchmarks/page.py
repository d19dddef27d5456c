"""``python -m benchmarks page``: the tables of ``docs/benchmarks.md`` from the kept figures."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.contender import ROOT
from benchmarks.results import RESULTS, Row, read_results
from benchmarks.suite import SUITE
from benchmarks.table import markdown, number

PAGE = ROOT / "docs" / "benchmarks.md"
GPU_COMMAND = "python -m benchmarks gpu --out=runs/gpu"
GPU_TITLES = {
    "steps": "training steps of every row",
    "memory": "memory",
    "recipe": "the paper's whole recipe",
    "first_layer": "the first layer's two forms",
    "parts": "parts of a step",
    "profile": "longest operations",
}
SCORES = {
    "mae_brain": ("MAE brain", 4), "psnr_brain_db": ("PSNR brain (dB)", 2), "ssim_brain": ("SSIM brain", 4),
    "mae": ("MAE", 4), "psnr_db": ("PSNR (dB)", 2), "ssim": ("SSIM", 4),
}  # fmt: skip


def sections() -> Iterator[tuple[str, str]]:
    """Marker -> text of every table of the page."""
    cpu, gpu = (read_results(RESULTS / f"{name}.json") for name in ("cpu", "gpu"))
    for name, benchmark in SUITE.items():
        missing = f"*{benchmark.title.lower()}: not measured*; `python -m benchmarks {name}` fills this table."
        yield name, _section(cpu[name]) if name in cpu else missing
    for name, title in GPU_TITLES.items():
        missing = f"*{title}: not measured*; on a machine with a GPU, `{GPU_COMMAND}` fills this table."
        yield f"gpu {name}", _section(gpu[name]) if name in gpu else missing


def _section(section: dict[str, Any]) -> str:
    text = markdown([Row.from_json(row) for row in section["rows"]]) if section["rows"] else ""
    extra = section.get("extra", {})
    parts = [text, _scores(extra.get("summary")), _curve(extra.get("curve")), _origin(section)]
    return "\n\n".join(part for part in parts if part)


def _origin(section: dict[str, Any]) -> str:
    machine = section["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    where = f"{machine['gpu']}, " if "gpu" in machine else ""
    return (
        f"`{section['command']}`, {section['date']}: {where}{machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gb']:.0f} GB; {machine['system']}, Python {machine['python']}, {versions}"
    )


def _scores(summary: dict[str, Any] | None) -> str:
    """The evaluation table: mean and SD over test subjects."""
    if not summary:
        return ""
    lines = [
        "| predictor | " + " | ".join(title for title, _ in SCORES.values()) + " |",
        "|---" * (len(SCORES) + 1) + "|",
    ]
    for name, scores in summary["predictors"].items():
        cells = [_mean_sd(scores.get(score), digits) for score, (_, digits) in SCORES.items()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return (
        "\n".join(lines)
        + f"\n\n(mean ± SD over {summary['n_subjects']} test subjects of the built-in cohort, a phantom)"
    )


def _mean_sd(score: dict[str, float | None] | None, digits: int) -> str:
    if not score or score["mean"] is None:
        return "-"
    spread = "" if score["std"] is None else f" ± {score['std']:.{digits}f}"
    return f"{score['mean']:.{digits}f}{spread}"


def _curve(curve: list[dict[str, float]] | None) -> str:
    if not curve:
        return ""
    names = [name for name in curve[0] if name != "epoch"]
    lines = ["| epoch | " + " | ".join(name.replace("validation/", "validation ") for name in names) + " |"]
    lines.append("|---" * (len(names) + 1) + "|")
    lines += [f"| {row['epoch']:.0f} | " + " | ".join(number(row[name]) for name in names) + " |" for row in curve]
    return "\n".join(lines)


def rendered(text: str) -> str:
    """The page with every table renewed.

    Raises:
      ValueError: if a table has no place on the page.
    """
    for name, table in sections():
        pattern = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end -->)", flags=re.DOTALL)
        text, count = pattern.subn(lambda match, table=table: f"{match[1]}\n{table}\n\n{match[2]}", text)
        if count != 1:
            raise ValueError(f"{PAGE.name}: expected one place for the table {name!r}, found {count}")
    return text


def make_parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog="python -m benchmarks page", description=__doc__)


def main(argv: list[str], page: Path = PAGE) -> int:
    make_parser().parse_args(argv)
    page.write_text(rendered(page.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote the tables of {page}")
    return 0
