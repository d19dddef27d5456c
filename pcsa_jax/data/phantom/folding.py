"""Tissues of one person from their averages over people: a latent field decides which tissue a place has in whom.

An average map tells how often a place is grey matter. Here a person is drawn from it: a smooth Gaussian field is cut
at two thresholds, below the first lies CSF, above the second white matter. The thresholds are set so that the average
over all persons is the map again; where the map is undecided, between gyri that lie elsewhere in everybody, folds
differ from person to person. Source: truncated Gaussian simulation of geostatistics (Matheron et al., SPE 16753, 1987).
"""

import numpy as np
from scipy.special import ndtr, ndtri

from pcsa_jax.data.phantom import fields

FOLD_SPACING = 2.2
"""Knots of the field, in voxels of the working grid: every 6.6 mm."""

EDGE = 1e-6
"""Probabilities are kept this far from 0 and 1, whose thresholds are infinite."""


def draw_folds(rng: np.random.Generator, size: int, amplitude: float) -> np.ndarray:
    """The resolved part of the latent field: SD ``amplitude``, zero mean, size^3."""
    return amplitude * fields.smooth_field(rng, size, FOLD_SPACING)


def cut(
    grey: np.ndarray, csf: np.ndarray, brain: np.ndarray, folds: np.ndarray, score: np.ndarray,
    *, amplitude: float, spread: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Grey matter, white matter and CSF of one person, which sum to ``brain``.

    What the field does not resolve (its variance is 1 in all) makes fractions of a voxel instead of edges. The mean
    over persons is ``grey`` and ``csf``. Where ``spread`` is not 0 the field decides about CSF alone, and one score of
    the person about how much of the rest is seen as grey matter.

    Args:
      grey, csf: expected fractions, in [0, ``brain``].
      brain: in [0, 1].
      folds: from :func:`draw_folds`.
      score: standard normal over persons, independent of ``folds``: a number or a volume.
      amplitude: SD of ``folds``.
      spread: a volume in [0, 1): the part of the latent SD that is the score's.
    """
    total = np.maximum(brain, EDGE)
    unresolved = np.sqrt(1 - amplitude**2)
    is_csf = ndtr((_threshold(csf / total) - folds) / unresolved)
    is_grey = ndtr((_threshold((csf + grey) / total) - folds) / unresolved) - is_csf
    part = _threshold(grey / np.maximum(total - csf, EDGE))
    by_score = (1 - is_csf) * ndtr((part - spread * score) / np.sqrt(1 - spread**2))
    is_grey = np.where(spread > 0, by_score, is_grey)
    return brain * is_grey, brain * (1 - is_csf - is_grey), brain * is_csf


def _threshold(probability: np.ndarray) -> np.ndarray:
    return ndtri(np.clip(probability, EDGE, 1 - EDGE))
