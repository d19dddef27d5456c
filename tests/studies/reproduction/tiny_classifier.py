"""The classifier of configs/classifier.py with a few channels and one epoch: a config file for tests."""

import importlib.util
import pathlib

_path = pathlib.Path(__file__).parents[3] / "configs" / "classifier.py"
_spec = importlib.util.spec_from_file_location("classifier", _path)
classifier = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(classifier)


def get_config(row="classifier"):
    config = classifier.get_config(row)
    config.classifier.features = (2, 2)
    config.classifier.hidden = 4
    config.num_epochs = 1
    config.batch_size = 2
    return config
