"""The description's numbers are the networks' own."""

import pytest

from pcsa_jax.experiment.build import build
from pcsa_jax.experiment.description import describe, network_layers, state_bytes, step_flops


def test_counts_every_parameter_and_flop(tiny_config):
    import jax
    import jax.numpy as jnp

    generator = build(tiny_config(), num_steps=1).modules.generator
    volume = jax.ShapeDtypeStruct((1, 16, 16, 16, 1), jnp.float32)
    layers = {"/".join(layer.path): layer for layer in network_layers(generator, volume)}
    assert layers["pyramid0/conv0"].shape == (16, 16, 16, 2)
    assert layers["pyramid0/conv0"].parameters == 27 * 2 + 2
    assert layers["pyramid0/conv0"].flops == 2 * 16**3 * 27 * 2
    params = jax.eval_shape(generator.init, jax.random.key(0), volume)["params"]
    total = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert sum(layer.parameters for layer in layers.values() if len(layer.path) == 1) == total


def test_describes_both_networks_and_the_step(tiny_config):
    generator, discriminator, cost = describe(tiny_config())
    assert (generator.title, discriminator.title) == (
        "pcsa: generator at 16^3 (PCSA-GAN)",
        "pcsa: discriminator at 16^3 (PCSA-GAN)",
    )
    assert cost.startswith("One training step of 2 volumes: about ")


def test_paper_size_costs_what_the_paper_size_costs():
    from pcsa_jax.experiment.config import parse_config

    *_, cost = describe(parse_config(["--config=configs/pcsa.py"]))
    # 23 GFLOP forward in G and 4.4 in D, batch 16.
    assert float(cost.split("about ")[1].split(" TFLOP")[0]) == pytest.approx(1.7, abs=0.1)


def test_two_generators_count_once_and_cost_twice_each():
    import jax
    import jax.numpy as jnp

    from pcsa_jax.experiment.config import parse_config

    config = parse_config(["--config=configs/pcsa.py:hgan"])
    generator, *_, cost = describe(config)
    assert list(generator.columns[3].cells)[-1] == "1,628,802"
    volume = jax.ShapeDtypeStruct((1, 64, 64, 64, 1), jnp.float32)
    modules = build(config, num_steps=1).modules
    one_way, judging = (
        sum(layer.flops for layer in network_layers(module, *inputs))
        for module, inputs in zip(modules, ((volume,), (volume, volume)), strict=True)
    )
    teraflops = 16 * (3 * 4 * one_way + 8 * judging) / 1e12
    assert float(cost.split("about ")[1].split(" TFLOP")[0]) == pytest.approx(teraflops, abs=0.01)


def test_a_generator_that_knows_more_can_be_described(tiny_config):
    import jax

    changes = {"recipe.channels": "('ridge','mean_pet')", "recipe.anchor": "ridge", "recipe.weight_average": 0.9}
    plain, informed = (build(tiny_config(own), num_steps=1) for own in ({}, changes))
    state = jax.eval_shape(informed.initial_state)
    assert state_bytes(informed) == sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    assert state_bytes(informed) > state_bytes(plain)
    tables = list(describe(tiny_config(changes)))
    assert any("network" in str(cell) for table in tables[:1] for cell in table.columns[0].cells)


def test_a_discriminator_that_takes_no_part_costs_nothing(tiny_config):
    with_d, without = (step_flops(tiny_config({"loss.adversarial": weight})) for weight in (0.01, 0.0))
    generator = network_layers(build(tiny_config(), num_steps=1).modules.generator, volume_of(16))
    assert without == pytest.approx(2 * 3 * sum(layer.flops for layer in generator)) and with_d > without


def volume_of(size):
    import jax
    import jax.numpy as jnp

    return jax.ShapeDtypeStruct((1, size, size, size, 1), jnp.float32)
