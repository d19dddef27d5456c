"""The training of an arm: what can be told apart is learnt, by the loop that trains the generators."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pcsa_jax.data.subjects import Subject
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.studies.classification.config import with_arm
from pcsa_jax.studies.classification.training import TrainedArm, balanced, recipe_of, train_arm
from pcsa_jax.studies.classification.visits import Visits
from pcsa_jax.training.loop import Outcome

SIZE = 16
SHORT = {"num_epochs": 4}
"""Of the tests that need no long training: one network is compiled for all of them."""


def made_up(count, seed):
    """Visits of which the PET alone tells AD from CN: a cold spot in noise."""
    rng = np.random.default_rng(seed)
    subjects = tuple(
        Subject(f"sub-{seed}{row:03d}", "", "AD" if row % 3 == 0 else "CN", None, None) for row in range(count)
    )
    mri, pet = (rng.random((count, SIZE, SIZE, SIZE), np.float32) for _ in range(2))
    for row, subject in enumerate(subjects):
        if subject.diagnosis == "AD":
            pet[row, 4:12, 4:12, 4:12] *= 0.5
    return Visits(subjects, {"none": mri, "mri": mri, "real": pet, "synthetic": mri[:, ::-1], "mean": mri}, ())


@pytest.fixture
def arm_config(small_config):
    """The small classifier's config for one arm, with changes."""

    def arm_config(arm, changes=()):
        config = small_config({"batch_size": 4, "num_epochs": 8, "optimizer.learning_rate": 0.01, **dict(changes)})
        config.unlock()
        config.generator = {"parameters_sha256": "0", "splits_sha256": "1"}
        return with_arm(config, arm)

    return arm_config


def test_what_can_be_told_apart_is_learnt(arm_config, tmp_path):
    train, validation, new = made_up(24, 1), made_up(9, 2), made_up(30, 3)
    # A rate at which no rounding decides whether the ReLUs live.
    wider = {"classifier.features": (4, 8), "classifier.hidden": 16, "num_epochs": 10, "optimizer.learning_rate": 3e-3}
    config, workdir = arm_config("mri+real_pet", wider), Workdir(tmp_path / "run")
    assert train_arm(config, workdir, train, validation, resident_gib=1.0) == Outcome(60, None)
    arm = TrainedArm(config, workdir, train)
    assert roc_auc_score(new.is_ad, arm(new.mri, new.pets["real"])) > 0.95
    # The MRI alone holds nothing.
    assert 0.2 < roc_auc_score(new.is_ad, arm(new.mri, new.pets["synthetic"])) < 0.8


def test_memory_and_stream_train_the_same_network(arm_config, tmp_path):
    train, validation = made_up(9, 1), made_up(3, 2)
    config, found = arm_config("mri+real_pet", SHORT), []
    for gib in (1.0, 0.0):
        workdir = Workdir(tmp_path / str(gib))
        train_arm(config, workdir, train, validation, resident_gib=gib)
        found.append(TrainedArm(config, workdir, train)(validation.mri, validation.pets["real"]))
    np.testing.assert_array_equal(*found)


def test_the_checkpoint_is_the_one_with_the_lowest_validation_loss(arm_config, tmp_path):
    train, validation = made_up(9, 1), made_up(3, 2)
    config, workdir = arm_config("mri+real_pet", SHORT), Workdir(tmp_path / "run")
    train_arm(config, workdir, train, validation, resident_gib=1.0)
    rows = [json.loads(line) for line in workdir.metrics.read_text().splitlines()]
    scores = {row["step"]: row["validation/cross_entropy"] for row in rows if "validation/cross_entropy" in row}
    arm = TrainedArm(config, workdir, train)
    assert sorted(scores) == [2, 4, 6, 8] and arm.step == min(scores, key=scores.get)
    # The score is the weighted cross-entropy of the probabilities that the arm gives.
    probability = arm(validation.mri, validation.pets["real"])
    is_ad, weights = validation.is_ad, balanced(train.is_ad)
    loss = -np.where(is_ad > 0, weights.ad * np.log(probability), weights.cn * np.log(1 - probability)).mean()
    assert scores[arm.step] == pytest.approx(loss, rel=1e-4)


def test_a_loss_that_is_not_finite_names_the_classifier_s_fields(arm_config, tmp_path):
    train = made_up(9, 1)
    train.mri[:] = np.nan
    with pytest.raises(UserError) as caught:
        train_arm(arm_config("mri+real_pet", SHORT), Workdir(tmp_path / "run"), train, made_up(3, 2), resident_gib=1.0)
    assert str(caught.value) == (
        "step 1: expected finite losses, found classifier/cross_entropy = nan, of the classifier; no checkpoint was "
        "written yet, so resuming repeats every step (--config.log_every_steps=1 shows each). Train anew with a lower "
        "optimizer.learning_rate or optimizer.gradient_clip = 1."
    )


def test_balanced_weights():
    weights = balanced(np.asarray([1, 0, 0, 0], np.float32))
    assert weights == pytest.approx((2.0, 2 / 3))


def test_class_weighting_can_be_turned_off(arm_config):
    train = made_up(9, 1)
    for choice, expected in (("none", (1, 1)), ("balanced", (1.5, 0.75))):
        recipe = recipe_of(arm_config("mri", {"class_weighting": choice}), train, num_steps=2)
        assert recipe.class_weights == pytest.approx(expected)


def test_all_arms_with_two_branches_share_one_recipe(arm_config):
    train = made_up(9, 1)
    recipes = [recipe_of(arm_config(arm), train, num_steps=2) for arm in ("mri+real_pet", "mri+mri", "mri")]
    assert recipes[0] == recipes[1] != recipes[2] and hash(recipes[0]) == hash(recipes[1])
