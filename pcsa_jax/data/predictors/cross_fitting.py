"""Predictions of the training subjects by predictors that have not seen them."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pcsa_jax.data.predictors.registry import Predictor
from pcsa_jax.errors import UserError


def assign_folds(people: Sequence[str], *, num_folds: int, seed: int) -> np.ndarray:
    """The fold of each row, from 0; all rows of a person are in one, and folds differ by at most one person.

    Args:
      people: participant of each row.
      num_folds: at least 2.
      seed: of the order in which people are dealt.

    Raises:
      UserError: if there are fewer people than folds.
    """
    unique = sorted(set(people))
    if len(unique) < num_folds:
        raise UserError(
            f"prior.num_folds: expected at most the {len(unique)} training participants, found {num_folds}. Set "
            "--config.prior.num_folds lower, or train on more people."
        )
    order = np.random.default_rng([seed, num_folds]).permutation(len(unique))
    fold_of = {unique[person]: rank % num_folds for rank, person in enumerate(order)}
    return np.array([fold_of[person] for person in people])


def cross_fitted(
    fits: Mapping[str, Callable[[np.ndarray, np.ndarray], Predictor]],
    mri: np.ndarray,
    pet: np.ndarray,
    folds: np.ndarray,
    *,
    out: np.ndarray,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Writes into ``out`` each row's predictions by predictors fitted on the rows of all other folds.

    A network that starts from a prediction must meet, in training, errors as large as those on new people: a predictor
    that has seen a subject fits that subject too well.

    Args:
      fits: name -> how the predictor is fitted.
      mri, pet: of the training subjects, ``(n, x, y, z)``.
      folds: of each row.
      out: float32 ``(n, x, y, z, predictors)``; in memory or mapped from a file.
      progress: called with (folds done, folds in all).
    """
    names = sorted(set(folds.tolist()))
    for done, fold in enumerate(names, start=1):
        others = np.flatnonzero(folds != fold)
        known = mri[others], pet[others]
        for channel, fit in enumerate(fits.values()):
            predictor = fit(*known)
            for row in np.flatnonzero(folds == fold):
                out[row, ..., channel] = predictor.predict(mri[row : row + 1])[0]
        progress(done, len(names))
