"""Structural similarity of volumes, at one scale (a metric and a loss) and at several (a loss).

Both are written in the sum s and the difference d of the two volumes. With weighted means u and variances v in a
window, the luminance and contrast-structure terms of Wang et al. (2004) become::

    luminance          = 1 - u(d)^2 / (u(s)^2 / 2 + u(d)^2 / 2 + C1)
    contrast-structure = 1 - v(d)   / (v(s)   / 2 + v(d)   / 2 + C2)

which is the same function, needs four filtered maps instead of five, and is 1 to rounding where the volumes agree.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from pcsa_jax.model.metrics import Mask, check_data_range, mean_inside, volume_pair

K1 = 0.01
K2 = 0.03
WINDOW_SIGMA = 1.5
"""Standard deviation of the Gaussian window, voxels."""
WINDOW_RADIUS = 5
"""Voxels each side of the centre: an 11-voxel window, cut at 3.5 sigma."""
WINDOW_SIZE = 2 * WINDOW_RADIUS + 1

RAW_EXPONENTS = (0.0448, 0.2856, 0.3001)
"""The paper's exponents of Eq. 10, finest scale first: the first three of the five of Wang et al. (2003)."""
NORMALISED_EXPONENTS = tuple(exponent / sum(RAW_EXPONENTS) for exponent in RAW_EXPONENTS)
"""The same, divided by their sum so that they add to 1 as in Wang et al. (2003)."""
MS_SSIM_EXPONENTS = {"raw": RAW_EXPONENTS, "normalised": NORMALISED_EXPONENTS}

MS_SSIM_FLOOR = 1e-3
"""Smallest value of a scale's mean similarity; keeps the slope of every power in Eq. 10 below 50."""


def _window() -> np.ndarray:
    offsets = np.arange(-WINDOW_RADIUS, WINDOW_RADIUS + 1)
    weights = np.exp(-0.5 * (offsets / WINDOW_SIGMA) ** 2)
    return weights / weights.sum()


def _shifted_sum(volumes: Float[Array, "..."], axis: int) -> Float[Array, "..."]:
    """The Gaussian window along one axis as a sum of shifted slices, where the window fits."""
    weights = _window()
    size = volumes.shape[axis] - 2 * WINDOW_RADIUS

    def shifted(offset: int) -> Array:
        return lax.slice_in_dim(volumes, offset, offset + size, axis=axis)

    total = float(weights[WINDOW_RADIUS]) * shifted(WINDOW_RADIUS)
    for offset in range(WINDOW_RADIUS):
        total += float(weights[offset]) * (shifted(offset) + shifted(WINDOW_SIZE - 1 - offset))
    return total


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _filter_axis(volumes: Float[Array, "..."], axis: int) -> Float[Array, "..."]:
    return _shifted_sum(volumes, axis)


def _filter_axis_forward(volumes: Array, axis: int) -> tuple[Array, None]:
    return _shifted_sum(volumes, axis), None


def _filter_axis_backward(axis: int, _: None, cotangent: Array) -> tuple[Array]:
    # The window is symmetric, so the transpose is the same filter on the zero-padded cotangent. Left to itself,
    # the transpose of each slice is a pad, and XLA:CPU takes 30 times longer over their sum.
    padding = [(0, 0)] * cotangent.ndim
    padding[axis] = (2 * WINDOW_RADIUS, 2 * WINDOW_RADIUS)
    return (_shifted_sum(jnp.pad(cotangent, padding), axis),)


_filter_axis.defvjp(_filter_axis_forward, _filter_axis_backward)


def _matrix_product(spec: str, volumes: Float[Array, "..."], matrix: np.ndarray) -> Float[Array, "..."]:
    # A TF32 product would cost the variances three digits, and SSIM with them.
    return jnp.einsum(spec, volumes, matrix.astype(np.float32), precision=lax.Precision.HIGHEST)


def _band(identity: np.ndarray) -> np.ndarray:
    """The filter along one axis as a matrix (output x input), wherever the window fits in ``identity``'s rows."""
    rows = identity.shape[0] - 2 * WINDOW_RADIUS
    return sum(weight * identity[offset : offset + rows] for offset, weight in enumerate(_window()))


