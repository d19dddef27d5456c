"""One training step: update D on a detached fake, then G against the updated D."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from pcsa_jax.model.losses import ADVERSARIAL, AdversarialLoss, ReconstructionLoss, reconstruction_terms
from pcsa_jax.model.state import GANState, Nets

Scalars = dict[str, Float[Array, ""]]


class Batch(NamedTuple):
    """Paired volumes of the same subjects, each ``b x y z 1`` in [0, 1]."""

    mri: Float[Array, "b x y z 1"]
    pet: Float[Array, "b x y z 1"]


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


def joint_loss(weights: Mapping[str, float], *, adversarial_form: str, ms_ssim_exponents: str) -> JointLoss:
    """The loss of Eq. 12 from its weights.

    Args:
      weights: weight of ``adversarial`` and of each reconstruction term.
      adversarial_form: key of :data:`~pcsa_jax.model.losses.ADVERSARIAL`.
      ms_ssim_exponents: key of :data:`~pcsa_jax.model.ssim.MS_SSIM_EXPONENTS`.
    """
    weights = {name: float(weight) for name, weight in weights.items() if weight != 0}
    reconstruction = {name: weight for name, weight in weights.items() if name != "adversarial"}
    terms = reconstruction_terms(reconstruction, ms_ssim_exponents=ms_ssim_exponents)
    return JointLoss(weights, terms, ADVERSARIAL[adversarial_form])


def generate(module: nn.Module, params: Any, mri: Float[Array, "b x y z 1"]) -> Float[Array, "b x y z 1"]:
    """Synthetic PET for use and evaluation: the generator's output in float32, clipped to [0, 1]."""
    return jnp.clip(module.apply({"params": params}, mri).astype(jnp.float32), 0, 1)


def train_step(
    state: GANState,
    batch: Batch,
    *,
    modules: Nets[nn.Module],
    optimizers: Nets[optax.GradientTransformation],
    loss: JointLoss,
    dtype: jnp.dtype = jnp.float32,
) -> tuple[GANState, Scalars]:
    """Updates D on ``stop_gradient(fake)``, then G against the updated D.

    Without an adversarial weight D takes no part and stays as it is.

    Args:
      state: the state before the step; its buffers may be donated.
      batch: paired volumes.
      modules, optimizers, loss: what to train, with what, on what; static under ``jit``.
      dtype: precision of the networks' arithmetic; parameters, losses and updates stay in float32.

    Returns:
      The next state and a flat dict of scalars, ``net/term``.
    """
    mri, pet = batch.mri.astype(dtype), batch.pet.astype(dtype)
    params, opt_state = state.params, state.opt_state
    adversarial = "adversarial" in loss.weights

    def discriminate(discriminator_params: Any, mri: Array, volumes: Array) -> Array:
        return modules.discriminator.apply({"params": discriminator_params}, mri, volumes)

    def discriminator_loss(discriminator_params: Any, fake: Array) -> tuple[Array, Scalars]:
        # D has no layer that mixes volumes, so both halves go through it as one batch: one program, larger products.
        logits = discriminate(discriminator_params, jnp.concatenate([mri, mri]), jnp.concatenate([pet, fake]))
        real_logits, fake_logits = jnp.split(logits, 2)
        value = loss.adversarial.discriminator(real_logits, fake_logits).mean()
        return value, {
            "discriminator/loss": value,
            "discriminator/real_accuracy": (real_logits > 0).mean(),
            "discriminator/fake_accuracy": (fake_logits < 0).mean(),
        }

    def generator_loss(fake: Array, discriminator_params: Any) -> tuple[Array, Scalars]:
        values = {name: term(fake, batch.pet).mean() for name, term in loss.terms.items()}
        if adversarial:
            values["adversarial"] = loss.adversarial.generator(discriminate(discriminator_params, mri, fake)).mean()
        total = sum(loss.weights[name] * value for name, value in values.items())
        return total, {f"generator/{name}": value for name, value in values.items()} | {"generator/total": total}

    # Both updates see the fake of the same generator: one forward pass serves them.
    fake, pullback = jax.vjp(lambda params: modules.generator.apply({"params": params}, mri), params.generator)
    scalars: Scalars = {}
    if adversarial:
        gradient, found = jax.grad(discriminator_loss, has_aux=True)(params.discriminator, jax.lax.stop_gradient(fake))
        params, opt_state, norm = _descend("discriminator", gradient, params, opt_state, optimizers)
        scalars |= found | norm
    fake_gradient, found = jax.grad(generator_loss, has_aux=True)(fake, params.discriminator)
    params, opt_state, norm = _descend("generator", *pullback(fake_gradient), params, opt_state, optimizers)
    return GANState(state.step + 1, params, opt_state), scalars | found | norm


def _descend(
    net: str, gradient: Any, params: Nets, opt_state: Nets, optimizers: Nets[optax.GradientTransformation]
) -> tuple[Nets, Nets, Scalars]:
    """One optimiser step of the network called ``net``; the other keeps its parameters, to the bit."""
    own = getattr(params, net)
    updates, own_state = getattr(optimizers, net).update(gradient, getattr(opt_state, net), own)
    params = params._replace(**{net: optax.apply_updates(own, updates)})
    norm = {f"{net}/gradient_norm": optax.tree.norm(gradient)}
    return params, opt_state._replace(**{net: own_state}), norm
