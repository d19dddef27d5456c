"""Charts of a run: noisy curves are smoothed, legends hide nothing, titles and axes say whose PET it is."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from pcsa_jax.evaluation import charts
from pcsa_jax.evaluation.charts import FEWEST_TO_SMOOTH, running_mean
from pcsa_jax.evaluation.summary import summarise
from pcsa_jax.training.metrics_log import read_metrics
from tests.evaluation.evaluation_data import score_rows

WORDS = {"title": "PHANTOM: training", "is_phantom": True}


@pytest.fixture
def drawn(monkeypatch):
    """The figures that would be written."""
    drawn = []
    monkeypatch.setattr(charts, "save", lambda figure, path: drawn.append(figure))
    return drawn


def write_log(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def noisy_rows(num, *, every=20):
    rng = np.random.default_rng(0)
    noise = np.exp(0.5 * rng.normal(size=(num, 4)))
    return [
        {
            "step": every * (i + 1), "generator/total": noise[i, 0], "generator/l1": 0.1 * noise[i, 1],
            "discriminator/loss": noise[i, 2] * (12 if i == 0 else 1), "discriminator/real_accuracy": i / num,
            "discriminator/fake_accuracy": 1.0, "validation/mae_brain": 0.1 if i % 20 == 19 else None,
        }
        for i in range(num)
    ]  # fmt: skip


def test_training_curves_with_missing_keys_and_a_cut_line(tmp_path):
    log = tmp_path / "metrics.jsonl"
    rows = [{"step": s, "epoch": 0, "generator/l1": 1 / s, "generator/total": None} for s in range(1, 200)]
    rows.append({"step": 200, "epoch": 1, "validation/mae_brain": 0.1})
    log.write_text("\n".join(map(json.dumps, rows)) + '\n{"step": 20', encoding="utf-8")
    reference = {"linear": {"mae_brain": {"mean": 0.2}}}
    path = charts.training_curves(tmp_path / "training.png", log, reference=reference, **WORDS)
    assert path.stat().st_size > 1000
    assert len(read_metrics(log)) == 200
    log.write_text("", encoding="utf-8")
    assert charts.training_curves(tmp_path / "none.png", log, **WORDS) is None


def test_training_curves_of_a_record_with_damaged_lines(tmp_path):
    log = tmp_path / "metrics.jsonl"
    values = [0.5, "x", None, 10**90, 1e300, -(10**60)]
    rows = [{"step": s % 5, "generator/l1": value, "validation/mae_brain": value} for s, value in enumerate(values)]
    log.write_bytes(b"[]\n\xff\n" + "\n".join(map(json.dumps, rows)).encode())
    assert charts.training_curves(tmp_path / "training.png", log, **WORDS).stat().st_size > 1000


@pytest.mark.parametrize("num", [FEWEST_TO_SMOOTH, 52, 1000])
def test_noisy_values_have_a_faint_line_and_a_bold_running_mean(tmp_path, drawn, num):
    """Also where a run of the demo's length logs about fifty values at one volume a step."""
    charts.training_curves(tmp_path / "x.png", write_log(tmp_path / "log", noisy_rows(num)), **WORDS)
    faint, bold = (line for line in drawn[0].axes[0].lines if line.get_color() == charts.LINE_COLOURS[0])
    assert faint.get_alpha() == 0.3 and faint.get_linewidth() < bold.get_linewidth()
    assert len(bold.get_ydata()) == len(faint.get_ydata()) == num
    assert np.diff(bold.get_ydata()).std() < 0.6 * np.diff(faint.get_ydata()).std()


def test_few_values_are_drawn_as_they_are(tmp_path, drawn):
    charts.training_curves(tmp_path / "x.png", write_log(tmp_path / "log", noisy_rows(FEWEST_TO_SMOOTH - 1)), **WORDS)
    lines = drawn[0].axes[0].lines
    assert len(lines) == 2 and all(line.get_marker() == "o" and not line.get_alpha() for line in lines)


def test_running_mean_against_its_definition():
    values = np.random.default_rng(0).normal(size=60)
    half = 5  # a twelfth
    expected = [values[max(0, i - min(half, i, 59 - i)) : i + min(half, i, 59 - i) + 1].mean() for i in range(60)]
    np.testing.assert_allclose(running_mean(values), expected)
    np.testing.assert_allclose(running_mean(np.full(9, 2.5)), 2.5)


