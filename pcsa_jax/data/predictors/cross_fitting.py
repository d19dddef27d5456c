"""Predictions of the training subjects by predictors that have not seen them."""

import functools
from collections.abc import Callable, Sequence

import numpy as np

from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.data.threads import in_order
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
            f"recipe.num_folds: expected at most the {len(unique)} training participants, found {num_folds}. Set "
            "--config.recipe.num_folds lower, or train on more people."
        )
    order = np.random.default_rng([seed, num_folds]).permutation(len(unique))
    fold_of = {unique[person]: rank % num_folds for rank, person in enumerate(order)}
    return np.array([fold_of[person] for person in people])


def cross_fitted(
    names: Sequence[str],
    mri: np.ndarray,
    pet: np.ndarray,
    folds: np.ndarray,
    *,
    out: np.ndarray,
    deviations: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Writes into ``out`` each row's predictions by predictors fitted on the rows of all other folds.

    A network that starts from a prediction must meet, in training, errors as large as those on new people: a predictor
    that has seen a subject fits that subject too well.

    Args:
      names: of the predictors.
      mri, pet: of the training subjects, ``(n, x, y, z)``.
      folds: of each row.
      out: float32 ``(n, x, y, z, k)``; in memory or mapped from a file.
      deviations: see :class:`~pcsa_jax.data.predictors.prior.Prior`; they are those from the other folds' mean.
      progress: called with (folds done, folds in all).
    """

    def predict(prior: Prior, row: int) -> None:
        prior.predict(mri[row : row + 1], out=out[row : row + 1])

    numbers = sorted(set(folds.tolist()))
    for done, fold in enumerate(numbers, start=1):
        others = np.flatnonzero(folds != fold)
        prior = Prior.fit(names, mri[others], pet[others], deviations=deviations)
        for _ in in_order(functools.partial(predict, prior), np.flatnonzero(folds == fold)):
            pass
        progress(done, len(numbers))
