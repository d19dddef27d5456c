"""One entry in a table is enough: it appears wherever such things are chosen, listed or shown."""

import re
import sys
import types

import numpy as np
import pandas as pd
import pytest

from pcsa_jax import commands
from pcsa_jax.data.normalisation import NORMALISATIONS, IntensityRange, Normalisation, PetScale, intensity_range
from pcsa_jax.data.predictors.linear import MeanPET
from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS, TrivialPredictor
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation.predictions import evaluate_predictions
from pcsa_jax.evaluation.summary import predictor_labels
from pcsa_jax.evaluation.terminal import summary_table
from pcsa_jax.experiment.build import build
from pcsa_jax.experiment.config import parse_config
from pcsa_jax.experiment.systems import SYSTEMS
from pcsa_jax.studies.disease.fold import assess_pairs
from pcsa_jax.studies.disease.presentation import present_disease
from pcsa_jax.studies.reproduction.plan import Request, make_plan
from pcsa_jax.studies.reproduction.rowsets import TARGETS, make_row_set
from pcsa_jax.synthesis.reading_cards import pet_scale
from tests.conftest import ROOT
from tests.evaluation.evaluation_data import GRID, fake_pairs, report_context

PCSA = f"--config={ROOT / 'configs' / 'pcsa.py'}"
ONE_MORE_ROW = """
import importlib.util
from pcsa_jax.experiment.rows import Row

spec = importlib.util.spec_from_file_location("tiny_rows", {tiny!r})
tiny = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tiny)
tiny.ROWS["blind"] = Row("D does not see the MRI", "added by us", {{"discriminator.conditional": False}}, {labels!r})
ROWS = tiny.ROWS
get_config = tiny.get_config
"""


def help_of(capsys, *words):
    with pytest.raises(SystemExit) as caught:
        commands.main([*words, "--help"])
    assert caught.value.code == 0
    return capsys.readouterr().out


@pytest.fixture
def config_file(tmp_path):
    """A config file with one more row."""

    def config_file(labels):
        path = tmp_path / "mine.py"
        tiny = str(ROOT / "tests" / "studies" / "reproduction" / "tiny_rows.py")
        path.write_text(ONE_MORE_ROW.format(tiny=tiny, labels=labels))
        return path

    return config_file


def test_a_row(config_file, cohort, tmp_path, capsys):
    path = config_file({"table1": "D without MRI"})
    config = parse_config([f"--config={path}:blind"])
    assert config.row == "blind" and not config.discriminator.conditional
    with pytest.raises(UserError, match=r"expected one of pcsa, .*unet, .*blind, found 'blond'"):
        parse_config([f"--config={path}:blond"])
    plan = make_plan(Request("table1", str(path), (f"--config.data.root={cohort}",), 2, 1, tmp_path / "out"))
    assert plan.rows == ("pcsa", "sa16", "sa32", "blind")
    assert make_row_set("table1", plan.known_rows).labels["blind"] == "D without MRI"
    assert commands.run_command("describe", [f"--config={path}:blind"], prog="describe") == 0
    assert re.search(r"^  blind +D does not see the MRI \(added by us\)$", capsys.readouterr().out, re.MULTILINE)