def test_no_legend_over_a_line(tmp_path, drawn):
    reference = {name: {"mae_brain": {"mean": 0.1}} for name in ("linear", "mean_pet")}
    log = write_log(tmp_path / "log", noisy_rows(52))
    charts.training_curves(tmp_path / "x.png", log, reference=reference, **WORDS)
    FigureCanvasAgg(drawn[0]).draw()
    legends = [(axes, axes.get_legend()) for axes in drawn[0].axes if axes.get_legend()]
    assert len(legends) == 6
    for axes, legend in legends:
        assert not legend.get_window_extent().overlaps(axes.get_window_extent())
        others = [other for other in drawn[0].axes if other is not axes]
        assert not any(legend.get_window_extent().overlaps(other.get_tightbbox()) for other in others)


def test_a_peak_makes_the_axis_logarithmic_and_little_change_does_not(tmp_path, drawn):
    rows = noisy_rows(52)
    charts.training_curves(tmp_path / "x.png", write_log(tmp_path / "log", rows), **WORDS)
    assert [axes.get_yscale() for axes in drawn[0].axes[:3]] == ["log", "log", "linear"]
    FigureCanvasAgg(drawn[0]).draw()
    labels = [text.get_text() for text in drawn[0].axes[1].get_yticklabels(which="both")]
    assert "0.5" in labels and not any("e" in label or "^" in label for label in labels)
    even = [row | {"discriminator/loss": 0.69, "generator/total": 1.0, "generator/l1": 0.9} for row in rows]
    charts.training_curves(tmp_path / "x.png", write_log(tmp_path / "log", even), **WORDS)
    assert [axes.get_yscale() for axes in drawn[1].axes[:2]] == ["linear", "linear"]


def test_steps_have_one_axis_and_one_format(tmp_path, drawn):
    charts.training_curves(tmp_path / "x.png", write_log(tmp_path / "log", noisy_rows(52)), **WORDS)
    FigureCanvasAgg(drawn[0]).draw()
    assert {axes.get_xlim() for axes in drawn[0].axes} == {(0, 1.02 * 1040)}
    labels = [text.get_text() for text in drawn[0].axes[0].get_xticklabels()]
    assert "1,000" in labels and "0" in labels


@pytest.mark.parametrize(("is_phantom", "name"), [(True, "simulated"), (False, "real")])
def test_curves_say_whose_pet_it_is(tmp_path, drawn, is_phantom, name):
    log = write_log(tmp_path / "log", noisy_rows(52))
    charts.training_curves(tmp_path / "x.png", log, title="x", is_phantom=is_phantom)
    labels = [text.get_text() for text in drawn[0].axes[2].get_legend().get_texts()]
    assert labels == [f"{name} PET recognised", "synthetic PET recognised"]


def test_predictors_and_one_ceiling_stand_side_by_side(tmp_path, drawn):
    values = {name: [0.1, 0.2, 0.3] for name in ("model", "ridge", "mean_pet", "predictable", "predictable_own_range")}
    rows = score_rows(values)
    charts.predictor_comparison(tmp_path / "x.png", rows, summarise(rows), title="x")
    FigureCanvasAgg(drawn[0]).draw()
    for axes in drawn[0].axes:
        labels = axes.get_xticklabels()
        assert [text.get_text() for text in labels] == ["generator", "whole-\nbrain\nridge", "mean\nPET", "ceiling"]
        boxes = [text.get_window_extent() for text in labels]
        assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes))


@pytest.mark.parametrize(("is_phantom", "name"), [(True, "simulated"), (False, "real")])
def test_regions_say_whose_uptake_it_is_and_r_hides_nobody(tmp_path, drawn, is_phantom, name):
    values = np.linspace(0.3, 0.6, 6)
    rows = pd.DataFrame({"region": "angular", "diagnosis": "CN", "real": values, "synthetic": values[::-1]})
    charts.regional_agreement(tmp_path / "x.png", rows, title="PHANTOM: $a_b$", is_phantom=is_phantom)
    above, below = drawn[0].axes
    assert above.get_xlabel() == name and below.get_ylabel() == f"synthetic − {name}"
    assert below.get_xlabel() == f"mean of {name} and synthetic"
    assert above.get_title(loc="left") == "angular\nr = -1.00".replace("-", "−") and not above.texts
    assert drawn[0].get_suptitle() == "PHANTOM: $a_b$"
