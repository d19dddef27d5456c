"""A generator with everything beyond the paper: it starts at its anchor, resumes to the bit, and travels whole."""

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.data.splits import read_splits
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation.assessment import assess_run
from pcsa_jax.experiment.build import build
from pcsa_jax.experiment.cohort import open_cohort
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.synthesis.export import export_generator
from pcsa_jax.synthesis.inference import Inference
from pcsa_jax.synthesis.loaded import load_generator
from pcsa_jax.synthesis.program import Program
from pcsa_jax.training.checkpoints import state_hash
from pcsa_jax.training.data import load_training_data
from pcsa_jax.training.loop import Outcome
from pcsa_jax.training.prior import known_of_training, read_prior
from pcsa_jax.training.train import train
from pcsa_jax.training.trained import open_run
from tests.training.quick_training import signal_after
from tests.training.test_train import final_state

RECIPE = {
    "recipe.channels": "('ridge','linear','mean_pet')",
    "recipe.anchor": "ridge",
    "recipe.num_folds": 3,
    "recipe.deviations": True,
    "recipe.coordinates": True,
    "recipe.output_range": "own",
    "recipe.flip": 0.5,
    "recipe.views": 2,
    "recipe.weight_average": 0.9,
    "recipe.loss_region": "brain",
    "loss.adversarial": 0.0,
}
STEPS = 12


@pytest.fixture(scope="module")
def config(tiny_config):
    return tiny_config(RECIPE)


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    """Folder of a finished run; not to be changed."""
    root = tmp_path_factory.mktemp("informed") / "run"
    assert train(config, Workdir(root)) == Outcome(STEPS, None)
    return root


@pytest.fixture
def copy(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "copy")


def training_data(config, root):
    return load_training_data(config, Workdir(root), is_resume=True)


def test_before_the_first_step_the_output_is_the_anchor_in_its_own_range(config, finished):
    data, experiment = training_data(config, finished), build(config, num_steps=STEPS)
    prior = read_prior(Workdir(finished).prior, config)
    infer = Inference(Program.of(experiment, prior), experiment.initial_state().generator, prior)
    mri = data.validation.mri
    ridge = prior.predictors["ridge"].predict(mri, clipped=False)
    expected = np.clip(ridge / ridge.max(axis=(1, 2, 3), keepdims=True), 0, 1)
    np.testing.assert_allclose(infer(mri), expected, atol=1e-6)


def test_the_prior_is_fitted_on_the_training_part_alone(config, finished):
    data, found = training_data(config, finished), read_prior(Workdir(finished).prior, config)
    expected = Prior.fit(config.recipe.channels, data.train.mri, data.train.pet, deviations=True)
    for name, array in expected.arrays().items():
        np.testing.assert_array_equal(found.arrays()[name], array, err_msg=name)


def test_what_is_known_of_a_training_subject_has_not_seen_it(config, finished):
    data = training_data(config, finished)
    known = known_of_training(config, data.people, data.train.mri, data.train.pet)
    other = data.train.pet.copy()
    other[2] = other[0]
    again = known_of_training(config, data.people, data.train.mri, other)
    np.testing.assert_array_equal(known[2], again[2])
    assert any((known[row] != again[row]).any() for row in range(len(known)) if row != 2)
    seen = Prior.fit(("ridge",), data.train.mri, data.train.pet).predict(data.train.mri)[..., 0]
    error = {name: np.abs(pet - data.train.pet).mean() for name, pet in (("seen", seen), ("not", known[..., 0]))}
    assert error["not"] > error["seen"]


def test_a_finished_run_is_not_fitted_again(config, copy, monkeypatch, capsys):
    monkeypatch.setattr(Prior, "fit", None)
    assert train(config, Workdir(copy)) == Outcome(STEPS, None)
    assert "this run is finished" in capsys.readouterr().err


def test_too_few_people_for_the_folds_leave_an_empty_folder_that_can_be_used(tiny_config, tmp_path):
    workdir = Workdir(tmp_path / "run")
    with pytest.raises(UserError, match="recipe.num_folds: expected at most the 6 training participants, found 7"):
        train(tiny_config(RECIPE | {"recipe.num_folds": 7}), workdir)
    assert not workdir.config.exists() and not workdir.prior.exists()


