"""One variant for a whole cohort."""

from pathlib import Path

from pcsa_jax.data.subjects import Findings
from pcsa_jax.data.variants import Candidate, choose

ONE, TWO, THREE = ("sub-1", ""), ("sub-2", ""), ("sub-3", "ses-1")


def candidate(rank, name="x.nii"):
    return Candidate(Path(name), (rank,), f"variant {rank}")


def test_the_lowest_rank_is_taken_everywhere_however_rare_it_is():
    findings = Findings()
    chosen = choose({ONE: [candidate(2), candidate(1)], TWO: [candidate(2)], THREE: []}, "GM map", findings)
    assert chosen == {ONE: candidate(1)}
    (problem,) = findings.problems
    assert (problem.participant_id, problem.found) == (
        "sub-2", "expected the GM map in the cohort's variant (variant 1), found only variant 2",
    )  # fmt: skip
    assert findings.notes == ["GM map: variant 1 is read (1 visit); also there: variant 2 (2 visits)"]


def test_twice_the_same_is_a_problem_and_nothing_is_none():
    findings = Findings()
    assert choose({ONE: [candidate(1, "a.nii"), candidate(1, "b.nii")]}, "FDG-PET", findings) == {}
    assert findings.problems[0].found == "expected one FDG-PET of variant 1, found 2: a.nii and b.nii"
    assert choose({ONE: []}, "GM map", findings) == {} and len(findings.problems) == 1


def test_without_a_choice_there_is_no_note():
    findings = Findings()
    assert set(choose({ONE: [candidate(1)], THREE: [candidate(1)]}, "GM map", findings)) == {ONE, THREE}
    assert not findings.notes and not findings.problems
