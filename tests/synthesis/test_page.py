"""A page shows what there is, says what is missing, and prints on A4."""

import re

import numpy as np
import pytest

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.normalisation import NORMALISATIONS
from pcsa_jax.data.regional_values import measure_regions
from pcsa_jax.presentation.viewing import USUAL, Viewing
from pcsa_jax.synthesis import page
from pcsa_jax.synthesis.page import MISSING, PageContent, Picture, write_page

GRID = Grid(16)
CARD = {
    "Phantom": True, "SeenInTraining": "none", "Units": "arbitrary", "UnitsDescription": "relative",
    "Sources": ["<b>.nii"],
    "Generators": [
        {"TrainedOnPhantom": True, "Row": "best", "Step": 12, "TrainingCohort": "tiny", "SHA256": "ab" * 32}
    ],
    "Harmonisation": [], "SoftwareVersions": "pcsa_jax 0",
}  # fmt: skip


@pytest.fixture
def content():
    mean = np.random.default_rng(0).random(GRID.shape).astype(np.float32)
    return PageContent("sub-<1>", mean, GRID, NORMALISATIONS["minmax"].scale, CARD)


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn, section by section, as empty pictures."""
    found = {}

    def record(path, volume_or_rows, **look):
        found[path.name] = (volume_or_rows, look)
        path.write_bytes(b"png")
        return path

    monkeypatch.setattr(page, "draw_mosaic", record)
    monkeypatch.setattr(page, "draw_comparison", record)
    return found


def written(content, folder, viewing=USUAL):
    write_page(folder / "page.html", content, viewing)
    return (folder / "page.html").read_text(encoding="utf-8")


def test_what_is_missing_is_said_with_how_to_get_it(content, tmp_path):
    html = written(content, tmp_path)
    assert all(text in html for text in MISSING.values())
    assert html.count("data:image/png;base64") == 2
    assert html.index("PHANTOM&#39;s, nobody") < html.index("<h2>"), "flags come first"
    assert "sub-&lt;1&gt;" in html and "&lt;b&gt;.nii" in html and "<b>.nii" not in html
    assert "ab" * 32 in html and "not for diagnosis" in html and "neurological convention" in html
    assert not re.search(r"https?://|<script|<link", html)


def test_what_is_there_is_shown_on_one_scale(content, drawn, tmp_path):
    values = measure_regions(content.mean, GRID)
    bounds = {region: (own, own._replace(asymmetry=77.7)) for region, own in values.items()}
    full = content._replace(
        std=content.mean, trivial={"mean PET": content.mean / 2}, low=content.mean, high=content.mean, intervals=bounds,
        coverage="90 % of people.", norm=[Picture(b"z", "Deviation of $z$")],
        facts=[("Familiarity", "97th percentile")],
    )  # fmt: skip
    html = written(full, tmp_path, Viewing("radiological", "grey"))
    assert not any(text in html for text in MISSING.values())
    assert html.count("data:image/png;base64") == 5
    assert "Surfaces are drawn as they are seen" in html and "promises nothing" not in html
    for words in ("90 % of people.", "Deviation of $z$", "97th percentile", "to +77.7", "radiological convention"):
        assert words in html
    assert [row.name for row in drawn["comparison"][0]] == ["Synthetic PET", "mean PET"]
    assert [row.name for row in drawn["intervals"][0]][1] == "Synthetic PET"
    ends = {section: (look["scale"].low, look["scale"].high) for section, (_, look) in drawn.items()}
    assert ends == {"comparison": (0, 1), "intervals": (0, 1), "mosaic": (0, 1), "spread": (0, 0.1)}
    assert all(look["title"].startswith("PHANTOM: sub-<1>") for _, look in drawn.values())


def test_generators_that_differ_by_their_parameters_alone_are_told_once(content, drawn, tmp_path):
    (one,) = CARD["Generators"]
    card = CARD | {"Generators": [one, one | {"SHA256": "cd" * 32}, one | {"SHA256": "ef" * 32, "Step": 13}]}
    html = written(content._replace(card=card), tmp_path)
    assert f"<dt>2 generators</dt><dd>best, step 12, trained on tiny; SHA-256 {'ab' * 32}, {'cd' * 32}</dd>" in html
    assert f"<dt>Generator</dt><dd>best, step 13, trained on tiny; SHA-256 {'ef' * 32}</dd>" in html


def test_beside_intervals_and_norm_stands_that_they_are_not_for_this_brain(content, drawn, tmp_path):
    odd = {"Verdict": "outside", "Reasons": ["volume 1 ml"]}
    full = content._replace(low=content.mean, high=content.mean, coverage="90 % of people", norm=[Picture(b"z", "z")])
    html = written(full._replace(card=CARD | {"Familiarity": odd}), tmp_path)
    assert html.count("Fitted on other brains than this one") == 3
    assert html.count("90 % of people.") >= 2, "what intervals promise stands at the table and at the picture"
    assert "cannot be relied on.</strong><br>Volume 1 ml." in html


def test_the_table_holds_every_predictor_s_values(content, drawn, tmp_path):
    html = written(content._replace(trivial={"linear": content.mean**2}), tmp_path)
    for volume in (content.mean, content.mean**2):
        for own in measure_regions(volume, GRID).values():
            cells = [f"{value:.2f}" for value in own[:6]] + [f"{own.asymmetry:+.1f}".replace("-", "−")]
            assert re.search(r"\s*".join(rf'<td class="num">{re.escape(cell)}</td>' for cell in cells), html)


def test_in_suvr_the_scale_is_the_unit_s(content, drawn, tmp_path):
    html = written(content._replace(scale=NORMALISATIONS["suvr"].scale, mean=np.zeros(GRID.shape)), tmp_path)
    scale = drawn["mosaic"][1]["scale"]
    assert (scale.high, scale.label) == (3, "FDG uptake (SUVR)") and '<th colspan="2" class="group">SUVR</th>' in html
    assert html.count("–</td>") == 5 * 5, "no ratio and no asymmetry without uptake"
