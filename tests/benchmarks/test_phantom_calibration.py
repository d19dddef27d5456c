"""The built-in cohort against real heads: its measures, its page, and its pictures."""

import numpy as np
import pytest

from benchmarks import phantom_calibration
from benchmarks.phantom import check, heads, measures, page, pictures, segmentation_fit, transfer
from benchmarks.results import read_results
from pcsa_jax.data import files, layout
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.phantom.subject import WORKING_GRID
from pcsa_jax.data.phantom.templates import load_templates


@pytest.mark.parametrize("has_template", [True, False])
def test_letters_colour_bars_and_the_colours_of_all_figures(tmp_path, monkeypatch, has_template):
    drawn = []
    monkeypatch.setattr(pictures.figures, "save", lambda figure, path: drawn.append(figure))
    volumes = np.full((5, *WORKING_GRID.shape), 0.5, np.float32)
    is_ad = np.array([True, False, False, True, True])
    template = 1.5 * volumes[0] if has_template else None
    pictures.draw(tmp_path / "x.png", volumes, 2 * volumes, is_ad, template)
    planes = [axes for axes in drawn[0].axes if axes.images and axes.get_subplotspec() and axes.texts]
    columns = 8 + has_template
    assert len(planes) == 3 * columns
    assert [axes.get_title() for axes in planes[:4]] == [
        "sub-0002 (CN)",
        "sub-0003 (CN)",
        "sub-0001 (AD)",
        "sub-0004 (AD)",
    ]
    letters = ["".join(text.get_text() for text in axes.texts) for axes in planes[::columns]]
    assert letters == ["PASI", "LRSI", "LRAP"]
    assert [axes.images[0].cmap.name for axes in planes[:columns]] == ["gray"] * 4 + ["inferno"] * (columns - 4)
    assert {axes.images[0].get_clim() for axes in planes[4:columns]} == {(0, 1.0)}, "one scale for every PET"
    labels = [axes.get_xlabel() for axes in drawn[0].axes if axes not in planes]
    assert labels == ["grey-matter map (0–1)", "FDG uptake (SUVR)"]
    assert drawn[0].get_suptitle().startswith("PHANTOM: ")


def test_the_committed_page_shows_the_committed_figures():
    text = (phantom_calibration.DOCS / "phantom_check.md").read_text(encoding="utf-8")
    assert page.rendered(read_results(phantom_calibration.FIGURES)) == text, "run phantom_calibration page --redraw"


def test_the_committed_figures_are_of_this_phantom():
    rows = read_results(phantom_calibration.FIGURES)["rows"]
    found = measures.grey_rows(segmentation_fit.make_maps(load_templates(), 4, first=check.FIRST_NEW))
    for region in ("cortex", "putamen", "lower cerebellum"):
        assert found[f"GM map: {region}"] == pytest.approx(rows["after"][f"GM map: {region}"], rel=0.1)


def test_every_row_of_grey_matter_meets_its_target():
    rows = read_results(phantom_calibration.FIGURES)["rows"]
    names = [name for name in rows["after"] if not name.startswith(("FDG", "distance"))]
    missed = [name for name in [*names, check.RATIO] if not page.is_met(name, rows["after"][name], rows["real"])]
    assert missed == []


def test_the_spectrum_adds_up_to_the_variance():
    maps = np.random.default_rng(0).random((6, 32, 32, 32))
    inside = maps[:, heads.brain()]
    assert measures.deviation_spectrum(maps).sum() == pytest.approx(inside.var(axis=0, ddof=1).sum())
    wave = np.sin(2 * np.pi * np.arange(32) / 4)[:, None, None] * np.ones((32, 32, 32))
    power = measures.deviation_spectrum(np.array([wave, -wave]))
    assert power.argmax() == 4, "a period of 4 voxels of 6 mm is 0.042 cycles/mm"


def test_distances_to_the_nearest_training_map():
    maps = np.random.default_rng(0).random((5, 32, 32, 32))
    assert measures.nearest_distance(maps, maps) == pytest.approx(0, abs=1e-6)
    moved = maps[:2] + 0.1
    assert measures.nearest_distance(moved, maps) == pytest.approx(0.01 * heads.brain().sum())


def test_ratios_of_uptake():
    pet = np.full((2, 32, 32, 32), 3.0)
    rows = measures.pet_rows(pet, None, None)
    assert set(rows.values()) == {1.0}
    noise = np.random.default_rng(0).random((2, 32, 32, 32))
    rows = measures.pet_rows(noise, noise, noise[0])
    assert rows["FDG: correlation with the own GM map"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "value", "met"),
    [
        ("GM map: pons", 0.114, True), ("GM map: pons", 0.30, True), ("GM map: pons", 0.5, False),
        ("deviations, below .01 cycles/mm", 1.4, True), ("deviations, below .01 cycles/mm", 1.6, False),
        ("FDG: pons", 0.89, True), ("FDG: pons", 0.90, False), (check.RATIO, 1.31, False),
    ],
)  # fmt: skip
def test_targets(name, value, met):
    real = {
        "heads": {"GM map: pons": 0.1, "deviations, below .01 cycles/mm": 1.0}, "range": {"GM map: pons": [0.05, 0.4]},
        "person": {"FDG: pons": 0.72}, "template": {"FDG: pons": 0.81},
    }  # fmt: skip
    assert page.is_met(name, value, real) is met


