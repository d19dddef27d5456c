"""A tiny classification: a generator's run with both diagnoses in every part, and a config of seconds."""

import pytest

from tests.conftest import ROOT
from tests.training import quick_training

FOUR_FOLDS = {"data.num_folds": 4, "num_epochs": 2}
"""Of the twelve pairs 3 are tested, 3 validate and 6 train, each part with AD and CN; so have the 2 MRI-only ones."""

SMALL = {
    "batch_size": 2,
    "num_epochs": 2,
    "classifier.features": (2, 3),
    "classifier.hidden": 4,
    "log_every_steps": 1,
}


def train_generator(config, root):
    """A run whose generator was not trained by a real step: what is claimed is about what comes after it."""
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.training.train import train

    with pytest.MonkeyPatch.context() as patch:
        quick_training.install(patch)
        train(config, Workdir(root))
    return root


@pytest.fixture(scope="session")
def generator(tiny_config, tmp_path_factory):
    """Folder of a generator's run; not to be changed."""
    return train_generator(tiny_config(FOUR_FOLDS), tmp_path_factory.mktemp("generator") / "run")


@pytest.fixture(scope="session")
def small_words():
    """The words of a command line for the small classifier, with changes as ``{"group.field": value}``."""

    def small_words(changes=()):
        values = {**SMALL, **dict(changes)}
        return [f"--config={ROOT / 'configs' / 'classifier.py'}", *(f"--config.{n}={v}" for n, v in values.items())]

    return small_words


@pytest.fixture(scope="session")
def small_config(small_words):
    """The small classifier's config with changes as ``{"group.field": value}``."""
    from pcsa_jax.experiment.config import parse_config
    from pcsa_jax.studies.classification.config import CLASSIFIER

    return lambda changes=(): parse_config(small_words(changes), CLASSIFIER)
