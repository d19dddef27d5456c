"""The time of a step: compilation apart, the first step left out, and no file touched."""

import numpy as np
import pytest

from pcsa_jax.training import pace
from pcsa_jax.training.pace import ENOUGH_S, LEAST_STEPS, MOST_STEPS, Pace, expected_seconds, measure_pace


@pytest.fixture
def clocked(monkeypatch):
    """Programs whose first call takes 9 s and the others given seconds, by their own clock; returns the batches."""

    def clocked(seconds):
        now, seen = [0.0], []

        def step(state, batch):
            seen.append(batch)
            # The first call compiles and steps.
            now[0] += 9.0 if len(seen) == 1 else seconds[(len(seen) - 2) % len(seconds)]
            return state, {}

        def programs(*arguments, **options):
            return real(*arguments, **options)._replace(step=step)

        monkeypatch.setattr(pace, "gan_programs", programs)
        monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
        return seen

    real = pace.gan_programs
    return clocked


def test_the_median_of_the_steps_after_the_first(tiny_config, clocked):
    seen = clocked([1.0, 2.0, 9.0])
    assert measure_pace(tiny_config()) == Pace(2.0, 7.0)
    assert len(seen) == 4  # 1 + 2 + 9 s are enough
    assert seen[0].mri.shape == (2, 16, 16, 16, 1) and len(np.unique(seen[0].pet)) > 1000


@pytest.mark.parametrize(("seconds", "steps"), [(60.0, LEAST_STEPS), (0.01, MOST_STEPS), (ENOUGH_S / 4, 4)])
def test_slow_steps_are_timed_twice_and_fast_ones_a_few_times(tiny_config, clocked, seconds, steps):
    seen = clocked([seconds])
    assert measure_pace(tiny_config()).step_s == pytest.approx(seconds)
    assert len(seen) == 1 + steps


def test_the_real_step_is_timed_without_a_file(tiny_config, tmp_path, monkeypatch, cache_folder):
    monkeypatch.chdir(tmp_path)
    before = sorted(cache_folder.rglob("*"))
    found = measure_pace(tiny_config({"micro_batches": 2}))
    assert 0 < found.step_s < 60 and found.compile_s > 0
    assert not list(tmp_path.iterdir()) and sorted(cache_folder.rglob("*")) == before


def test_how_long_it_will_take_follows_the_arithmetic(tiny_config, monkeypatch):
    monkeypatch.setattr(pace, "_flops_per_second", lambda: 1e9)
    monkeypatch.setattr(pace, "step_flops", lambda config: 50e9 * config.batch_size)
    # 100 s a step: one, and two that are timed.
    assert expected_seconds(tiny_config({"batch_size": 1})) == pytest.approx(pace.COMPILATION_S + 3 * 100)
    monkeypatch.setattr(pace, "step_flops", lambda config: 0.5e9)
    assert expected_seconds(tiny_config()) == pytest.approx(pace.COMPILATION_S + 1 + ENOUGH_S)


def test_the_machine_s_speed_is_that_of_a_product():
    assert 1e8 < pace._flops_per_second() < 1e16