def write_people(root, grey, *, labels=("GM",)):
    names = [f"sub-{k:02d}" for k in range(1, len(grey) + 1)]
    table = [layout.PARTICIPANT_COLUMNS, *((name, "CN", "n/a", "n/a") for name in names)]
    files.write_text(root / "participants.tsv", "".join("\t".join(row) + "\n" for row in table))
    files.write_json(root / "dataset_description.json", {"Name": "x", "BIDSVersion": "1.10.0"})
    for name, volume in zip(names, grey, strict=True):
        path = layout.mri_path(root, name, size=len(volume))
        for label in labels:
            files.write_volume(path.with_name(path.name.replace("GM", label)), volume, Grid(len(volume)).affine)


def test_reading_heads(tmp_path):
    volumes = np.random.default_rng(0).random((2, 64, 64, 64)).astype(np.float32)
    write_people(tmp_path, volumes)
    found = heads.read_heads(tmp_path)
    assert found.names == ("sub-01", "sub-02") and found.csf is None and found.pet is None
    assert found.is_cn.all() and found.take([1]).names == ("sub-02",)
    np.testing.assert_array_equal(found.take([1]).grey_matter, volumes[1:])
    with pytest.raises(ValueError, match="expected a map label-CSF_probseg of each of 2 people"):
        heads.read_heads(tmp_path, needs_csf=True)
    with pytest.raises(ValueError, match="expected a PET of each of 2 people"):
        heads.read_heads(tmp_path, needs_pet=True)
    write_people(tmp_path, volumes, labels=("GM", "CSF"))
    np.testing.assert_array_equal(heads.read_heads(tmp_path, needs_csf=True).csf, volumes)


def test_heads_on_another_grid(tmp_path):
    write_people(tmp_path, np.ones((1, 32, 32, 32), np.float32))
    with pytest.raises(ValueError, match="64\\^3 grid"):
        heads.read_heads(tmp_path)


@pytest.mark.slow
def test_a_fit_to_the_phantoms_own_maps_finds_its_means():
    maps = load_templates()
    people = segmentation_fit.make_maps(maps, 8)
    own = heads.Heads(tuple("abcdefgh"), ("CN",) * 8, people, np.zeros_like(people))
    weights = segmentation_fit.fit_weights(own, maps)
    typical = segmentation_fit._typical(maps, segmentation_fit.seen_tissues(maps.classes, maps.parcels, weights)[0])
    found = heads.at_six_mm(segmentation_fit._smooth(typical)[None])[0]
    assert measures.correlation(found, heads.at_six_mm(people).mean(axis=0)) > 0.98


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("fit --heads={}", "expected"),
        ("page", "page: expected --heads=DIR or --redraw, found neither"),
        ("report --subjects=1", "--subjects: expected 12 or more, found 1"),
        ("transfer --heads={} --former=a --present=b", "expected"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, capsys, words, message):
    folder = tmp_path / "empty"
    folder.mkdir()
    assert phantom_calibration.main(words.format(folder).split()) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("phantom_calibration: ") and message in line


def test_a_damaged_map_is_one_line(tmp_path, capsys):
    scan = tmp_path / "scan.nii.gz"
    scan.write_bytes(b"not a volume")
    write_people(tmp_path / "heads", np.ones((2, 64, 64, 64), np.float32), labels=("GM", "CSF"))
    assert phantom_calibration.main(["page", f"--heads={tmp_path / 'heads'}", f"--scan={scan}"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "scan.nii.gz" in line


def test_a_table_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "segmentation.tsv"
    segmentation_fit.write_table(path, load_templates().segmentation)
    assert path.read_text(encoding="utf-8") == phantom_calibration.TABLE.read_text(encoding="utf-8")


def test_scores_of_transfer():
    real = np.zeros((1, 32, 32, 32))
    assert transfer.psnr_db(real + 0.1, real)[0] == pytest.approx(20)
    ranged = transfer.in_range(np.arange(32.0**3).reshape(1, 32, 32, 32) + 5)
    assert ranged.min() == 0 and ranged.max() == 1


@pytest.mark.parametrize(
    "words",
    ["report", "page --heads=x --before=y", "fit --heads=x", "uptake", "transfer --heads=x --former=a --present=b"],
)
def test_commands_are_understood(words):
    assert phantom_calibration.make_parser().parse_args(words.split()).command == words.split()[0]
