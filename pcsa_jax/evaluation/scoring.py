"""Scores of many volumes at a time with the JAX metrics, and their regional means."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.regions import asymmetry_index, hemispheres
from pcsa_jax.model.metrics import mae, psnr, scale_matched_psnr
from pcsa_jax.model.ssim import ssim

DATA_RANGE = 1.0
"""Volumes are in [0, 1] (paper, Eq. 13)."""


@jax.jit
def _scores(predicted: jax.Array, pet: jax.Array, mask: jax.Array) -> dict[str, jax.Array]:
    predicted, pet = predicted[..., None], pet[..., None]
    return {
        "mae": mae(predicted, pet),
        "psnr_db": psnr(predicted, pet, data_range=DATA_RANGE),
        "ssim": ssim(predicted, pet, data_range=DATA_RANGE),
        "mae_brain": mae(predicted, pet, mask=mask),
        "psnr_brain_db": psnr(predicted, pet, data_range=DATA_RANGE, mask=mask),
        "ssim_brain": ssim(predicted, pet, data_range=DATA_RANGE, mask=mask),
        "psnr_brain_matched_db": scale_matched_psnr(predicted, pet, data_range=DATA_RANGE, mask=mask),
    }


def score(predicted: np.ndarray, pet: np.ndarray, mask: np.ndarray, *, batch_size: int = 8) -> dict[str, np.ndarray]:
    """Whole-volume and in-brain MAE, PSNR (dB) and SSIM of each subject, and scale-matched PSNR; data range 1.

    Args:
      predicted: n x y z.
      pet: the real PET, same shape.
      mask: x y z, True in the brain.
      batch_size: volumes scored at a time.

    Returns:
      Column of ``subjects.tsv`` -> n values; PSNR is inf where the two volumes are identical.

    Raises:
      ValueError: if the shapes do not fit.
    """
    if predicted.shape != pet.shape or predicted.ndim != 4:
        raise ValueError(
            f"predicted and pet: expected two arrays of one shape (n, x, y, z), found {predicted.shape} and "
            f"{pet.shape}."
        )
    batches = []
    batch_size = min(batch_size, len(pet))
    for start in range(0, len(pet), batch_size):
        # The last batch is filled up with its own last volume: another batch size would be compiled again.
        rows = np.minimum(np.arange(start, start + batch_size), len(pet) - 1)
        batch = _scores(np.asarray(predicted[rows], np.float32), np.asarray(pet[rows], np.float32), jnp.asarray(mask))
        batches.append({key: np.asarray(value, np.float64) for key, value in batch.items()})
    return {key: np.concatenate([batch[key] for batch in batches])[: len(pet)] for key in batches[0]}


def regional_means(volumes: np.ndarray, masks: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Mean of each volume (n x y z) inside each mask (x y z): region -> n values."""
    return {region: volumes[:, mask].mean(axis=1, dtype=np.float64) for region, mask in masks.items()}


def regional_asymmetry(volumes: np.ndarray, masks: Mapping[str, np.ndarray], grid: Grid) -> dict[str, np.ndarray]:
    """Asymmetry index of each volume (n x y z) and region: ``100 * 2 (L - R) / (L + R)``, per cent.

    Args:
      volumes: uptake, not negative.
      masks: regions of both hemispheres (x y z).
      grid: of both.

    Returns:
      Region -> n values: above 0 where uptake is higher on the left, NaN without uptake in the region.
    """
    left, right = (
        regional_means(volumes, {region: mask & side for region, mask in masks.items()}) for side in hemispheres(grid)
    )
    return {region: asymmetry_index(left[region], right[region]) for region in masks}
