"""Tables, page and pictures of a row set: what they say, the same bytes twice, whole or not at all."""

import matplotlib.image
import matplotlib.text
import numpy as np
import pandas as pd
import pytest

from pcsa_jax.data.regions import brain_mask
from pcsa_jax.presentation.figures import DPI
from pcsa_jax.studies.reproduction import bars, panels
from pcsa_jax.studies.reproduction.page import order_sentences, write_page
from pcsa_jax.studies.reproduction.presentation import Panel, present
from pcsa_jax.studies.reproduction.statistics import compute_statistics
from tests.evaluation.evaluation_data import GRID, fake_pairs
from tests.studies.reproduction.reproduction_data import PAIR, long_lines, long_table, page_context, row_set


def panel_of(rows):
    pairs = fake_pairs(1)
    synthetic = {row: pairs.pet[0] + 0.05 * (place + 1) for place, row in enumerate(rows)}
    return Panel("sub-$1_a$", "AD", pairs.mri[0], pairs.pet[0], synthetic, GRID)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("presentation")
    rowset = row_set("table1")
    present(folder, rowset, long_table(rowset.rows), panel=panel_of(rowset.rows), context=page_context())
    return folder


def test_files_and_nothing_else(folder):
    names = ["table1.md", "table1.tsv", "table1_scores.png", "table1_subject.png", "table1_tests.tsv"]
    assert sorted(path.name for path in folder.iterdir()) == names


def test_same_bytes_for_any_order_of_the_lines(folder, tmp_path):
    rowset = row_set("table1")
    scores = long_table(rowset.rows).sample(frac=1, random_state=1)
    written = present(tmp_path, rowset, scores, panel=panel_of(rowset.rows), context=page_context())
    assert len(written) == 5
    assert all(path.read_bytes() == (folder / path.name).read_bytes() for path in written)


def test_score_table(folder):
    table = pd.read_csv(folder / "table1.tsv", sep="\t").set_index(["system", "metric"])
    assert len(table) == 7 * 6
    line = table.loc["sa32", "psnr_db"]
    assert (line["published_mean"], line["published_std"], line["label"]) == (27.52, 0.09, "32×32×32")
    assert (line["num_subjects"], line["num_runs"], line["region"]) == (8, 4, "whole volume")
    assert line["ci95_low"] < line["mean"] < line["ci95_high"]
    assert np.isnan(table.loc["pcsa", "mae_brain"]["published_mean"])
    assert np.isnan(table.loc["linear", "mae"]["published_mean"])
    assert "nan" not in (folder / "table1.tsv").read_text().lower()


def test_test_table(folder):
    table = pd.read_csv(folder / "table1_tests.tsv", sep="\t")
    assert len(table) == 4 * 6
    assert list(table.columns[:4]) == ["metric", "region", "first", "second"]
    assert (table["p_holm"] >= table["p"]).all()
    assert (table["first"] == "pcsa").all()
    assert (table["difference"][table["metric"] == "mae"] < 0).all()


def test_page_says_what_it_should(folder):
    page = (folder / "table1.md").read_text(encoding="utf-8")
    assert page.startswith("# The size of the features on which self-attention acts (Table 1)\n")
    assert "**PHANTOM: simulated brains, trained on and tested on." in page
    assert "\n2 folds, 2 seeds.\n" in page
    assert "| 1,234,567 | 1 min 15 s |" in page
    assert "| – | not recorded |" in page
    assert "0.0218 ± 0.0011" in page
    assert "only the order of the rows can be held against the paper's" in page
    assert "MAE: 3 of 3 pairs of rows lie the same way round (Kendall's τ = 1.00)" in page
    assert "**4×4×4** against **16×16×16**: scores better on MAE, PSNR and SSIM (better in 8 of 8 subjects)." in page
    assert "](table1_scores.png)" in page and "](table1_subject.png)" in page
    assert "nan" not in page and "None" not in page


def test_every_table_of_the_page_is_rectangular(folder):
    lines = (folder / "table1.md").read_text(encoding="utf-8").splitlines()
    tables = "\n".join(line if line.startswith("|") else "" for line in lines).split("\n\n")
    sizes = [{line.count("|") for line in table.split("\n") if line} for table in tables if table.strip()]
    assert len(sizes) == 4
    assert all(len(size) == 1 for size in sizes)


@pytest.mark.parametrize("name", ["table1_scores.png", "table1_subject.png"])
def test_pictures_are_not_blank(folder, name):
    pixels = matplotlib.image.imread(folder / name)[..., :3]
    assert min(pixels.shape[:2]) > 3 * DPI
    assert len(np.unique(pixels[::2, ::2] @ [1, 10, 100])) > 50
    inked = (pixels < 0.95).any(axis=-1)
    assert 0.02 < inked.mean() < 0.9


def test_order_of_the_paper_turned_round():
    rowset = row_set("table1")
    statistics = compute_statistics(rowset, long_table(rowset.rows[::-1]))
    mae, psnr, ssim = order_sentences(rowset, statistics)
    assert "MAE: 0 of 3 pairs" in mae and "τ = −1.00" in mae
    assert "ours: 32×32×32 > 16×16×16 > 4×4×4; the paper's: 4×4×4 > 16×16×16 > 32×32×32." in mae
    assert "PSNR: 0 of 3" in psnr and "SSIM: 0 of 3" in ssim


def test_no_order_where_the_paper_printed_one_row():
    rowset = row_set("fig5")
    (sentence,) = order_sentences(rowset, compute_statistics(rowset, long_table(rowset.rows)))
    assert sentence.startswith("The paper printed numbers for PCSA-GAN only; its other systems are bars")
    last = f"place {len(rowset.rows)} of {len(rowset.rows)}"
    assert f"MAE: {last}; PSNR: {last}; SSIM: {last}" in sentence


