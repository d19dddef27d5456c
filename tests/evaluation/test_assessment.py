"""A trained run on its own cohort and on another one: both say which of them is a phantom."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from pcsa_jax.data import files, layout
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.pairs import load_pairs
from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS
from pcsa_jax.data.splits import read_splits
from pcsa_jax.data.volumes import read_volume
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation import assessment, illustration, panels
from pcsa_jax.evaluation.assessment import assess_run
from pcsa_jax.evaluation.terminal import summary_table
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.synthesis.loaded import load_generator
from pcsa_jax.synthesis.trust_file import write_trust
from pcsa_jax.training.train import train
from pcsa_jax.training.trained import open_run
from tests.training import quick_training

SIZE = 16


@pytest.fixture(scope="module")
def people(cohort, tmp_path_factory):
    """A user's cohort of six: other people, without the marks of the phantom that their volumes are made from."""
    root = tmp_path_factory.mktemp("people") / "hospital"
    table = "participant_id\tdiagnosis\n"
    for number, subject in enumerate(read_cohort(cohort).pairs[:6]):
        name = f"sub-P{number}"
        table += f"{name}\t{subject.diagnosis}\n"
        for source, target in (
            (subject.mri, layout.mri_path(root, name, size=SIZE)),
            (subject.pet, layout.pet_path(root, name, size=SIZE)),
        ):
            files.write_volume(target, 0.9 * read_volume(source, subject=name).data, Grid(SIZE).affine)
            files.write_json(layout.sidecar(target), {"SmoothingFWHM": 8})
    files.write_text(root / "participants.tsv", table)
    files.write_json(root / "dataset_description.json", {"Name": "Hospital", "BIDSVersion": "1.10.0"})
    return root


def printed(summary):
    console = Console(width=100)
    with console.capture() as capture:
        console.print(summary_table(summary))
    return capture.get()


@pytest.mark.usefixtures("unpainted")
def test_a_phantom_trained_generator_on_people(tiny_run, people, tmp_path, monkeypatch):
    titles = []
    for name in ("subject_panel", "group_means"):
        draw = getattr(panels, name)
        monkeypatch.setattr(
            panels, name, lambda path, draw=draw, **words: titles.append(words["title"]) or draw(path, **words)
        )
    external = read_cohort(people)
    assert not external.is_phantom
    summary = assess_run(open_run(tiny_run), Workdir(tiny_run), split="test", out=tmp_path / "out", external=external)
    assert (summary["is_phantom"], summary["trained_on_phantom"]) == (False, True)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["trained_on_phantom"] is True
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "GENERATOR TRAINED ON A PHANTOM" in html and "NOT PATIENT DATA" not in html
    assert ">real PET</th>" in html and "simulated PET" not in html.replace("simulated PET recognised", "")
    sha256 = load_generator(tiny_run).card["sha256"]
    for picture in ("subject_best.png", "groups.png"):
        with Image.open(next((tmp_path / "out").rglob(picture))) as opened:
            line = f"SYNTHETIC PET · not measured · model {sha256[:12]} · trained on a PHANTOM"
            assert opened.text["Description"] == line
    assert len(titles) == 4 and all(title.startswith("PHANTOM-trained generator: ") for title in titles)
    assert "PHANTOM-trained generator: 6 external subjects" in printed(summary)


def test_predictors_are_fitted_on_the_subjects_that_a_smaller_training_has_left(tiny_config, tmp_path, monkeypatch):
    """On none of the others: everybody whose volumes are read is trained on or scored."""
    quick_training.install(monkeypatch)
    monkeypatch.setattr(illustration, "draw_all", lambda *arguments: [])
    workdir, read = Workdir(tmp_path / "run"), []
    train(tiny_config({"num_epochs": 1, "data.train_subjects": 3}), workdir)

    def noting(subjects, **options):
        read.append({subject.participant_id for subject in subjects})
        return load_pairs(subjects, **options)

    monkeypatch.setattr(assessment, "load_pairs", noting)
    assess_run(open_run(workdir.root), workdir, split="test", out=tmp_path / "out")
    splits = read_splits(workdir.splits)
    parts = [{person for person, split in splits.items() if split == part} for part in ("train", "test")]
    assert read == parts and len(parts[0]) == 3
    assert set(pd.read_csv(tmp_path / "out" / "subjects.tsv", sep="\t").predictor) >= {"model", *TRIVIAL_PREDICTORS}


@pytest.mark.usefixtures("without_figures")
def test_on_its_own_phantom(tiny_run, tmp_path):
    summary = assess_run(open_run(tiny_run), Workdir(tiny_run), split="test", out=tmp_path / "out")
    assert (summary["is_phantom"], summary["trained_on_phantom"]) == (True, True)
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "PHANTOM – NOT PATIENT DATA" in html and ">simulated PET</th>" in html
    assert "real PET" not in html
    assert "PHANTOM: 4 test subjects" in printed(summary)
    assert np.isfinite(summary["predictors"]["model"]["mae"]["mean"])


def test_the_place_is_tried_before_the_work(tiny_run, tmp_path, monkeypatch):
    def unexpected(*arguments, **options):
        raise AssertionError("work has begun")

    monkeypatch.setattr(assessment, "open_cohort", unexpected)
    monkeypatch.setattr(assessment, "read_environment", unexpected)
    (tmp_path / "file").touch()
    run = open_run(tiny_run)
    with pytest.raises(UserError, match=f"{tmp_path / 'file'}: expected a new folder or a former evaluation"):
        assess_run(run, Workdir(tiny_run), split="test", out=tmp_path / "file")

    def refuse(dir):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(files.tempfile, "TemporaryFile", refuse)
    with pytest.raises(UserError, match=f"--out {tmp_path / 'out'}: expected a place that can be written, found Read"):
        assess_run(run, Workdir(tiny_run), split="test", out=tmp_path / "out")


def test_damaged_statistics_are_told_before_anything_is_read(tiny_run, tmp_path, monkeypatch):
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    Workdir(run).trust.write_bytes(b"no tensors")
    monkeypatch.setattr(assessment, "load_pairs", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(UserError, match=r"trust\.safetensors: expected .* found a damaged one .*calibrate\."):
        assess_run(open_run(run), Workdir(run), split="test", out=tmp_path / "out")


@pytest.mark.parametrize(("split", "has_coverage"), [("test", True), ("validation", False)])
def test_a_run_s_own_statistics_judge_its_test_part(
    tiny_run, tiny_trust, tmp_path, monkeypatch, split, has_coverage
):  # fmt: skip
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    write_trust(Workdir(run).trust, tiny_trust, [load_generator(run).card["sha256"]])
    monkeypatch.setattr(illustration, "draw_all", lambda *_: [])
    summary = assess_run(open_run(run), Workdir(run), split=split, out=tmp_path / "out")
    found = summary["trust"]
    assert found["familiarity"]["n"] == {"test": 4, "validation": 2}[split]
    assert (found["intervals"] is not None) is has_coverage
    assert len(found["missing"]) == (not has_coverage)