def test_a_row_set(config_file, cohort, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(TARGETS, "table9", TARGETS["table1"]._replace(summary="what D sees", paper="added by us"))
    path = config_file({"table9": "D without MRI"})
    assert re.search(r"^  table9 +what D sees \(added by us\)$", help_of(capsys, "reproduce"), re.MULTILINE)
    request = Request("table9", str(path), (f"--config.data.root={cohort}",), 2, 1, tmp_path / "out")
    with pytest.raises(UserError, match=r"expected ROWS with pcsa and others of table9, found blind\."):
        make_plan(request)  # the reference has no name in it yet
    path.write_text(path.read_text() + "ROWS['pcsa'].labels['table9'] = 'PCSA-GAN'\n")
    assert make_plan(request).rows == ("pcsa", "blind")
    everything = request._replace(target="all", classifier=str(path.parent / "none.py"))
    with pytest.raises(UserError, match=r"^table3: expected the classifiers' config"):
        make_plan(everything)  # "all" has come that far
    with pytest.raises(UserError, match=r"^ROWSET: expected one of fig3, .*, table9, all, found 'table8'\.$"):
        make_plan(request._replace(target="table8"))


def test_a_system(monkeypatch, capsys):
    monkeypatch.setitem(SYSTEMS, "twin", SYSTEMS["unet"]._replace(label="Twin", translation="one_way"))
    with pytest.raises(UserError, match=r"config.system: expected one of pcsa, .*gla_gan, twin, found 'triplet'"):
        parse_config([f"{PCSA}:unet", "--config.system=triplet"])
    config = parse_config([f"{PCSA}:unet", "--config.system=twin"])
    assert type(build(config, num_steps=1).modules.generator).__name__ == "UNet"
    assert commands.run_command("describe", [f"{PCSA}:unet", "--config.system=twin"], prog="describe") == 0
    assert "Twin" in capsys.readouterr().out


class Halved:
    """The mean PET, halved: bad enough to be told apart in every table."""

    def __init__(self, mean):
        self.mean = mean

    def predict(self, mri):
        return 0.5 * self.mean.predict(mri)


@pytest.fixture
def halved(monkeypatch):
    predictor = TrivialPredictor("halved mean", "is half of it", lambda mri, pet: Halved(MeanPET.fit(mri, pet)))
    monkeypatch.setitem(TRIVIAL_PREDICTORS, "halved", predictor)


@pytest.mark.usefixtures("halved", "unpainted")
def test_a_predictor(tmp_path, monkeypatch):
    train, test = fake_pairs(9, first=1), fake_pairs(6, first=50)
    out = tmp_path / "test"
    summary = evaluate_predictions(
        out=out, train=train, test=test, synthetic=0.9 * test.pet, grid=GRID, context=report_context()
    )
    names = list(predictor_labels())
    assert "halved" in names and [name for name in names if name in TRIVIAL_PREDICTORS] == list(TRIVIAL_PREDICTORS)
    assert summary["predictors"]["halved"]["mae"]["mean"] > 2 * summary["predictors"]["mean_pet"]["mae"]["mean"]
    assert "halved" in summary["paired_differences"] and "halved" in summary["regions"]["hippocampus"]["predictors"]
    assert (pd.read_csv(out / "subjects.tsv", sep="\t").predictor == "halved").sum() == 6
    report = (out / "report.html").read_text()
    assert "<em>halved mean</em> is half of it" in report and "beats the halved mean predictor" in report
    assert any("halved mean" in str(cell) for cell in summary_table(summary).columns[0].cells)


@pytest.mark.usefixtures("halved", "unpainted")
def test_a_predictor_in_the_disease(tmp_path):
    train, test = fake_pairs(12, first=1), fake_pairs(6, first=50)
    findings = assess_pairs(train, test, lambda mri: 0.9 * mri, GRID)
    for table in (findings.regions, findings.lesions, findings.zmaps):
        assert "halved" in set(table["predictor"])
    pages = present_disease(tmp_path, [findings], title="t", is_phantom=True, protocol="p")
    assert "halved mean" in pages[-1].read_text()


def test_a_normalisation(monkeypatch):
    half = Normalisation(
        lambda volume, reference, subject: IntensityRange(0.0, 2 * float(volume.max())),
        PetScale((0.0, 2.0), "halves", "relative to twice the maximum"),
        "maximum",
    )
    monkeypatch.setitem(NORMALISATIONS, "half", half)
    assert parse_config([PCSA, "--config.data.normalisation=half"]).data.normalisation == "half"
    with pytest.raises(UserError, match=r"expected one of minmax, percentile, suvr, half, found 'third'"):
        parse_config([PCSA, "--config.data.normalisation=third"])
    volume = np.linspace(0, 3, 8).reshape(2, 2, 2)
    assert intensity_range(volume, "half", "x").normalise(volume).max() == pytest.approx(0.5)
    assert pet_scale({"normalisation": {"pet": "half"}}) == half.scale


def test_a_command(monkeypatch, capsys):
    module = types.ModuleType("pcsa_jax.commands.greet", "Say hello.")
    module.add_arguments = lambda parser: parser.add_argument("--name", default="you")
    module.run = lambda arguments: print(f"hello {arguments.name}") or 0
    module.epilog = lambda: "It says hello."
    monkeypatch.setitem(commands.COMMANDS, "greet", "say hello")
    monkeypatch.setitem(sys.modules, "pcsa_jax.commands.greet", module)
    shown = help_of(capsys)
    assert "greet" in shown and "say hello" in shown
    assert "It says hello." in help_of(capsys, "greet")
    assert commands.main(["greet", "--name=ann"]) == 0
    assert capsys.readouterr().out == "hello ann\n"
