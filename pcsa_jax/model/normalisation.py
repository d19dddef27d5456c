"""Group normalisation of feature volumes, each volume by itself."""

import flax.linen as nn
from jaxtyping import Array, Float

from pcsa_jax.model.convolution import Conv


class NormalisedConv(nn.Module):
    """A convolution whose output, group of channels by group of channels, has mean 0 and variance 1 in each volume.

    The statistics are those of the volume at hand, in training as in use: no running averages to keep, and volumes of a
    batch do not mix. A group of several channels still has a variance at one voxel, where normalising each channel by
    itself leaves zeros.

    Source: Wu and He 2018 (arXiv 1803.08494).

    Attributes:
      features: number of output channels.
      kernel_size, stride: see :class:`~pcsa_jax.model.convolution.Conv`.
      group_features: channels of a group, see :func:`num_groups`.
      epsilon: added to the variance.
    """

    features: int
    kernel_size: int = 3
    stride: int = 1
    group_features: int = 8
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: Float[Array, "b x y z c"], *more: Float[Array, "b x y z _"]) -> Float[Array, "b x2 y2 z2 f"]:
        """Takes several volumes as if their channels were concatenated."""
        x = Conv(self.features, self.kernel_size, self.stride, name="conv")(x, *more)
        groups = num_groups(self.features, group_features=self.group_features)
        # Not the fast variance: E[x^2] - E[x]^2 of a nearly flat volume is rounding error.
        return nn.GroupNorm(groups, epsilon=self.epsilon, dtype=x.dtype, use_fast_variance=False, name="norm")(x)


def num_groups(channels: int, *, group_features: int) -> int:
    """The most groups of equal size that hold at least ``group_features`` channels each; 1 if there are too few."""
    sizes = (size for size in range(group_features, channels) if channels % size == 0)
    return channels // next(sizes, channels)
