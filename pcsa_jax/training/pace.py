"""How long a training step of a config takes on this machine: measured on random volumes, without a file."""

import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from pcsa_jax.experiment.build import build
from pcsa_jax.experiment.description import step_flops
from pcsa_jax.machine.devices import Devices
from pcsa_jax.training.feed import streamed
from pcsa_jax.training.programs import gan_programs

LEAST_STEPS, MOST_STEPS, ENOUGH_S = 2, 20, 4.0
"""Steps that are timed, after one that is not: until they took this long together."""

COMPILATION_S = 30.0
"""What a row's programs take to compile, roughly: 23 s on two CPU cores (docs/benchmarks.md), and loading."""

PROBE_SIZE, EFFICIENCY = 1024, 0.5
"""Edge of the matrices that are multiplied to learn the machine's speed, and what a step reaches of it, roughly."""


class Pace(NamedTuple):
    """What one config costs here.

    Attributes:
      step_s: seconds of a training step, the median.
      compile_s: seconds until the step's program was compiled, or read from the cache of compiled programs.
    """

    step_s: float
    compile_s: float


def measure_pace(config: ConfigDict) -> Pace:
    """Compiles the training step of ``config`` and times a few steps on random volumes of its grid and batch.

    Args:
      config: of a training.
    """
    experiment, devices = build(config, num_steps=1), Devices.of(jax.devices())
    programs = gan_programs(config.row, experiment, devices, micro_batches=config.micro_batches)
    rng = np.random.default_rng(0)
    shape = (config.batch_size, *(config.data.size,) * 3)
    volumes = [rng.random(shape, np.float32) for _ in range(2)]
    volumes += [rng.random((*shape, experiment.num_known), np.float32)] if experiment.num_known else []
    batch = streamed(volumes, devices, multiple=programs.multiple, batch=programs.batch)(np.arange(config.batch_size))
    state = devices.replicate(experiment.initial_state())
    started = time.monotonic()
    state, _ = jax.block_until_ready(programs.step(state, batch))
    first_s = time.monotonic() - started
    seconds: list[float] = []
    while len(seconds) < LEAST_STEPS or (len(seconds) < MOST_STEPS and sum(seconds) < ENOUGH_S):
        started = time.monotonic()
        state, _ = jax.block_until_ready(programs.step(state, batch))
        seconds.append(time.monotonic() - started)
    step_s = float(np.median(seconds))
    return Pace(step_s, max(0.0, first_s - step_s))


def expected_seconds(config: ConfigDict) -> float:
    """Roughly how long :func:`measure_pace` will take where no program is kept, by counting its arithmetic."""
    step_s = step_flops(config) / (EFFICIENCY * _flops_per_second())
    return COMPILATION_S + step_s + max(LEAST_STEPS * step_s, min(ENOUGH_S, MOST_STEPS * step_s))


def _flops_per_second() -> float:
    """Of a matrix product, the best of three."""
    matrix = jnp.ones((PROBE_SIZE, PROBE_SIZE))
    product = jax.jit(jnp.matmul)
    product(matrix, matrix).block_until_ready()
    return 2 * PROBE_SIZE**3 / min(_timed(lambda: product(matrix, matrix).block_until_ready()) for _ in range(3))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
