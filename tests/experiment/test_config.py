"""The config: every field checked and used, mistakes told in one line, a stored config comes back as it was."""

import inspect
import json
import math
import shutil

import pytest
from ml_collections import ConfigDict

from pcsa_jax.data.splits import make_splits
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.build import build
from pcsa_jax.experiment.config import (
    check_config,
    check_resumable,
    flatten,
    parse_config,
    read_config,
    resolved,
    write_config,
)
from pcsa_jax.experiment.fields import CHANGEABLE, fields
from pcsa_jax.model.discriminator import Discriminator
from pcsa_jax.model.generator import Generator
from pcsa_jax.model.losses import RECONSTRUCTION
from pcsa_jax.model.optimizer import adam
from tests.conftest import ROOT

PCSA = f"--config={ROOT / 'configs' / 'pcsa.py'}"
WRONG = {
    "row": [""],
    "system": ["gan", 3],
    "seed": [-1, 0.5, True],
    "precision": ["float16"],
    "batch_size": [0, 1.5],
    "micro_batches": [0, 2.0],
    "num_epochs": [0],
    "data.root": [None],
    "data.participants": [None],
    "data.tracer": [None, "PIB"],
    "data.diagnosis": ["screening"],
    "data.fwhm_mm": [-2.0, math.nan, True],
    "data.accept_suspicious": [1],
    "data.pairs": [0],
    "data.mri_only": [-1],
    "data.size": [0, 8, 24, 64.0],
    "data.fold": [-1],
    "data.num_folds": [1],
    "data.split_seed": [-1],
    "data.validation_fraction": [0.0, 1.0, math.nan],
    "data.train_subjects": [-1, 0.5],
    "data.one_grid": [1, "yes"],
    "data.normalisation": ["zscore"],
    "data.reference_region": ["thalamus"],
    "data.resident_gib": [-1.0, math.nan],
    "generator.stages": [(), (((3, 2),),), (((4, 2),), ((3, 2),)), (((3, 0),), ((3, 2),)), ((), ((3, 2),))],
    "generator.bottleneck_features": [0],
    "generator.residual_blocks": [-1],
    "generator.channel_attention": ["softsign"],
    "generator.reduction": [0],
    "generator.attention_sizes": [(0,), 4],
    "generator.skip_sizes": [(0,), True],
    "generator.transposed": [1],
    "generator.output": ["tanh"],
    "discriminator.features": [(), (2, 2, 2, 2, 2), (0,)],
    "discriminator.conditional": ["yes"],
    "discriminator.negative_slope": [-0.1, 1.1],
    "loss.adversarial": [-1.0, math.nan, math.inf],
    "loss.l1": [-1.0],
    "loss.ssim": [-1.0],
    "loss.ms_ssim": [True],
    "loss.cycle": [-1.0],
    "adversarial_form": ["wgan"],
    "ms_ssim_exponents": ["wang"],
    "recipe.channels": [("ridge", "ridge"), ("lasso",), "ridge", (["ridge"],)],
    "recipe.deviations": [1],
    "recipe.coordinates": ["xyz"],
    "recipe.anchor": ["lasso", ""],
    "recipe.num_folds": [1, 2.0],
    "recipe.output_range": ["minmax"],
    "recipe.flip": [-0.1, 1.1, math.nan],
    "recipe.views": [0, 3, True],
    "recipe.loss_region": ["hippocampus"],
    "recipe.weight_average": [-0.1, 1.0, math.nan],
    **{
        f"{net}_optimizer.{name}": values
        for net in ("generator", "discriminator")
        for name, values in {
            "learning_rate": [0.0, 1.5, math.nan], "b1": [-0.1, 1.0], "b2": [1.0], "schedule": ["linear"],
            "gradient_clip": [-1.0, math.inf],
        }.items()
    },
    "log_every_steps": [0],
    "evaluate_every_epochs": [0],
    "checkpoint_every_epochs": [0],
}  # fmt: skip
"""Field -> values that are out of range or of the wrong type."""


