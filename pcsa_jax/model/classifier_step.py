"""One training step of the classifier, and its scores on the validation part."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from pcsa_jax.model.initialisation import initial_params

Scalars = dict[str, Float[Array, ""]]


class LabelledBatch(NamedTuple):
    """Volumes of the same visits, in [0, 1], and their diagnoses.

    Attributes:
      mri: grey-matter maps.
      pet: what the PET's branch is given; a network without that branch does not look at it.
      is_ad: 1 for AD, 0 for CN.
      weight: 1 for a visit; 0 for a row that only fills the batch up, which then counts for nothing.
    """

    mri: Float[Array, "b x y z 1"]
    pet: Float[Array, "b x y z 1"]
    is_ad: Float[Array, " b"]
    weight: Float[Array, " b"]


class ClassWeights(NamedTuple):
    """What the cross-entropy of a visit counts, by its diagnosis."""

    ad: float = 1.0
    cn: float = 1.0


class ClassifierState(NamedTuple):
    """All that training changes and all that a checkpoint holds.

    Attributes:
      step: completed training steps, int32.
      params: the network's parameters, float32.
      opt_state: the optimiser's state.
    """

    step: jax.Array
    params: Any
    opt_state: Any


def initial_classifier_state(
    module: nn.Module, optimizer: optax.GradientTransformation, *, seed: int, size: int
) -> ClassifierState:
    """The state before the first step, for volumes of ``size^3`` voxels."""
    volume = jax.ShapeDtypeStruct((1, size, size, size, 1), jnp.float32)
    params = initial_params(module, seed, volume, volume)
    return ClassifierState(jnp.zeros((), jnp.int32), params, jax.device_put(optimizer.init(params)))


def logits_of(
    module: nn.Module, params: Any, mri: Float[Array, "b x y z 1"], pet: Float[Array, "b x y z 1"], *, dtype: jnp.dtype
) -> Float[Array, " b"]:
    """Logits of P(AD), float32; ``dtype`` is the precision of the convolutions."""
    return module.apply({"params": params}, mri.astype(dtype), pet.astype(dtype))


def cross_entropy(
    logits: Float[Array, " b"], is_ad: Float[Array, " b"], *, class_weights: ClassWeights
) -> Float[Array, " b"]:
    """Weighted cross-entropy of each visit, nats."""
    weight = jnp.where(is_ad > 0, class_weights.ad, class_weights.cn)
    return weight * optax.sigmoid_binary_cross_entropy(logits, is_ad)


def classifier_step(
    state: ClassifierState,
    batch: LabelledBatch,
    *,
    module: nn.Module,
    optimizer: optax.GradientTransformation,
    class_weights: ClassWeights,
    dtype: jnp.dtype = jnp.float32,
    axis_name: str | None = None,
) -> tuple[ClassifierState, Scalars]:
    """One descent on the mean cross-entropy; the number of devices does not change it beyond rounding.

    Args:
      state: the state before the step; its buffers may be donated.
      batch: visits; with ``axis_name`` this device's share of them.
      module, optimizer, class_weights: what to train, with what, on what; static under ``jit``.
      dtype: precision of the convolutions; parameters, losses and updates stay in float32.
      axis_name: the mapped axis over the devices that share the batch; None without one.

    Returns:
      The next state and a flat dict of scalars, the same on every device.
    """
    total = _summed(batch.weight.sum(), axis_name)

    def objective(params: Any) -> tuple[Array, Scalars]:
        scores = validation_scores(params, batch, module=module, class_weights=class_weights, dtype=dtype)
        # A filler's loss is finite, as its volumes are: a product is enough.
        means = {f"classifier/{name}": (batch.weight * values).sum() / total for name, values in scores.items()}
        return means["classifier/cross_entropy"], means

    gradient, scalars = _summed(jax.grad(objective, has_aux=True)(state.params), axis_name)
    updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
    scalars["classifier/gradient_norm"] = optax.tree.norm(gradient)
    return ClassifierState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), scalars


def validation_scores(
    params: Any, batch: LabelledBatch, *, module: nn.Module, class_weights: ClassWeights, dtype: jnp.dtype
) -> dict[str, Float[Array, " b"]]:
    """Cross-entropy (lower is better) and whether P(AD) is on the right side of 0.5, one value a visit."""
    logits = logits_of(module, params, batch.mri, batch.pet, dtype=dtype)
    return {
        "cross_entropy": cross_entropy(logits, batch.is_ad, class_weights=class_weights),
        "accuracy": ((logits > 0) == (batch.is_ad > 0)).astype(jnp.float32),
    }


def _summed(tree: Any, axis_name: str | None) -> Any:
    """The sum over the devices of a mapped axis."""
    return tree if axis_name is None else jax.lax.psum(tree, axis_name)
