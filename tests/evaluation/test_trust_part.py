"""An evaluation says which of its maps the generator knows, and how often its intervals hold; or why it cannot."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pcsa_jax.data.trust.familiarity import VERDICTS, Assessment, Finding
from pcsa_jax.data.trust.statistics import Trust
from pcsa_jax.evaluation import illustration
from pcsa_jax.evaluation.predictions import evaluate_predictions
from pcsa_jax.evaluation.trust_part import (
    FAMILIARITY_COLUMNS,
    OF_THEMSELVES,
    familiarity_table,
    judge_trust,
)
from tests.evaluation.evaluation_data import GRID, fake_pairs, report_context
from tests.trust_data import fit_tiny_trust


@pytest.fixture(scope="module")
def trust(train):
    """Of maps like those that are scored: twelve people and each of them a little brighter."""
    own = fake_pairs(12, first=100)
    return fit_tiny_trust(own, own.predictable)


@pytest.fixture(scope="module")
def odd(test_pairs):
    """The scored maps, one of them upside down."""
    mri = test_pairs.mri.copy()
    mri[2] = mri[2][:, :, ::-1]
    return type(test_pairs)(**{**vars(test_pairs), "mri": mri})


@pytest.mark.usefixtures("unpainted")
def test_verdicts_and_coverage_of_an_evaluation(trust, train, odd, tmp_path):
    out = tmp_path / "out"
    summary = evaluate_predictions(
        out=out,
        train=train,
        test=odd,
        synthetic=odd.predictable,
        grid=GRID,
        context=report_context(trained_on_phantom=True),
        trust=trust,
    )
    table = pd.read_csv(out / "familiarity.tsv", sep="\t", keep_default_na=False)
    assert tuple(table.columns) == FAMILIARITY_COLUMNS
    assert list(table.participant_id) == list(odd.participant_ids)
    assert table.verdict[2] == "outside" and "95 % in training" in table.reasons[2]
    known = summary["trust"]["familiarity"]
    assert known["n"] == 6 and known["training_people"] == 24
    assert known["verdicts"] == {verdict: int((table.verdict == verdict).sum()) for verdict in VERDICTS}
    assert known["median_oddity"] == pytest.approx(table.oddity.median(), abs=1e-3)
    held = summary["trust"]["intervals"]
    assert held["level"] == 0.9 and held["calibration_people"] == 24
    assert 0.5 < held["people"]["mean"] <= 1
    assert summary["trust"]["missing"] == []
    assert json.loads((out / "summary.json").read_text())["trust"] == summary["trust"]
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "Would you believe one image?" in html and "24 training maps" in html
    assert f"<strong>{known['verdicts']['outside']} outside</strong>" in " ".join(html.split())
    assert f"{100 * held['people']['mean']:.1f} % of a person" in html
    section = " ".join(html.split("Would you believe one image?")[1].split("Is it abnormal?")[0].split())
    # The whole cohort is a phantom: nothing of it is called real, but in the pictures' data.
    words = re.sub(r'src="[^"]*"', "", section)
    assert "simulated PET" in words and not re.search(r"\breal\b", words)
    assert "lie within (95 %" in words
    with Image.open(out / "figures" / "coverage.png") as picture:
        assert "SYNTHETIC PET" in " ".join(map(str, picture.info.values())), "the file itself says what it is"


def test_a_run_without_statistics_says_what_is_missing_and_how_to_get_it(evaluated):
    out, summary, _ = evaluated
    assert summary["trust"] == {"missing": Trust().missing(), "familiarity": None, "intervals": None}
    html = (out / "report.html").read_text(encoding="utf-8")
    assert html.count("python -m pcsa_jax calibrate RUN adds it.") == 4
    assert not (out / "familiarity.tsv").exists() and not (out / "figures" / "coverage.png").exists()
    assert "NaN" not in (out / "summary.json").read_text()


def test_a_former_table_of_familiarity_goes_with_its_evaluation(trust, train, test_pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(illustration, "draw_all", lambda *_: [])
    given = {"out": tmp_path / "out", "train": train, "test": test_pairs, "synthetic": test_pairs.predictable}
    for own in (trust, None):
        evaluate_predictions(**given, grid=GRID, context=report_context(), trust=own)
        assert (tmp_path / "out" / "familiarity.tsv").exists() is (own is not None)


def test_no_coverage_of_the_people_whom_the_intervals_come_from(trust, train, test_pairs, tmp_path, monkeypatch):
    """The real PET of the validation part lies in the intervals by construction."""
    monkeypatch.setattr(illustration, "draw_all", lambda *_: [])
    summary = evaluate_predictions(
        out=tmp_path / "out", train=train, test=test_pairs, synthetic=test_pairs.predictable, grid=GRID,
        context=report_context(split="validation"), trust=trust,
    )  # fmt: skip
    assert summary["trust"]["intervals"] is None and summary["trust"]["missing"] == [OF_THEMSELVES]
    assert summary["trust"]["familiarity"]["n"] == 6
    assert f"{OF_THEMSELVES}." in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_each_part_is_judged_without_the_others(trust, test_pairs):
    one = judge_trust(trust._replace(intervals=None), test_pairs, test_pairs.pet, GRID)
    assert one.coverage is None and len(one.assessments) == 6 and "sure" in one.summary["missing"][0]
    other = judge_trust(trust._replace(familiarity=None), test_pairs, test_pairs.pet, GRID)
    assert other.assessments is None
    np.testing.assert_array_equal(other.coverage.people.shape, (6,))


def test_reasons_are_those_of_the_odd_ones(test_pairs):
    finding = Finding("volume", 900.0, 500.0, 700.0, 3.0)
    verdicts = [("as trained", 0.5), ("unusual", 1.5), ("outside", 4.0)] * 2
    found = tuple(Assessment(verdict, 99.0, oddity, (finding,)) for verdict, oddity in verdicts)
    reasons = list(familiarity_table(test_pairs, found).reasons)
    assert reasons[0] == "" and reasons[1] == "grey-matter volume 900 mL (95 % in training: 500 to 700)"
