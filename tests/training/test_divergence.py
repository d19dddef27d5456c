"""The network whose losses are not finite first is the one that is named."""

import math

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pcsa_jax.model.state import GANState, Nets
from pcsa_jax.model.step import Batch, joint_loss, train_step
from pcsa_jax.training.divergence import find_culprit, network_of

SOUND = {
    "discriminator/loss": 0.5, "discriminator/real_accuracy": 1.0, "discriminator/gradient_norm": 2.0,
    "generator/adversarial": 1.0, "generator/l1": 0.1, "generator/total": 0.6, "generator/output_mean": 0.3,
    "generator/gradient_norm": 2.0,
}  # fmt: skip
NAN = math.nan


@pytest.mark.parametrize(
    ("bad", "name", "net"),
    [
        (("discriminator/gradient_norm", "generator/adversarial", "generator/total", "generator/gradient_norm"),
         "discriminator/gradient_norm", "discriminator"),
        (("discriminator/loss", "discriminator/gradient_norm"), "discriminator/loss", "discriminator"),
        (("generator/adversarial", "generator/total"), "generator/adversarial", "discriminator"),
        (("generator/gradient_norm",), "generator/gradient_norm", "generator"),
        (("generator/l1", "generator/total", "generator/gradient_norm"), "generator/l1", "generator"),
        (tuple(name for name in SOUND if "accuracy" not in name), "generator/l1", "generator"),
        (("discriminator/loss", "generator/output_mean", "generator/total"), "generator/output_mean", "generator"),
    ],
    ids=["its update", "its loss", "its answer", "gradient", "a term", "everything", "output without a term"],
)  # fmt: skip
@pytest.mark.parametrize("value", [NAN, math.inf])
def test_the_culprit(bad, name, net, value):
    found = find_culprit(SOUND | dict.fromkeys(bad, value))
    assert (found, network_of(found)) == (name, net)


def test_finite_scalars_have_none():
    assert find_culprit(SOUND) is None
    assert find_culprit({"classifier/cross_entropy": NAN}) == "classifier/cross_entropy"


class Scaled(nn.Module):
    """One number, times the last volume that is given."""

    @nn.compact
    def __call__(self, *volumes):
        return volumes[-1] * self.param("gain", nn.initializers.ones, ())


class Judge(nn.Module):
    @nn.compact
    def __call__(self, mri, pet):
        return (pet * self.param("gain", nn.initializers.ones, ())).sum(axis=(1, 2, 3, 4))


@pytest.mark.parametrize("net", ["generator", "discriminator"])
@pytest.mark.parametrize("weights", [{"adversarial": 1.0, "l1": 1.0}, {"adversarial": 1.0}], ids=["l1", "no l1"])
def test_a_real_step_with_one_broken_network_names_it(net, weights):
    modules, optimizers = Nets(Scaled(), Judge()), Nets(optax.sgd(0.1), optax.sgd(0.1))
    params = Nets(*({"gain": jnp.float32(np.inf if name == net else 1.0)} for name in Nets._fields))
    state = GANState(jnp.zeros((), jnp.int32), params, Nets(*map(optax.sgd(0.1).init, params)))
    batch = Batch(*jnp.asarray(np.random.default_rng(0).random((2, 2, 4, 5, 6, 1), np.float32)), jnp.ones(2))
    loss = joint_loss(weights, adversarial_form="bce", ms_ssim_exponents="raw")
    _, scalars = train_step(state, batch, modules=modules, optimizers=optimizers, loss=loss)
    name = find_culprit({name: float(value) for name, value in scalars.items()})
    assert network_of(name) == net, name
