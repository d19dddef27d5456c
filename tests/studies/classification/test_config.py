"""The config of a classification: its rows, its fields, its mistakes."""

import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.experiment.config import parse_config
from pcsa_jax.model.classifier import Classifier
from pcsa_jax.studies.classification.config import CLASSIFIER
from tests.conftest import ROOT

FILE = f"--config={ROOT / 'configs' / 'classifier.py'}"


@pytest.mark.parametrize("row", ["", ":classifier", ":demo"])
def test_every_row_builds(row):
    config = parse_config([FILE + row], CLASSIFIER)
    module = Classifier(**config.classifier)
    assert (module.features, module.hidden) == (Classifier.features, Classifier.hidden)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([FILE + ":other"], "--config: row: expected one of classifier, demo, found 'other'."),
        ([FILE, "--config.data.root=x"], "--config.data.root: is not a field. Near it: "),
        (
            [FILE, "--config.num_epochs=0"],
            "config.num_epochs: expected a whole number >= 1 and <= 2147483647, found 0.",
        ),
        ([FILE, "--config.class_weighting=some"], "config.class_weighting: expected one of balanced, none, found"),
        ([FILE, "--config.optimizer.weight_decay=2.0"], "config.optimizer.weight_decay: expected a finite number >= 0"),
        ([FILE, "--config.classifier.features=()"], "config.classifier.features: expected a tuple of at least one"),
        ([f"--config={ROOT / 'configs' / 'pcsa.py'}"], "config.adversarial_form: is not a field; "),
    ],
)
def test_mistakes(words, message):
    with pytest.raises(UserError) as caught:
        parse_config(words, CLASSIFIER)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)
