"""Runs and exported files open alike; several are averaged only if they fit together."""

import json
import shutil

import jax
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from pcsa_jax.data import normalisation
from pcsa_jax.data.grid import Grid
from pcsa_jax.errors import UserError
from pcsa_jax.synthesis import loaded
from pcsa_jax.synthesis.export import describe_generator, export_generator
from pcsa_jax.synthesis.generators import Ensemble, open_generators
from pcsa_jax.synthesis.loaded import load_generator
from pcsa_jax.synthesis.reading_cards import pet_scale, scale_note, training_part
from pcsa_jax.synthesis.verification import CARD_HASH, card_hash
from pcsa_jax.training.trained import open_run


@pytest.fixture(scope="module")
def trained(tiny_run):
    return open_run(tiny_run)


@pytest.fixture(scope="module")
def files(trained, tmp_path_factory):
    """Exports of the tiny run, and of two like it with other parameters."""
    folder, paths = tmp_path_factory.mktemp("exports"), []
    for number in range(3):
        factor = 1 - 0.2 * number
        run = trained._replace(params=jax.tree.map(lambda leaf, factor=factor: factor * leaf, trained.params))
        paths.append(folder / f"fold{number}.safetensors")
        export_generator(run, paths[-1], cohort="tiny", is_phantom=True)
    return paths


@pytest.fixture(scope="module")
def maps():
    return np.random.default_rng(0).random((3, 16, 16, 16), np.float32)


def changed(path, tmp_path, change):
    """A copy of an exported file whose card is changed."""
    with safe_open(path, framework="numpy") as stream:
        card = json.loads(stream.metadata()["pcsa_jax"])
    change(card)
    card |= {CARD_HASH: card_hash(card)}
    copy = tmp_path / f"changed-{path.name}"
    save_file(load_file(path), copy, metadata={"pcsa_jax": json.dumps(card)})
    return copy


def test_a_run_and_its_export_are_the_same_generator(tiny_run, files, maps):
    run, file = open_generators([tiny_run]), open_generators(files[:1])
    assert run.hashes == file.hashes
    assert run.is_phantom and file.is_phantom
    assert run.describe()[0] | {"Path": "", "TrainingCohort": ""} == file.describe()[0] | {
        "Path": "",
        "TrainingCohort": "",
    }
    np.testing.assert_array_equal(run(maps).mean, file(maps).mean)
    np.testing.assert_array_equal(file(maps).mean, file.members[0].infer(maps))
    assert file(maps).std is None


def test_several_give_their_mean_and_sample_sd(files, maps):
    ensemble = open_generators(files)
    parts = np.stack([member.infer(maps) for member in ensemble.members]).astype(np.float64)
    found = ensemble(maps)
    assert parts.std(axis=0).max() > 0.01
    np.testing.assert_allclose(found.mean, parts.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found.std, parts.std(axis=0, ddof=1), atol=1e-6)
    assert [part.dtype for part in found] == [np.float32, np.float32]
    np.testing.assert_array_equal(found.take(1).std, found.std[1])


def test_suvr_is_given_back_in_suvr(files, maps, tmp_path):
    def suvr(card):
        card["normalisation"]["pet"] = card["training"]["config"]["data"]["normalisation"] = "suvr"
        card["pet"] = {"range": [0, 3], "unit": "SUVR", "meaning": "SUVR", "reference_region": "pons"}

    ensemble = open_generators([changed(path, tmp_path, suvr) for path in files[:2]])
    plain = open_generators(files[:2])
    assert (ensemble.scale.unit, ensemble.scale.range) == ("SUVR", (0, 3))
    np.testing.assert_allclose(ensemble(maps).mean, 3 * plain(maps).mean, atol=1e-5)
    np.testing.assert_allclose(ensemble(maps).std, 3 * plain(maps).std, atol=1e-5)


def test_files_from_before_cards_had_a_scale_still_open(files, tmp_path):
    def former(card):
        del card["pet"]
        card["format"] = "pcsa_jax generator 2"

    path = changed(files[0], tmp_path, former)
    assert pet_scale(load_generator(path).card) == normalisation.NORMALISATIONS["minmax"].scale
    assert open_generators([path, files[1]]).scale.unit == "arbitrary"


