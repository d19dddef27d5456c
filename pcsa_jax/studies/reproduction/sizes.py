"""Trainings on fewer participants, for a learning curve: which numbers there are, and equally many steps for each."""

from collections.abc import Mapping, Sequence

from ml_collections import ConfigDict

from pcsa_jax.errors import UserError
from pcsa_jax.studies.reproduction.rowsets import TARGETS
from pcsa_jax.training import loop

LARGEST_SHARE = 0.9
"""Of the training part: more participants than that are hardly fewer than all."""

_PACED = ("num_epochs", "evaluate_every_epochs", "checkpoint_every_epochs")
"""Fields that count passes over the training participants."""


def choose_sizes(
    targets: Sequence[str], data: ConfigDict, splits: Sequence[Mapping[str, str]]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The numbers of participants that are trained on beside all, and a line for each that is not.

    Args:
      targets: keys of ``TARGETS``.
      data: the config's group.
      splits: fold by fold, everyone's part.

    Raises:
      UserError: if the config has a number of its own where the targets have some.
    """
    wanted = sorted({size for target in targets for size in TARGETS[target].sizes})
    if wanted and data.train_subjects:
        raise UserError(
            f"config.data.train_subjects: expected 0 for {' and '.join(targets)}, which trains on "
            f"{', '.join(map(str, wanted))} and all participants, found {data.train_subjects}. Leave it out."
        )
    available = min(list(own.values()).count("train") for own in splits)
    sizes = tuple(size for size in wanted if size <= LARGEST_SHARE * available)
    notes = tuple(
        f"{size} training subjects: not run, as the training part has {available}"
        + (" only" if size > available else ", hardly more")
        for size in wanted
        if size not in sizes
    )
    return sizes, notes


def train_on(config: ConfigDict, size: int, *, num_pairs: int, num_pairs_of_all: int) -> None:
    """Makes ``config`` train on ``size`` participants for as many steps as on all, to within half an epoch.

    More epochs, and as many more between scores and checkpoints: what differs is the data, neither the steps nor how
    often the validation part chooses.
    """
    of_all, own = (loop.Plan.of(config, number).steps_per_epoch for number in (num_pairs_of_all, num_pairs))
    for name in _PACED:
        config[name] = max(1, round(config[name] * of_all / own))
    config.data.train_subjects = size
