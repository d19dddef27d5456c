"""The config of a classification: what each field may hold, and what is kept of it beside the generator's traces."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from pcsa_jax.experiment import field_checks as a
from pcsa_jax.experiment.config import Schema
from pcsa_jax.experiment.field_checks import Check, prefixed
from pcsa_jax.studies.classification.arms import ARMS
from pcsa_jax.training.checkpoints import state_hash
from pcsa_jax.training.trained import TrainedRun

_FIELDS: dict[str, Check] = {
    "seed": a.SEED,
    "precision": a.choice("float32", "bfloat16"),
    "batch_size": a.whole(1),
    "num_epochs": a.whole(1),
    "class_weighting": a.choice("balanced", "none"),
    "classifier.features": a.wholes(1, at_least=1),
    "classifier.hidden": a.whole(1),
    **prefixed("optimizer", {**a.OPTIMIZER, "weight_decay": a.number(0, 1)}),
    "log_every_steps": a.whole(1),
    "evaluate_every_epochs": a.whole(1),
    "checkpoint_every_epochs": a.whole(1),
}
_GENERATOR: dict[str, Check] = {"generator.parameters_sha256": a.NAME, "generator.splits_sha256": a.NAME}
_CHANGEABLE = frozenset({
    "num_epochs", "log_every_steps", "evaluate_every_epochs", "checkpoint_every_epochs", "optimizer.learning_rate",
})  # fmt: skip


def _schema(fields: Mapping[str, Check]) -> Schema:
    return Schema(lambda flat: fields, lambda config: None, _CHANGEABLE)


CLASSIFIER = _schema(_FIELDS)
"""What the user writes: ``configs/classifier.py``."""

CLASSIFICATION = _schema(_FIELDS | _GENERATOR)
"""And with which generator, whose run also says who trains, validates and is tested."""

ARM = _schema(_FIELDS | _GENERATOR | {"arm": a.choice(*ARMS)})
"""And which arm: the ``config.json`` of an arm's folder."""


def with_generator(config: ConfigDict, run: TrainedRun) -> ConfigDict:
    """The classification that ``config`` describes, with the generator and the splits of ``run``."""
    traces = {"parameters_sha256": state_hash(run.params), "splits_sha256": run.splits_sha256}
    return _with(config, generator=traces)


def with_arm(config: ConfigDict, arm: str) -> ConfigDict:
    """The config of one arm of a classification."""
    return _with(config, arm=arm)


def _with(config: ConfigDict, **more: Any) -> ConfigDict:
    return ConfigDict({**config.to_dict(), **more}).lock()
