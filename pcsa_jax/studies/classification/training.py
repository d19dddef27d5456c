"""Training of one arm with the loop that trains the generators, and the network that comes out of it."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from pcsa_jax.data.batches import padded
from pcsa_jax.experiment.build import PRECISIONS
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.machine.devices import AXIS, REPLICATED, SHARED, Devices
from pcsa_jax.model.classifier import Classifier
from pcsa_jax.model.classifier_step import (
    ClassifierState,
    ClassWeights,
    LabelledBatch,
    classifier_step,
    initial_classifier_state,
    logits_of,
    validation_scores,
)
from pcsa_jax.model.optimizer import Adam, adam
from pcsa_jax.studies.classification.arms import ARMS
from pcsa_jax.studies.classification.config import ARM
from pcsa_jax.studies.classification.visits import Visits
from pcsa_jax.training.checkpoints import Checkpoints
from pcsa_jax.training.loop import Outcome, Plan
from pcsa_jax.training.programs import Programs
from pcsa_jax.training.train import carry_on, enter, write_start

BEST = "cross_entropy"
"""The validation score that chooses an arm's best checkpoint; lower is better."""


class Parts(NamedTuple):
    """What the loop reads: see :class:`pcsa_jax.training.loop.Parts`."""

    train: list[np.ndarray]
    validation: list[np.ndarray]
    is_resident: bool


class Recipe(NamedTuple):
    """How an arm is trained; arms of one network share their compiled programs, whatever the numbers.

    Attributes:
      module, class_weights, dtype: see :func:`pcsa_jax.model.classifier_step.classifier_step`.
      optimizer: arguments of :func:`pcsa_jax.model.optimizer.adam`.
    """

    module: nn.Module
    class_weights: ClassWeights
    dtype: jnp.dtype
    optimizer: tuple[tuple[str, Any], ...]

    def build_optimizer(self) -> Adam:
        return adam(**dict(self.optimizer))

    def initial_state(self, *, seed: int, size: int) -> ClassifierState:
        return initial_classifier_state(self.module, self.build_optimizer(), seed=seed, size=size)


def recipe_of(config: ConfigDict, train: Visits, *, num_steps: int) -> Recipe:
    """How an arm is trained on its training visits, for ``num_steps`` steps."""
    return Recipe(
        module=Classifier(**config.classifier, branches=ARMS[config.arm].branches),
        class_weights=balanced(train.is_ad) if config.class_weighting == "balanced" else ClassWeights(),
        dtype=PRECISIONS[config.precision],
        optimizer=(*config.optimizer.items(), ("num_steps", num_steps)),
    )


def balanced(is_ad: np.ndarray) -> ClassWeights:
    """Weights under which both diagnoses count the same in sum, and a visit counts 1 in the mean."""
    count, num_ad = len(is_ad), float(is_ad.sum())
    return ClassWeights(ad=count / (2 * num_ad), cn=count / (2 * (count - num_ad)))


def train_arm(
    config: ConfigDict, workdir: Workdir, train: Visits, validation: Visits, *, resident_gib: float
) -> Outcome:
    """Trains the arm ``config.arm``, or resumes it in ``workdir``; a finished one is left as it is.

    Args:
      config: of :data:`~pcsa_jax.studies.classification.config.ARM`.
      workdir: the arm's folder.
      train, validation: visits with all that the arm may be given.
      resident_gib: up to which the volumes are copied to the devices.

    Raises:
      UserError: if the folder holds something else, or a loss becomes NaN or infinite.
    """
    pet = ARMS[config.arm].trained_with
    is_resident = 2 * (train.mri.nbytes + validation.mri.nbytes) <= resident_gib * 2**30
    data = Parts(train.arrays(pet), validation.arrays(pet), is_resident)
    with contextlib.ExitStack() as held:
        is_resume, changes = enter(config, workdir, held, ARM)
        plan = Plan.of(config, len(train.subjects))
        write_start(config, workdir, is_resume=is_resume, changes=changes)
        recipe, devices = recipe_of(config, train, num_steps=plan.num_steps), Devices.of(jax.devices())
        initial = recipe.initial_state(seed=config.seed, size=train.mri.shape[1])
        programs = classifier_programs(config.arm, recipe, devices)
        return carry_on(config, programs, plan, lambda: data, devices, workdir, initial=initial)


