"""Self-attention programs: ours through its module, and the dense form that everybody writes first."""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from benchmarks.contender import Program
from benchmarks.ours import compiled, step_arguments, step_function
from benchmarks.workload import config_of
from pcsa_jax.model import generator as generator_module
from pcsa_jax.model.attention import SelfAttention
from pcsa_jax.run.experiment import build


class DenseAttention(nn.Module):
    """The same layer with the whole score matrix in memory."""

    reduction: int = 8

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, *_, channels = x.shape
        width = max(1, channels // self.reduction)
        tokens = x.reshape(batch, -1, channels)
        query, key, value = (
            nn.Dense(features, use_bias=False, dtype=x.dtype, name=name)(tokens)
            for name, features in (("query", width), ("key", width), ("value", channels))
        )
        gain = self.param("gain", nn.initializers.zeros_init(), ()).astype(x.dtype)
        scores = nn.softmax(jnp.einsum("btw,bsw->bts", query, key) / math.sqrt(width), axis=-1)
        return x + gain * jnp.einsum("bts,bsc->btc", scores, value).reshape(x.shape)


def _gradient(*, batch: int, edge: int, channels: int, dense: bool) -> tuple[Any, Any, Any]:
    """The gradient function of the layer, its parameters and its input."""
    module = DenseAttention() if dense else SelfAttention()
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
    if dense:
        generator_module.SelfAttention = DenseAttention
    experiment = build(config_of(row, size=size), num_steps=1000)
    program, facts = compiled(step_function(experiment), *step_arguments(experiment, batch), donate_argnums=0)
    return Program(lambda: None, facts | {"gb": program_gb(program)})


def program_gb(program: Any) -> float:
    """Arguments, results (those that replace an argument once) and working memory of a compiled program, in GB."""
    found = program.memory_analysis()
    held = found.argument_size_in_bytes + found.output_size_in_bytes - found.alias_size_in_bytes
    return (held + found.temp_size_in_bytes) / 1e9
