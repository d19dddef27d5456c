"""The page and the picture of a preprocessed cohort."""

import re

import numpy as np
from PIL import Image

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.preprocessing.dataset import Failure, Finished
from pcsa_jax.data.preprocessing.participants import ParticipantTable
from pcsa_jax.data.preprocessing.quality import template_grey_matter
from pcsa_jax.preprocessing.figure import visit_picture
from pcsa_jax.preprocessing.page import write_page

GOOD = {"gm_correlation": 0.93, "brain_ml": 1400.0, "gm_outside": 0.02}
NASTY = "<script>alert(1)</script>"


def page(tmp_path, finished, failures=(), notes=()):
    table = ParticipantTable(["participant_id", "diagnosis"], {"sub-01": {"diagnosis": NASTY}})
    write_page(tmp_path / "page.html", finished=finished, failures=failures, notes=notes, table=table)
    return (tmp_path / "page.html").read_text()


def picture(path):
    Image.new("RGB", (8, 6), "red").save(path)
    return path


def test_the_page_shows_numbers_pictures_failures_and_notes(tmp_path):
    finished = [
        Finished("sub-01", "", GOOD, False, picture(tmp_path / "a.png")),
        Finished("sub-02", "ses-A", GOOD | {"brain_ml": 300.0, "t1_coverage": 0.9}, True, picture(tmp_path / "b.png")),
    ]
    html = page(tmp_path, finished, [Failure("sub-03", "ses-B", "no head")], ["sub-04: no T1w scan; left out"])
    assert "2 visits, 1 with FDG-PET; 1 with a suspicious number; 1 failed" in html
    assert "no head" in html
    assert "sub-04: no T1w scan; left out" in html
    assert html.count("data:image/jpeg;base64,") == 2
    assert re.search(r'<td class="num warning">300<span class="why">below 950', html)
    assert re.search(r'<td class="num warning">0.900<span class="why">below 0.99', html)
    assert html.index("sub-02 ses-A") < html.index("sub-01")  # what is suspicious comes first


def test_the_page_needs_nothing_beside_itself_and_trusts_nobody(tmp_path):
    finished = [Finished("sub-01", "", GOOD, False, tmp_path / "gone.png")]
    html = page(tmp_path, finished, [Failure(NASTY, "", NASTY)], [NASTY])
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 4
    assert not re.search(r"(src|href)=\"(?!data:|#)", html)
    assert "The picture of this visit is missing" in html


def test_a_cohort_of_which_nothing_succeeded_has_a_page(tmp_path):
    assert "0 visits, 0 with FDG-PET" in page(tmp_path, [], [Failure("sub-01", "", "no")])


def test_the_picture_has_a_row_for_each_map(tmp_path):
    grey = template_grey_matter(Grid(64))
    t1 = (template_grey_matter(Grid(96)), Grid(96))
    sizes = []
    for pet in (None, 1000 * grey):
        path = visit_picture(tmp_path / "x.png", title="sub-01", t1=t1, grey_matter=grey, pet=pet, grid=Grid(64))
        with Image.open(path) as image:
            sizes.append(image.size)
            pixels = np.asarray(image.convert("RGB")).astype(int)
        coloured = (pixels.max(axis=-1) - pixels.min(axis=-1) > 100).mean()
        assert coloured > 0.005  # the contours
    assert sizes[1][1] > 1.3 * sizes[0][1]


def test_empty_maps_can_be_drawn(tmp_path):
    empty = np.zeros((64, 64, 64), np.float32)
    visit_picture(
        tmp_path / "x.png", title="a_b $x$", t1=(empty, Grid(64)), grey_matter=empty, pet=empty, grid=Grid(64)
    )
