"""The classifier: its branches, its sizes, its initial parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcsa_jax.model.classifier import Classifier
from pcsa_jax.model.initialisation import initial_params


def volumes(count, *shape):
    rng = np.random.default_rng(0)
    return [jnp.asarray(rng.random((count, *shape, 1)), jnp.float32) for _ in range(2)]


def built(module, mri):
    """Parameters and the compiled network."""
    like = jax.ShapeDtypeStruct(mri.shape, jnp.float32)
    network = jax.jit(module.apply)
    params = initial_params(module, 0, like, like)
    return params, lambda mri, pet: np.asarray(network({"params": params}, mri, pet))


SMALL = {"features": (2, 3), "hidden": 4}
SHAPE = (4, 8, 12)


@pytest.mark.parametrize(
    ("shape", "left"), [((16, 16, 16), 1), ((32, 32, 32), 1), ((64, 64, 64), 8), ((16, 32, 48), 6)]
)
def test_every_size_is_pooled_while_it_can_be_halved(shape, left):
    module = Classifier(branches=("mri",))
    shapes = jax.eval_shape(module.init, jax.random.key(0), *volumes(2, *shape))["params"]
    assert shapes["hidden"]["kernel"].shape == (left * 128, 50)


def test_the_layers_are_the_documented_ones():
    volume = jax.ShapeDtypeStruct((1, 64, 64, 64, 1), jnp.float32)
    shapes = jax.eval_shape(Classifier().init, jax.random.key(0), volume, volume)["params"]
    assert set(shapes) == {"mri", "pet", "hidden", "logit"}
    for name in ("mri", "pet"):
        kernels = [shapes[name][f"conv{index}"]["kernel"].shape for index in range(5)]
        assert kernels == [(3, 3, 3, *pair) for pair in [(1, 8), (8, 16), (16, 32), (32, 64), (64, 128)]]
    assert shapes["hidden"]["kernel"].shape == (2 * 8 * 128, 50) and shapes["logit"]["kernel"].shape == (50, 1)


@pytest.mark.parametrize(
    ("branches", "looks_at"), [(("mri", "pet"), (True, True)), (("mri",), (True, False)), (("pet",), (False, True))]
)
def test_a_branch_looks_at_its_own_input_alone(branches, looks_at):
    mri, pet = volumes(2, *SHAPE)
    other = jnp.flip(pet, 1)
    params, network = built(Classifier(**SMALL, branches=branches), mri)
    assert set(params) == {*branches, "hidden", "logit"}
    found = network(mri, pet)
    assert found.shape == (2,) and found.dtype == np.float32
    assert tuple(bool((found != network(*pair)).all()) for pair in ((other, pet), (mri, other))) == looks_at


def test_volumes_of_a_batch_do_not_mix():
    mri, pet = volumes(3, *SHAPE)
    _, network = built(Classifier(**SMALL), mri)
    whole = network(mri, pet)
    alone = network(mri[1:2], pet[1:2])
    np.testing.assert_allclose(whole[1:2], alone, rtol=1e-5)
    assert len(set(whole.tolist())) == 3


def test_scales_start_at_one_and_shifts_at_zero():
    params, _ = built(Classifier(**SMALL), volumes(1, *SHAPE)[0])
    norm = params["mri"]["norm0"]
    assert set(norm) == {"scale", "bias"}
    assert (np.asarray(norm["scale"]) == 1).all() and (np.asarray(norm["bias"]) == 0).all()


def test_gradients_are_finite_on_flat_volumes():
    module = Classifier(**SMALL)
    zero, one = (jnp.full((2, *SHAPE, 1), value) for value in (0.0, 1.0))
    params, _ = built(module, zero)
    gradient = jax.jit(jax.grad(lambda params, flat: module.apply({"params": params}, flat, flat).sum()))
    for flat in (zero, one):
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient(params, flat)))
