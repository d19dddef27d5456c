"""The folder that a person opens: all files, several folds as one, small groups without a crash."""

import dataclasses
import re

import matplotlib.text
import numpy as np
import pandas as pd
import pytest

from pcsa_jax.presentation import figures
from pcsa_jax.studies.disease.fold import assess_pairs
from pcsa_jax.studies.disease.presentation import _mean_changes, present_disease
from tests.evaluation.evaluation_data import GRID
from tests.studies.disease.disease_data import following, normalised_pairs

FILES = {
    "regions.tsv", "regional_agreement.tsv", "lesions.tsv", "lesion_summary.tsv", "zmaps.tsv", "disease.md",
    "regions.png", "lesions.png", "zmaps.png",
}  # fmt: skip
WORDS = {"title": "pcsa", "is_phantom": True, "protocol": "2 folds."}


@pytest.fixture(scope="module")
def second_fold():
    train, test = normalised_pairs(12, first=200), normalised_pairs(6, first=20)
    return assess_pairs(train, test, lambda mri: 0.8 * mri, GRID)


@pytest.fixture(scope="module")
def presented(second_fold, tmp_path_factory):
    folder = tmp_path_factory.mktemp("disease")
    return folder, present_disease(folder, [following(), second_fold], **WORDS)


def test_files(presented):
    folder, paths = presented
    assert {path.name for path in paths} == {path.name for path in folder.iterdir()} == FILES
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in paths if path.suffix == ".png")


def test_folds_stand_together(presented, second_fold):
    folder, _ = presented
    agreement = pd.read_csv(folder / "regional_agreement.tsv", sep="\t")
    assert (agreement["n_subjects"] == 15).all()
    rows = pd.read_csv(folder / "lesions.tsv", sep="\t")
    assert rows["participant_id"].nunique() == 15
    mean = _mean_changes([following(), second_fold])["real_sensorimotor"]
    parts = following().changes["real_sensorimotor"], second_fold.changes["real_sensorimotor"]
    np.testing.assert_allclose(mean, (9 * parts[0] + 6 * parts[1]) / 15, rtol=1e-5)


def test_page_says_what_it_shows(presented):
    text = (presented[0] / "disease.md").read_text(encoding="utf-8")
    for expected in (
        "# Does it keep the disease? pcsa", "**PHANTOM.**", "15 test participants (5 AD, 10 CN) of 2 folds",
        "100 % of its depth is followed", "Without an MRI correlate the response is exactly 0", "by construction",
        "less spread", "voxel-wise linear", "AD, median severity: sub-", "no evidence of normal metabolism",
    ):  # fmt: skip
        assert expected in text
    assert "nan" not in text and "None" not in text
    for name in ("regions.png", "lesions.png", "zmaps.png"):
        assert f"({name})" in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith("| left angular")}
    assert len(widths) == 1, "every line of a table has its cells"


@pytest.mark.usefixtures("unpainted")
def test_a_cohort_of_patients_is_no_phantom(second_fold, tmp_path):
    present_disease(tmp_path, [second_fold], **WORDS | {"is_phantom": False})
    text = (tmp_path / "disease.md").read_text(encoding="utf-8")
    assert "PHANTOM" not in text and "6 test participants (2 AD, 4 CN) of one fold" in text


@pytest.mark.parametrize(("is_phantom", "name", "other"), [(True, "simulated", "real"), (False, "real", "simulated")])
def test_page_and_figures_say_whose_pet_it_is(second_fold, tmp_path, monkeypatch, is_phantom, name, other):
    drawn = {}
    monkeypatch.setattr(figures, "save", lambda figure, path: drawn.setdefault(path.name, figure) and path)
    present_disease(tmp_path, [second_fold], **WORDS | {"is_phantom": is_phantom})
    head, text = (tmp_path / "disease.md").read_text(encoding="utf-8").split("## Regions")
    assert ("PHANTOM" in head) == is_phantom
    assert f"d, {name} PET" in text and f"low in {name}" in text
    assert not re.search(rf"\b{other}\b", text)
    assert set(drawn) == {"regions.png", "lesions.png", "zmaps.png"}
    for file, figure in drawn.items():
        words = "\n".join(each.get_text() for each in figure.findobj(matplotlib.text.Text))
        assert re.search(rf"\b{name}\b", words, re.I) and not re.search(rf"\b{other}\b", words, re.I), file
        assert figure.get_suptitle().startswith("PHANTOM: ") == is_phantom


def test_two_ceilings_in_the_tables_and_one_in_the_figures(second_fold, tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(figures, "save", lambda figure, path: drawn.setdefault(path.name, figure) and path)
    present_disease(tmp_path, [second_fold], **WORDS)
    text = (tmp_path / "disease.md").read_text(encoding="utf-8")
    assert "| angular | ceiling |" in text and "| angular | ceiling, range not known |" in text
    words = [each.get_text() for each in drawn["regions.png"].findobj(matplotlib.text.Text)]
    assert "ceiling" in words and "ceiling, range not known" not in words


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize(("n", "diagnosis"), [(1, "AD"), (4, "CN"), (2, "")])
def test_small_groups(n, diagnosis, tmp_path):
    test = dataclasses.replace(normalised_pairs(n, predictable=False), diagnoses=(diagnosis,) * n)
    train = dataclasses.replace(normalised_pairs(2, first=50), diagnoses=("AD", "CN"))
    found = assess_pairs(train, test, lambda mri: 0.8 * mri, GRID)
    paths = present_disease(tmp_path, [found], **WORDS)
    assert {path.name for path in paths} == FILES - {"zmaps.png"}
    text = (tmp_path / "disease.md").read_text(encoding="utf-8")
    assert "no share is given: needs at least 2 AD and 2 CN subjects" in text
    assert "No z-maps: a norm needs at least 3 CN training subjects" in text
    assert "nan" not in text


def test_a_participant_is_tested_once(tmp_path):
    with pytest.raises(ValueError, match=r"each participant in one, found 9 in several \(sub-001\)"):
        present_disease(tmp_path, [following(), following()], **WORDS)
    with pytest.raises(ValueError, match="at least one fold"):
        present_disease(tmp_path, [], **WORDS)
    other = dataclasses.replace(following(), size=64)
    with pytest.raises(ValueError, match=r"one grid, found 32\^3, 64\^3"):
        present_disease(tmp_path, [following(), other], **WORDS)
    assert not list(tmp_path.iterdir())
