"""Voxel-wise metrics, one value per volume; also the checks and the masked mean that all metrics share."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Mask = Bool[Array, "x y z"] | Float[Array, "x y z"]
"""Voxels to count (True or a weight >= 0), one mask for the whole batch. An empty mask gives NaN."""


def volume_pair(
    fake: Float[Array, "b x y z c"], pet: Float[Array, "b x y z c"]
) -> tuple[Float[Array, "b x y z c"], Float[Array, "b x y z c"]]:
    """Both volumes in float32, whatever the precision of the network that made them.

    Raises:
      ValueError: if the shapes differ or are not (b, x, y, z, 1); broadcasting would hide the mistake.
    """
    if fake.shape != pet.shape or fake.ndim != 5 or fake.shape[-1] != 1:
        raise ValueError(
            f"fake and pet: expected two batches of one shape (b, x, y, z, 1), found {fake.shape} and {pet.shape}. "
            "Add the missing batch or channel axis."
        )
    return jnp.asarray(fake, jnp.float32), jnp.asarray(pet, jnp.float32)


def mean_inside(values: Float[Array, "b x y z c"], mask: Mask | None = None) -> Float[Array, " b"]:
    """The mean over voxels of each volume, inside ``mask`` if there is one.

    Raises:
      ValueError: if the mask has not the shape of one volume.
    """
    if mask is None:
        return values.mean(axis=(1, 2, 3, 4))
    if mask.shape != values.shape[1:4]:
        raise ValueError(
            f"mask: expected the shape of one volume, {values.shape[1:4]}, found {mask.shape}. "
            "Pass one mask (x, y, z) on the grid of the volumes."
        )
    weights = jnp.asarray(mask, jnp.float32)
    return (values * weights[..., None]).sum(axis=(1, 2, 3, 4)) / weights.sum()


def mae(
    fake: Float[Array, "b x y z c"], pet: Float[Array, "b x y z c"], *, mask: Mask | None = None
) -> Float[Array, " b"]:
    """Mean absolute error, in the units of the volumes.

    Source: section 4.3 of the paper, Eq. 8.

    Args:
      fake: generated PET.
      pet: real PET.
      mask: voxels to count; all of them if None, as in the paper.

    Returns:
      One value per volume; 0 is best.

    Raises:
      ValueError: if shapes do not fit.
    """
    fake, pet = volume_pair(fake, pet)
    error = fake - pet
    # jnp.abs has slope 1 at 0, which would push every voxel that is already right; the sign has the subgradient 0.
    return mean_inside(error * jnp.sign(error), mask)


def psnr(
    fake: Float[Array, "b x y z c"],
    pet: Float[Array, "b x y z c"],
    *,
    data_range: float,
    mask: Mask | None = None,
) -> Float[Array, " b"]:
    """Peak signal-to-noise ratio in dB: ``10 log10(data_range^2 / MSE)``.

    Source: section 4.3 of the paper.
    Deviation: the gradient on identical volumes, infinite by the formula, is 0 here.

    Args:
      fake: generated PET.
      pet: real PET.
      data_range: largest possible minus smallest possible value (1 for volumes in [0, 1]), > 0.
      mask: voxels whose error counts; all of them if None, as in the paper.

    Returns:
      One value per volume, in dB; inf for identical volumes.

    Raises:
      ValueError: if shapes do not fit or ``data_range`` is not positive.
    """
    check_data_range(data_range)
    fake, pet = volume_pair(fake, pet)
    mse = mean_inside(jnp.square(fake - pet), mask)
    identical = mse == 0
    # The logarithm must not see the zero: its infinite slope would make the unused branch's gradient NaN.
    decibels = 10 * jnp.log10(data_range**2 / jnp.where(identical, 1.0, mse))
    return jnp.where(identical, jnp.inf, decibels)


def scale_matched_psnr(
    fake: Float[Array, "b x y z c"],
    pet: Float[Array, "b x y z c"],
    *,
    data_range: float,
    mask: Mask | None = None,
) -> Float[Array, " b"]:
    """PSNR (dB) after the one factor per volume that fits best: how far the pattern is right, whatever the level.

    The factor ``sum(fake * pet) / sum(fake^2)`` over the counted voxels minimises the squared error; a volume that is
    0 everywhere there has the factor 0, which changes nothing.

    Args:
      fake: generated PET.
      pet: real PET.
      data_range: largest possible minus smallest possible value (1 for volumes in [0, 1]), > 0.
      mask: voxels that choose the factor, and whose error counts; all of them if None.

    Returns:
      One value per volume, in dB, never below :func:`psnr`; inf for identical volumes.

    Raises:
      ValueError: if shapes do not fit or ``data_range`` is not positive.
    """
    fake, pet = volume_pair(fake, pet)
    power = mean_inside(jnp.square(fake), mask)
    empty = power == 0
    # As in psnr: the unused branch must not divide by the zero.
    factor = jnp.where(empty, 0.0, mean_inside(fake * pet, mask) / jnp.where(empty, 1.0, power))
    matched = psnr(factor[:, None, None, None, None] * fake, pet, data_range=data_range, mask=mask)
    # The best factor is never worse than 1, except by rounding.
    return jnp.maximum(matched, psnr(fake, pet, data_range=data_range, mask=mask))


def check_data_range(data_range: float) -> None:
    """Raises ValueError unless ``data_range`` is a positive number."""
    if not data_range > 0:
        raise ValueError(f"data_range: expected a number > 0, found {data_range}. Use 1 for volumes in [0, 1].")
