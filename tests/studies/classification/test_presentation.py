"""The files of Table 3 and Fig. 6: complete, repeatable, and with words that follow the numbers."""

import re

import matplotlib.text
import numpy as np
import pandas as pd
import pytest

from pcsa_jax.evaluation import summary
from pcsa_jax.presentation import figures
from pcsa_jax.studies.classification import bars, presentation, roc, wording
from pcsa_jax.studies.classification.aggregation import Estimate
from pcsa_jax.studies.classification.comparison import DROP_IN, MEAN, MRI, REAL, SYNTHETIC, TWICE, PairedTest
from pcsa_jax.studies.classification.context import ClassificationContext
from pcsa_jax.studies.classification.lines import read_lines
from pcsa_jax.studies.classification.presentation import present_classification
from pcsa_jax.studies.classification.roc import FALSE_POSITIVE_RATES, mean_curve
from tests.studies.classification.fake_probabilities import GAINS, fake_probabilities, table

CONTEXT = ClassificationContext("some cohort", False, "3 folds by participant, 1 seed.")
FILES = ("table3.tsv", "table3_tests.tsv", "table3_confusion.tsv", "table3_agreement.tsv", "table3_roc.png", "fig6.png",
         "table3.md")  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(figures, "DPI", 40)
    monkeypatch.setattr(summary, "NUM_RESAMPLES", 1000)


@pytest.fixture
def no_figures(monkeypatch):
    for name in ("roc_figure", "measures_figure"):
        monkeypatch.setattr(presentation, name, lambda path, parts, *, is_phantom: path)


def present(folder, rows, **options):
    present_classification(folder, rows, context=ClassificationContext(**(vars(CONTEXT) | options)))
    return (folder / "table3.md").read_text(encoding="utf-8")


def test_all_files_whatever_the_order_of_the_lines(tmp_path):
    rows = fake_probabilities(pairs=18, mri_only=9, seeds=2)
    written = present_classification(tmp_path / "a", rows, context=CONTEXT)
    assert [path.name for path in written] == list(FILES)
    present_classification(tmp_path / "b", rows.sample(frac=1, random_state=1), context=CONTEXT)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_tables(tmp_path, no_figures):
    present(tmp_path, fake_probabilities(pairs=36, mri_only=18))
    estimates, tests, classifiers = (pd.read_csv(tmp_path / name, sep="\t") for name in FILES[:3])
    assert len(estimates) == (6 + 5) * 7
    assert len(classifiers) == (6 + 5) * 3
    assert len(tests) == (8 + 6) * 3
    own = classifiers[(classifiers["part"] == "pairs") & (classifiers["arm"] == "mri+mri")]
    assert own[["tp", "fn", "fp", "tn"]].to_numpy().sum() == 36
    row = estimates[(estimates["part"] == "pairs") & (estimates["arm"] == "mri+mri") & (estimates["measure"] == "acc")]
    assert row["value"].item() == pytest.approx((own["tp"] + own["tn"]).sum() / 36, rel=1e-5)
    assert row["mean_over_folds"].item() == pytest.approx(own["acc"].mean(), rel=1e-5)


def test_page_without_mri_only_says_so(tmp_path, no_figures):
    text = present(tmp_path, fake_probabilities(pairs=36, mri_only=0))
    assert "## MRI-only subjects: none" in text
    assert "cannot be repeated here: no subjects without PET were scored" in text
    assert "MRI-only subjects: Neither" not in text


def test_page_without_the_papers_protocol_says_so(tmp_path, no_figures):
    rows = fake_probabilities(pairs=36, mri_only=18)
    text = present(tmp_path, rows[(rows["part"] == "pairs") | (rows["arm"] != "mri+real_pet")])
    assert "was not run: that classifier was not scored on the MRI-only subjects" in text


def test_page_without_pairs(tmp_path, no_figures):
    rows = fake_probabilities(pairs=0, mri_only=18)
    text = present(tmp_path, rows)
    assert "## Held-out pairs: none" in text
    assert "Not made: the classifiers trained with real PET did not score held-out pairs" in text
    assert not (tmp_path / "table3_agreement.tsv").exists()


def test_one_arm_one_fold_one_diagnosis_still_gives_every_file(tmp_path):
    text = present(tmp_path, table([0.9, 0.8, 0.1], [True] * 3))
    assert "No value or no interval, needs AD and CN subjects, found 3 and 0: MRI only (BACC, SPE, AUC)." in text
    assert "no two arms to compare" in text
    assert list(pd.read_csv(tmp_path / "table3_tests.tsv", sep="\t").columns)[:2] == ["part", "arm"]
    assert (tmp_path / "fig6.png").stat().st_size > 1000


def test_interval_without_width_is_called_no_certainty(tmp_path, no_figures):
    is_ad = np.arange(30) % 3 == 0
    text = present(tmp_path / "a", table(is_ad, is_ad))
    assert "100.0 (100.0 to 100.0)" in text
    assert "no error among 10 AD and 20 CN subjects still allows for error rates of 25.9 % and 13.9 %" in text
    assert "without width" not in present(tmp_path / "b", fake_probabilities(pairs=36, mri_only=0, distance=1.0))


def test_phantom_is_marked(tmp_path):
    rows = fake_probabilities(pairs=18, mri_only=0)
    assert "PHANTOM" not in present(tmp_path / "a", rows)
    text = present(tmp_path / "b", rows, is_phantom=True)
    assert "**PHANTOM" in text and "is a phantom, not people" in text
    assert "made the generator, the classifiers and the tests" in text
    assert (tmp_path / "a/fig6.png").read_bytes() != (tmp_path / "b/fig6.png").read_bytes()


