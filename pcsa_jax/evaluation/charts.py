"""Figures of numbers: training curves, the comparison of predictors, regional agreement."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS
from pcsa_jax.evaluation.ceilings import CEILING_OWN_RANGE
from pcsa_jax.evaluation.summary import METRICS, predictor_labels
from pcsa_jax.presentation.charts import LINE_COLOURS, diagnosis_colour, diagnosis_handles, draw_scatter, tidy
from pcsa_jax.presentation.figures import INK, MUTED, add_title, new_figure, save
from pcsa_jax.presentation.numbers import count
from pcsa_jax.presentation.origin import name_origin
from pcsa_jax.presentation.statistics import bland_altman
from pcsa_jax.training.metrics_log import read_metrics

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LINE_STYLES = ("--", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 3)))
"""Of the trivial predictors, in their order; then over again."""

GENERATOR_LABELS = {"l1": "L1", "ms_ssim": "1 − MS-SSIM", "ssim": "1 − SSIM"}
FEWEST_TO_SMOOTH = 8
"""Logged values, from which on a running mean is drawn: with one volume a step they jump."""

LOG_ABOVE = 5.0
"""Largest over median loss from which on the axis is logarithmic: one peak would flatten all the rest."""

NOT_LOSSES = ("accuracy", "norm", "output_mean", "learning_rate", "lr")
"""Endings of logged keys that are no loss terms."""


def trivial_line_styles() -> dict[str, Any]:
    """Trivial predictor -> the style of its horizontal or vertical line."""
    return dict(zip(TRIVIAL_PREDICTORS, itertools.cycle(LINE_STYLES), strict=False))


def _series(rows: Sequence[Mapping[str, Any]], key: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of the rows that have a number under ``key``."""
    pairs = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    steps, values = zip(*pairs, strict=True) if pairs else ((), ())
    return np.asarray(steps, float), np.asarray(values, float)


def running_mean(values: np.ndarray) -> np.ndarray:
    """The mean over about a sixth of the values round each; near the ends over as many as there are on both sides."""
    half = np.minimum(np.arange(len(values)), np.arange(len(values))[::-1]).clip(max=max(4, len(values) // 12))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    return (sums[places + half + 1] - sums[places - half]) / (2 * half + 1)


def _plot_smoothed(
    axes: "Axes", steps: np.ndarray, values: np.ndarray, colour: str, label: str, *, dashes: str = "-"
) -> None:
    """A bold line: the running mean of the values, which are the faint one; the values where they are few."""
    if len(values) < FEWEST_TO_SMOOTH:
        axes.plot(steps, values, color=colour, linewidth=1.4, linestyle=dashes, marker="o", markersize=3, label=label)
        return
    axes.plot(steps, values, color=colour, linewidth=0.6, alpha=0.3)
    axes.plot(steps, running_mean(values), color=colour, linewidth=1.6, linestyle=dashes, label=label)


def _loss_keys(rows: Sequence[Mapping[str, Any]], net: str) -> list[str]:
    """Logged loss terms of a network, the total first."""
    keys = {key for row in rows for key in row if key.startswith(f"{net}/") and not key.endswith(NOT_LOSSES)}
    return sorted(keys, key=lambda key: (not key.endswith(("total", "loss")), key))


def _one_two_five(value: float, _: int) -> str:
    """The label of a tick of a logarithmic axis: every third of a decade."""
    return f"{value:g}" if f"{value:e}"[0] in "125" else ""


def _draw_losses(axes: "Axes", rows: Sequence[Mapping[str, Any]], net: str) -> None:
    for key, colour in zip(_loss_keys(rows, net), LINE_COLOURS, strict=False):
        steps, values = _series(rows, key)
        term = key.split("/", 1)[1]
        _plot_smoothed(axes, steps, values, colour, GENERATOR_LABELS.get(term, term.replace("_", " ")))
    drawn = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines] or [np.zeros(1)])
    if drawn.min() > 0 and drawn.max() > LOG_ABOVE * np.median(drawn):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(_one_two_five)
        # Over two decades and more the decades are labels enough.
        axes.yaxis.set_minor_formatter(_one_two_five if drawn.max() < 100 * drawn.min() else "")


