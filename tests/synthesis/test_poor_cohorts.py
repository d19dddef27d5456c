"""What a poor cohort cannot give is said, with its reason, and the rest is given: by the commands themselves."""

import json

import pandas as pd
import pytest

import pcsa_jax
from pcsa_jax.commands import run_command
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.experiment.workdir import Workdir

pytestmark = pytest.mark.slow
SHORT = {"num_epochs": 1, "evaluate_every_epochs": 1, "checkpoint_every_epochs": 1}


def command(capsys, name, *words):
    """What a command says on its way; it must succeed."""
    capsys.readouterr()
    code = run_command(name, list(map(str, words)), prog=f"pcsa_jax {name}")
    told = capsys.readouterr()
    text = " ".join((told.out + told.err).split())
    assert code == 0, text
    assert "Traceback" not in text and "Warning" not in text
    return text


@pytest.fixture
def poor(copy_of_cohort, overwrite):
    """The tiny cohort without ages and sexes, everybody with AD."""
    table = copy_of_cohort / "participants.tsv"
    rows = pd.read_csv(table, sep="\t", dtype=str, keep_default_na=False)
    rows["diagnosis"] = "AD"
    rows = rows.drop(columns=[column for column in ("age", "sex") if column in rows])
    overwrite(table, rows.to_csv(sep="\t", index=False))
    return copy_of_cohort


@pytest.mark.usefixtures("unpainted")
def test_one_training_subject_no_normal_people_no_ages(poor, tiny_words, tmp_path, capsys):
    run, out = tmp_path / "run", tmp_path / "pet"
    words = tiny_words({"data.root": poor, "data.train_subjects": 1, "batch_size": 1, **SHORT})
    expected = (
        "Whether the model knows a map cannot be said: 1 training maps are fewer than 20",
        "How sure the PET is cannot be said: 2 people that it has not learnt from are fewer than 9",
        "Whether the PET is abnormal cannot be said: a norm needs at least 3 CN training subjects, found 0",
    )
    told = command(capsys, "train", *words, f"--workdir={run}")
    assert all(line in told for line in expected)
    assert all(line in command(capsys, "calibrate", run) for line in expected)
    person = read_cohort(poor).subjects[0]
    command(capsys, "synthesize", f"--generator={run}", f"--out={out}", "--pages", person.mri)
    html = next(out.rglob("*_page.html")).read_text()
    card = json.loads(next(out.rglob("*_desc-synthetic_pet.json")).read_text())
    assert card["NotKnown"] == list(expected)
    assert all(f"{line}." in html for line in expected) and "python -m pcsa_jax calibrate" not in html
    assert "mean PET" in html, "the trivial predictors of one subject are there"
    for option, line in zip(("--refuse-outside", "--intervals", "--zmap"), expected, strict=True):
        words = [f"--generator={run}", f"--out={tmp_path / 'other'}", option, str(person.mri)]
        assert run_command("synthesize", words, prog="pcsa_jax synthesize") == 1
        told = " ".join(capsys.readouterr().err.split())
        assert f"{option}: expected generators that can say it, found none. {line}." in told
    command(capsys, "evaluate", f"--workdir={run}")
    place = Workdir(run).evaluation("test")
    assert json.loads((place / "summary.json").read_text())["trust"]["missing"] == list(expected)
    assert all(f"{line}." in (place / "report.html").read_text() for line in expected)
    assert not (place / "familiarity.tsv").exists()


def test_a_run_of_an_earlier_version_gets_its_statistics_from_calibrate(tiny_run, tiny_trust, cohort, tmp_path, capsys):
    """Without the file everything goes on as it did, and says what is lacking and how to get it."""
    import shutil

    run, out = shutil.copytree(tiny_run, tmp_path / "run"), tmp_path / "pet"
    Workdir(run).trust.unlink(missing_ok=True)
    maps = [read_cohort(cohort).subjects[0].mri]
    command(capsys, "synthesize", f"--generator={run}", f"--out={out}", *maps)
    card = json.loads(next(out.rglob("*_desc-synthetic_pet.json")).read_text())
    assert len(card["NotKnown"]) == 4 and all(line.endswith("calibrate RUN adds it") for line in card["NotKnown"])
    told = command(capsys, "calibrate", run)
    assert "6 training maps are fewer than 20" in told and "Norm of" in told
    assert pcsa_jax.load_generator(run).trust.norm is not None
    command(capsys, "synthesize", f"--generator={run}", f"--out={out}", "--zmap", *maps)
    assert len(list(out.rglob("*_desc-syntheticZ_pet.nii.gz"))) == 1
    assert pcsa_jax.load_generator(tiny_run).card["sha256"] == pcsa_jax.load_generator(run).card["sha256"]
