"""The table of a preprocessed cohort's numbers: written, read, decided on, heeded."""

from pathlib import Path

import pytest

from pcsa_jax.data.problems import Problem
from pcsa_jax.data.quality_table import (
    FILE,
    REMEDY,
    Quality,
    Reason,
    check_map,
    heed,
    read_quality,
    with_decisions,
    write_quality,
)
from pcsa_jax.data.subjects import Findings, Subject
from pcsa_jax.errors import UserError

SMALL = Reason("brain_ml", "640.125", "below 950")
ODD = Reason("gm_correlation", "0.8", "far from the median 0.931")
MOVED = Reason("pet_gm_correlation", "0.1", "below 0.4")
MEASURES = ("gm_correlation", "brain_ml", "pet_gm_correlation")
GOOD = Quality("sub-01", "ses-A", {"gm_correlation": "0.93", "brain_ml": "1400"}, ())
BAD = Quality("sub-02", "", {"gm_correlation": "0.8", "brain_ml": "640.125", "pet_gm_correlation": "0.1"}, (SMALL, ODD))


def subject(name, session_id="", **more):
    session_of_map = more.get("mri_session_id", session_id)
    stem = "_".join(filter(None, (name, session_of_map, "label-GM_probseg.nii.gz")))
    return Subject(name, session_id, "CN", mri=Path("cohort") / stem, pet=None, **more)


def read(folder):
    findings = Findings()
    found = read_quality(folder, findings)
    assert findings.problems == []
    return list(found.values())


def test_what_is_written_is_read(tmp_path):
    visits = [GOOD._replace(is_accepted=False), BAD, BAD._replace(participant_id="sub-03", is_accepted=True)]
    write_quality(tmp_path, visits, MEASURES)
    lines = (tmp_path / FILE).read_text().splitlines()
    assert lines[0].split("\t") == ["participant_id", "session_id", *MEASURES, "suspicious", "accepted"]
    assert lines[1] == "sub-01\tses-A\t0.93\t1400\tn/a\tn/a\tno"
    suspicion = "brain_ml 640.125 (below 950); gm_correlation 0.8 (far from the median 0.931)"
    assert lines[2] == f"sub-02\tn/a\t0.8\t640.125\t0.1\t{suspicion}\tn/a"
    visits[0] = visits[0]._replace(values=GOOD.values | {"pet_gm_correlation": ""})
    assert read(tmp_path) == visits
    write_quality(tmp_path, [], MEASURES)
    assert list(tmp_path.iterdir()) == []


def test_a_reason_that_a_person_wrote_reads_back(tmp_path):
    word = "=moved\\t,\x1b"
    write_quality(tmp_path, [BAD._replace(reasons=(Reason(word, "", ""),))], MEASURES)
    assert "\t'=moved" in (tmp_path / FILE).read_text()
    assert read(tmp_path)[0].reasons[0].measure == word


def test_whose_matter_a_reason_is():
    assert [reason.is_of_the_map for reason in (SMALL, ODD, MOVED)] == [True, False, False]


def test_other_software_s_table_of_that_name_is_left_alone(tmp_path):
    assert read(tmp_path) == []
    (tmp_path / FILE).write_text("participant_id\tsnr\nsub-01\t3\n")
    assert read(tmp_path) == []


def test_a_decision_that_is_none_is_a_problem(tmp_path):
    (tmp_path / FILE).write_text("participant_id\tsuspicious\taccepted\nsub-01\tlooks odd\tmaybe\nsub-02\tn/a\tYES\n")
    findings = Findings()
    first, second = read_quality(tmp_path, findings).values()
    text = "line 2: expected yes, no or n/a under accepted, found 'maybe'"
    assert findings.problems == [Problem("sub-01", "", tmp_path / FILE, text, "Correct it")]
    assert first.is_open and first.reasons == (Reason("looks", "odd", ""),)
    assert second.is_accepted is True


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({}, True),
        ({"brain_ml": "640.13"}, True),  # a spreadsheet's digits
        ({"brain_ml": "651"}, False),
        ({"brain_ml": ""}, False),
        ({"t1_coverage": "0.9"}, True),  # measured by a later version only
    ],
)
def test_a_decision_holds_for_the_same_numbers(change, kept):
    former = {("sub-02", ""): BAD._replace(is_accepted=True)}
    (found,) = with_decisions([BAD._replace(values=BAD.values | change)], former)
    assert found.is_accepted is (True if kept else None)