def _draw_validation(
    axes: "Axes", rows: Sequence[Mapping[str, Any]], key: str, reference: Mapping[str, Any], where: str
) -> None:
    metric = METRICS[key]
    steps, values = _series(rows, f"validation/{key}")
    axes.plot(steps, values, color=INK, linewidth=1.4, marker="o", markersize=3, label="generator (validation)")
    for name, style in trivial_line_styles().items():
        value = reference.get(name, {}).get(key, {}).get("mean")
        if value is not None:
            label = f"{predictor_labels()[name]} ({where})"
            axes.axhline(value, color=MUTED, linestyle=style, linewidth=1.2, label=label)
    tidy(axes, f"{metric.label}, brain ({'lower' if metric.lower_is_better else 'higher'} is better)", metric.unit)


def training_curves(
    path: Path,
    metrics_jsonl: Path,
    *,
    reference: Mapping[str, Any] | None = None,
    where: str = "test",
    title: str,
    is_phantom: bool,
) -> Path | None:
    """Loss terms of both networks, the discriminator's accuracy, and validation scores, over steps.

    Args:
      path: PNG to write.
      metrics_jsonl: of the run.
      reference: predictor -> metric -> {"mean"}: horizontal lines for the trivial predictors.
      where: the subjects on which ``reference`` was scored, for the legend.
      title: of the figure.
      is_phantom: the PET that was trained on is simulated, and called so.

    Returns:
      The path, or None (and no file) if nothing was logged.
    """
    rows = read_metrics(metrics_jsonl)
    if not rows:
        return None
    figure = new_figure(11.0, 7.6)
    (generator, discriminator, accuracy), validation = figure.subplots(2, 3)
    _draw_losses(generator, rows, "generator")
    tidy(generator, "Generator: loss terms, unweighted", "loss")
    _draw_losses(discriminator, rows, "discriminator")
    tidy(discriminator, "Discriminator: loss", "loss")
    named = (("real", name_origin("real", is_phantom=is_phantom), "-"), ("fake", "synthetic", "--"))
    for (kind, name, dashes), colour in zip(named, LINE_COLOURS[1:3], strict=True):
        steps, values = _series(rows, f"discriminator/{kind}_accuracy")
        if len(values):
            _plot_smoothed(accuracy, steps, values, colour, f"{name} PET recognised", dashes=dashes)
    accuracy.set_ylim(-0.03, 1.03)
    tidy(accuracy, "Discriminator: accuracy", "fraction of volumes")
    for axes, key in zip(validation, ("mae_brain", "psnr_brain_db", "ssim_brain"), strict=True):
        _draw_validation(axes, rows, key, reference or {}, where)
    last = max(row["step"] for row in rows)
    for axes in figure.axes:
        _finish_curves(axes, last)
    add_title(figure, title)
    return save(figure, path)


def _finish_curves(axes: "Axes", last: int) -> None:
    """One axis of steps for all, and the legend below it, where no line can be."""
    axes.set_xlim(0, 1.02 * last)
    axes.locator_params(axis="x", nbins=5, integer=True)
    axes.xaxis.set_major_formatter(lambda step, _: count(round(step)))
    axes.set_xlabel("step", fontsize=9)
    num_entries = len(axes.get_legend_handles_labels()[0])
    if num_entries:
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.17), "ncols": 2 if num_entries > 2 else 1}
        axes.legend(fontsize=8, frameon=False, **place)
    if not axes.lines:
        axes.text(0.5, 0.5, "none in this training", transform=axes.transAxes, ha="center", color=MUTED)


def _draw_predictors(axes: "Axes", rows: "pd.DataFrame", key: str, predictors: Mapping[str, Any]) -> None:
    rng = np.random.default_rng(0)
    for place, name in enumerate(predictors):
        own = rows[rows["predictor"] == name]
        across = place - 0.12 + rng.uniform(-0.14, 0.14, len(own))
        colours = [diagnosis_colour(diagnosis) for diagnosis in own["diagnosis"]]
        size, alpha = (9, 0.55) if len(own) > 2 else (36, 1)  # one dot by itself must be seen
        axes.scatter(across, own[key], s=size, c=colours, alpha=alpha, linewidths=0)
        entry = predictors[name][key]
        if entry["mean"] is not None and entry["std"] is not None:
            low, high = entry["ci95"] or (entry["mean"], entry["mean"])
            bar = [[entry["mean"] - low], [high - entry["mean"]]]
            axes.errorbar(place + 0.22, entry["mean"], bar, fmt="D", color=INK, markersize=4, capsize=3, linewidth=1.3)
    axes.set_xlim(-0.6, len(predictors) - 0.4)
    labels = [predictor_labels()[name].replace(" ", "\n").replace("-", "-\n") for name in predictors]
    axes.set_xticks(range(len(predictors)), labels)


