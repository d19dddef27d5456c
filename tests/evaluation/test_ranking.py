"""The best predictor of a column."""

from pcsa_jax.evaluation.ranking import best_predictors
from pcsa_jax.evaluation.summary import INDIVIDUAL_METRICS, METRICS


def scores(**means):
    return {name: {key: {"mean": mean} for key in METRICS} for name, mean in means.items()}


def test_lowest_error_and_highest_similarity_without_the_ceiling():
    best = best_predictors(scores(model=0.03, linear=0.02, mean_pet=0.05, predictable=0.001, predictable_own_range=0.9))
    assert best["mae"] == best["mae_brain"] == {"linear"}
    assert best["psnr_db"] == best["ssim_brain"] == {"mean_pet"}


def test_columns_of_another_table():
    own = {
        name: {key: {"mean": mean} for key in INDIVIDUAL_METRICS} for name, mean in (("model", 0.9), ("linear", 0.5))
    }
    best = best_predictors(own | {"predictable": own["model"]}, INDIVIDUAL_METRICS)
    assert best == {"psnr_brain_matched_db": {"model"}, "identification": {"model"}, "asymmetry_error": {"linear"}}


def test_equal_as_printed_are_both_the_best():
    assert best_predictors(scores(model=0.03001, linear=0.03002))["mae"] == {"model", "linear"}
    assert best_predictors(scores(model=0.0301, linear=0.0302))["mae"] == {"model"}


def test_what_is_not_finite_is_not_ranked():
    assert best_predictors(scores(model=None, linear=0.03))["psnr_db"] == {"linear"}
    assert best_predictors(scores(model=None))["psnr_db"] == set()