def refusal(*words, config=PCSA):
    with pytest.raises(UserError) as caught:
        parse_config([config, *words])
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def config():
    return parse_config([PCSA])


def test_every_field_has_a_check_and_every_check_a_field(config):
    assert set(flatten(config)) == set(fields(flatten(config))) == set(WRONG)


@pytest.mark.parametrize("name", WRONG)
def test_a_value_out_of_range_is_told_before_anything_starts(config, name):
    group, _, field = name.rpartition(".")
    for value in WRONG[name]:
        values = config.to_dict()
        (values[group] if group else values)[field] = value
        with pytest.raises(UserError) as caught:
            check_config(ConfigDict(values))
        expected = fields(flatten(config))[name][0]
        assert str(caught.value) == f"config.{name}: expected {expected}, found {value!r}."


@pytest.mark.parametrize(
    ("group", "constructor", "more"),
    [
        ("generator", Generator, set()),
        ("discriminator", Discriminator, set()),
        # The number of steps is the plan's; weight decay is the classifier's.
        ("generator_optimizer", adam, {"num_steps", "weight_decay"}),
        ("discriminator_optimizer", adam, {"num_steps", "weight_decay"}),
    ],
)
def test_each_group_is_one_constructor_s_arguments(config, group, constructor, more):
    parameters = set(inspect.signature(constructor).parameters) - {"parent", "name"}
    assert set(config[group]) | more == parameters


def test_the_other_fields_reach_what_they_name(config):
    assert set(config.loss) == {"adversarial", "cycle", *RECONSTRUCTION}
    parameters = set(inspect.signature(make_splits).parameters)
    assert {"fold", "num_folds", "validation_fraction"} == set(config.data) & parameters
    source = "".join(path.read_text() for path in sorted((ROOT / "pcsa_jax").rglob("*.py")))
    for name in flatten(config):
        group, _, field = name.rpartition(".")
        if group not in ("generator", "discriminator", "generator_optimizer", "discriminator_optimizer", "loss"):
            assert (
                f"{group}.{field}" in source or f'{group}["{field}"]' in source
                if group
                else f"config.{field}" in source
            )


def test_a_config_builds_what_it_says(tiny_config):
    experiment = build(tiny_config({"precision": "bfloat16", "seed": 3, "generator.output": "relu"}), num_steps=5)
    assert experiment.modules.generator.output == "relu"
    assert experiment.modules.discriminator.features == (2,)
    assert experiment.loss.weights == {"adversarial": 0.01, "l1": 1.0}
    assert (experiment.seed, experiment.size, experiment.dtype.dtype.name) == (3, 16, "bfloat16")


def test_overrides_and_rows():
    config = parse_config([f"{PCSA}:sa16", "--config.batch_size=8", "--config.generator.output=relu"])
    assert (config.row, config.batch_size, config.generator.output) == ("sa16", 8, "relu")
    assert config.generator.attention_sizes == (16,)
    assert parse_config([PCSA]).batch_size == 16


def test_paths_of_the_home_folder_are_whole_in_the_config(tmp_path, monkeypatch):
    """Where the file, an override, or nobody names them; a run's folder says where its cohort was to any later user."""
    monkeypatch.setenv("HOME", "/home/me")
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    file = tmp_path / "configs" / "pcsa.py"
    file.write_text(file.read_text().replace('"root": ""', '"root": "~/coh"'))
    assert parse_config([f"--config={file}"]).data.root == "/home/me/coh"
    config = parse_config([PCSA, "--config.data.participants=~", "--config.row=~"])
    assert (config.data.root, config.data.participants, config.row) == ("", "/home/me", "~")
    assert config.is_locked
    assert refusal("--config.data.root=~no-such-user/x").startswith("~no-such-user/x: expected the name of a user of")


