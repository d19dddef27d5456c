"""What the mean of several trainings gains over one of them: on other folds of one cohort, and with other seeds.

  python -m benchmarks.ensembles --heads=DIR --out=runs/ingredients [--members=5] [--set FIELD=VALUE ...]

Row ``best`` of ``configs/demo.py`` is trained on the first folds of one phantom cohort (other people each time) and
with as many seeds on its first fold (the same people), and scored on the people of :mod:`benchmarks.ingredients`: 100
other phantom subjects and real anatomies. Finished trainings are kept; figures go to
``benchmarks/results/ensembles.json`` and, as Markdown for ``docs/decisions.md``, to the terminal.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ingredients import HOME_FIRST, HOME_PEOPLE, MEASURES, cohort_of, read, scores, trained
from benchmarks.results import RESULTS
from pcsa_jax.data.files import write_json
from pcsa_jax.experiment.environment import describe_environment
from pcsa_jax.presentation.markdown import markdown_table

KINDS = {"folds": "data.fold", "seeds": "seed"}
"""What differs between the members -> the field of the config."""


def measure(out: Path, heads: Path, members: int, common: dict[str, str]) -> dict[str, Any]:
    """Kind -> place -> "one" (mean over the members) or "mean of all" -> measure -> mean over people."""
    from pcsa_jax.synthesis.inference import Inference
    from pcsa_jax.training.trained import open_run

    places = {"home": cohort_of(out, "others", pairs=HOME_PEOPLE, first=HOME_FIRST), "abroad": heads}
    result: dict[str, Any] = {}
    for kind, field in KINDS.items():
        roots = [trained(out, f"ensembles-{kind}{i}", 0, {"row": "best", field: i} | common) for i in range(members)]
        runs = [open_run(root) for root in roots]
        for place, people in places.items():
            pairs = read(people, runs[0].config.data)
            made = [np.asarray(Inference.of_run(run)(pairs.mri)) for run in runs]
            ones = [scores(volumes, pairs.pet) for volumes in made]
            both = scores(np.mean(made, axis=0), pairs.pet)
            result.setdefault(kind, {})[place] = {
                "one": {name: float(np.mean([own[name] for own in ones])) for name in MEASURES},
                "mean of all": {name: float(np.mean(both[name])) for name in MEASURES},
            }
    return result


def tabulate(result: dict[str, Any], members: int) -> str:
    """One line for a single training and one for the mean, of each kind."""
    lines = []
    for kind, by_place in result.items():
        for who, label in (("one", f"one of {members} {kind}"), ("mean of all", f"mean of {members} {kind}")):
            cells = [by_place[place][who][name] for place in ("home", "abroad") for name in MEASURES]
            names = [name for _ in ("home", "abroad") for name in MEASURES]
            digits = [2 if name.endswith("db") else 4 for name in names]
            lines.append([label, *(f"{cell:.{digit}f}" for cell, digit in zip(cells, digits, strict=True))])
    titles = [f"{place}: {what}" for place in ("home", "abroad") for what in ("MAE", "PSNR", "scale-matched", "SSIM")]
    return markdown_table(["row best", *titles], lines)


def make_parser(description: str = __doc__) -> argparse.ArgumentParser:
    """The options of whatever measures these trainings."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=Path, required=True, metavar="DIR", help="cohort of benchmarks.real_anatomy")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="of trainings and cohorts")
    parser.add_argument("--members", type=int, default=5, metavar="N", help="folds, and seeds (5)")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="a field of all trainings")
    return parser


def measured(
    name: str, arguments: argparse.Namespace, measure: Callable[[Path, Path, int, dict[str, str]], dict[str, Any]]
) -> dict[str, Any]:
    """Measures as the options say, and keeps the figures as ``benchmarks/results/NAME.json``."""
    common = dict(word.split("=", 1) for word in arguments.set)
    result = measure(arguments.out, arguments.heads, arguments.members, common)
    content = {"members": arguments.members, "set": common, "environment": describe_environment(), "result": result}
    write_json(RESULTS / f"{name}.json", content)
    return result


def main() -> None:
    arguments = make_parser().parse_args()
    print(tabulate(measured("ensembles", arguments, measure), arguments.members))


if __name__ == "__main__":
    main()
