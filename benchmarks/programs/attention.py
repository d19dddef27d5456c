"""Self-attention programs: ours through its module, and the dense form that everybody writes first."""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from benchmarks.contender import Program
from benchmarks.programs.ours import compiled, step_arguments, step_function
from benchmarks.workload import config_of
from pcsa_jax.experiment.build import build
from pcsa_jax.model import attention


def _attend_densely(query: jax.Array, key: jax.Array, value: jax.Array, *, block: int) -> jax.Array:
    """The whole score matrix in memory, whatever ``block`` says."""
    scores = nn.softmax(jnp.einsum("btw,bsw->bts", query, key) / math.sqrt(query.shape[-1]), axis=-1)
    return jnp.einsum("bts,bsc->btc", scores, value)


def _choose(*, dense: bool) -> None:
    """The form of attention that this process measures: each contender is a process of its own."""
    if dense:
        attention.attend = _attend_densely


def _gradient(*, batch: int, edge: int, channels: int, dense: bool) -> tuple[Any, Any, Any]:
    """The gradient function of the layer, its parameters and its input."""
    _choose(dense=dense)
    module = attention.SelfAttention()
    x = jax.random.normal(jax.random.key(0), (batch, edge, edge, edge, channels))
    params = module.init(jax.random.key(1), x[:, :2, :2, :2])["params"] | {"gain": jnp.ones(())}
    return jax.value_and_grad(lambda p, x: jnp.square(module.apply({"params": p}, x)).sum(), argnums=(0, 1)), params, x


def layer(*, batch: int, edge: int, channels: int, dense: bool = False) -> Program:
    """Forward and backward of the layer."""
    gradient, params, x = _gradient(batch=batch, edge=edge, channels=channels, dense=dense)
    program, facts = compiled(gradient, params, x)
    return Program(lambda: jax.block_until_ready(program(params, x)), facts)


def layer_memory(*, batch: int, edge: int, channels: int, dense: bool) -> Program:
    """Working memory of forward and backward, compiled and not run."""
    gradient, params, _ = _gradient(batch=batch, edge=2, channels=channels, dense=dense)
    program, facts = compiled(gradient, params, jax.ShapeDtypeStruct((batch, edge, edge, edge, channels), jnp.float32))
    return Program(lambda: None, facts | {"gb": program.memory_analysis().temp_size_in_bytes / 1e9})


def step_memory(*, row: str, batch: int, size: int, dense: bool) -> Program:
    """Everything that the training step holds on the device, compiled and not run."""
    _choose(dense=dense)
    experiment = build(config_of(row, size=size), num_steps=1000)
    program, facts = compiled(step_function(experiment), *step_arguments(experiment, batch), donate_argnums=0)
    return Program(lambda: None, facts | {"gb": program_gb(program)})


def program_gb(program: Any) -> float:
    """Arguments, results (those that replace an argument once) and working memory of a compiled program, in GB."""
    found = program.memory_analysis()
    held = found.argument_size_in_bytes + found.output_size_in_bytes - found.alias_size_in_bytes
    return (held + found.temp_size_in_bytes) / 1e9
