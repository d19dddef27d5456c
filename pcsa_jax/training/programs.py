"""What runs on the devices: the training step and the validation scores, each one program for any number of devices."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.predictors.volumes import mean_volume
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.data.spread import spread_of
from pcsa_jax.experiment.build import Experiment
from pcsa_jax.machine.devices import AXIS, REPLICATED, SHARED, Devices
from pcsa_jax.model.losses import AdversarialLoss
from pcsa_jax.model.metrics import mae, psnr
from pcsa_jax.model.optimizer import Adam
from pcsa_jax.model.ssim import ssim
from pcsa_jax.model.state import GANState, Nets
from pcsa_jax.model.step import Batch, JointLoss, generate, train_step
from pcsa_jax.model.translation import Translate
from pcsa_jax.training.checkpoints import BEST_METRIC, State
from pcsa_jax.training.watch import Yardstick

SAMPLES = "samples"
"""Beside the validation scores: what shows whether all volumes are the same."""

Array = TypeVar("Array", np.ndarray, jax.Array)


class Programs(NamedTuple):
    """All in which one kind of training differs from another, for the loop that both share.

    Attributes:
      name: of what is trained, for the user.
      step: (state, batch) -> the next state and scalars; the state's memory is given up to the next.
      validate: (state, batch) -> sums over the batch's subjects of their validation scores; and under :data:`SAMPLES`,
        where there is a yardstick, some voxels of what was made of each, one row a subject.
      batch: type of a batch, see :mod:`pcsa_jax.training.feed`.
      multiple: of which the number of rows of a training batch must be a multiple.
      best: the validation score that chooses the best checkpoint; lower is better.
      loss: the scalar that the progress line shows.
      remedies: network, the first part of its scalars' names -> what the user can do if it is the one whose losses are
        not finite.
      flip: probability that a subject's volumes are mirrored left to right in a training step.
      yardstick: (training arrays, validation arrays) -> what needs no network, for the watch; None if there is none.
    """

    name: str
    step: Callable[[State, Any], tuple[State, dict[str, jax.Array]]]
    validate: Callable[[State, Any], dict[str, jax.Array]]
    batch: Callable[..., Any]
    multiple: int
    best: str
    loss: str
    remedies: Mapping[str, str]
    flip: float = 0.0
    yardstick: Callable[[Sequence[np.ndarray], Sequence[np.ndarray]], Yardstick] | None = None


def gan_programs(
    name: str,
    experiment: Experiment,
    devices: Devices,
    *,
    micro_batches: int,
    flip: float = 0.0,
    gradient_clips: Mapping[str, float] = MappingProxyType({"generator": 0.0, "discriminator": 0.0}),
) -> Programs:
    """The programs of a generator and its discriminator; ``gradient_clips`` are those of their optimisers."""
    scores = compile_validation(experiment, devices)

    @cache
    def mask() -> jax.Array:
        # Resampled when it is first asked for: the first step need not wait for it.
        return devices.replicate(brain_mask(Grid(experiment.size)))

    return Programs(
        name=name,
        step=compile_step(experiment, devices, micro_batches=micro_batches),
        validate=lambda state, batch: scores(state.generator, batch, mask()),
        batch=_informed_batch if experiment.num_known else Batch,
        multiple=len(devices) * micro_batches,
        best=BEST_METRIC,
        loss="generator/total",
        remedies={net: _remedy(net, gradient_clip) for net, gradient_clip in gradient_clips.items()},
        flip=flip,
        yardstick=mean_pet_yardstick,
    )


def _remedy(net: str, gradient_clip: float) -> str:
    """What helps a network whose losses are not finite; a clip that is on already has not helped."""
    clip = "" if gradient_clip else f", or train anew with {net}_optimizer.gradient_clip = 1"
    return f"Go on with a lower {net}_optimizer.learning_rate{clip}"


def mean_pet_yardstick(train: Sequence[np.ndarray], validation: Sequence[np.ndarray]) -> Yardstick:
    """The mean PET's validation score, and the spread of the real PET, from arrays (MRI, PET, ...)."""
    mean, pet = mean_volume(train[1]), validation[1]
    mask = brain_mask(Grid(len(mean)))
    score = float(np.mean([np.abs(volume[mask] - mean[mask]).mean() for volume in pet]))
    samples, brain = _sampled(pet[..., None]), _sampled(mask[None, ..., None])[0]
    return Yardstick(score, spread_of(samples, brain), brain)


