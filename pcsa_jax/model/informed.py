"""A generator that is told more than the grey-matter map, and starts from what is known without it."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

SMALLEST_PEAK = 0.1
"""A volume is not brought to a range of its own where its peak is lower than this: it holds nothing yet."""


class Informed(nn.Module):
    """Any generator beside closed-form predictions of the PET.

    Deviation: the paper's generator sees the map alone; nothing of this is in its rows.

    Attributes:
      network: the generator, from all inputs as channels to one channel.
      anchor: place among the known predictions of the one to which the network's output is added, times a gain that
        starts at 0: the first step begins at that prediction. None for none.
      coordinates: whether the network sees the place of each voxel, three channels from -1 to 1.
      peak_percentile: if not None, the output is divided by this percentile of its own voxels (100: the maximum) and
        multiplied by a learned scale that starts at 1. Under a normalisation that makes this percentile of every PET
        1, the generator need not guess the range.
    """

    network: nn.Module
    anchor: int | None = None
    coordinates: bool = False
    peak_percentile: float | None = None

    @nn.compact
    def __call__(
        self, mri: Float[Array, "b x y z 1"], known: Float[Array, "b x y z k"] | None = None
    ) -> Float[Array, "b x y z 1"]:
        """PET in float32, not clipped; ``known`` are predictions in float32, in [0, 1] but for rare overshoots."""
        inputs = [mri] if known is None else [mri, known.astype(mri.dtype)]
        if self.coordinates:
            inputs.append(jnp.broadcast_to(place(mri.shape[1:4], mri.dtype), (*mri.shape[:4], 3)))
        pet = self.network(jnp.concatenate(inputs, axis=-1)).astype(jnp.float32)
        if self.anchor is not None:
            gain = self.param("gain", nn.initializers.zeros, ())
            pet = known[..., self.anchor : self.anchor + 1] + gain * pet
        if self.peak_percentile is not None:
            scale = self.param("scale", nn.initializers.ones, ())
            pet = pet * (scale / jnp.maximum(peak(pet, self.peak_percentile), SMALLEST_PEAK))
        return pet


def peak(volumes: Float[Array, "b x y z 1"], percentile: float) -> Float[Array, "b 1 1 1 1"]:
    """A percentile of each volume's voxels, linearly interpolated; 100 is the maximum."""
    if percentile == 100:
        return volumes.max(axis=(1, 2, 3, 4), keepdims=True)
    flat = volumes.reshape(volumes.shape[0], -1)
    return jnp.percentile(flat, percentile, axis=1).reshape(-1, 1, 1, 1, 1)


def place(shape: tuple[int, int, int], dtype: jnp.dtype) -> Float[Array, "x y z 3"]:
    """Where each voxel of a volume lies along each axis, from -1 at the first to 1 at the last."""
    axes = [jnp.linspace(-1, 1, size, dtype=dtype) for size in shape]
    return jnp.stack(jnp.meshgrid(*axes, indexing="ij"), axis=-1)
