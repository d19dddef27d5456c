"""Whether the judgement of single images can itself be believed: oddities that are found, and coverage of intervals.

  python -m benchmarks.trust --heads=DIR --out=runs/ingredients [--members=5] [--set FIELD=VALUE ...]

The trainings of :mod:`benchmarks.ensembles` (row ``best`` of ``configs/demo.py``; made unless they are there) are
calibrated: the first of them alone, all folds together, all seeds together. Then people whom none of them has seen are
judged: 100 other phantom subjects (home) and real anatomies (abroad), as they are and with every change of
:mod:`benchmarks.oddities`. Figures go to ``benchmarks/results/trust.json`` and, as Markdown for ``docs/trust.md``,
to the terminal.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from scipy.stats import binomtest

from benchmarks.ensembles import KINDS, make_parser, measured
from benchmarks.ingredients import HOME_FIRST, HOME_PEOPLE, cohort_of, read, trained, training_cohort
from benchmarks.oddities import ODDITIES
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.pairs import Pairs
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.data.trust.familiarity import AS_TRAINED, OUTSIDE_VERDICT, VERDICTS, Familiarity
from pcsa_jax.data.trust.intervals import Intervals
from pcsa_jax.data.trust.statistics import Trust
from pcsa_jax.evaluation.coverage import KINDS as REGIONAL_KINDS
from pcsa_jax.evaluation.coverage import measure_coverage, summarise_coverage
from pcsa_jax.presentation.markdown import markdown_table

MOST_CHANGED = 30
"""Home subjects that each change is made to."""


def judge(familiarity: Familiarity, maps: Sequence[np.ndarray]) -> dict[str, Any]:
    """Verdicts of maps: counts, and the number that was oddest most often."""
    found = [familiarity.assess(np.ascontiguousarray(volume, np.float32)) for volume in maps]
    oddest = [assessment.findings[0].name for assessment in found]
    return {
        "n": len(found),
        "verdicts": {verdict: sum(one.verdict == verdict for one in found) for verdict in VERDICTS},
        "median_oddity": float(np.median([one.oddity for one in found])),
        "oddest": max(set(oddest), key=oddest.count),
    }


def oddities(familiarity: Familiarity, places: Mapping[str, Pairs]) -> dict[str, Any]:
    """What is flagged of each kind."""
    home = places["home"]
    voxel_mm = Grid(home.mri.shape[1]).voxel_size_mm
    found = {f"nothing wrong: {place}": judge(familiarity, pairs.mri) for place, pairs in places.items()}
    sound = home.mri[:MOST_CHANGED]
    found |= {name: judge(familiarity, [change(v, voxel_mm) for v in sound]) for name, change in ODDITIES.items()}
    found["the PET in place of the map"] = judge(familiarity, home.pet[:MOST_CHANGED])
    return found


def coverage(trust: Trust, generators: Sequence[Any], pairs: Pairs) -> dict[str, Any]:
    """How many real values lie in their intervals."""
    grid = Grid(pairs.mri.shape[1])
    made = np.stack([generate(pairs.mri) for generate in generators])
    std = made.std(axis=0, ddof=1) if len(made) > 1 else None
    found = measure_coverage(trust.intervals, made.mean(axis=0), pairs.pet, grid, std)
    spread = {} if std is None else {"spread": _told_by_spread(std, made.mean(axis=0) - pairs.pet, grid)}
    return summarise_coverage(trust.intervals, found, grid) | {"n": len(pairs)} | spread


def _told_by_spread(std: np.ndarray, errors: np.ndarray, grid: Grid) -> dict[str, float]:
    """Whether the error is larger where the members differ: correlation over people, mean over the brain's voxels."""
    mask = brain_mask(grid)
    spread, size = (volumes[:, mask].astype(float) for volumes in (std, np.abs(errors)))
    a, b = (values - values.mean(axis=0) for values in (spread, size))
    size_of_both = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    r = (a * b).sum(axis=0)[size_of_both > 0] / size_of_both[size_of_both > 0]
    return {
        "correlation": float(r.mean()) if len(r) else float("nan"), "mean_spread": float(spread.mean()),
        "rms_error": float(np.sqrt((size**2).mean())),
    }  # fmt: skip


def unscaled(roots: Sequence[Path]) -> Intervals:
    """The intervals of generators that share their people, not scaled by their SD."""
    from pcsa_jax.data.splits import read_splits
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.synthesis.calibration import held_out_errors
    from pcsa_jax.training.trained import open_run

    runs = [open_run(root) for root in roots]
    data = runs[0].config.data
    pairs = read(Path(data.root), data, "validation", read_splits(Workdir(roots[0]).splits))
    errors = held_out_errors(runs, pairs, Grid(data.size))
    return Intervals.fit(errors.volumes, errors.regional)


def false_alarms(out: Path, seeds: int, data: ConfigDict) -> dict[str, Any]:
    """Training cohort -> new people -> share that is not as trained: what is stated is an average over cohorts."""
    cohorts = {f"phantom {seed}": training_cohort(out, seed) for seed in range(seeds)}
    cohorts["others"] = cohort_of(out, "others", pairs=HOME_PEOPLE, first=HOME_FIRST)
    maps = {name: read(root, data).mri for name, root in cohorts.items()}
    found: dict[str, Any] = {}
    for name in list(maps)[:-1]:
        familiarity = Familiarity.fit(maps[name])
        own = {other: judge(familiarity, volumes) for other, volumes in maps.items() if other != name}
        found[name] = {other: entry["verdicts"] | {"n": entry["n"]} for other, entry in own.items()}
    return found


