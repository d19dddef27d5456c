"""Every system can be built from its row, in both configs, and each of its fields is checked and used."""

import inspect
import json

import jax
import pytest
from ml_collections import ConfigDict

from pcsa_jax.errors import UserError
from pcsa_jax.experiment.build import build
from pcsa_jax.experiment.config import check_config, flatten, parse_config
from pcsa_jax.experiment.config_files import read_rows
from pcsa_jax.experiment.fields import fields
from pcsa_jax.experiment.systems import SYSTEMS
from pcsa_jax.model.translation import both_ways, one_way
from tests.conftest import ROOT

WRONG = {
    "features": (),
    "global_features": (0,),
    "local_features": (2, 2, 2, 2, 2),
    "decoder_features": (2.0,),
    "last_features": 0,
    "group_features": 0,
    "strided": 5,
    "blocks": -1,
    "kernel_size": 4,
    "conditional": 1,
    "negative_slope": 2.0,
}
OTHERS = sorted(set(SYSTEMS) - {"pcsa"})


def config_of(row, file="pcsa"):
    return parse_config([f"--config={ROOT / 'configs' / file}.py:{row}"])


def test_every_system_has_a_row_of_its_name():
    for name in SYSTEMS:
        assert config_of(name).system == config_of(name, "demo").system == name


@pytest.mark.parametrize("name", [name for name in read_rows("pcsa") if name.endswith("_tuned")])
def test_a_tuned_row_differs_in_what_its_trials_chose_and_is_the_best_of_them(name):
    system = name.removesuffix("_tuned")
    best = json.loads((ROOT / "benchmarks" / "results" / "tuning.json").read_text())["systems"][system]["best"]
    wanted = {
        "generator_optimizer.learning_rate": best["learning_rate"],
        "generator_optimizer.schedule": best["schedule"],
        "loss.adversarial": best["adversarial"],
    }
    plain, tuned = (flatten(config_of(row, "demo")) for row in (system, name))
    assert {field: tuned[field] for field in wanted} == wanted
    assert {field for field in plain if plain[field] != tuned[field]} <= {"row", *wanted}
    paper = flatten(config_of(name))
    del wanted["generator_optimizer.learning_rate"]
    assert {field: paper[field] for field in wanted} == wanted
    assert paper["generator_optimizer.learning_rate"] == flatten(config_of(system))["generator_optimizer.learning_rate"]


@pytest.mark.parametrize("name", SYSTEMS)
def test_each_group_is_one_constructor_s_arguments(name):
    config = config_of(name)
    for group in ("generator", "discriminator"):
        parameters = set(inspect.signature(getattr(SYSTEMS[name], group)).parameters) - {"parent", "name"}
        assert set(config[group]) == parameters


@pytest.mark.parametrize("name", OTHERS)
def test_a_value_out_of_range_is_told(name):
    config = config_of(name)
    checks = fields(flatten(config))
    for group in ("generator", "discriminator"):
        for field in config[group]:
            values = config.to_dict()
            wrong = 0 if isinstance(values[group][field], int) and field == "features" else WRONG[field]
            values[group][field] = wrong
            with pytest.raises(UserError) as caught:
                check_config(ConfigDict(values))
            expected = checks[f"{group}.{field}"][0]
            assert str(caught.value) == f"config.{group}.{field}: expected {expected}, found {wrong!r}."


def test_a_field_of_another_system_is_none():
    with pytest.raises(UserError, match=r"^--config.generator.reduction: is not a field"):
        parse_config([f"--config={ROOT / 'configs' / 'pcsa.py'}:unet", "--config.generator.reduction=2"])


def test_a_decoder_of_another_depth():
    words = [f"--config={ROOT / 'configs' / 'pcsa.py'}:cgan_unet", "--config.generator.features=(8, 16)"]
    with pytest.raises(UserError) as caught:
        parse_config(words)
    assert str(caught.value) == (
        "config.generator.decoder_features: expected as many as generator.features (2), found 4."
    )


@pytest.mark.parametrize("file", ["pcsa", "demo"])
@pytest.mark.parametrize("name", OTHERS)
def test_the_networks_fit_the_grid_and_each_other(name, file):
    config = config_of(name, file)
    experiment = build(config, num_steps=2)
    generator, discriminator = experiment.modules
    params = jax.eval_shape(experiment.initial_state).params
    volume = jax.ShapeDtypeStruct((1, *(config.data.size,) * 3, 1), "float32")
    assert experiment.translate is (both_ways if name == "hgan" else one_way)
    made = jax.eval_shape(lambda p, v: experiment.translate(generator, p, v, v), params.generator, volume)
    assert made.pet.shape == volume.shape and (made.cycled is not None) == (name == "hgan")
    logits = jax.eval_shape(lambda p, v: discriminator.apply({"params": p}, v, v), params.discriminator, volume)
    assert logits.shape[0] == 1
