"""A published folder opens like the run that it is of, says what it must, and is written whole or not at all."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

import pcsa_jax
from pcsa_jax.commands import run_command
from pcsa_jax.errors import UserError
from pcsa_jax.publishing import publish, stablehlo
from pcsa_jax.publishing.model_card import SHOWN
from pcsa_jax.publishing.publish import publish_model
from pcsa_jax.synthesis.generators import open_generators
from tests.publishing.conftest import write_scores

FILES = {"model.safetensors", "config.json", "README.md", "metadata.json", "preview.png", "pet.py"}


def front_matter(folder):
    _, head, body = (folder / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(head), body


def test_folder_and_file_are_the_run(published, scored_run, maps):
    assert {path.name for path in published.iterdir()} == FILES | {"model.stablehlo"}
    run = pcsa_jax.load_generator(scored_run)
    for source in (published, published / "model.safetensors", str(published)):
        found = pcsa_jax.load_generator(source)
        assert found.card["sha256"] == run.card["sha256"]
        np.testing.assert_array_equal(found(maps), run(maps))


def test_of_folds_it_is_their_mean_and_as_many_generators(published_folds, scored_run, other_fold, maps):
    found, parts = pcsa_jax.load_generator(published_folds), [scored_run, other_fold]
    assert {path.name for path in published_folds.iterdir()} == FILES | {f"model-{i}-of-2.stablehlo" for i in (1, 2)}
    each = [pcsa_jax.load_generator(part)(maps).astype(np.float64) for part in parts]
    np.testing.assert_array_equal(found(maps), np.mean(each, axis=0).astype(np.float32))
    np.testing.assert_array_equal(found.infer(maps), pcsa_jax.load_generator(published_folds).in_unit(maps))
    assert len(found.members) == 2 and "mean of 2" in repr(found) and "PHANTOM" in repr(found)
    apart, together = open_generators(parts), open_generators([published_folds])
    assert together.hashes == apart.hashes and len(together) == 2
    for one, other in zip(apart(maps), together(maps), strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.card["training"]["row"] == "pcsa" and found.card["sha256"] not in apart.hashes


def test_the_card_has_front_matter_scores_and_intervals(published):
    head, body = front_matter(published)
    assert head["library_name"] == "pcsa_jax" and head["license"] == "apache-2.0"
    assert {"phantom", "fdg-pet", "jax"} <= set(head["tags"])
    (result,) = head["model-index"][0]["results"]
    assert [entry["type"] for entry in result["metrics"]] == ["mae", "psnr", "ssim"]
    assert all("95 % CI" in entry["name"] for entry in result["metrics"])
    assert result["metrics"][0]["value"] == pytest.approx(1.5)
    assert "The generator was trained on a PHANTOM, not on people." in body
    for row in ("**generator** (this model)", "whole-brain ridge", "mean PET"):
        (line,) = (line for line in body.splitlines() if line.startswith(f"| {row} |"))
        assert line.count(" to ") == len(SHOWN)
    assert "* whole-brain ridge: \N{MINUS SIGN}0.20 dB" in body
    assert (
        "Of 6 test maps: as trained 5, outside 1" in body
        and "held 79 % of a test subject's voxels (70 to 85 %)" in body
    )
    assert "not for diagnosis" in body and "train 6, validation 2" in body


def test_the_card_names_every_file_by_its_hash_and_no_place_of_the_publisher(published, scored_run, cohort):
    _, body = front_matter(published)
    named = dict(re.findall(r"\| `([\w.-]+)` \| `([0-9a-f]{64})` \|", body))
    for path in published.iterdir():
        if path.name != "README.md":
            assert named.pop(path.name) == hashlib.sha256(path.read_bytes()).hexdigest()
        content = path.read_bytes()
        assert str(scored_run).encode() not in content and str(cohort.parent).encode() not in content
    assert named == {}


def test_folds_are_scored_together(published_folds):
    _, body = front_matter(published_folds)
    assert "12 test subjects of phantom" in body and "by generators that have not seen them" in body
    assert body.count("split table, SHA-256") == 2 and "voxel-wise mean of 2 generators" in body


def test_metadata_has_the_keys_of_a_monai_bundle(published):
    found = json.loads((published / "metadata.json").read_text())
    assert {
        "version", "changelog", "monai_version", "pytorch_version", "numpy_version", "required_packages_version",
        "task", "description", "authors", "copyright", "network_data_format",
    } <= found.keys()  # fmt: skip
    for part in (found["network_data_format"]["inputs"]["image"], found["network_data_format"]["outputs"]["pred"]):
        assert part["spatial_shape"] == [16, 16, 16] and part["dtype"] == "float32" and part["num_channels"] == 1
        assert part["value_range"] == [0, 1] and part["channel_def"].keys() == {"0"}
    assert found["authors"] == "A. Nobody" and "PHANTOM" in found["description"]


def test_the_command_says_how_long_the_program_is_read(scored_run, tmp_path, capsys):
    assert run_command("publish", [f"--workdir={scored_run}", f"--out={tmp_path / 'a b'}"], prog="p") == 0
    said = capsys.readouterr().err
    until = json.loads((tmp_path / "a b" / "config.json").read_text())["stablehlo"]["readable_until"]
    assert f"later jax has to read it until {until}, model.safetensors does not expire" in said
    assert "to the last bit here" in said and "trained on a PHANTOM" in said


def test_without_scores_and_program_the_card_says_so(tiny_run, tmp_path):
    made = publish_model([tiny_run], tmp_path / "bare", unscored=True, without_program=True)
    head, body = front_matter(made.folder)
    assert "model-index" not in head and "published without scores" in body and "pet.py" not in body
    assert {path.name for path in made.folder.iterdir()} == FILES - {"pet.py"}
    assert "Nothing goes with this model" in body or "Knows the grey matter" in body or "cannot be said" in body
    assert pcsa_jax.load_generator(made.folder).card["sha256"] == made.card["sha256"]


@pytest.fixture
def nothing_left(tmp_path):
    """Nothing is left of a publication that failed."""
    yield tmp_path / "out"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith((".out", "out"))] == []


def test_a_run_without_scores_is_refused(tiny_run, nothing_left):
    with pytest.raises(UserError, match=r"expected the scores of its test part, found none. Run python evaluate.py"):
        publish_model([tiny_run], nothing_left)


def test_scores_of_another_checkpoint_are_refused(tiny_run, tmp_path, nothing_left):
    root = shutil.copytree(tiny_run, tmp_path / "run")
    write_scores(root, first=1, step=999)
    with pytest.raises(UserError, match=r"expected the scores of step \d+ \(best\), found those of step 999"):
        publish_model([root], nothing_left)


def test_the_licence_of_peoples_model_is_asked_for(scored_run, nothing_left, monkeypatch):
    monkeypatch.setattr(publish, "describe_training", lambda *arguments: ("hospital", False))
    with pytest.raises(UserError, match=r"--license: expected the licence .* of hospital .* found none"):
        publish_model([scored_run], nothing_left)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"name": "a\nb"}, r"--name: expected one line of at most 200, found 'a\\nb'"),
        ({"authors": "x" * 201}, "--authors: expected one line of at most 200, found 201 characters"),
        (
            {"licence": "mit\nevil: 1"},
            r"--license: expected an identifier such as cc-by-nc-4.0 or other, found 'mit\\n",
        ),
        ({"licence": "a: [b"}, "--license: expected an identifier"),
    ],
)
def test_what_a_publisher_says_is_a_line_each(scored_run, nothing_left, said, message):
    with pytest.raises(UserError, match=message):
        publish_model([scored_run], nothing_left, **said)


def test_networks_of_two_kinds_are_not_published_as_one(scored_run, other_fold, nothing_left, monkeypatch):
    cards = publish._cards
    monkeypatch.setattr(publish, "_cards", lambda runs: [
        card | {"generator": {**card["generator"], "reduction": number}} for number, card in enumerate(cards(runs))
    ])  # fmt: skip
    with pytest.raises(UserError, match=r"--workdir .*fold1: expected the network of .*, found another generator .row"):
        publish_model([scored_run, other_fold], nothing_left)


def test_scores_are_those_of_the_table_of_subjects(scored_run, tmp_path):
    root = shutil.copytree(scored_run, tmp_path / "run")
    path = root / "evaluation" / "test" / "summary.json"
    path.write_text(path.read_text().replace('"mean": 1.5', '"mean": 0.5'))
    made = publish_model([root], tmp_path / "model", without_program=True)
    head, _ = front_matter(made.folder)
    assert head["model-index"][0]["results"][0]["metrics"][0]["value"] == pytest.approx(1.5)
    assert "stablehlo" not in head["tags"]


def test_a_published_folder_is_no_run(published, tmp_path):
    moved = shutil.copytree(published, tmp_path / "model")
    for call in (pcsa_jax.evaluate, lambda folder: pcsa_jax.export(folder, tmp_path / "x")):
        with pytest.raises(
            UserError, match=r"model: expected a run, found a published model. Give the folder of a run"
        ):
            call(moved)
    (moved / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"needs the model.safetensors that belongs to it"):
        pcsa_jax.load_generator(moved)


def test_nothing_is_overwritten(published, scored_run):
    before = {path: path.read_bytes() for path in published.iterdir()}
    with pytest.raises(UserError, match="expected a new folder, found something there"):
        publish_model([scored_run], published)
    assert before == {path: path.read_bytes() for path in published.iterdir()}


def test_a_program_that_is_not_the_generator_is_not_published(scored_run, nothing_left, monkeypatch):
    monkeypatch.setattr(stablehlo, "TOLERANCE", -1.0)
    with pytest.raises(UserError, match=r"model.stablehlo: expected the generator's PET to .*, found a difference"):
        publish_model([scored_run], nothing_left)


def test_the_same_generator_twice_is_refused(scored_run, nothing_left):
    with pytest.raises(UserError, match="expected different generators, found the same parameters"):
        publish_model([scored_run, scored_run], nothing_left)


def test_a_full_disk_is_said(scored_run, nothing_left, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(UserError, match="could not be written .No space left on device.. Choose another place"):
        publish_model([scored_run], nothing_left)
