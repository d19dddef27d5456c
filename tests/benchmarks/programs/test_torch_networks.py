"""The networks and the step that we are compared with compute what ours compute."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.workload import config_of, volumes

torch = pytest.importorskip("torch")

from benchmarks.programs.ours import batch_of  # noqa: E402
from benchmarks.programs.torch_networks import Discriminator, Generator, ported  # noqa: E402
from benchmarks.programs.torch_step import TrainStep, adam, ms_ssim_loss, ssim_loss  # noqa: E402
from pcsa_jax.experiment.build import build  # noqa: E402
from pcsa_jax.model import losses  # noqa: E402
from pcsa_jax.model.step import train_step  # noqa: E402

SIZE = 32


def pair(count=2):
    return tuple(jnp.asarray(v) for v in volumes(count, SIZE))


def to_torch(volume):
    return torch.from_numpy(np.moveaxis(np.asarray(volume), -1, 1).copy())


def networks(config, state):
    generator = Generator(size=SIZE, **config.generator)
    discriminator = Discriminator(size=SIZE, **config.discriminator)
    generator.load_state_dict(ported(state.params.generator))
    discriminator.load_state_dict(ported(state.params.discriminator))
    return generator, discriminator


def with_gains(state):
    """Self-attention starts with gain 0, which would hide it."""
    generator = jax.tree.map_with_path(
        lambda path, leaf: leaf + 0.5 if "gain" in jax.tree_util.keystr(path) else leaf, state.params.generator
    )
    return state._replace(params=state.params._replace(generator=generator))


@pytest.mark.parametrize("row", ["pcsa", "sa", "sa16"])
def test_both_networks_give_the_same_outputs(row):
    config = config_of(row, size=SIZE)
    experiment = build(config, num_steps=10)
    state = with_gains(experiment.initial_state())
    mri, pet = pair()
    generator, discriminator = networks(config, state)
    fake = jax.jit(experiment.modules.generator.apply)({"params": state.params.generator}, mri)
    logits = jax.jit(experiment.modules.discriminator.apply)({"params": state.params.discriminator}, mri, pet)
    with torch.no_grad():
        theirs = generator(to_torch(mri)).numpy()
        their_logits = discriminator(to_torch(mri), to_torch(pet)).numpy()
    np.testing.assert_allclose(np.moveaxis(theirs, 1, -1), fake, atol=1e-4)
    np.testing.assert_allclose(their_logits, logits, atol=1e-4)


def test_one_step_gives_the_same_losses_and_parameters():
    config = config_of(size=SIZE)
    experiment = build(config, num_steps=10)
    state = experiment.initial_state()
    mri, pet = pair()
    generator, discriminator = networks(config, state)
    rates = [
        {name: config[f"{net}_optimizer"][name] for name in ("learning_rate", "b1", "b2")}
        for net in ("generator", "discriminator")
    ]
    optimizers = [adam(generator, **rates[0]), adam(discriminator, **rates[1])]
    theirs = TrainStep(generator, discriminator, config.loss, optimizers)(to_torch(mri), to_torch(pet))

    @jax.jit
    def step(state, batch):
        return train_step(
            state, batch, modules=experiment.modules, optimizers=experiment.optimizers, loss=experiment.loss
        )

    after, scalars = step(state, batch_of(mri, pet))
    assert len(theirs) == 5
    for name, value in theirs.items():
        np.testing.assert_allclose(value.item(), scalars[name], rtol=1e-4, atol=1e-6, err_msg=name)
    # Adam's first step has the learning rate's length wherever a gradient is, so the update is what to compare.
    for net, module in (("generator", generator), ("discriminator", discriminator)):
        before, expected = (ported(getattr(s.params, net)) for s in (state, after))
        rate = config[f"{net}_optimizer"].learning_rate
        moved = np.concatenate([
            np.ravel((module.state_dict()[name] - expected[name]).numpy()) for name in before
        ])  # fmt: skip
        assert np.mean(np.abs(moved) > 0.01 * rate) < 1e-3, net


@pytest.mark.parametrize(("ours", "theirs"), [(losses.ssim, ssim_loss), (losses.ms_ssim, ms_ssim_loss)])
def test_losses_agree(ours, theirs):
    mri, pet = pair()
    np.testing.assert_allclose(theirs(to_torch(mri), to_torch(pet)).item(), ours(mri, pet).mean(), atol=1e-5)