@pytest.mark.parametrize(("is_phantom", "name", "other"), [(True, "simulated", "real"), (False, "real", "simulated")])
def test_page_and_legends_say_whose_pet_it_is(tmp_path, monkeypatch, is_phantom, name, other):
    drawn = {}
    for module in (roc, bars):
        monkeypatch.setattr(module, "save", lambda figure, path: drawn.setdefault(path.name, figure) and path)
    text = present(tmp_path, fake_probabilities(pairs=36, mri_only=18), is_phantom=is_phantom)
    text = text.replace("simulated volumes, not people, made", "")
    assert f"| MRI + {name} PET |" in text and f"(synthetic − {name})" in text and f"trained with {name} PET" in text
    assert not re.search(rf"\b{other}\b|\bmeasured PET" if is_phantom else rf"\b{other}\b", text, re.I)
    for figure in (drawn["table3_roc.png"], drawn["fig6.png"]):
        words = "\n".join(each.get_text() for each in figure.findobj(matplotlib.text.Text))
        assert f"MRI + {name} PET" in words and f"+ {other}" not in words
        assert figure.get_suptitle().startswith("PHANTOM: ") == is_phantom
    written = (tmp_path / "table3.tsv").read_text()
    assert "mri+real_pet" in written and "simulated" not in written, "the tables for programs keep their words"


def test_published_numbers_and_markdown_tables_are_whole(tmp_path, no_figures):
    text = present(tmp_path, fake_probabilities(pairs=36, mri_only=18))
    assert "| Proposed (PCSA-GAN) | 94.21 | 96.39 | 91.81 | 93.56 | 94.91 |" in text
    assert "Not comparable with ours" in text
    assert "nan" not in text.replace("PCSA", "").lower().split()
    for block in text.split("\n\n"):
        if block.startswith("| "):
            assert len({line.count("|") for line in block.splitlines()}) == 1


def test_page_follows_the_numbers(tmp_path, no_figures):
    """Synthetic PET that helps beyond the controls, and one that does not: opposite conclusions."""
    helps = present(tmp_path / "a", fake_probabilities(pairs=300, mri_only=0, gains=GAINS | {SYNTHETIC: 2.0}))
    assert "With synthetic PET the classifier is better than with MRI only" in helps
    assert "helps beyond what a second branch does by itself" in helps
    hurts = present(tmp_path / "b", fake_probabilities(pairs=300, mri_only=0, gains=GAINS | {SYNTHETIC: -1.5}))
    assert "With synthetic PET the classifier is worse than with MRI only" in hurts
    assert "it is not shown here that synthetic PET helps" in hurts


def auc_test(first, second, verdict):
    value, ci95, p = {
        "better": (0.1, (0.05, 0.2), 0.001),
        "worse": (-0.1, (-0.2, -0.05), 0.001),
        "undecided": (0.0, (-0.1, 0.1), 1.0),
        "uncorrected": (0.1, (0.01, 0.2), 0.2),
    }[verdict]
    return {(first, second, measure): PairedTest("pairs", first, second, measure, Estimate(value, ci95), p, p, 8, 3, 1)
            for measure in ("auc", "bacc", "acc")}  # fmt: skip


@pytest.mark.parametrize(
    ("mri", "mean", "twice", "expected"),
    [
        ("better", "better", "better", "helps beyond what a second branch does by itself"),
        ("better", "better", "undecided", "cannot be credited to the synthetic PET"),
        ("better", "worse", "better", "cannot be credited to the synthetic PET"),
        ("better", "better", "uncorrected", "cannot be credited to the synthetic PET"),
        ("undecided", "better", "better", "without being better than MRI only is no gain"),
        ("uncorrected", "undecided", "undecided", "it is not shown here that synthetic PET helps"),
        ("worse", "undecided", "undecided", "it is not shown here that synthetic PET helps"),
    ],
)
def test_conclusion_for_every_outcome(mri, mean, twice, expected):
    tests = auc_test(SYNTHETIC, MRI, mri) | auc_test(SYNTHETIC, MEAN, mean) | auc_test(SYNTHETIC, TWICE, twice)
    assert expected in wording.synthetic_conclusion("pairs", tests)


def test_no_credit_without_both_controls():
    tests = auc_test(SYNTHETIC, MRI, "better") | auc_test(SYNTHETIC, MEAN, "better")
    text = wording.synthetic_conclusion("pairs", tests)
    assert "Not all control arms were scored" in text and "cannot be credited" in text


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("better", "look for a leak"),
        ("worse", "does not replace the real one"),
        ("undecided", "does not show the two to be"),
    ],
)
def test_drop_in_for_every_outcome(verdict, expected):
    assert expected in wording.drop_in_sentence(auc_test(DROP_IN, REAL, verdict))


def test_doubt_of_the_correction_is_told():
    sentence = wording.comparison_sentence(auc_test(DROP_IN, MRI, "uncorrected"), DROP_IN, MRI)
    assert (
        "better in AUC (+10.0 points, 95 % CI +1.0 to +20.0; Holm-corrected p = 0.200), but not after the" in sentence
    )


def test_mean_roc_curve():
    is_ad = [True, True, False, False]
    perfect, inverted = [0.9, 0.8, 0.1, 0.2], [0.1, 0.2, 0.9, 0.8]
    rows = pd.concat([table(p, is_ad, part="mri_only").assign(fold=fold) for fold, p in enumerate((perfect, inverted))])
    mean, spread = mean_curve(read_lines(rows)["mri_only"][MRI])
    middle = len(FALSE_POSITIVE_RATES) // 2
    assert mean[[0, middle, -1]].tolist() == [0, 0.5, 1]
    assert spread[middle] == pytest.approx(np.std([0, 1], ddof=1))
    assert mean_curve(read_lines(table([0.1, 0.2], [True, True]))["pairs"][MRI]) is None
