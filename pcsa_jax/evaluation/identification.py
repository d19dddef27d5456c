"""Whose PET is it? Whether a predicted PET is nearer to its own person's real PET than to other people's."""

from collections.abc import Sequence

import numpy as np

BLOCK = 4096
"""Voxels multiplied at a time: what is in float64 at once."""

TIE = 1e-12
"""Squared distances (volumes in [0, 1]) that differ by no more than this are equal: it is rounding of the products."""


def squared_distances(predicted: np.ndarray, real: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean squared error in the mask between each predicted and each real volume, float64 (n, m).

    By inner products, so that no difference of two volumes is ever made: n m numbers, not n m volumes.

    Args:
      predicted: n x y z.
      real: m x y z.
      mask: x y z, True in the brain.
    """
    first, second = predicted[:, mask], real[:, mask]
    total = np.zeros((len(first), len(second)))
    for start in range(0, first.shape[1], BLOCK):
        a, b = (rows[:, start : start + BLOCK].astype(np.float64) for rows in (first, second))
        total += np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T
    return np.maximum(total, 0) / first.shape[1]


def identify(distances: np.ndarray, participant_ids: Sequence[str]) -> dict[str, np.ndarray]:
    """How well each prediction tells its own person from the others.

    Each other person counts once, by the share of their visits that lie nearer or farther than the own PET; equal
    distances count half, and other visits of the same person not at all. So a PET that is the same for everybody (the
    mean PET) scores 0.5 in the mean over participants, exactly: of two people, one is nearer to it.

    Source: identification by nearest neighbour as in Finn et al., Nat Neurosci 2015, as a rank in place of hit or miss.

    Args:
      distances: (n, n), of the prediction of visit i (row) to the real PET of visit j (column).
      participant_ids: of the n visits.

    Returns:
      ``identification_rank`` (1 = the own PET is nearest, otherwise 1 + the number of other people nearer) and
      ``identification`` (share of the other people that lie farther), n values each; NaN if there is nobody else.
    """
    people, person = np.unique(np.asarray(participant_ids), return_inverse=True)
    num_others = len(people) - 1
    if not num_others:
        return dict.fromkeys(("identification_rank", "identification"), np.full(len(person), np.nan))
    beyond = distances - np.diag(distances)[:, None]
    nearer = (beyond < -TIE) + 0.5 * (np.abs(beyond) <= TIE)
    weight = 1 / np.bincount(person)[person]
    others = (nearer * weight * (person[:, None] != person)).sum(axis=1)
    return {"identification_rank": 1 + others, "identification": 1 - others / num_others}