def classifier_programs(name: str, recipe: Recipe, devices: Devices) -> Programs:
    """What the loop runs, and how it speaks of it."""
    step, validate = _compile_training(recipe.module, devices, dtype=recipe.dtype)
    class_weights = ClassWeights(*map(np.float32, recipe.class_weights))
    optimizer, class_weights = devices.replicate((recipe.build_optimizer(), class_weights))
    return Programs(
        name=name,
        step=lambda state, batch: step(state, batch, optimizer, class_weights),
        validate=lambda state, batch: validate(state, batch, class_weights),
        batch=LabelledBatch,
        multiple=len(devices),
        best=BEST,
        loss="classifier/cross_entropy",
        remedies={"classifier": "Train anew with a lower optimizer.learning_rate or optimizer.gradient_clip = 1"},
    )


@functools.lru_cache(maxsize=4)
def _compile_training(
    module: nn.Module, devices: Devices, *, dtype: jnp.dtype
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The step and the validation scores' sums; the numbers that differ between arms and folds are arguments."""
    network = {"module": module, "dtype": dtype}

    def step(state: ClassifierState, batch: LabelledBatch, optimizer: Adam, class_weights: ClassWeights) -> Any:
        return classifier_step(
            state, batch, **network, optimizer=optimizer, class_weights=class_weights, axis_name=AXIS
        )  # fmt: skip

    def sums(state: ClassifierState, batch: LabelledBatch, class_weights: ClassWeights) -> dict[str, jax.Array]:
        scores = validation_scores(state.params, batch, **network, class_weights=class_weights)
        return jax.lax.psum({name: (batch.weight * values).sum() for name, values in scores.items()}, AXIS)

    rows = (REPLICATED, SHARED)
    return (
        devices.compile(step, inputs=(*rows, REPLICATED, REPLICATED), outputs=REPLICATED, donated=(0,)),
        devices.compile(sums, inputs=(*rows, REPLICATED), outputs=REPLICATED),
    )


class TrainedArm:
    """The network of an arm at its best checkpoint.

    Attributes:
      step: of the checkpoint.
    """

    def __init__(self, config: ConfigDict, workdir: Workdir, train: Visits):
        recipe = recipe_of(config, train, num_steps=1)
        target = recipe.initial_state(seed=config.seed, size=train.mri.shape[1])
        with Checkpoints(workdir.checkpoints, target, best=BEST) as checkpoints:
            state = checkpoints.restore(checkpoints.best_step()).state
        self.step = int(state.step)
        self._devices = Devices.of(jax.local_devices())
        self._logits = _compile_logits(recipe.module, self._devices, dtype=recipe.dtype)
        self._params = self._devices.replicate(state.params)

    def __call__(self, mri: np.ndarray, pet: np.ndarray) -> np.ndarray:
        """P(AD) of any number of visits, float64 (n,), from volumes (n, x, y, z)."""
        from scipy.special import expit

        logits, at_once = np.empty(len(mri)), len(self._devices)
        for start in range(0, len(mri), at_once):
            rows = np.arange(start, min(start + at_once, len(mri)))
            taken = padded(rows, at_once)[0]
            volumes = (self._devices.share(volume[taken][..., None]) for volume in (mri, pet))
            logits[rows] = np.asarray(self._logits(self._params, *volumes))[: len(rows)]
        # In float64: a sure answer stays below 1, and its rank is kept.
        return expit(logits)


@functools.lru_cache(maxsize=8)
def _compile_logits(module: nn.Module, devices: Devices, *, dtype: jnp.dtype) -> Callable[..., Any]:
    """One program for all arms of one network."""
    return devices.compile(
        functools.partial(logits_of, module, dtype=dtype), inputs=(REPLICATED, SHARED, SHARED), outputs=SHARED
    )