def _filter_inside(volumes: Float[Array, "*stack x y z"]) -> Float[Array, "*stack u v w"]:
    """Weighted means in the Gaussian window where it fits: 5 voxels less on each side.

    Along z, the contiguous axis, by a matrix product: this also keeps XLA:CPU from fusing the two shifted sums,
    which would evaluate 11 x 11 taps instead of 11 + 11.
    """
    volumes = _filter_axis(volumes, -2)
    volumes = _matrix_product("...z,wz->...w", volumes, _band(np.eye(volumes.shape[-1])))
    return _filter_axis(volumes, -3)


def _filter_mirrored(volumes: Float[Array, "*stack x y z"]) -> Float[Array, "*stack x y z"]:
    """Weighted means at every voxel; outside, the volume goes on as its mirror image (edge voxels repeated).

    By matrix products alone, which hold the border too: shifted sums of padded volumes are slower to differentiate.
    """
    for axis, spec in ((-3, "...xyz,ux->...uyz"), (-2, "...xyz,uy->...xuz"), (-1, "...xyz,uz->...xyu")):
        border = ((WINDOW_RADIUS, WINDOW_RADIUS), (0, 0))
        matrix = _band(np.pad(np.eye(volumes.shape[axis]), border, mode="symmetric"))
        volumes = _matrix_product(spec, volumes, matrix)
    return volumes


def _similarity(
    fake: Float[Array, "b x y z 1"], pet: Float[Array, "b x y z 1"], data_range: float, *, mirrored: bool
) -> tuple[Float[Array, "b u v w 1"], Float[Array, "b u v w 1"]]:
    """Luminance and contrast-structure maps: of every voxel if ``mirrored``, else where the window fits.

    The variances are not clipped at 0: C2 is far above their rounding error, and a clip has no useful gradient.
    """
    total, difference = (fake + pet)[..., 0], (fake - pet)[..., 0]
    maps = jnp.stack([total, difference, jnp.square(total), jnp.square(difference)])
    moments = _filter_mirrored(maps) if mirrored else _filter_inside(maps)
    square_total, square_difference = jnp.square(moments[0]), jnp.square(moments[1])
    variance_total, variance_difference = moments[2] - square_total, moments[3] - square_difference
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    luminance = 1 - square_difference / (0.5 * (square_total + square_difference) + c1)
    contrast_structure = 1 - variance_difference / (0.5 * (variance_total + variance_difference) + c2)
    return luminance[..., None], contrast_structure[..., None]


def ssim_map(
    fake: Float[Array, "b x y z c"], pet: Float[Array, "b x y z c"], *, data_range: float
) -> Float[Array, "b x y z c"]:
    """Structural similarity around every voxel.

    Equal to scikit-image's ``structural_similarity(full=True)`` with the settings named at ``ssim``; outside the
    volume the window sees its mirror image (edge voxels repeated).

    Source: Wang et al. 2004, Eq. 13.

    Args:
      fake: generated PET, at least 1 voxel along each axis.
      pet: real PET.
      data_range: largest possible minus smallest possible value (1 for volumes in [0, 1]), > 0.

    Returns:
      Values in [-1, 1]; 1 where the volumes agree.

    Raises:
      ValueError: if shapes differ or ``data_range`` is not positive.
    """
    check_data_range(data_range)
    fake, pet = volume_pair(fake, pet)
    luminance, contrast_structure = _similarity(fake, pet, data_range, mirrored=True)
    return luminance * contrast_structure


