"""The report says what it must, of the right cohort, and stands alone."""

import re

import numpy as np
import pytest

from pcsa_jax.evaluation.agreement import regional_correlation, summarise_regions
from pcsa_jax.evaluation.illustration import Illustration
from pcsa_jax.evaluation.report import distance_to_ceiling, verdicts, write_report
from pcsa_jax.evaluation.summary import REGIONAL_CORRELATION, summarise
from pcsa_jax.presentation.numbers import duration, flatten, number
from tests.evaluation.evaluation_data import report_context, score_rows

MODEL = [0.030, 0.031, 0.033, 0.036]
LINEAR = [0.040, 0.041, 0.043, 0.047]
CEILING = [0.020, 0.021, 0.023, 0.026]
DIAGNOSES = ["AD", "AD", "CN", "CN"]


def summary_and_rows(values=None, **changes):
    rows = score_rows(
        values or {"model": MODEL, "linear": LINEAR, "predictable": CEILING}, diagnoses=DIAGNOSES, **changes
    )
    regions = rows[["participant_id", "diagnosis", "predictor"]].assign(
        region="angular",
        real=np.tile([0.4, 0.42, 0.6, 0.63], len(rows) // 4),
        synthetic=rows["mae"].replace(np.inf, 1.0),
        asymmetry_real=np.tile([1.0, -2.0, 3.0, 0.5], len(rows) // 4),
        asymmetry_synthetic=100 * rows["mae"].replace(np.inf, 1.0),
    )
    summary = summarise(rows) | {"split": "test", "regions": summarise_regions(regions)}
    for name, entry in regional_correlation(regions).items():
        summary["predictors"][name][REGIONAL_CORRELATION] = entry
    return summary, rows


def render(tmp_path, *, context=None, figures=(), **changes):
    summary, rows = summary_and_rows(**changes)
    write_report(
        tmp_path / "report.html", summary=summary, rows=rows, figures=figures, context=context or report_context()
    )
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_phantom_is_announced_if_and_only_if_it_is_one(tmp_path):
    assert "PHANTOM" in render(tmp_path)
    assert (
        "phantom"
        not in render(
            tmp_path, context=report_context(is_phantom=False), values={"model": MODEL, "linear": LINEAR}
        ).lower()
    )


@pytest.mark.parametrize(("is_phantom", "name", "other"), [(True, "simulated", "real"), (False, "real", "simulated")])
def test_the_pet_is_called_what_it_is(tmp_path, is_phantom, name, other):
    context = report_context(is_phantom=is_phantom, cohort="cohort")
    html = render(tmp_path, context=context, values={"model": MODEL, "linear": LINEAR})
    text = re.sub(r"<[^>]+>", " ", html[html.index("<body>") :])
    for expected in (f"{name} PET", f"{name}, mean ± SD", f"synthetic − {name}", f"with {name} uptake"):
        assert expected in text
    assert not re.search(rf"\b{other}\b", text)


def test_a_phantom_trained_generator_on_people_is_announced(tmp_path):
    values = {"model": MODEL, "linear": LINEAR}
    context = report_context(is_phantom=False, trained_on_phantom=True)
    html = render(tmp_path, context=context, values=values)
    assert "GENERATOR TRAINED ON A PHANTOM" in html and "real PET" in html and "NOT PATIENT DATA" not in html
    html = render(tmp_path, context=report_context(is_phantom=True, trained_on_phantom=True), values=values)
    assert "NOT PATIENT DATA" in html


def bold_rows(html):
    """Predictor -> number of bold cells in the first table of scores."""
    table = html[html.index("<h2>Scores</h2>") :].partition("</table>")[0]
    rows = re.findall(r'<th scope="row">([^<]*)</th>(.*?)</tr>', table, re.S)
    return {name: cells.count("<b>") for name, cells in rows}


def test_the_best_predictor_is_bold_not_the_generator(tmp_path):
    # Every metric has the values of its predictor: low ones are best of the two errors, high ones of the four others.
    html = render(tmp_path, values={"model": LINEAR, "linear": MODEL, "predictable": CEILING})
    assert bold_rows(html) == {"generator": 4, "voxel-wise linear": 2, "ceiling": 0}
    html = render(tmp_path, values={"model": [0.034] * 4, "linear": MODEL, "mean_pet": LINEAR})
    assert bold_rows(html) == {"generator": 0, "voxel-wise linear": 2, "mean PET": 4}
    style = html[html.index("<style>") : html.index("</style>")]
    assert not re.search(r"tr\.own[^{]*\{[^}]*font-weight: [6-9]", style)


def whose_brain(html):
    section = html[html.index("<h2>Whose brain is it?</h2>") :].partition("<h2>Three subjects")[0]
    return section, re.findall(r'<th scope="row">([^<]*)</th>(.*?)</tr>', section, re.S)


def test_whose_brain_is_one_small_table(tmp_path):
    html = render(tmp_path, values={"model": MODEL, "mean_pet": [0.5] * 4, "predictable": CEILING})
    section, rows = whose_brain(html)
    assert [name for name, _ in rows] == ["generator", "mean PET", "ceiling"]
    assert all(cells.count("<td") == 4 for _, cells in rows)
    for text in ("0.5 is chance", "scale-matched PSNR (dB) ↑", "identification ↑", "asymmetry error (points) ↓"):
        assert text in section
    assert "the same uptake for everybody" in dict(rows)["mean PET"]
    assert "<b>" not in dict(rows)["ceiling"]
    head = html[html.index("<h2>Scores</h2>") :].partition("</thead>")[0]
    assert "scale-matched" not in head and "identification" not in head


def test_r_of_a_region_has_its_interval(tmp_path):
    html = render(tmp_path)
    agreement = html[html.index("Agreement of synthetic") :].partition("</table>")[0]
    assert re.search(r'<td class="num">0\.\d\d<br><span class="quiet small">.{4,6} to .{4,6}</span></td>', agreement)


def test_both_ceilings_are_explained(tmp_path):
    values = {"model": MODEL, "linear": LINEAR, "predictable": CEILING, "predictable_own_range": MODEL}
    html = render(tmp_path, values=values)
    assert bold_rows(html)["ceiling, range not known"] == bold_rows(html)["ceiling"] == 0
    assert "<em>Ceiling, range not known</em>" in html and "in its own range the same part has MAE 0.0325" in html
    assert "range not known" not in render(tmp_path)


def test_every_spread_says_what_it_is_over(tmp_path):
    html = render(tmp_path)
    for table in re.findall(r'<p class="caption">([^<]*)</p>\s*<div[^>]*><table>(.*?)</table>', html, re.S):
        assert "±" not in table[1] or re.search("SD over (the |test )?subjects", table[0])
    uncaptioned = re.sub(r'<p class="caption">[^<]*</p>\s*<div[^>]*><table>.*?</table>', "", html, flags=re.S)
    assert not [table for table in re.findall("<table>.*?</table>", uncaptioned, re.S) if "±" in table]


def test_steps_have_one_format(tmp_path):
    html = render(tmp_path, context=report_context(step=1040, checkpoint="best"))
    assert "best, step 1,040<" in html
    assert "10,000 resamples" in html


def test_research_use_is_always_said(tmp_path):
    for is_phantom in (True, False):
        assert "For research use only" in render(tmp_path, context=report_context(is_phantom=is_phantom))


def test_nothing_is_fetched_from_anywhere(tmp_path):
    html = render(tmp_path)
    assert not re.search(r"https?://|<script|<link|@import|url\(", html)


def test_names_are_escaped(tmp_path):
    evil = "<script>alert(1)</script>"
    ids = [evil, "sub-2", "sub-3", "sub-4"]
    context = report_context(
        cohort=evil,
        checkpoint=evil,
        problems=(f"{evil}: unreadable",),
        config={"row": evil},
        split_counts={evil: {evil: 1}},
    )
    html = render(tmp_path, context=context, participant_ids=ids)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_figures_are_inside_the_file(tmp_path):
    picture = tmp_path / "figure.png"
    picture.write_bytes(b"\x89PNG")
    html = render(tmp_path, figures=[Illustration(picture, "subjects", "A caption & more.", "alt")])
    assert 'src="data:image/png;base64,iVBORw=="' in html
    assert "A caption &amp; more." in html


def test_counts_settings_and_definitions_are_given(tmp_path):
    html = render(tmp_path)
    expected = ["float32, 4, 0", "1 min 01 s", "loss.l1", "packages.jax", "Gaussian window of 11 voxels", "1.5"]
    for text in [*expected, "Data range 1", "percentile bootstrap"]:
        assert text in html, text


def test_problems_are_listed(tmp_path):
    html = render(tmp_path, context=report_context(problems=("sub-9: PET has NaN",)))
    assert "sub-9: PET has NaN" in html


def test_what_was_done_to_the_volumes_and_what_their_unit_is_are_said(tmp_path):
    done, unit = "Of 24 volumes, 12 were resampled.", "Uptake is SUVR / 3, with the pons as reference region."
    html = render(tmp_path, context=report_context(preparation=done, uptake=unit))
    assert f"<dt>Volumes</dt><dd>{done}</dd>" in html and unit in html and "not an SUVR" not in html
    assert "it is not an SUVR" in render(tmp_path) and "<dt>Volumes</dt>" not in render(tmp_path)


def test_infinite_psnr_has_its_reason(tmp_path):
    html = render(tmp_path, values={"model": [np.inf, 30.0, 31.0, 32.0]})
    assert "not finite for 1 of 4 subjects" in html


def test_verdict_follows_the_interval():
    summary, _ = summary_and_rows()
    (sentence,) = verdicts(summary)
    assert "beats the voxel-wise linear predictor on MAE in the brain" in sentence
    assert "worse on PSNR, SSIM" in sentence
    worse, _ = summary_and_rows({"model": LINEAR, "linear": MODEL})
    assert "worse on MAE" in verdicts(worse)[0]
    same, _ = summary_and_rows({"model": MODEL, "linear": MODEL[::-1]})
    assert verdicts(same)[0].startswith("No clear difference in the brain")


def test_distance_to_the_ceiling():
    summary, _ = summary_and_rows()
    assert "closes 51 % of the gap" in distance_to_ceiling(summary)
    worse, _ = summary_and_rows({"model": LINEAR, "linear": MODEL, "predictable": CEILING})
    assert "closes none of the gap" in distance_to_ceiling(worse)
    without, _ = summary_and_rows({"model": MODEL})
    assert distance_to_ceiling(without) is None


@pytest.mark.parametrize(("seconds", "text"), [(None, "not recorded"), (59.6, "1 min 00 s"), (7260, "2 h 01 min")])
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_numbers_and_settings():
    assert number(-0.01234, 3, signed=True) == "−0.012"
    assert number(None, 3) == "–"
    assert flatten({"a": {"b": [1, 2]}, "c": ((7, 4),), "d": None}) == [("a.b", "1, 2"), ("c", "((7, 4),)"), ("d", "–")]