def _informed_batch(mri: jax.Array, pet: jax.Array, known: jax.Array, weight: jax.Array) -> Batch:
    return Batch(mri, pet, weight, known)


def compile_step(
    experiment: Experiment, devices: Devices, *, micro_batches: int
) -> Callable[[GANState, Batch], tuple[GANState, dict[str, jax.Array]]]:
    """:func:`~pcsa_jax.model.step.train_step` over ``devices``; the state's memory is given up to the next.

    The numbers of optimisers and loss are values for the program, not constants of it: experiments that differ in
    these alone, in the learning rate or the length of the training among others, share one compiled program.
    """
    program = _step_program(
        experiment.modules, tuple(experiment.loss.terms.items()), experiment.loss.adversarial, experiment.translate,
        experiment.dtype, micro_batches, devices,
    )  # fmt: skip
    weights = {name: np.float32(weight) for name, weight in experiment.loss.weights.items()}
    decay = None if experiment.average_decay is None else np.float32(experiment.average_decay)
    numbers = devices.replicate((experiment.optimizers, weights, decay))
    return lambda state, batch: program(state, batch, *numbers)


@lru_cache(maxsize=4)
def _step_program(
    modules: Nets[nn.Module],
    terms: tuple[tuple[str, Callable], ...],
    adversarial: AdversarialLoss,
    translate: Translate,
    dtype: jnp.dtype,
    micro_batches: int,
    devices: Devices,
) -> Callable[..., Any]:
    """One program for all trainings of a process that differ in numbers alone: it is traced and read once."""

    def step(
        state: GANState, batch: Batch, optimizers: Nets[Adam], weights: dict[str, jax.Array], decay: jax.Array | None
    ) -> Any:
        return train_step(
            state, batch, modules=modules, optimizers=optimizers, loss=JointLoss(weights, dict(terms), adversarial),
            translate=translate, dtype=dtype, micro_batches=micro_batches, axis_name=AXIS, average_decay=decay,
        )  # fmt: skip

    inputs = (REPLICATED, SHARED, REPLICATED, REPLICATED, REPLICATED)
    return devices.compile(step, inputs=inputs, outputs=REPLICATED, donated=(0,))


def compile_validation(
    experiment: Experiment, devices: Devices
) -> Callable[[Any, Batch, jax.Array], dict[str, jax.Array]]:
    """(generator's parameters, batch, mask of the brain) -> sums over the batch's subjects of their scores."""
    return _validation_program(experiment.modules.generator, experiment.views, experiment.dtype, devices)


@lru_cache(maxsize=4)
def _validation_program(generator: nn.Module, views: int, dtype: jnp.dtype, devices: Devices) -> Callable[..., Any]:
    def sums(params: Any, batch: Batch, mask: jax.Array) -> dict[str, jax.Array]:
        scores = validation_scores(generator, params, batch, mask, views=views, dtype=dtype)
        samples = jax.lax.all_gather(scores.pop(SAMPLES), AXIS, tiled=True)
        # Not a product: a filler's PSNR may be infinite.
        found = jax.lax.psum({n: jnp.where(batch.weight > 0, v, 0).sum() for n, v in scores.items()}, AXIS)
        return found | {SAMPLES: samples}

    return devices.compile(sums, inputs=(REPLICATED, SHARED, REPLICATED), outputs=REPLICATED)


def validation_scores(
    generator: nn.Module, params: Any, batch: Batch, mask: jax.Array, *, views: int, dtype: jnp.dtype
) -> dict[str, jax.Array]:
    """Scores in the brain, one value a volume, and :data:`SAMPLES` of each volume, ``b x y z``."""
    fake = generate(generator, params, batch.mri.astype(dtype), batch.known, views=views)
    return {
        "mae_brain": mae(fake, batch.pet, mask=mask),
        "psnr_brain_db": psnr(fake, batch.pet, data_range=1.0, mask=mask),
        "ssim_brain": ssim(fake, batch.pet, data_range=1.0, mask=mask),
        SAMPLES: _sampled(fake),
    }


def _sampled(volumes: Array) -> Array:
    """At most 16 voxels along each axis of volumes ``b x y z 1``, without the channel's."""
    return volumes[:, *(slice(None, None, max(1, extent // 16)) for extent in volumes.shape[1:4]), 0]
