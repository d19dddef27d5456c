"""Each event is noticed when it has lasted, once, and not in a training that goes well."""

import json

import numpy as np
import pytest

from pcsa_jax.data.spread import BETWEEN, WITHIN, spread_of
from pcsa_jax.training.watch import BEHIND, PERFECT, PERFECT_EPOCHS, PERFECT_VOLUMES, Watch, Yardstick

PERFECT_ROW = {"discriminator/real_accuracy": 1.0, "discriminator/fake_accuracy": 1.0}
HUMAN_ROW = {"discriminator/real_accuracy": 1.0, "discriminator/fake_accuracy": 0.875}
PET = np.random.default_rng(0).random((4, 5, 6, 7), np.float32)
BRAIN = np.ones(PET.shape[1:], bool)
YARDSTICK = Yardstick(0.05, spread_of(PET, BRAIN), BRAIN)
SAME = np.broadcast_to(PET[:1], PET.shape)


def watch(**changes):
    values = {"steps_per_epoch": 80, "num_steps": 1000, "batch_size": 1, "best": "mae_brain", "yardstick": YARDSTICK}
    return Watch(**values | changes)


def kinds(events):
    return [(event.step, event.kind) for event in events]


def see(found, steps, row=PERFECT_ROW):
    return [event for step in steps for event in found.see_step(step, row)]


def test_a_perfect_discriminator_is_told_once_and_again_after_a_mistake():
    found = watch()
    needed = PERFECT_EPOCHS * 80
    events = see(found, range(1, 2 * needed))
    assert kinds(events) == [(needed, PERFECT)]
    assert events[0].text == (
        "expected a discriminator that is sometimes wrong, found none of its answers wrong, real and generated, in 5 "
        "epochs (400 steps): its gradient tells the generator little. Lower discriminator_optimizer.learning_rate or "
        "loss.adversarial."
    )
    assert see(found, [2 * needed], HUMAN_ROW) == []
    assert kinds(see(found, range(1001, 1001 + needed))) == [(1000 + needed, PERFECT)]


def test_epochs_of_few_volumes_prove_nothing():
    found = watch(steps_per_epoch=2, batch_size=2)
    assert kinds(see(found, range(1, 1000))) == [(PERFECT_VOLUMES // 4, PERFECT)]


@pytest.mark.parametrize("row", [HUMAN_ROW, {"generator/l1": 0.1}], ids=["one mistake", "no discriminator"])
def test_no_alarm_of_a_discriminator(row):
    assert see(watch(), range(1, 5000), row) == []


def scored(found, scores, samples=PET):
    return [e for step, score in scores for e in found.see_validation(step, {"mae_brain": score}, samples)]


def test_behind_the_mean_pet_for_most_of_the_training():
    events = scored(watch(), [(step, 0.06) for step in range(100, 1001, 100)])
    assert kinds(events) == [(800, BEHIND)]
    assert events[0].text == (
        "expected a validation mae_brain below the mean PET's, 0.0500, found 0.0600, and none below it in 800 steps "
        "(80 % of the training). Train longer, change generator_optimizer.learning_rate, or take the row best."
    )


@pytest.mark.parametrize("scores", [[(300, 0.06), (600, 0.04), (1000, 0.045)], [(740, 0.09), (800, 0.05)]])
def test_a_slow_start_is_no_event(scores):
    assert scored(watch(), scores) == []


@pytest.mark.parametrize(
    ("samples", "told"), [(SAME, [BETWEEN]), (np.full_like(PET, 0.2), [WITHIN, BETWEEN]), (PET, [])]
)
def test_output_without_spread_is_told_when_it_lasts(samples, told):
    events = scored(watch(), [(step, 0.04) for step in (100, 200, 300)], samples)
    assert kinds(events) == [(200, kind) for kind in told]
    assert all("Look at metrics.jsonl; train again with another learning rate" in event.text for event in events)


def test_output_without_spread_at_the_end_is_told_at_once():
    found = watch()
    assert scored(found, [(100, 0.04)], SAME) == scored(found, [(200, 0.04)]) == []
    assert kinds(scored(found, [(1000, 0.04)], SAME)) == [(1000, BETWEEN)]


def test_a_training_without_a_yardstick_is_not_compared():
    assert watch(yardstick=None).see_validation(900, {"cross_entropy": 9.0}, None) == []


def test_what_a_checkpoint_remembers_goes_on_as_if_nothing_had_happened():
    def run(stop):
        found, events = watch(num_steps=800), []
        for step in range(1, 801):
            events += found.see_step(step, PERFECT_ROW)
            if step % 100 == 0:
                events += found.see_validation(step, {"mae_brain": 0.06}, SAME)
            if step == stop:
                found = watch(num_steps=800, start=step, memory=json.loads(json.dumps(found.remember())))
        return events

    assert kinds(run(0)) == [(200, BETWEEN), (400, PERFECT), (600, BEHIND)]
    assert all(run(stop) == run(0) for stop in (1, 150, 200, 399, 400, 401, 700))


def test_a_run_of_before_the_watch_begins_to_watch_where_it_goes_on():
    assert scored(watch(start=600), [(700, 0.06), (1000, 0.06)]) == []
