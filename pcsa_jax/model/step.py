"""One training step: update D on a detached fake, then G against the updated D."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from pcsa_jax.model.losses import ADVERSARIAL, AdversarialLoss, ReconstructionLoss, l1, reconstruction_terms
from pcsa_jax.model.metrics import Mask
from pcsa_jax.model.state import GANState, Nets
from pcsa_jax.model.translation import Translate, Translation, one_way

Scalars = dict[str, Float[Array, ""]]


class Batch(NamedTuple):
    """Paired volumes of the same subjects, in [0, 1].

    Attributes:
      mri, pet: the volumes.
      weight: 1 for a subject; 0 for a row that only fills the batch up, which then counts for nothing.
      known: closed-form predictions of the PET for a generator that is given them; None for the others.
    """

    mri: Float[Array, "b x y z 1"]
    pet: Float[Array, "b x y z 1"]
    weight: Float[Array, " b"]
    known: Float[Array, "b x y z k"] | None = None


class JointLoss(NamedTuple):
    """Eq. 12: the generator's weighted sum; a term with weight 0 is absent.

    Attributes:
      weights: term name -> weight, in Eq. 12's order (adversarial, l1, ...).
      terms: reconstruction term name -> function of (fake, pet).
      adversarial: the game between D and G.
    """

    weights: Mapping[str, float]
    terms: Mapping[str, ReconstructionLoss]
    adversarial: AdversarialLoss


def joint_loss(
    weights: Mapping[str, float], *, adversarial_form: str, ms_ssim_exponents: str, mask: Mask | None = None
) -> JointLoss:
    """The loss of Eq. 12 from its weights.

    Args:
      weights: weight of ``adversarial``, of ``cycle`` and of each reconstruction term.
      adversarial_form: key of :data:`~pcsa_jax.model.losses.ADVERSARIAL`.
      ms_ssim_exponents: key of :data:`~pcsa_jax.model.ssim.MS_SSIM_EXPONENTS`.
      mask: voxels that the L1 term is the mean over; all of them if None.
    """
    weights = {name: float(weight) for name, weight in weights.items() if weight != 0}
    reconstruction = {name: weight for name, weight in weights.items() if name not in ("adversarial", "cycle")}
    terms = reconstruction_terms(reconstruction, ms_ssim_exponents=ms_ssim_exponents, mask=mask)
    return JointLoss(weights, terms, ADVERSARIAL[adversarial_form])


def generate(
    module: nn.Module,
    params: Any,
    mri: Float[Array, "b x y z 1"],
    known: Float[Array, "b x y z k"] | None = None,
    *,
    views: int = 1,
) -> Float[Array, "b x y z 1"]:
    """Synthetic PET for use and evaluation: the generator's output in float32, clipped to [0, 1].

    Args:
      module, params: the generator.
      mri: grey-matter maps.
      known: predictions that it is given beside them, if it is.
      views: 2 for the mean of what it makes of the volumes and, mirrored back, of their mirror images left to right.
    """
    given = (mri,) if known is None else (mri, known)

    def one_view(*given: Array) -> Array:
        return jnp.clip(module.apply({"params": params}, *given).astype(jnp.float32), 0, 1)

    pet = one_view(*given)
    return pet if views == 1 else (pet + mirror(one_view(*map(mirror, given)))) / 2


def mirror(volumes: Float[Array, "b x y z c"]) -> Float[Array, "b x y z c"]:
    """Left and right exchanged; the grid is symmetric about x = 0."""
    return volumes[:, ::-1]


class _Objective(NamedTuple):
    """Both networks' losses as this device's share of the means over the whole batch.

    Attributes:
      modules, loss, translate, dtype: as in :func:`train_step`.
      total: the sum of the whole batch's weights, over all devices.
    """

    modules: Nets[nn.Module]
    loss: JointLoss
    translate: Translate
    dtype: jnp.dtype
    total: Float[Array, ""]

    def _mean(self, values: Float[Array, " b *patches"], batch: Batch) -> Float[Array, ""]:
        per_volume = values.reshape(values.shape[0], -1).mean(axis=1)
        return (batch.weight * per_volume).sum() / self.total

    def _discriminate(self, params: Any, mri: Array, volumes: Array) -> Array:
        return self.modules.discriminator.apply({"params": params}, mri.astype(self.dtype), volumes.astype(self.dtype))

    def forward(self, params: Any, batch: Batch) -> tuple[Translation, Callable[[Translation], tuple[Any]]]:
        """The fakes, and the function that pulls their gradient back to ``params``, the generator's."""
        mri, pet = batch.mri.astype(self.dtype), batch.pet.astype(self.dtype)
        return jax.vjp(lambda params: self.translate(self.modules.generator, params, mri, pet, batch.known), params)

    def of_discriminator(self, params: Any, made: Translation, batch: Batch) -> tuple[Array, Scalars]:
        # D has no layer that mixes volumes, so both halves go through it as one batch: one program, larger products.
        mri = jnp.concatenate([batch.mri, made.mri.astype(jnp.float32)])
        volumes = jnp.concatenate([batch.pet, made.pet.astype(jnp.float32)])
        logits = self._discriminate(params, mri, volumes)
        real_logits, fake_logits = jnp.split(logits, 2)
        value = self._mean(self.loss.adversarial.discriminator(real_logits, fake_logits), batch)
        return value, {
            "discriminator/loss": value,
            "discriminator/real_accuracy": self._mean(real_logits > 0, batch),
            "discriminator/fake_accuracy": self._mean(fake_logits < 0, batch),
        }

    def of_generator(self, made: Translation, params: Any, batch: Batch) -> tuple[Array, Scalars]:
        """Eq. 12; ``params`` are the discriminator's. With two generators a term is the sum over both directions."""
        values = {}
        for name, term in self.loss.terms.items():
            values[name] = self._mean(term(made.pet, batch.pet), batch)
            if made.cycled is not None:
                values[name] += self._mean(term(made.mri, batch.mri), batch)
        if "cycle" in self.loss.weights:
            mri, pet = made.cycled
            values["cycle"] = self._mean(l1(mri, batch.mri) + l1(pet, batch.pet), batch)
        if "adversarial" in self.loss.weights:
            logits = self._discriminate(params, made.mri, made.pet)
            values["adversarial"] = self._mean(self.loss.adversarial.generator(logits), batch)
        total = sum(self.loss.weights[name] * value for name, value in values.items())
        values["total"] = total
        if not self.loss.terms:
            # Nothing else looks at the output itself: is it the generator that has failed, or its judge? Where a term
            # compares it with the PET this would be one more reader, and the program another in its last bits.
            values["output_mean"] = self._mean(jnp.abs(made.pet.astype(jnp.float32)), batch)
        return total, {f"generator/{name}": value for name, value in values.items()}