def test_the_readers_heed_it(tmp_path):
    accepted = BAD._replace(participant_id="sub-03", is_accepted=True)
    left_out = GOOD._replace(participant_id="sub-04", is_accepted=False)
    write_quality(tmp_path, [GOOD, BAD, accepted, left_out], MEASURES)
    subjects = [
        subject("sub-01", "ses-A"), subject("sub-02", "ses-B", mri_session_id=""), subject("sub-03"),
        subject("sub-04", "ses-A"), subject("sub-05"),
    ]  # fmt: skip
    for accept in (False, True):
        findings = Findings()
        kept, folders = heed(tmp_path, subjects, findings, accept=accept)
        assert folders == [tmp_path]
        assert [each.participant_id for each in kept] == ["sub-01", "sub-02", "sub-03", "sub-05"]
        found = f"expected preprocessing within its limits, found {BAD.describe()}"
        problem = Problem("sub-02", "ses-B", tmp_path / FILE, found, REMEDY)
        assert findings.problems == ([] if accept else [problem])
        names = ["sub-02 ses-B: brain_ml, gm_correlation"] if accept else []
        names.append("sub-03: brain_ml, gm_correlation")
        number = "2 visits" if accept else "1 visit"
        assert findings.notes == [
            f"{number} of suspicious preprocessing, taken as accepted ({', '.join(names)})",
            "Left out: 1 visit by quality.tsv (sub-04 ses-A)",
        ]


def test_a_map_is_refused_for_what_is_its_own(tmp_path):
    of_others = BAD._replace(participant_id="sub-03", reasons=(ODD, MOVED))
    accepted = BAD._replace(participant_id="sub-04", is_accepted=True)
    left_out = GOOD._replace(participant_id="sub-05", is_accepted=False)
    write_quality(tmp_path, [GOOD, BAD, of_others, accepted, left_out], MEASURES)
    for visit in (("sub-01", "ses-A"), ("sub-03", ""), ("sub-04", ""), ("sub-99", "")):
        check_map(tmp_path, visit, "x")
    with pytest.raises(UserError) as caught:
        check_map(tmp_path, ("sub-02", ""), "sub-02: gm.nii.gz")
    assert str(caught.value) == (
        "sub-02: gm.nii.gz: expected preprocessing within its limits, found brain_ml 640.125 (below 950) in "
        f"{tmp_path / FILE}. Look at preprocessing.html; then write yes under accepted in that table to take it, or no "
        "to leave it out."
    )
    with pytest.raises(UserError, match="^x: expected a visit to take, found no under accepted in "):
        check_map(tmp_path, ("sub-05", "ses-A"), "x")
    check_map(tmp_path / "elsewhere", ("sub-02", ""), "x")


def test_a_table_that_cannot_be_read_is_told_to_synthesis_too(tmp_path):
    (tmp_path / FILE).write_text("participant_id\tsuspicious\taccepted\nsub-01\tn/a\tmaybe\n")
    with pytest.raises(UserError, match="line 2: expected yes, no or n/a under accepted, found 'maybe'. Correct it."):
        check_map(tmp_path, ("sub-01", ""), "x")


def test_a_map_is_judged_where_it_lies_whatever_it_is_called_elsewhere(tmp_path):
    """A manifest may take maps of a preprocessed data set under other ids, from any folder."""
    made = tmp_path / "made"
    made.mkdir()
    (made / "dataset_description.json").write_text("{}")
    left_out = GOOD._replace(participant_id="sub-04", is_accepted=False)
    write_quality(made, [GOOD, BAD, left_out], MEASURES)
    subjects = [
        Subject(f"sub-P{number}", "", "CN", mri=made / f"{name}_label-GM_probseg.nii.gz", pet=None)
        for number, name in enumerate(("sub-01_ses-A", "sub-02", "sub-04_ses-A"))
    ]
    elsewhere, findings = tmp_path / "table", Findings()
    kept, folders = heed(elsewhere, subjects, findings, accept=False)
    assert [each.participant_id for each in kept] == ["sub-P0", "sub-P1"] and folders == [made]
    (problem,) = findings.problems
    assert problem.visit == "sub-P1" and problem.file == made / FILE and problem.remedy == REMEDY
    assert findings.notes == ["Left out: 1 visit by quality.tsv (sub-P2)"]
