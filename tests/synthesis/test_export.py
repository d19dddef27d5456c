"""An exported generator opens anywhere, gives what the run gives, and a damaged one is refused."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import pcsa_jax
from pcsa_jax.commands import run_command
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation.assessment import synthesise
from pcsa_jax.synthesis.export import export_generator
from pcsa_jax.synthesis.verification import CARD_HASH, card_hash, content_hash
from pcsa_jax.training.trained import open_run
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def trained(tiny_run):
    return open_run(tiny_run)


@pytest.fixture(scope="module")
def pairs(tiny_config):
    from pathlib import Path

    from pcsa_jax.data.cohort import read_cohort
    from pcsa_jax.data.pairs import load_pairs

    subjects = read_cohort(Path(tiny_config().data.root)).pairs[:3]
    return load_pairs(subjects, size=tiny_config().data.size, normalisation="minmax")


def test_gives_what_the_run_gives(trained, exported, pairs):
    generator = pcsa_jax.load_generator(exported)
    np.testing.assert_array_equal(generator(pairs.mri), synthesise(trained, pairs))
    assert generator.grid.size == 16
    assert generator.card["training"]["is_phantom"] is True


def test_a_phantom_trained_generator_says_so_wherever_it_is_shown(trained, exported, tmp_path):
    generator = pcsa_jax.load_generator(exported)
    notice = "The generator was trained on a PHANTOM, not on people."
    assert generator.card["notice"] == notice
    digest = generator.card["sha256"][:12]
    assert repr(generator) == (
        "<LoadedGenerator pcsa, row pcsa, 16^3 voxels of 12 mm, trained on phantom, best checkpoint at step "
        f"{trained.step}, SHA-256 {digest}. {notice}>"
    )
    export_generator(trained, tmp_path / "people.safetensors", cohort="hospital", is_phantom=False)
    other = pcsa_jax.load_generator(tmp_path / "people.safetensors")
    assert other.card["notice"] == "" and "PHANTOM" not in repr(other)


def test_the_export_command_says_so_even_where_the_cohort_is_gone(tiny_run, tmp_path, capsys):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    config["data"]["root"] = str(tmp_path / "gone")
    (run / "config.json").write_text(json.dumps(config))
    assert run_command("export", [f"--workdir={run}", f"--out={tmp_path / 'x.safetensors'}"], prog="p") == 0
    assert "trained on a PHANTOM, not on people." in capsys.readouterr().err
    assert pcsa_jax.load_generator(tmp_path / "x.safetensors").card["training"]["is_phantom"] is True


def test_the_reference_names_every_key_of_the_card(exported):
    page = (ROOT / "docs" / "reference" / "calls.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?`) \| .* \|$", page.partition("## The card")[2], re.MULTILINE)
    named = {name.strip("`") for row in rows for name in row.split(", ")}
    assert named == set(pcsa_jax.load_generator(exported).card)


def test_one_map_or_many_in_any_unit(exported, pairs):
    generator = pcsa_jax.load_generator(exported)
    one = generator(pairs.mri[0])
    assert one.shape == pairs.mri[0].shape
    np.testing.assert_array_equal(one, generator(pairs.mri)[0])
    np.testing.assert_allclose(generator(7 + 3 * pairs.mri[0]), one, atol=1e-5)


def test_opens_in_a_fresh_process_elsewhere(exported, pairs, tmp_path):
    np.save(tmp_path / "mri.npy", pairs.mri[0])
    code = (
        "import sys, numpy as np, pcsa_jax\n"
        "pet = pcsa_jax.load_generator(sys.argv[1])(np.load('mri.npy'))\n"
        "np.save('pet.npy', pet)\n"
    )
    root = str(pcsa_jax.__file__.rsplit("/", 2)[0])
    subprocess.run(
        [sys.executable, "-c", code, str(exported)], cwd=tmp_path, check=True, env={"PYTHONPATH": root, "PATH": ""}
    )
    np.testing.assert_allclose(
        np.load(tmp_path / "pet.npy"), pcsa_jax.load_generator(exported)(pairs.mri[0]), atol=1e-6
    )


def test_card_says_what_it_needs(exported):
    with safe_open(exported, framework="numpy") as stream:
        card = json.loads(stream.metadata()["pcsa_jax"])
    assert card["normalisation"] == {"mri": "minmax", "pet": "minmax"}
    assert card["grid"]["space"] == "MNI152NLin2009aSym"
    assert len(card["sha256"]) == 64
    assert card["environment"]["packages"]["jax"]
    assert len(card["training"]["splits_sha256"]) == 64


@pytest.mark.parametrize(
    ("mri", "message"),
    [
        (np.ones((8, 8, 8)), r"mri: expected shape \(16, 16, 16\) or \(n, 16, 16, 16\), found \(8, 8, 8\)"),
        (np.full((16, 16, 16), np.nan), "mri: expected finite voxels, found 4096 NaN"),
        (np.ones((16, 16, 16)), "mri 0: expected a volume with contrast, found the constant 1"),
        (np.linspace(-3e38, 3e38, 16**3).reshape(16, 16, 16), "mri 0: expected values that float32 can tell apart"),
    ],
)
def test_bad_maps_are_refused(exported, mri, message):
    with pytest.raises(UserError, match=message):
        pcsa_jax.load_generator(exported)(mri)


def test_changed_parameters_are_refused(exported, tmp_path):
    tensors = load_file(exported)
    with safe_open(exported, framework="numpy") as stream:
        metadata = stream.metadata()
    tensors["bottleneck.kernel"].flat[0] += 1e-3
    save_file(tensors, tmp_path / "changed.safetensors", metadata=metadata)
    with pytest.raises(UserError, match="expected parameters with SHA-256"):
        pcsa_jax.load_generator(tmp_path / "changed.safetensors")


@pytest.mark.parametrize("keep", [0, 5, 1000])
def test_cut_files_are_refused(exported, tmp_path, keep):
    path = tmp_path / "cut.safetensors"
    path.write_bytes(exported.read_bytes()[:keep])
    with pytest.raises(UserError, match="found a damaged file"):
        pcsa_jax.load_generator(path)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="expected a run folder or an exported generator, found nothing"):
        pcsa_jax.load_generator(tmp_path / "none.safetensors")
    save_file({"x": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="expected format 'pcsa_jax generator 4', found None"):
        pcsa_jax.load_generator(tmp_path / "other.safetensors")


def test_nothing_is_overwritten(trained, exported):
    before = exported.read_bytes()
    with pytest.raises(UserError, match="expected a new file, found one"):
        export_generator(trained, exported, cohort="phantom", is_phantom=True)
    assert exported.read_bytes() == before


def card_of(path):
    with safe_open(path, framework="numpy") as stream:
        return json.loads(stream.metadata()["pcsa_jax"])


def rewritten(source, path, **changes):
    """A file with other entries in its card (None: without), as if it had been written so."""
    card = {name: value for name, value in (card_of(source) | changes).items() if value is not None}
    save_file(load_file(source), path, metadata={"pcsa_jax": json.dumps(card | {CARD_HASH: card_hash(card)})})
    return path


@pytest.mark.parametrize("number", [1, 2])
def test_a_file_of_a_former_format_opens_as_it_did(exported, pairs, tmp_path, capsys, number):
    without = {"recipe": None} if number == 1 else {}
    former = rewritten(exported, tmp_path / "former.safetensors", format=f"pcsa_jax generator {number}", **without)
    np.testing.assert_array_equal(
        pcsa_jax.load_generator(former)(pairs.mri), pcsa_jax.load_generator(exported)(pairs.mri)
    )
    assert "an older format, whose card no checksum covers; export again" in " ".join(capsys.readouterr().err.split())


def test_a_card_that_names_predictors_which_the_file_has_not(exported, tmp_path):
    card = card_of(exported)
    recipe = card["recipe"] | {"channels": ["linear"]}
    training = card["training"] | {"config": card["training"]["config"] | {"recipe": recipe}}
    other = rewritten(exported, tmp_path / "other.safetensors", recipe=recipe, training=training)
    with pytest.raises(UserError, match="unlike its card. Export again"):
        pcsa_jax.load_generator(other)


def test_predictors_on_another_grid(tiny_config, tmp_path):
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.training.train import train

    changes = {"recipe.channels": "('linear',)", "recipe.anchor": "linear", "recipe.num_folds": 3, "num_epochs": 1}
    train(tiny_config(changes), Workdir(tmp_path / "run"))
    path = tmp_path / "own.safetensors"
    export_generator(open_run(tmp_path / "run"), path, cohort="phantom", is_phantom=True)
    tensors = load_file(path)
    for name in list(tensors):
        if name.startswith("prior."):
            tensors[name] = np.zeros((32, 32, 32), np.float32)
    card = card_of(path)
    card["sha256"] = content_hash(tensors)
    other = tmp_path / "other.safetensors"
    save_file(tensors, other, metadata={"pcsa_jax": json.dumps(card | {CARD_HASH: card_hash(card)})})
    with pytest.raises(UserError) as caught:
        pcsa_jax.load_generator(other)
    assert str(caught.value) == (
        f"{other}: expected predictors on the generator's grid (16, 16, 16), found (32, 32, 32). Export again."
    )
    tensors["prior.linear.slope"] = np.full((16, 16, 16), np.nan, np.float32)
    card["sha256"] = content_hash(tensors)
    save_file(tensors, other, metadata={"pcsa_jax": json.dumps(card | {CARD_HASH: card_hash(card)})})
    with pytest.raises(UserError, match="expected finite predictors, found NaN or infinite values in linear.slope"):
        pcsa_jax.load_generator(other)
