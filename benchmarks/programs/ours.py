"""Our programs, as contenders: each function returns a ``Program`` for one process."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.contender import Program
from benchmarks.workload import config_of, volumes
from pcsa_jax.experiment.build import Experiment, build
from pcsa_jax.machine.devices import cpu_options
from pcsa_jax.model import generator as generator_module
from pcsa_jax.model.step import Batch, train_step


class NativeConv(nn.Module):
    """``Conv`` as plain flax has it: XLA's own convolution."""

    features: int
    kernel_size: int = 3
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, *more: jax.Array) -> jax.Array:
        x = jnp.concatenate((x, *more), axis=-1)
        shape = (self.kernel_size,) * 3 + (x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape).astype(x.dtype)
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,)).astype(x.dtype)
        names = ("NXYZC", "XYZIO", "NXYZC")
        return lax.conv_general_dilated(x, kernel, (self.stride,) * 3, "SAME", dimension_numbers=names) + bias


def compiled(
    function: Callable, *arguments: Any, plain: bool = False, **options: Any
) -> tuple[Callable, dict[str, float]]:
    """``function`` compiled as a training compiles it, or as JAX does (``plain``), and the seconds that it took."""
    start = time.perf_counter()
    lowered = jax.jit(function, **options).lower(*arguments)
    traced = time.perf_counter()
    program = lowered.compile(compiler_options=None if plain or jax.default_backend() != "cpu" else cpu_options())
    return program, {"trace_s": traced - start, "compile_s": time.perf_counter() - traced}


def forward(*, batch: int, size: int, backward: bool, plain: bool = False) -> Program:
    """The generator, or its gradient with respect to all parameters; ``plain`` uses plain flax convolutions."""
    if plain:
        generator_module.Conv = NativeConv
    experiment = build(config_of(size=size), num_steps=100)
    params = experiment.initial_state().params.generator
    mri, pet = (jnp.asarray(v) for v in volumes(batch, size))

    def apply(params: Any, mri: jax.Array, pet: jax.Array) -> jax.Array:
        return experiment.modules.generator.apply({"params": params}, mri)

    def loss(params: Any, mri: jax.Array, pet: jax.Array) -> jax.Array:
        return jnp.square(apply(params, mri, pet) - pet).mean()

    program, facts = compiled(jax.value_and_grad(loss) if backward else apply, params, mri, pet, plain=plain)
    return Program(lambda: jax.block_until_ready(program(params, mri, pet)), facts)


def batch_of(mri: Any, pet: Any) -> Batch:
    """Every row a subject."""
    return Batch(mri=jnp.asarray(mri), pet=jnp.asarray(pet), weight=jnp.ones(len(mri)))


def step_function(experiment: Experiment) -> Callable:
    """(state, batch) -> (state, scalars)."""
    return partial(
        train_step, modules=experiment.modules, optimizers=experiment.optimizers, loss=experiment.loss,
        dtype=experiment.dtype,
    )  # fmt: skip


def step_arguments(experiment: Experiment, batch: int) -> tuple[Any, Batch]:
    """Shapes of the step's arguments, for compiling alone."""
    volume = jax.ShapeDtypeStruct((batch, *(experiment.size,) * 3, 1), jnp.float32)
    return jax.eval_shape(experiment.initial_state), Batch(volume, volume, jax.ShapeDtypeStruct((batch,), jnp.float32))


def step_program(experiment: Experiment, mri: Any, pet: Any) -> tuple[Callable[[], Any], dict[str, float], Any]:
    """One whole training step that goes on from its own result; its compile times; the executable."""
    batch, current = batch_of(mri, pet), [experiment.initial_state()]
    program, facts = compiled(step_function(experiment), current[0], batch, donate_argnums=0)

    def call() -> None:
        current[0], _ = program(current[0], batch)
        jax.block_until_ready(current[0])

    return call, facts, program


def step(*, batch: int, size: int, row: str = "pcsa") -> Program:
    """The whole training step of D and G."""
    call, facts, _ = step_program(build(config_of(row, size=size), num_steps=1000), *volumes(batch, size))
    return Program(call, facts)
