"""Initial parameters without compiling a random-number kernel for every layer."""

import functools
import math
import zlib
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import numpy as np


def initial_params(module: nn.Module, seed: int, *inputs: jax.ShapeDtypeStruct) -> Mapping[str, Any]:
    """Parameters of ``module``: He-normal kernels, scales 1, everything else 0, drawn on the host.

    ``module.init`` would compile threefry for each of some forty arrays, which takes longer than the first hundred
    training steps of a demo on a CPU. Here only shapes are traced. Values depend on ``seed`` and the parameter's path,
    so a layer keeps its start when another is added or removed.

    Deviation: the paper does not name its initialisation; He et al. 2015 is the usual one for ReLU.

    Args:
      module: a linen module whose random parameters are all called ``kernel``.
      seed: non-negative.
      *inputs: the module's arguments, or what has their shapes and types.

    Raises:
      ValueError: for a parameter that is neither a kernel nor known to start at 0 or 1.
    """
    shapes = _parameter_shapes(module, *(jax.ShapeDtypeStruct(given.shape, given.dtype) for given in inputs))
    leaves = jax.tree.map_with_path(lambda path, leaf: _initial_leaf(jax.tree_util.keystr(path), leaf, seed), shapes)
    return jax.device_put(leaves)


@functools.lru_cache(maxsize=16)
def _parameter_shapes(module: nn.Module, *inputs: jax.ShapeDtypeStruct) -> Mapping[str, Any]:
    key = jax.eval_shape(jax.random.key, 0)  # its shape is enough: a real one would be one more program
    return jax.eval_shape(module.init, key, *inputs)["params"]


def _initial_leaf(path: str, leaf: jax.ShapeDtypeStruct, seed: int) -> np.ndarray:
    if path.endswith(("['bias']", "['gain']")):
        return np.zeros(leaf.shape, leaf.dtype)
    if path.endswith("['scale']"):
        return np.ones(leaf.shape, leaf.dtype)
    if not path.endswith("['kernel']"):
        raise ValueError(f"initial_params: no rule for parameter {path}")
    std = math.sqrt(2 / math.prod(leaf.shape[:-1]))
    rng = np.random.Generator(np.random.Philox(key=[seed, zlib.crc32(path.encode())]))
    return (std * rng.standard_normal(leaf.shape)).astype(leaf.dtype)
