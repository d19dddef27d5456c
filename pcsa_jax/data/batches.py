"""The order of training subjects as a function of (seed, epoch) alone, so that a resume needs only the step."""

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
