"""The terms of the joint loss (Eq. 12), one value per volume; the weights are the caller's.

A new reconstruction loss is one function of (fake, pet) and one key in ``RECONSTRUCTION``; a new adversarial loss is
a pair of functions and one key in ``ADVERSARIAL``. All of them compute in float32, whatever they are given.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from pcsa_jax.model import metrics
from pcsa_jax.model import ssim as similarity
from pcsa_jax.model.ssim import MS_SSIM_EXPONENTS, RAW_EXPONENTS

DATA_RANGE = 1.0
"""Volumes are min-max normalised to [0, 1] (Eq. 13)."""

ReconstructionLoss = Callable[[Float[Array, "b x y z c"], Float[Array, "b x y z c"]], Float[Array, " b"]]


class AdversarialLoss(NamedTuple):
    """The two sides of one adversarial game.

    Attributes:
      discriminator: (real_logits, fake_logits) -> one value per volume, for D to minimise.
      generator: fake_logits -> one value per volume, for G to minimise.
    """

    discriminator: Callable[[Float[Array, " b *patches"], Float[Array, " b *patches"]], Float[Array, " b"]]
    generator: Callable[[Float[Array, " b *patches"]], Float[Array, " b"]]


def _per_volume(values: Float[Array, " b *patches"]) -> Float[Array, " b"]:
    return values.reshape(values.shape[0], -1).mean(axis=1)


def _logit_pair(
    real_logits: Float[Array, " b *patches"], fake_logits: Float[Array, " b *patches"]
) -> tuple[Float[Array, " b *patches"], Float[Array, " b *patches"]]:
    if real_logits.shape != fake_logits.shape:
        raise ValueError(
            f"real_logits and fake_logits: expected one shape, found {real_logits.shape} and {fake_logits.shape}. "
            "Give D batches of equal size."
        )
    return jnp.asarray(real_logits, jnp.float32), jnp.asarray(fake_logits, jnp.float32)


def bce_discriminator(
    real_logits: Float[Array, " b *patches"], fake_logits: Float[Array, " b *patches"]
) -> Float[Array, " b"]:
    """Cross-entropy of D: ``-log sigmoid(real) - log(1 - sigmoid(fake))``, written so that it cannot overflow.

    Source: section 3.4.1; Goodfellow et al. 2014, Eq. 1.
    Deviation: the paper prints the L1 loss of Eq. 8 in place of Eq. 7; this is the loss that its text describes.
    """
    real_logits, fake_logits = _logit_pair(real_logits, fake_logits)
    return _per_volume(jax.nn.softplus(-real_logits) + jax.nn.softplus(fake_logits))


def bce_generator(fake_logits: Float[Array, " b *patches"]) -> Float[Array, " b"]:
    """Non-saturating loss of G: ``-log sigmoid(fake)``.

    Source: section 3.4.1; Goodfellow et al. 2014, section 3.
    Deviation: not the minimax ``log(1 - sigmoid(fake))``, whose gradient vanishes while D wins.
    """
    return _per_volume(jax.nn.softplus(-jnp.asarray(fake_logits, jnp.float32)))


def lsgan_discriminator(
    real_logits: Float[Array, " b *patches"], fake_logits: Float[Array, " b *patches"]
) -> Float[Array, " b"]:
    """Least squares with targets 1 for real and 0 for fake: ``(real - 1)^2 / 2 + fake^2 / 2``.

    Source: Mao et al. 2017, Eq. 9.
    """
    real_logits, fake_logits = _logit_pair(real_logits, fake_logits)
    return _per_volume(0.5 * (jnp.square(real_logits - 1) + jnp.square(fake_logits)))


def lsgan_generator(fake_logits: Float[Array, " b *patches"]) -> Float[Array, " b"]:
    """Least squares with target 1: ``(fake - 1)^2 / 2``.

    Source: Mao et al. 2017, Eq. 9.
    """
    return _per_volume(0.5 * jnp.square(jnp.asarray(fake_logits, jnp.float32) - 1))


def hinge_discriminator(
    real_logits: Float[Array, " b *patches"], fake_logits: Float[Array, " b *patches"]
) -> Float[Array, " b"]:
    """Margin loss: ``max(0, 1 - real) + max(0, 1 + fake)``.

    Source: Miyato et al. 2018, Eq. 16.
    """
    real_logits, fake_logits = _logit_pair(real_logits, fake_logits)
    return _per_volume(jax.nn.relu(1 - real_logits) + jax.nn.relu(1 + fake_logits))


def hinge_generator(fake_logits: Float[Array, " b *patches"]) -> Float[Array, " b"]:
    """``-fake``: G's side of the hinge game; not bounded below.

    Source: Miyato et al. 2018, Eq. 17.
    """
    return _per_volume(-jnp.asarray(fake_logits, jnp.float32))


def absolute_discriminator(
    real_logits: Float[Array, " b *patches"], fake_logits: Float[Array, " b *patches"]
) -> Float[Array, " b"]:
    """Absolute distance from the targets 1 for real and 0 for fake: ``|real - 1| / 2 + |fake| / 2``.

    Source: the public code of Pan et al.'s HGAN line (DRCGAN).
    """
    real_logits, fake_logits = _logit_pair(real_logits, fake_logits)
    return _per_volume(0.5 * (jnp.abs(real_logits - 1) + jnp.abs(fake_logits)))


def absolute_generator(fake_logits: Float[Array, " b *patches"]) -> Float[Array, " b"]:
    """Absolute distance from the target 1: ``|fake - 1|``.

    Source: the public code of Pan et al.'s HGAN line (DRCGAN).
    """
    return _per_volume(jnp.abs(jnp.asarray(fake_logits, jnp.float32) - 1))


ADVERSARIAL: dict[str, AdversarialLoss] = {
    "bce": AdversarialLoss(bce_discriminator, bce_generator),
    "lsgan": AdversarialLoss(lsgan_discriminator, lsgan_generator),
    "hinge": AdversarialLoss(hinge_discriminator, hinge_generator),
    "absolute": AdversarialLoss(absolute_discriminator, absolute_generator),
}


def l1(
    fake: Float[Array, "b x y z c"], pet: Float[Array, "b x y z c"], *, mask: metrics.Mask | None = None
) -> Float[Array, " b"]:
    """Mean absolute error over the whole volume, or inside ``mask``.

    Source: Eq. 8.
    """
    return metrics.mae(fake, pet, mask=mask)


def ssim(fake: Float[Array, "b x y z c"], pet: Float[Array, "b x y z c"]) -> Float[Array, " b"]:
    """``1 - SSIM``, in [0, 2].

    Source: Eq. 9; the MAE + SSIM row of Table 2.
    """
    return 1 - similarity.ssim(fake, pet, data_range=DATA_RANGE)


def ms_ssim(
    fake: Float[Array, "b x y z c"],
    pet: Float[Array, "b x y z c"],
    *,
    exponents: Sequence[float] = RAW_EXPONENTS,
) -> Float[Array, " b"]:
    """``1 - MS-SSIM``, in [0, 1).

    Source: Eqs. 10-11.
    """
    return 1 - similarity.ms_ssim(fake, pet, data_range=DATA_RANGE, exponents=exponents)


RECONSTRUCTION: dict[str, ReconstructionLoss] = {"l1": l1, "ssim": ssim, "ms_ssim": ms_ssim}


@functools.cache
def _ms_ssim_with(exponents: str) -> ReconstructionLoss:
    """The same function each time, so that trainings with the same terms can share a program."""
    return functools.partial(ms_ssim, exponents=MS_SSIM_EXPONENTS[exponents])


def reconstruction_terms(
    weights: Mapping[str, float], *, ms_ssim_exponents: str = "raw", mask: metrics.Mask | None = None
) -> dict[str, ReconstructionLoss]:
    """The terms with a weight other than 0, so that the others are never traced, compiled or computed.

    Args:
      weights: name in ``RECONSTRUCTION`` -> weight.
      ms_ssim_exponents: name in ``MS_SSIM_EXPONENTS``.
      mask: voxels that ``l1`` is the mean over; all of them if None.

    Returns:
      Name -> function of (fake, pet), unweighted, in the order of ``weights``.

    Raises:
      ValueError: if a name is unknown, even with weight 0.
    """
    if ms_ssim_exponents not in MS_SSIM_EXPONENTS:
        raise ValueError(f"ms_ssim_exponents: expected one of {list(MS_SSIM_EXPONENTS)}, found {ms_ssim_exponents!r}.")
    unknown = [name for name in weights if name not in RECONSTRUCTION]
    if unknown:
        raise ValueError(f"loss weights: expected names among {list(RECONSTRUCTION)}, found {unknown}.")
    functions = RECONSTRUCTION | {"ms_ssim": _ms_ssim_with(ms_ssim_exponents)}
    if mask is not None:
        functions["l1"] = functools.partial(l1, mask=mask)
    return {name: functions[name] for name, weight in weights.items() if weight != 0}