def test_a_missing_file():
    assert refusal(config="--config=configs/none.py:sa4") == (
        "--config: expected a config file or one of classifier, demo, pcsa, found 'configs/none.py'. Try --config=pcsa."
    )


def test_an_unknown_row():
    assert refusal(config=f"{PCSA}:sa64").startswith("--config: row: expected one of pcsa, best, pca, sa, sa4, sa16, ")
    assert refusal(config=f"{PCSA}:sa64").endswith("found 'sa64'.")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--config.batchsize=4", "--config.batchsize: is not a field. Near it: batch_size"),
        ("--config.generator.kernel=3", "--config.generator.kernel: is not a field. Near it: generator."),
        ("--config.loss.mssim=1", "--config.loss.mssim: is not a field. Near it: loss.ssim, loss.ms_ssim"),
        ("--config.data=3", "--config.data: is not a field. Near it: "),
    ],
)
def test_an_unknown_field_and_what_is_near_it(word, message):
    assert refusal(word).startswith(message)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--config.batch_size=four", "--config: flag --config.batch_size=four: invalid literal for int()"),
        ("--config.loss.l1=much", "--config: flag --config.loss.l1=much: could not convert string to float"),
        ("--config.generator.transposed=5", "--config: flag --config.generator.transposed=5: "),
        ("--config.generator.stages=3", "config.generator.stages: expected two tuples of (odd kernel size, channels)"),
    ],
)
def test_a_value_of_the_wrong_type(word, message):
    assert refusal(word).startswith(message)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--config.batch_size=0"], "config.batch_size: expected a whole number >= 1 and <= 2147483647, found 0."),
        ([f"--config.seed={10**30}"], f"config.seed: expected a whole number >= 0 and <= {2**63 - 1}, found {10**30}."),
        (
            [f"--config.num_epochs={2**31}"],
            "config.num_epochs: expected a whole number >= 1 and <= 2147483647, found 2147483648.",
        ),
        (
            ["--config.generator.residual_blocks=1000000000"],
            "config.generator.residual_blocks: expected a whole number from 0 to 100, found 1000000000.",
        ),
        (["--config.generator_optimizer.learning_rate=nan"], "expected a finite number > 0 and <= 1, found nan."),
        (["--config.data.size=40"], "config.data.size: expected a multiple of 16, at least 16, found 40."),
        (
            ["--config.data.size=32", "--config.generator.attention_sizes=(2,)"],
            "config.generator.skip_sizes: expected edges among (8, 16, 32) (the decoder's outputs at 32^3), found 64.",
        ),
        (
            ["--config.generator.attention_sizes=(4,8)"],
            "attention_sizes: expected edges among (4, 16, 32) (the decoder's inputs at 64^3), found 8.",
        ),
        (
            ["--config.batch_size=3", "--config.micro_batches=4"],
            "config.micro_batches: expected at most batch_size (3), found 4.",
        ),
        (["--config.data.fold=5"], "config.data.fold: expected less than data.num_folds (5), found 5."),
        (
            ["--config.loss.l1=0", "--config.loss.adversarial=0", "--config.loss.ms_ssim=0"],
            "config.loss: expected at least one weight > 0, found none.",
        ),
        (
            ["--config.loss.cycle=1"],
            "config.loss.cycle: expected 0 for system 'pcsa', which has one generator, found 1. The system hgan has "
            "two.",
        ),
        (
            ["--config.recipe.anchor=ridge", "--config.recipe.channels=('linear',)"],
            "config.recipe.anchor: expected none or one of recipe.channels (linear), found 'ridge'.",
        ),
        (
            ["--config.recipe.anchor=ridge", "--config.recipe.channels=('ridge',)", "--config.generator.output=relu"],
            "config.generator.output: expected none where recipe.anchor is ridge, as what is added to it may be "
            "negative, found 'relu'.",
        ),
        (
            ["--config.recipe.output_range=own", "--config.data.normalisation=suvr"],
            "config.recipe.output_range: expected free with data.normalisation suvr, which gives a PET no range of its "
            "own, found own. It goes with minmax and percentile.",
        ),
    ],
)
def test_a_value_or_combination_out_of_range(words, message):
    assert refusal(*words).endswith(message)


