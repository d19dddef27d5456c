"""Charts of a run, from a log as a killed training leaves it."""

import json

from pcsa_jax.evaluation import charts
from pcsa_jax.training.metrics_log import read_metrics


def test_training_curves_with_missing_keys_and_a_cut_line(tmp_path):
    log = tmp_path / "metrics.jsonl"
    rows = [{"step": s, "epoch": 0, "generator/l1": 1 / s, "generator/total": None} for s in range(1, 200)]
    rows.append({"step": 200, "epoch": 1, "validation/mae_brain": 0.1})
    log.write_text("\n".join(map(json.dumps, rows)) + '\n{"step": 20', encoding="utf-8")
    path = charts.training_curves(tmp_path / "training.png", log, reference={"linear": {"mae_brain": {"mean": 0.2}}})
    assert path.stat().st_size > 1000
    assert len(read_metrics(log)) == 200
    log.write_text("", encoding="utf-8")
    assert charts.training_curves(tmp_path / "none.png", log) is None