def train_step(
    state: GANState,
    batch: Batch,
    *,
    modules: Nets[nn.Module],
    optimizers: Nets[optax.GradientTransformation],
    loss: JointLoss,
    translate: Translate = one_way,
    dtype: jnp.dtype = jnp.float32,
    micro_batches: int = 1,
    axis_name: str | None = None,
    average_decay: Float[Array, ""] | None = None,
) -> tuple[GANState, Scalars]:
    """Updates D on ``stop_gradient(fake)``, then G against the updated D.

    Without an adversarial weight D takes no part and stays as it is. Neither the number of devices nor that of
    micro-batches changes the result beyond rounding: every mean is over the subjects of the whole batch.

    Args:
      state: the state before the step; its buffers may be donated.
      batch: paired volumes; with ``axis_name`` this device's share of them.
      modules, optimizers, loss: what to train, with what, on what; static under ``jit``.
      translate: what the generator makes of a batch; static too.
      dtype: precision of the networks' arithmetic; parameters, losses and updates stay in float32.
      micro_batches: parts of the batch that go through the networks one after the other, each network's gradient being
        summed before its update: less memory for a second forward pass of G. A divisor of the number of rows.
      axis_name: the mapped axis over the devices that share the batch; None without one.
      average_decay: of the moving average of the generator's parameters, if the state has one.

    Returns:
      The next state and a flat dict of scalars, ``net/term``, the same on every device.
    """
    params, opt_state = state.params, state.opt_state
    objective = _Objective(modules, loss, translate, dtype, _summed(batch.weight.sum(), axis_name))
    # Both updates see the fake of the same generator: where its activations fit, one forward pass serves them.
    whole = objective.forward(state.params.generator, batch) if micro_batches == 1 else None

    def discriminator_gradient(part: Batch) -> tuple[Any, Scalars]:
        made, _ = whole or objective.forward(state.params.generator, part)
        return jax.grad(objective.of_discriminator, has_aux=True)(
            params.discriminator, jax.lax.stop_gradient(made), part
        )

    def generator_gradient(part: Batch) -> tuple[Any, Scalars]:
        made, pullback = whole or objective.forward(state.params.generator, part)
        gradient, found = jax.grad(objective.of_generator, has_aux=True)(made, params.discriminator, part)
        return *pullback(gradient), found

    scalars: Scalars = {}
    if "adversarial" in loss.weights:
        gradient, found = _summed(_accumulated(discriminator_gradient, batch, micro_batches), axis_name)
        params, opt_state, norm = _descend("discriminator", gradient, params, opt_state, optimizers)
        scalars |= found | norm
    gradient, found = _summed(_accumulated(generator_gradient, batch, micro_batches), axis_name)
    params, opt_state, norm = _descend("generator", gradient, params, opt_state, optimizers)
    average = _averaged(state, params.generator, average_decay)
    return GANState(state.step + 1, params, opt_state, average), scalars | found | norm


