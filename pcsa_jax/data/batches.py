"""The order of training subjects as a function of (seed, epoch) alone, so that a resume needs only the step."""

from collections.abc import Iterator

import numpy as np

from pcsa_jax.errors import UserError


def epoch_batches(num_subjects: int, *, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """Rows of one epoch's batches, int array (batches, batch_size).

    Each epoch is its own permutation; the few subjects that do not fill a batch sit out that epoch.

    Raises:
      UserError: if there are fewer subjects than a batch takes.
    """
    if num_subjects < batch_size:
        raise UserError(
            f"batch_size: expected at most the {num_subjects} training subjects, found {batch_size}. "
            "Set --config.batch_size lower."
        )
    order = np.random.default_rng([seed, epoch]).permutation(num_subjects)
    count = num_subjects // batch_size
    return order[: count * batch_size].reshape(count, batch_size)


def batch_order(
    num_subjects: int, *, batch_size: int, seed: int, start: int, stop: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (step, rows of its batch) for the steps after ``start`` up to ``stop``; steps count from 1."""
    epoch, batches = -1, np.empty((0, batch_size), int)
    per_epoch = num_subjects // batch_size
    for step in range(start + 1, stop + 1):
        if (step - 1) // per_epoch != epoch:
            epoch = (step - 1) // per_epoch
            batches = epoch_batches(num_subjects, batch_size=batch_size, seed=seed, epoch=epoch)
        yield step, batches[(step - 1) % per_epoch]


def with_mirrored(
    order: Iterator[tuple[int, np.ndarray]], num_subjects: int, *, probability: float, seed: int
) -> Iterator[tuple[int, np.ndarray]]:
    """The same order with some rows in place of which their mirror image, row + ``num_subjects``, is wanted.

    Args:
      order: (step, rows of its batch).
      num_subjects: rows that there are.
      probability: of a mirror image.
      seed: of the choice, which depends on it and the step alone.
    """
    for step, rows in order:
        is_mirrored = np.random.default_rng([seed, step, len(rows)]).random(len(rows)) < probability
        yield step, rows + num_subjects * is_mirrored


def padded(rows: np.ndarray, multiple: int) -> tuple[np.ndarray, np.ndarray]:
    """``rows`` filled up with row 0 to a multiple of ``multiple``, and float32 weights: 1 a subject, 0 a filler."""
    filler = np.zeros(-len(rows) % multiple, rows.dtype)
    weight = np.concatenate([np.ones(len(rows), np.float32), np.zeros(len(filler), np.float32)])
    return np.concatenate([rows, filler]), weight