def measure(out: Path, heads: Path, members: int, common: dict[str, str]) -> dict[str, Any]:
    """Everything, of one generator, of folds and of seeds."""
    import pcsa_jax
    from pcsa_jax.synthesis.inference import Inference
    from pcsa_jax.training.trained import open_run

    roots = {
        kind: [trained(out, f"ensembles-{kind}{i}", 0, {"row": "best", field: i} | common) for i in range(members)]
        for kind, field in KINDS.items()
    }
    groups = {"one": roots["folds"][:1], **roots}
    places = {"home": cohort_of(out, "others", pairs=HOME_PEOPLE, first=HOME_FIRST), "abroad": heads}
    data = open_run(roots["folds"][0]).config.data
    pairs = {place: read(people, data) for place, people in places.items()}
    result: dict[str, Any] = {"coverage": {}, "false_alarms": false_alarms(out, 3, data)}
    for name, group in groups.items():
        trust = pcsa_jax.calibrate(group, out=out / f"trust_{name}.safetensors")
        generators = [Inference.of_run(open_run(root)) for root in group]
        result["coverage"][name] = {place: coverage(trust, generators, own) for place, own in pairs.items()}
        if name == "folds":
            result["oddities"] = oddities(trust.familiarity, pairs)
        if trust.intervals.is_scaled:
            plain = trust._replace(intervals=unscaled(group))
            result["coverage"][f"{name}, not scaled"] = {
                place: coverage(plain, generators, own) for place, own in pairs.items()
            }
    return result


def tabulate_oddities(result: Mapping[str, Any]) -> str:
    """One line a kind: how many are flagged."""
    lines = []
    for name, found in result.items():
        odd, outside = found["n"] - found["verdicts"][VERDICTS[0]], found["verdicts"][OUTSIDE_VERDICT]
        low, high = binomtest(odd, found["n"]).proportion_ci(method="wilson")
        cells = [f"{odd} of {found['n']} ({100 * low:.0f}–{100 * high:.0f} %)", str(outside)]
        lines.append([name, *cells, f"{found['median_oddity']:.2f}", found["oddest"]])
    return markdown_table(["map", "not as trained", "outside", "median oddity", "oddest number"], lines)


def tabulate_coverage(result: Mapping[str, Any]) -> str:
    """One line a group of generators and place."""
    lines = []
    for name, by_place in result.items():
        for place, found in by_place.items():
            spread = "–".join(f"{100 * value:.0f}" for value in found["people_percentiles_5_50_95"][::2])
            places = "–".join(f"{100 * value:.0f}" for value in found["voxels_percentiles_5_50_95"][::2])
            widths = " / ".join(f"{100 * value:.0f}" for value in found["by_width"])
            start = [f"{name}{', scaled by the SD' if found['is_scaled'] else ''}", str(found["calibration_people"])]
            start += [f"{100 * found['level']:.0f} %", place, _cell(found["people"]), f"{spread} %", f"{places} %"]
            lines.append([*start, f"{widths} %", f"{found['mean_width']:.3f}", *map(_cell, found["regional"].values())])
    titles = ["generators", "calibrated on", "nominal", "place", "voxels of a person", "5th–95th person",
              "5th–95th voxel", "by quarter of width", "mean width"]  # fmt: skip
    titles += [f"regions, {kind}" for kind in REGIONAL_KINDS]
    return markdown_table(titles, lines)


def tabulate_spread(result: Mapping[str, Any]) -> str:
    """One line a group of several generators and place."""
    lines = [
        [name, place, *(f"{found['spread'][key]:.3f}" for key in ("correlation", "mean_spread", "rms_error"))]
        for name, by_place in result.items() for place, found in by_place.items() if "spread" in found
    ]  # fmt: skip
    return markdown_table(["generators", "place", "r of SD and size of error", "mean SD", "RMS error"], lines)


def tabulate_false_alarms(result: Mapping[str, Any]) -> str:
    """Rows: trained on; columns: new people."""
    columns = sorted({other for own in result.values() for other in own})
    lines = []
    for name, own in result.items():
        cells = [
            f"{100 * (1 - own[other][AS_TRAINED] / own[other]['n']):.1f} ({own[other][OUTSIDE_VERDICT]} outside)"
            if other in own else "–" for other in columns
        ]  # fmt: skip
        lines.append([name, *cells])
    return markdown_table(["trained on", *(f"{name} (%)" for name in columns)], lines)


def _cell(entry: Mapping[str, Any]) -> str:
    low, high = entry["ci95"] or (float("nan"),) * 2
    return f"{100 * entry['mean']:.1f} ({100 * low:.1f}–{100 * high:.1f}) %"


def main() -> None:
    result = measured("trust", make_parser(__doc__).parse_args(), measure)
    tables = (
        tabulate_oddities(result["oddities"]), tabulate_false_alarms(result["false_alarms"]),
        tabulate_coverage(result["coverage"]), tabulate_spread(result["coverage"]),
    )  # fmt: skip
    print(*tables, sep="\n\n")


if __name__ == "__main__":
    main()
