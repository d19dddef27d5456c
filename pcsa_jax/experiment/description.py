"""The networks of a config as tables."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
from rich.table import Table

from pcsa_jax.experiment.build import Experiment, build
from pcsa_jax.experiment.systems import SYSTEMS


class Layer(NamedTuple):
    """One call of a named module on one volume.

    Attributes:
      path: names from the network down.
      kind: class of the module.
      shape: of the output, without the batch axis.
      parameters: own and nested.
      flops: of its own kernel in the forward pass, multiplication and addition counted apart.
    """

    path: tuple[str, ...]
    kind: str
    shape: tuple[int, ...]
    parameters: int
    flops: float


def describe(config: ConfigDict) -> Iterator[Table | str]:
    """Yields one table a network and a line on the cost of a training step; nothing is computed, only traced."""
    experiment = build(config, num_steps=1)
    layers = _layers_of_step(experiment)
    for name, rows in layers.items():
        yield _table(f"{config.row}: {name} at {config.data.size}^3 ({SYSTEMS[config.system].label})", rows)
    yield _cost(experiment, layers, config.batch_size)


def step_flops(config: ConfigDict) -> float:
    """FLOPs of the kernels in a training step of ``config``; nothing is computed, only traced."""
    experiment = build(config, num_steps=1)
    return _step_flops(experiment, _layers_of_step(experiment), config.batch_size)


def state_bytes(experiment: Experiment) -> int:
    """Bytes of a training's state: parameters of both networks and their optimisers' moments, traced only."""
    state = jax.eval_shape(experiment.initial_state)
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))


def _layers_of_step(experiment: Experiment) -> dict[str, list[Layer]]:
    volume = jax.ShapeDtypeStruct((1, *(experiment.size,) * 3, 1), jnp.float32)
    generator, discriminator = experiment.modules
    known = [jax.ShapeDtypeStruct((*volume.shape[:4], experiment.num_known), jnp.float32)] * (experiment.num_known > 0)
    return {
        # With two generators a step calls each of them twice.
        "generator": network_layers(
            generator, volume, *known, apply=lambda p, v, *k: experiment.translate(generator, p, v, v, *k)
        ),
        "discriminator": network_layers(discriminator, volume, volume),
    }


def network_layers(
    module: nn.Module, *inputs: jax.ShapeDtypeStruct, apply: Callable[..., Any] | None = None
) -> list[Layer]:
    """Every call of a named module in one use of ``module`` on ``inputs``, in the order of the calls.

    Args:
      module: the network.
      *inputs: of its ``__call__``.
      apply: (parameters, *inputs) -> one use; its ``__call__`` if not given.
    """
    apply = apply or (lambda params, *inputs: module.apply({"params": params}, *inputs))
    params: dict[str, Any] = jax.eval_shape(module.init, jax.random.key(0), *inputs)["params"]
    layers: list[Layer | None] = []

    def note(call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
        path = context.module.path
        if context.method_name != "__call__" or not path:
            return call(*args, **kwargs)
        place = len(layers)
        layers.append(None)
        output = call(*args, **kwargs)
        node: Any = params
        for key in path:
            node = node[key]
        count = sum(leaf.size for leaf in jax.tree.leaves(node))
        # A kernel is used once per output position: once per voxel, or once for a vector.
        positions = math.prod(output.shape[1:-1])
        flops = 2.0 * positions * node["kernel"].size if "kernel" in node else 0.0
        layers[place] = Layer(path, type(context.module).__name__, tuple(output.shape[1:]), count, flops)
        return output

    with nn.intercept_methods(note):
        jax.eval_shape(apply, params, *inputs)
    return [layer for layer in layers if layer is not None]


def _table(title: str, calls: list[Layer]) -> Table:
    layers = list({layer.path: layer for layer in calls}.values())  # one line each, however often it is called
    table = Table(title=title, title_justify="left")
    for heading in ("layer", "kind", "output"):
        table.add_column(heading, no_wrap=True)
    for heading in ("parameters", "GFLOP"):
        table.add_column(heading, justify="right", no_wrap=True)
    # Deeper than a block's own layers lie only the few units of the channel attention.
    for layer in (layer for layer in layers if len(layer.path) <= 2):
        flops = f"{layer.flops / 1e9:.3f}" if layer.flops else ""
        name, shape = "  " * (len(layer.path) - 1) + layer.path[-1], " x ".join(map(str, layer.shape))
        table.add_row(name, layer.kind, shape, f"{layer.parameters:,}", flops)
    table.add_section()
    total = sum(layer.parameters for layer in layers if len(layer.path) == 1)
    table.add_row("total", "", "", f"{total:,}", f"{_forward_flops(layers) / 1e9:.3f}")
    return table


def _forward_flops(layers: list[Layer]) -> float:
    return sum(layer.flops for layer in layers)


def _step_flops(experiment: Experiment, layers: dict[str, list[Layer]], batch: int) -> float:
    generator, discriminator = (_forward_flops(rows) for rows in layers.values())
    # A gradient in parameters and input costs two forwards. G: one forward, one backward. D: the same for real and fake
    # in its own update, then a forward and an input gradient in G's. Without an adversarial term D takes no part.
    return batch * (3 * generator + 8 * discriminator * ("adversarial" in experiment.loss.weights))


def _cost(experiment: Experiment, layers: dict[str, list[Layer]], batch: int) -> str:
    """FLOPs and a lower bound on the memory of one training step."""
    flops = _step_flops(experiment, layers, batch)
    num_bytes = state_bytes(experiment)
    outputs = sum(math.prod(layer.shape) for rows in layers.values() for layer in rows if layer.flops)
    activation_bytes = outputs * batch * jnp.dtype(experiment.dtype).itemsize
    return (
        f"One training step of {batch} volumes: about {flops / 1e12:.2f} TFLOP; memory at least "
        f"{(num_bytes + activation_bytes) / 2**30:.2f} GiB ({num_bytes / 2**20:.0f} MiB state, rest activations)"
    )