def ssim(
    fake: Float[Array, "b x y z c"],
    pet: Float[Array, "b x y z c"],
    *,
    data_range: float,
    mask: Mask | None = None,
) -> Float[Array, " b"]:
    """Mean volumetric structural similarity.

    Gaussian window of 11 voxels (sigma 1.5), K1 0.01, K2 0.03, population covariance: scikit-image's
    ``structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)`` to 1e-5.

    Source: Eq. 9 of the paper with exponents 1; Wang et al. 2004, Eqs. 13 and 17.
    Deviation: the paper does not say in how many dimensions it works; this is 3-D, not a mean over slices. With a
    mask the mean is over the mask, up to the border of the volume; without one it leaves out the outer 5 voxels,
    where the window does not fit, as scikit-image does.

    Args:
      fake: generated PET, at least 11 voxels along each axis unless there is a mask.
      pet: real PET.
      data_range: largest possible minus smallest possible value (1 for volumes in [0, 1]), > 0.
      mask: voxels over which ``ssim_map`` is averaged.

    Returns:
      One value per volume in [-1, 1]; 1 is best.

    Raises:
      ValueError: if shapes do not fit, a volume is too small, or ``data_range`` is not positive.
    """
    if mask is not None:
        return mean_inside(ssim_map(fake, pet, data_range=data_range), mask)
    check_data_range(data_range)
    fake, pet = volume_pair(fake, pet)
    if min(fake.shape[1:4]) < WINDOW_SIZE:
        raise ValueError(
            f"ssim: expected at least {WINDOW_SIZE} voxels along each axis, found {fake.shape[1:4]}. "
            "Use larger volumes, or pass a mask."
        )
    luminance, contrast_structure = _similarity(fake, pet, data_range, mirrored=False)
    return mean_inside(luminance * contrast_structure)


def _halved(volumes: Float[Array, "b x y z c"]) -> Float[Array, "b u v w c"]:
    b, x, y, z, c = volumes.shape
    return volumes.reshape(b, x // 2, 2, y // 2, 2, z // 2, 2, c).mean(axis=(2, 4, 6))


def ms_ssim(
    fake: Float[Array, "b x y z c"],
    pet: Float[Array, "b x y z c"],
    *,
    data_range: float,
    exponents: Sequence[float] = RAW_EXPONENTS,
) -> Float[Array, " b"]:
    """Multi-scale structural similarity: contrast-structure at every scale, luminance at the coarsest only.

    Each scale's map is averaged over the volume and raised to the scale's exponent; the product over scales is
    the result. As the exponents of one scale are equal, the coarsest factor is the mean SSIM map to its exponent.

    Source: Eqs. 9-10 of the paper, M = 3; Wang et al. 2003, Eq. 7 (means per scale as in its reference code).
    Deviation: a scale's mean below ``MS_SSIM_FLOOR``, possible for anti-correlated volumes, counts as that floor
    and passes no gradient on: Eq. 10 takes a fractional power, NaN below 0 and of unbounded slope near 0.
    Deviation: the map is averaged up to the border of the volume, where the window sees its mirror image, as the
    8 voxels that the third scale of a 32-voxel volume has do not hold the window of 11; the finer scales are
    treated alike. Between scales voxels are averaged 2 x 2 x 2; the paper names no filter.

    Args:
      fake: generated PET; every axis a multiple of 2^(M - 1).
      pet: real PET.
      data_range: largest possible minus smallest possible value (1 for volumes in [0, 1]), > 0.
      exponents: one positive number per scale, finest first; their number is M.

    Returns:
      One value per volume in (0, 1]; 1 is best.

    Raises:
      ValueError: if shapes differ, an axis cannot be halved M - 1 times, or a number is out of range.
    """
    check_data_range(data_range)
    fake, pet = volume_pair(fake, pet)
    if not exponents or min(exponents) <= 0:
        raise ValueError(f"exponents: expected one number > 0 per scale, found {tuple(exponents)}.")
    multiple = 2 ** (len(exponents) - 1)
    if any(size % multiple for size in fake.shape[1:4]):
        raise ValueError(
            f"ms_ssim: expected axes that are multiples of {multiple} for {len(exponents)} scales, "
            f"found {fake.shape[1:4]}. Pad the volumes or use fewer scales."
        )
    result = jnp.ones(fake.shape[0], jnp.float32)
    for scale, exponent in enumerate(exponents, start=1):
        luminance, similarity = _similarity(fake, pet, data_range, mirrored=True)
        if scale == len(exponents):
            similarity = luminance * similarity
        else:
            fake, pet = _halved(fake), _halved(pet)
        result *= jnp.maximum(mean_inside(similarity), MS_SSIM_FLOOR) ** exponent
    return result
