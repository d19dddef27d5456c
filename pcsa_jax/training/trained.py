"""Opening a trained run: its config, networks and one of its checkpoints."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from pcsa_jax.data.contents import Known, read_known
from pcsa_jax.data.fingerprints import file_hash
from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.data.splits import read_splits
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.build import Experiment, build
from pcsa_jax.experiment.config import read_config
from pcsa_jax.experiment.environment import read_environment
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.training.checkpoints import Checkpoints
from pcsa_jax.training.prior import check_prior, read_prior
from pcsa_jax.training.stamp import check_stamp

CHOICES = ("best", "latest")


class TrainedRun(NamedTuple):
    """A run and the parameters of one checkpoint.

    Attributes:
      config: as trained.
      experiment: its networks; the optimisers' schedule is meaningless here.
      params: the generator's parameters, or their moving average if there is one; host arrays.
      step: of the checkpoint.
      checkpoint: "best" or "latest", as asked for.
      meta: what was stored beside the state.
      splits_sha256: hash of ``splits.tsv``, which names who was trained on.
      environment: content of ``environment.json``; empty if that is missing.
      prior: predictors that the generator starts from; None for a generator that sees the map alone.
      known: the volumes that training has read, by their content; nothing in runs of earlier versions.
      splits: everyone's part; empty if ``splits.tsv`` is missing.
    """

    config: ConfigDict
    experiment: Experiment
    params: Any
    step: int
    checkpoint: str
    meta: dict[str, Any]
    splits_sha256: str
    environment: Mapping[str, Any] = MappingProxyType({})
    prior: Prior | None = None
    known: Known = Known(Path(), MappingProxyType({}))
    splits: Mapping[str, str] = MappingProxyType({})

    def without_network(self) -> "TrainedRun | None":
        """The same generator with the network's part switched off: its anchor, in the range that it has learnt.

        None if it has no anchor.
        """
        if self.config.recipe.anchor == "none":
            return None
        return self._replace(params={**self.params, "gain": np.zeros_like(self.params["gain"])})


def open_run(root: Path, *, checkpoint: str = "best") -> TrainedRun:
    """Opens the run in ``root`` at its best checkpoint on validation data, or its latest.

    Raises:
      UserError: if there is no run, no checkpoint, or the checkpoint is damaged; or if ``splits.tsv`` or ``inputs.tsv``
        has changed since.
    """
    workdir = Workdir(Path(root))
    config = read_config(workdir.config)
    if not workdir.checkpoints.is_dir():
        raise UserError(f"{root}: expected a checkpoint, found none yet. Let train.py run to its first checkpoint.")
    experiment = build(config, num_steps=1)
    with Checkpoints(workdir.checkpoints, experiment.initial_state()) as checkpoints:
        step = checkpoints.best_step() if checkpoint == "best" else None
        restored = checkpoints.restore_latest() if step is None else checkpoints.restore(step)
    if restored is None:
        raise UserError(f"{root}: expected a checkpoint, found none yet. Let train.py run to its first checkpoint.")
    check_stamp(workdir, restored.meta)
    prior = None
    if config.recipe.channels:
        prior = read_prior(workdir.prior, config)
        check_prior(prior, restored.meta, workdir.prior)
    return TrainedRun(
        config=config,
        experiment=experiment,
        params=restored.state.generator,
        step=int(restored.state.step),
        checkpoint=checkpoint,
        meta=restored.meta,
        splits_sha256=file_hash(workdir.splits) if workdir.splits.is_file() else "",
        environment=read_environment(workdir.environment) if workdir.environment.is_file() else {},
        prior=prior,
        known=read_known(workdir.inputs),
        splits=read_splits(workdir.splits) if workdir.splits.is_file() else {},
    )
