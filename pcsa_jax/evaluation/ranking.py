"""Which predictor is the best of a column, for every table of scores."""

from collections.abc import Mapping
from typing import Any

from pcsa_jax.evaluation.ceilings import CEILINGS
from pcsa_jax.evaluation.summary import METRICS, Metric


def best_predictors(
    predictors: Mapping[str, Mapping[str, Any]], metrics: Mapping[str, Metric] = METRICS
) -> dict[str, set[str]]:
    """Metric -> the predictors whose mean, as printed, is the best; several if they are equal, none if none is finite.

    Args:
      predictors: name -> metric -> {"mean"}, as in ``summary.json``; the ceilings, which are none, are passed over.
      metrics: the columns.
    """
    best = {}
    for key, metric in metrics.items():
        means = {
            name: round(scores[key]["mean"], metric.digits)
            for name, scores in predictors.items()
            if name not in CEILINGS and scores[key]["mean"] is not None
        }
        wanted = (min if metric.lower_is_better else max)(means.values(), default=None)
        best[key] = {name for name, mean in means.items() if mean == wanted}
    return best