def test_stopped_and_resumed_is_the_same_run_average_included(config, finished, tmp_path, monkeypatch):
    workdir = Workdir(tmp_path / "run")
    with monkeypatch.context() as patch:
        signal_after(patch, 4)
        assert train(config, workdir).step == 5
    stored = workdir.prior.read_bytes()
    assert train(config, workdir) == Outcome(STEPS, None)
    assert workdir.prior.read_bytes() == stored == Workdir(finished).prior.read_bytes()
    found, expected = (final_state(config, place)[1].state for place in (workdir, Workdir(finished)))
    assert found.average is not None and state_hash(found) == state_hash(expected)
    assert state_hash(found.average) != state_hash(found.params.generator)


def test_run_export_and_evaluation_use_the_same_average_and_prior(finished, tmp_path):
    run = open_run(finished, checkpoint="latest")
    state = final_state(run.config, Workdir(finished))[1].state
    assert state_hash(run.params) == state_hash(state.average)
    run = open_run(finished)
    card = export_generator(run, tmp_path / "one.safetensors", cohort="tiny", is_phantom=True)
    assert card["format"] == "pcsa_jax generator 4" and card["recipe"]["anchor"] == "ridge"
    assert {"prior.ridge.components", "prior.linear.slope", "prior.mean_pet.mean"} <= set(
        load_file(tmp_path / "one.safetensors")
    )
    loaded, opened = load_generator(tmp_path / "one.safetensors"), load_generator(finished)
    assert loaded.card["sha256"] == opened.card["sha256"]
    mri = training_data(run.config, finished).validation.mri
    found = [Inference.of_run(run)(mri), loaded.infer(mri), opened.infer(mri), loaded(mri)]
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)
    summary = assess_run(run, Workdir(finished), split="validation", out=tmp_path / "evaluation")
    expected = np.mean([row["validation/mae_brain"] for row in scored(finished, run.step)])
    assert summary["predictors"]["model"]["mae_brain"]["mean"] == pytest.approx(expected, rel=1e-4)


def scored(root, step):
    lines = map(json.loads, Workdir(root).metrics.read_text().splitlines())
    return [line for line in lines if line["step"] == step and "validation/mae_brain" in line]


def test_volumes_that_do_not_fit_into_memory_give_the_same_training(tiny_config, finished, tmp_path):
    config, workdir = tiny_config(RECIPE | {"data.resident_gib": 0}), Workdir(tmp_path / "run")
    train(config, workdir)
    assert (workdir.arrays / "known.npy").stat().st_size > 7 * 4 * 6 * 16**3
    found, expected = (final_state(config, place)[1].state for place in (workdir, Workdir(finished)))
    for left, right in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        np.testing.assert_array_equal(left, right)


def test_too_few_people_for_the_folds(tiny_config, tmp_path):
    with pytest.raises(UserError) as caught:
        train(tiny_config(RECIPE | {"recipe.num_folds": 7}), Workdir(tmp_path / "run"))
    assert str(caught.value) == (
        "recipe.num_folds: expected at most the 6 training participants, found 7. Set --config.recipe.num_folds "
        "lower, or train on more people."
    )