def _averaged(state: GANState, params: Any, decay: Float[Array, ""] | None) -> Any:
    """The moving average after a step, or None without one.

    The decay grows from 0.1 to its value as (1 + steps) / (10 + steps), so that the start is soon forgotten.

    Source: Yazici et al. 2019 (weight averaging in GANs); the growth is TensorFlow's ``ExponentialMovingAverage``.
    """
    if state.average is None:
        return None
    steps = state.step.astype(jnp.float32)
    return optax.incremental_update(params, state.average, 1 - jnp.minimum(decay, (1 + steps) / (10 + steps)))


def _summed(tree: Any, axis_name: str | None) -> Any:
    """The sum over the devices of a mapped axis."""
    return tree if axis_name is None else jax.lax.psum(tree, axis_name)


def _accumulated(function: Callable[[Batch], Any], batch: Batch, micro_batches: int) -> Any:
    """The sum of ``function`` over the parts of ``batch``, one after the other."""
    if micro_batches == 1:
        return function(batch)
    parts = jax.tree.map(lambda rows: rows.reshape(micro_batches, -1, *rows.shape[1:]), batch)
    zero = jax.tree.map(jnp.zeros_like, jax.eval_shape(function, jax.tree.map(lambda rows: rows[0], parts)))
    return jax.lax.scan(lambda total, part: (jax.tree.map(jnp.add, total, function(part)), None), zero, parts)[0]


def _descend(
    net: str, gradient: Any, params: Nets, opt_state: Nets, optimizers: Nets[optax.GradientTransformation]
) -> tuple[Nets, Nets, Scalars]:
    """One optimiser step of the network called ``net``; the other keeps its parameters, to the bit."""
    own = getattr(params, net)
    updates, own_state = getattr(optimizers, net).update(gradient, getattr(opt_state, net), own)
    params = params._replace(**{net: optax.apply_updates(own, updates)})
    norm = {f"{net}/gradient_norm": optax.tree.norm(gradient)}
    return params, opt_state._replace(**{net: own_state}), norm