def test_the_card_says_what_0_to_1_stands_for(trained):
    card = describe_generator(trained, cohort="c", is_phantom=False)
    assert card["pet"] == {
        "range": [0, 1], "unit": "arbitrary", "reference_region": None,
        "meaning": "relative to the volume's own range (minimum to maximum), not SUVR",
    }  # fmt: skip
    assert card["output"] == f"FDG-PET in [0, 1]: {card['pet']['meaning']}"
    assert scale_note(normalisation.NORMALISATIONS["suvr"].scale) == "; 0 stands for 0 and 1 for 3 SUVR"


def test_every_normalisation_of_the_training_has_a_scale():
    assert normalisation.NORMALISATIONS["suvr"].scale.range == (0, normalisation.MAX_SUVR)


def test_the_precision_is_the_training_s(files, tmp_path, maps):
    def bfloat16(card):
        card["training"]["config"]["precision"] = "bfloat16"

    found, exact = load_generator(changed(files[0], tmp_path, bfloat16))(maps), load_generator(files[0])(maps)
    assert 1e-5 < np.abs(found - exact).max() < 0.1


def test_a_run_whose_cohort_is_gone_still_knows_that_it_was_a_phantom(tiny_run, tmp_path):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    config["data"]["root"] = str(tmp_path / "gone")
    (run / "config.json").write_text(json.dumps(config))
    ensemble = open_generators([run])
    assert ensemble.is_phantom
    assert ensemble.describe()[0]["TrainedOnPhantom"] is True


def test_a_run_opens_where_nothing_says_what_it_was_trained_on(tiny_run, monkeypatch):
    def gone(data, environment):
        raise UserError("cohort: expected a folder, found none")

    monkeypatch.setattr(loaded, "describe_training", gone)
    described = open_generators([tiny_run]).describe()[0]
    assert described["TrainedOnPhantom"] is None
    assert described["TrainingCohort"] == "cohort"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card["grid"].update(shape=[32, 32, 32]), r"expected grid 16\^3 as in .*fold0.*, found 32\^3"),
        (lambda card: card["normalisation"].update(pet="percentile"),
         "expected normalisation of the PET minmax as in .*, found percentile"),
        (lambda card: card["normalisation"].update(mri="percentile"), "expected normalisation of the MRI minmax"),
        (lambda card: card["pet"].update(range=[0, 2]),
         "expected range of the PET 0 to 1 arbitrary as in .*, found 0 to 2 arbitrary"),
        (lambda card: card["pet"].update(reference_region="pons"), "expected reference region None as in"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(files, change, message):
    first, other = (load_generator(path) for path in files[:2])
    change(other.card)
    other.grid = Grid(other.card["grid"]["shape"][0])
    with pytest.raises(UserError, match=f"^--generator {files[1]}: {message}") as caught:
        Ensemble(files[:2], [first, other])
    assert "\n" not in str(caught.value)


def test_the_same_generator_twice_is_refused(tiny_run, files):
    with pytest.raises(UserError, match=f"{files[0]}: expected different generators, .* as in {tiny_run}. Give each"):
        open_generators([tiny_run, files[0]])
    member = load_generator(files[0])
    with pytest.raises(UserError, match="expected different generators"):
        Ensemble([files[0], files[0]], [member, member])


def test_nothing_there(tmp_path):
    with pytest.raises(UserError, match="--generator .*none: expected a run folder or an exported file, found nothing"):
        open_generators([tmp_path / "none"])
    with pytest.raises(UserError, match="expected a run with a config.json, found none"):
        open_generators([tmp_path])


def test_a_card_without_maps_does_not_know_whom_training_read():
    assert training_part({"training": {}}, "a" * 64) == training_part({"training": {"maps": {}}}, "a" * 64) == "unknown"
    maps = {"training": {"maps": {"train": ["a" * 16], "validation": []}}}
    assert (training_part(maps, "a" * 64), training_part(maps, "b" * 64)) == ("train", "none")
    assert training_part(maps, "") == "unknown"  # a raw scan