def predictor_comparison(path: Path, rows: "pd.DataFrame", summary: Mapping[str, Any], *, title: str) -> Path:
    """Per metric, one dot per subject for each predictor, and the mean with its 95 % interval."""
    figure = new_figure(11.0, 6.2)
    # One ceiling is enough for the eye; the table has the other.
    predictors = {name: scores for name, scores in summary["predictors"].items() if name != CEILING_OWN_RANGE}
    ordered = sorted(METRICS.items(), key=lambda item: item[1].region != "brain")
    for axes, (key, metric) in zip(figure.subplots(2, 3).flat, ordered, strict=True):
        _draw_predictors(axes, rows, key, predictors)
        arrow = "lower is better" if metric.lower_is_better else "higher is better"
        tidy(axes, f"{metric.label}, {metric.region} ({arrow})", metric.unit)
        axes.grid(axis="x", visible=False)
    figure.legend(
        handles=diagnosis_handles(rows["diagnosis"]), loc="outside lower center", ncols=3, frameon=False, fontsize=9
    )
    add_title(figure, title)
    return save(figure, path)


REGIONAL_LABELS = ("real", "mean of real and synthetic", "synthetic − real")


def _draw_bland_altman(axes: "Axes", real: np.ndarray, synthetic: np.ndarray, colours: Sequence[str]) -> None:
    axes.scatter((real + synthetic) / 2, synthetic - real, s=14, c=colours, alpha=0.75, linewidths=0)
    agreement = bland_altman(real, synthetic)
    axes.axhline(0, color="#c3c8ce", linewidth=0.9)
    for value, style in ((agreement["bias"], "-"), *((limit, "--") for limit in agreement["limits"] or ())):
        axes.axhline(value, color=INK, linewidth=1.0, linestyle=style)
    limits = "" if agreement["limits"] is None else " ({:+.3f} to {:+.3f})".format(*agreement["limits"])
    axes.set_title(f"bias {agreement['bias']:+.3f}{limits}".replace("-", "−"), fontsize=8, loc="left", color=INK)


def regional_agreement(path: Path, rows: "pd.DataFrame", *, title: str, is_phantom: bool) -> Path:
    """Per region, real against synthetic mean uptake (above) and the Bland-Altman plot (below).

    Args:
      path: PNG to write.
      rows: the lines of ``regions.tsv``.
      title: of the figure.
      is_phantom: the PET of the cohort is simulated, and called so.
    """
    names = {name: name_origin(name, is_phantom=is_phantom) for name in REGIONAL_LABELS}
    regions = list(dict.fromkeys(rows["region"]))
    figure = new_figure(2.6 * len(regions), 5.4)
    above, below = figure.subplots(2, len(regions), squeeze=False)
    for column, region in enumerate(regions):
        own = rows[rows["region"] == region]
        real, synthetic = own["real"].to_numpy(float), own["synthetic"].to_numpy(float)
        colours = [diagnosis_colour(diagnosis) for diagnosis in own["diagnosis"]]
        tidy(above[column])
        name = region.replace("posterior_cingulate_", "post. cingulate, ").replace("_", " ")
        draw_scatter(above[column], real, synthetic, colours, name)
        above[column].set_xlabel(names["real"], fontsize=9)
        _draw_bland_altman(below[column], real, synthetic, colours)
        tidy(below[column])
        for axes in (above[column], below[column]):
            axes.locator_params(nbins=4)
        below[column].set_xlabel(names["mean of real and synthetic"], fontsize=9)
    above[0].set_ylabel("synthetic", fontsize=9)
    below[0].set_ylabel(names["synthetic − real"], fontsize=9)
    spread = max(np.abs(axes.get_ylim()).max() for axes in below)
    for axes in below:
        axes.set_ylim(-spread, spread)
    figure.legend(
        handles=diagnosis_handles(rows["diagnosis"]), loc="outside lower center", ncols=3, frameon=False, fontsize=9
    )
    add_title(figure, title)
    return save(figure, path)