def rewritten(path, *, metadata=None, drop=None):
    """The prior's file with other metadata or without an array."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as stream:
        found = json.loads(stream.metadata()["prior"])
    tensors = {name: array for name, array in load_file(path).items() if name != drop}
    save_file(tensors, path, metadata={"prior": json.dumps(found | (metadata or {}))})


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"size": 32}, "expected a prior with size 16, found 32. Restore the run's own file, or train again."),
        ({"normalisation": "suvr"}, "expected a prior with normalisation 'minmax', found 'suvr'."),
        ({"channels": ["linear"]}, "expected a prior with channels ['ridge', 'linear', 'mean_pet'], found ['linear']."),
    ],
)
def test_a_prior_of_another_run(copy, metadata, message):
    rewritten(copy / "prior.safetensors", metadata=metadata)
    for use in (lambda: open_run(copy), lambda: load_generator(copy)):
        with pytest.raises(UserError) as caught:
            use()
        assert str(caught.value).startswith(f"{copy / 'prior.safetensors'}: ") and message in str(caught.value)


def test_a_prior_that_is_missing_damaged_or_another(config, copy, tiny_config, tmp_path):
    path = copy / "prior.safetensors"
    whole = path.read_bytes()
    rewritten(path, drop="ridge.loadings")
    with pytest.raises(UserError, match=r"found a damaged file \(expected the array ridge\.loadings, found none\)"):
        open_run(copy)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"prior\.safetensors: expected a prior, found a damaged file \("):
        open_run(copy)
    path.unlink()
    with pytest.raises(
        UserError, match=r"prior\.safetensors: expected the closed-form predictors of the run, found no"
    ):
        train(config.copy_and_resolve_references(), Workdir(copy))
    other = Workdir(tmp_path / "other")
    train(tiny_config(RECIPE | {"data.fold": 1, "num_epochs": 2}), other)
    shutil.copy(other.prior, path)
    with pytest.raises(
        UserError, match=r"expected the prior with which the checkpoint was trained \(SHA-256 \w{12}\), "
    ):
        open_run(copy)


def test_a_run_without_average_does_not_resume_with_one(tiny_config, tiny_run, tmp_path):
    copy = shutil.copytree(tiny_run, tmp_path / "copy")
    with pytest.raises(UserError) as caught:
        train(tiny_config({"recipe.weight_average": 0.9}), Workdir(copy))
    assert str(caught.value) == (
        f"{copy}: holds a run with recipe.weight_average = 0.0, found 0.9. Use the same config to resume it, or "
        "another --workdir."
    )


def test_a_checkpoint_without_the_average_that_its_config_names(tiny_run, tmp_path):
    copy = Workdir(shutil.copytree(tiny_run, tmp_path / "copy"))
    content = json.loads(copy.config.read_text())
    content["recipe"]["weight_average"] = 0.9
    copy.config.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"expected a whole checkpoint, found a damaged one: it has no average\."):
        open_run(copy.root)


def test_a_run_from_before_the_recipe_opens_and_resumes(tiny_config, tiny_run, tmp_path):
    copy = Workdir(shutil.copytree(tiny_run, tmp_path / "copy"))
    content = json.loads(copy.config.read_text())
    del content["recipe"]
    copy.config.write_text(json.dumps(content))
    run = open_run(copy.root)
    assert run.prior is None and run.config.recipe.channels == ()
    assert train(tiny_config(), copy) == Outcome(STEPS, None)


def test_nobody_of_validation_or_test_is_read_for_the_prior(config, finished):
    data, splits = training_data(config, finished), read_splits(Workdir(finished).splits)
    assert {splits[person] for person in data.people} == {"train"}
    assert len(data.people) == len(data.train.mri) < len(open_cohort(config.data).pairs)


def test_two_generators_of_one_architecture_may_know_different_things(tiny_config, tmp_path):
    """Their networks are equal as modules, their first kernels are not: neither gets the other's program."""
    mri = np.random.default_rng(0).random((1, 16, 16, 16), np.float32)
    made = []
    for names in (("ridge",), ("ridge", "linear")):
        config = tiny_config(
            {"recipe.channels": names, "recipe.anchor": "ridge", "num_epochs": 1, "recipe.num_folds": 3}
        )
        train(config, Workdir(tmp_path / str(len(names))))
        made.append(Inference.of_run(open_run(tmp_path / str(len(names))))(mri))
    assert all(np.isfinite(pet).all() for pet in made)


def test_a_full_disk_is_told_and_leaves_no_half_of_a_prior(config, tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError) as caught:
        train(config, Workdir(tmp_path / "run"))
    path = tmp_path / "run" / "prior.safetensors"
    assert str(caught.value) == f"{path}: could not be written (No space left on device). Free some space."
    assert sorted(file.name for file in path.parent.iterdir()) == [".lock", "inputs.tsv", "splits.tsv"]
    monkeypatch.undo()
    assert train(config, Workdir(tmp_path / "run")) == Outcome(STEPS, None)