@pytest.mark.parametrize(
    ("word", "field"),
    [("channels=('ridge',)", "channels"), ("coordinates=True", "coordinates"), ("output_range=own", "output_range")],
)
def test_two_generators_know_nothing_beside_the_mri(word, field):
    message = refusal(f"--config.recipe.{word}", config=f"{PCSA}:hgan")
    assert message.startswith(f"config.recipe.{field}: expected ") and "which has two generators" in message


def test_a_config_from_before_the_recipe_means_none_of_it(tmp_path, config):
    content = resolved(config)
    del content["recipe"], content["data"]["train_subjects"], content["data"]["one_grid"]
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert flatten(read_config(tmp_path / "config.json")) == flatten(config)


def test_a_stored_config_comes_back_as_it_was(tmp_path, tiny_config):
    config = tiny_config()
    write_config(tmp_path / "config.json", config)
    found = read_config(tmp_path / "config.json")
    assert flatten(found) == flatten(config)
    assert [type(value) for value in flatten(found).values()] == [type(value) for value in flatten(config).values()]
    assert found.generator.stages == (((3, 2),), ((3, 2),))
    assert json.loads((tmp_path / "config.json").read_text()) == resolved(config)
    assert check_resumable(found, config, tmp_path) == []
    with pytest.raises(AttributeError):
        found.learning_rate = 1.0


def test_a_folder_without_config(tmp_path):
    with pytest.raises(UserError) as caught:
        read_config(tmp_path / "config.json")
    assert str(caught.value) == (
        f"{tmp_path}: expected a run with a config.json, found none. Train one with train.py first."
    )


@pytest.mark.parametrize("content", ["{half", "[1, 2]", '"text"', ""])
def test_a_damaged_stored_config(tmp_path, content):
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: expected a config in JSON, found ")


def test_a_stored_config_of_another_version(tmp_path, config):
    path, content = tmp_path / "config.json", resolved(config)
    path.write_text(json.dumps(content | {"momentum": 0.9}))
    with pytest.raises(UserError, match="config.momentum: is not a field; the comments in configs/ list the fields"):
        read_config(path)
    del content["seed"]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="config.seed: is missing; the comments in configs/ list the fields"):
        read_config(path)


def test_what_a_resume_may_change(config):
    requested = parse_config([PCSA, "--config.num_epochs=2000", "--config.generator_optimizer.learning_rate=0.01"])
    assert check_resumable(config, requested, "runs/one") == [
        "generator_optimizer.learning_rate: 0.0001 -> 0.01", "num_epochs: 1000 -> 2000",
    ]  # fmt: skip
    assert set(fields(flatten(config))) >= CHANGEABLE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 3),
        ("batch_size", 3),
        ("data.fold", 3),
        ("generator.output", "relu"),
        ("generator_optimizer.schedule", "cosine"),
    ],
)
def test_what_makes_it_another_run(config, name, value):
    old = flatten(config)[name]
    with pytest.raises(UserError) as caught:
        check_resumable(config, parse_config([PCSA, f"--config.{name}={value}"]), "runs/one")
    assert str(caught.value) == (
        f"runs/one: holds a run with {name} = {old!r}, found {value!r}. Use the same config to resume it, or another "
        "--workdir."
    )


@pytest.mark.parametrize("name", ["data.resident_gib", "loss.l1", "generator_optimizer.gradient_clip"])
def test_a_whole_number_beyond_every_float_is_refused(name, tmp_path):
    values = json.loads(json.dumps(parse_config(["--config=pcsa"]).to_dict()))
    *groups, field = name.split(".")
    node = values
    for group in groups:
        node = node[group]
    node[field] = 10**400
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match="expected a config in JSON, found a number of 401 digits"):
        read_config(tmp_path / "config.json")