def test_equal_means_have_no_tau():
    rowset = row_set("table1")
    scores = pd.concat([long_lines(row, [0.1, 0.2, 0.3]) for row in rowset.rows])
    assert (
        "MAE: 0 of 3 pairs of rows lie the same way round (ours are all equal)."
        in order_sentences(rowset, compute_statistics(rowset, scores))[0]
    )


def test_one_subject_one_run_one_row_without_a_panel(tmp_path):
    scores = long_lines("two", [0.1], psnr_db=[np.inf])
    (tmp_path / "pair_subject.png").write_bytes(b"of a former presentation")
    written = present(tmp_path, PAIR, scores, panel=None, context=page_context(is_phantom=False))
    page = (tmp_path / "pair.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in written) == ["pair.md", "pair.tsv", "pair_scores.png", "pair_tests.tsv"]
    assert not (tmp_path / "pair_subject.png").exists()
    assert "PHANTOM" not in page
    assert "* First | row (`one`) was not scored." in page
    assert "Nothing to compare: First | row and another system are needed." in page
    assert "not finite" in page
    assert "absent: one run has none" in page
    assert (tmp_path / "pair_tests.tsv").read_text().startswith("metric\tregion\tfirst")


@pytest.mark.parametrize(("is_phantom", "name", "other"), [(True, "simulated", "real"), (False, "real", "simulated")])
def test_the_subject_s_picture_and_caption_say_whose_pet_it_is(tmp_path, monkeypatch, is_phantom, name, other):
    drawn = {}
    monkeypatch.setattr(panels.figures, "save", lambda figure, path: drawn.setdefault(path.name, figure) and path)
    rowset = row_set("fig3")
    context = page_context(is_phantom=is_phantom)
    present(tmp_path, rowset, long_table(rowset.rows), panel=panel_of(rowset.rows), context=context)
    words = "\n".join(each.get_text() for each in drawn["fig3_subject.png"].findobj(matplotlib.text.Text))
    lines = (tmp_path / "fig3.md").read_text(encoding="utf-8").splitlines()
    caption = next(line for line in lines if line.startswith("*") and "as every system" in line)
    assert f"{name.capitalize()} PET" in words and f"synthetic − {name}" in words and f"synthetic − {name}" in caption
    assert other not in words.lower() and other not in caption.lower()


def page_of(path, rowset, scores, **changes):
    return write_page(path, rowset, compute_statistics(rowset, scores), (), page_context(**changes))


def test_a_bar_in_a_label_does_not_break_the_table(tmp_path):
    scores = pd.concat([long_lines(row, np.linspace(0.1, 0.2, 7)) for row in ("one", "two")])
    page = page_of(tmp_path / "pair.md", PAIR, scores)
    assert "| First \\| row | 0.1500" in page.read_text(encoding="utf-8")


def test_the_page_has_and_explains_both_ceilings(tmp_path):
    rowset = row_set("fig3")
    page = page_of(tmp_path / "fig3.md", rowset, long_table(rowset.rows)).read_text(encoding="utf-8")
    assert "| ceiling | " in page and "| ceiling, range not known | " in page
    assert "in the intensity range of the PET that is scored or, *range not known*, in its own." in page
    former = long_table(rowset.rows)
    former = former[former["predictor"] != "predictable_own_range"]
    page = page_of(tmp_path / "former.md", rowset, former).read_text(encoding="utf-8")
    assert "in the intensity range of the PET that is scored." in page and "not known" not in page


def test_a_failure_leaves_the_former_page(tmp_path, monkeypatch):
    rowset, path = row_set("fig3"), tmp_path / "fig3.md"
    page_of(path, rowset, long_table(rowset.rows))
    former = path.read_bytes()
    monkeypatch.setattr("pcsa_jax.studies.reproduction.page._tests", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        page_of(path, rowset, long_table(rowset.rows), protocol="other")
    assert path.read_bytes() == former
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("shift", "texts"), [(0.01, []), (0.3, ["0.3573 ▶"])])
def test_a_row_off_the_scale_is_an_arrow_with_its_value(tmp_path, monkeypatch, shift, texts):
    drawn = []
    monkeypatch.setattr(bars, "save", lambda figure, path: drawn.append(figure))
    scores = pd.concat([long_table(("one",)), long_lines("two", [0.0573 + shift] * 8)])
    bars.score_figure(tmp_path / "none.png", PAIR, scores, compute_statistics(PAIR, scores))
    axes = drawn[0].axes[0]
    assert [text.get_text() for text in axes.texts] == texts
    assert (axes.get_xlim()[1] > 0.0573 + shift) == (not texts)


def test_errors_share_one_scale_and_headings_give_the_error(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(panels.figures, "save", lambda figure, path: drawn.append(figure))
    pet = np.full(GRID.shape, 0.5, np.float32)
    synthetic = {"near": pet + 0.05, "far": pet - 0.2}
    panels.systems_panel(
        tmp_path / "none.png", mri=pet, pet=pet, synthetic=synthetic, mask=brain_mask(GRID), grid=GRID, title="",
        is_phantom=False,
    )  # fmt: skip
    headings = [axes.get_title() for axes in drawn[0].axes if axes.get_title()]
    assert headings == ["MRI: grey matter\n", "Real PET\n", "near\nMAE 0.0500", "far\nMAE 0.2000"]
    limits = [axes.images[0].get_clim() for axes in drawn[0].axes[:24] if axes.images]
    assert limits[2:].count((-0.2, 0.2)) == 6
    assert limits.count((0, 1)) == 12
