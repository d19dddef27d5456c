"""Which configs share one compiled training step: those that differ in numbers alone."""

import functools

import jax
import numpy as np
import pytest

from pcsa_jax.experiment.build import build
from pcsa_jax.machine.devices import Devices
from pcsa_jax.model.step import Batch
from pcsa_jax.training import programs
from pcsa_jax.training.programs import gan_programs


@pytest.fixture
def step_text(tiny_config, monkeypatch):
    """The text of the lowered step, from changes of the config and the number of steps; nothing is compiled."""
    compile_, devices, found = Devices.compile, Devices.of(jax.devices()), []

    def lowered(self, function, **options):
        program = compile_(self, function, **options)
        return lambda *arguments: found.append(program.lower(*arguments).as_text())

    monkeypatch.setattr(Devices, "compile", lowered)
    for name in ("_step_program", "_validation_program"):
        monkeypatch.setattr(programs, name, getattr(programs, name).__wrapped__)

    def text(changes=(), *, num_steps=12, batch_size=2):
        experiment = build(tiny_config({"loss.ms_ssim": 0.1, **dict(changes)}), num_steps=num_steps)
        volume = np.zeros((batch_size, *(experiment.size,) * 3, 1), np.float32)
        batch = devices.share(volume), devices.share(volume), devices.share(np.ones(batch_size, np.float32))
        state = devices.replicate(jax.tree.map(np.asarray, experiment.initial_state()))
        gan_programs("tiny", experiment, devices, micro_batches=1).step(state, Batch(*batch))
        return found.pop()

    return text


def test_length_learning_rate_and_every_other_number_are_values_of_one_program(step_text):
    plain = step_text()
    assert "stablehlo" in plain
    assert step_text(num_steps=5000) == plain
    changes = {
        "generator_optimizer.learning_rate": 3e-3, "discriminator_optimizer.learning_rate": 7e-4,
        "generator_optimizer.schedule": "one_cycle", "discriminator_optimizer.schedule": "cosine",
        "generator_optimizer.b1": 0.5, "discriminator_optimizer.b2": 0.9, "loss.adversarial": 0.1, "loss.l1": 2.0,
        "loss.ms_ssim": 0.3, "seed": 4, "num_epochs": 9, "log_every_steps": 3, "data.fold": 1,
    }  # fmt: skip
    assert step_text(changes) == plain


@pytest.mark.parametrize(
    "changes",
    [
        {"loss.ms_ssim": 0.0},
        {"generator_optimizer.gradient_clip": 1.0},
        {"generator.bottleneck_features": 6},
        {"precision": "bfloat16"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_network_term_or_precision_is_another_program(step_text, changes):
    assert step_text(changes) != step_text()


def test_so_is_another_size_of_the_batch(step_text):
    assert step_text(batch_size=1) != step_text()


def test_a_process_traces_a_program_once_for_all_trainings_that_share_it(tiny_config, monkeypatch):
    devices, compiled = Devices.of(jax.devices()), []
    for name in ("_step_program", "_validation_program"):
        monkeypatch.setattr(programs, name, functools.lru_cache(getattr(programs, name).__wrapped__))
    monkeypatch.setattr(Devices, "compile", lambda self, function, **_: compiled.append(function))

    def number_after(changes):
        experiment = build(tiny_config({"loss.ms_ssim": 0.1, **changes}), num_steps=7)
        gan_programs("tiny", experiment, devices, micro_batches=1)
        return len(compiled)

    assert number_after({}) == 2
    assert number_after({"data.fold": 1, "seed": 3, "generator_optimizer.learning_rate": 1e-4}) == 2
    assert number_after({"loss.ms_ssim": 0.0}) == 3  # the scores are the same
    assert number_after({"ms_ssim_exponents": "normalised"}) == 4
    assert number_after({"precision": "bfloat16"}) == 6
    assert number_after({"recipe.views": 2}) == 7  # the step is that of one view
    assert number_after({"recipe.loss_region": "brain"}) == 8
