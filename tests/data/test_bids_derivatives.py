"""BIDS derivatives of this software and of others: what is taken, what is not, and why."""

import json

import pytest

from pcsa_jax.data.cohort import read_cohort, survey
from pcsa_jax.data.files import write_json, write_text
from tests.data.cohort_layouts import write_bids

ANAT, PET = "sub-01/ses-1/anat/sub-01_ses-1", "sub-01/ses-1/pet/sub-01_ses-1"


@pytest.fixture
def derivatives(tmp_path):
    """Writes empty files, or JSON for a mapping's values, as a cohort of one AD patient."""

    def write(*names, **sidecars):
        write_json(tmp_path / "dataset_description.json", {"Name": "Mine"})
        write_text(tmp_path / "participants.tsv", "participant_id\tdiagnosis\nsub-01\tAD\n")
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return write


def gm(space="space-MNI152NLin2009cAsym_", ending=".nii.gz"):
    return f"{ANAT}_{space}label-GM_probseg{ending}"


def fdg(middle="trc-18FFDG_space-MNI152NLin2009cAsym", ending=".nii.gz"):
    return f"{PET}_{middle}_pet{ending}"


def only(root):
    (found,) = read_cohort(root).subjects
    return found


@pytest.mark.parametrize("sessions", [True, False])
def test_the_stand_in_is_read_as_written(tmp_path, sessions):
    found = read_cohort(write_bids(tmp_path, sessions=sessions))
    assert (found.layout, found.reason, found.name) == ("BIDS derivatives", "it holds sub-* folders", "Stand-in")
    assert len(found.subjects) == (7 if sessions else 6) and len(found.pairs) == (6 if sessions else 5)
    assert (
        {subject.mri_fwhm_mm for subject in found.subjects} == {subject.pet_fwhm_mm for subject in found.pairs} == {8}
    )
    assert found.subjects[0].session_id == ("ses-M000" if sessions else "")
    assert found.notes[-1] == f"Not trained on: 1 visit without a PET ({found.subjects[-1].name})"


def test_native_maps_of_fmriprep_are_not_taken(derivatives):
    root = derivatives(gm(), gm(""), gm("space-T1w_"), gm("space-MNI305_"), gm("space-MNI152NLin6Asym_res-2_"), fdg())
    assert only(root).mri.name == "sub-01_ses-1_space-MNI152NLin2009cAsym_label-GM_probseg.nii.gz"
    notes = read_cohort(root).notes
    assert notes[0] == (
        "GM map: space-MNI152NLin2009cAsym is read (1 visit); also there: space-MNI152NLin6Asym res-2 (1 visit)"
    )
    assert notes[-1] == (
        "Not taken for GM maps, by space: 3 files (1 of the scan's own, without space-, 1 space-MNI305, 1 space-T1w)"
    )


@pytest.mark.parametrize("space", ["", "space-T1w_", "space-MNI305_"])
def test_only_native_maps_are_a_problem(derivatives, space):
    (problem,) = survey(derivatives(gm(space))).problems
    assert (problem.participant_id, problem.session_id) == ("sub-01", "ses-1")
    assert problem.found == (
        "expected a GM map in MNI152 space (space-MNI152... or space-IXI549Space), found only other spaces"
    )


@pytest.mark.parametrize("space", ["space-IXI549Space_", "space-Ixi549Space_", "space-MNI152Lin_"])
def test_spaces_that_lie_in_mni152(derivatives, space):
    assert space in only(derivatives(gm(space))).mri.name


def test_of_several_resolutions_one_is_taken_for_everybody_and_said(derivatives):
    own = "space-MNI152NLin2009aSym_"
    root = derivatives(gm(f"{own}res-10_"), gm(f"{own}res-2_"), gm(), fdg())
    assert "_res-2_" in only(root).mri.name
    assert "_res-64_" in only(derivatives(gm(f"{own}res-64_"))).mri.name
    write_text(root / "participants.tsv", "participant_id\tdiagnosis\nsub-01\tAD\nsub-02\tCN\n")
    other = root / gm(f"{own}res-2_").replace("sub-01", "sub-02")
    other.parent.mkdir(parents=True)
    other.touch()
    found = survey(root)
    assert [subject.name for subject in found.subjects] == ["sub-01 ses-1"]
    assert found.notes[0].startswith("GM map: space-MNI152NLin2009aSym res-64 is read (1 visit); also there: ")
    (problem,) = found.problems
    assert (problem.participant_id, problem.file) == ("sub-02", other)
    assert problem.found == (
        "expected the GM map in the cohort's variant (space-MNI152NLin2009aSym res-64), found only "
        "space-MNI152NLin2009aSym res-2"
    )


@pytest.mark.parametrize(
    ("name", "tracer", "taken"),
    [
        ("trc-18FFDG_space-MNI152NLin6Asym", None, True),
        ("trc-FDG_space-MNI152NLin6Asym", None, True),
        ("trc-18FAV45_space-MNI152NLin6Asym", "Florbetapir", False),
        ("trc-18FAV45_space-MNI152NLin6Asym", "n/a", False),
        ("space-MNI152NLin6Asym", ["FDG"], True),
        ("space-MNI152NLin6Asym", "[18F]FDG", True),
        ("space-MNI152NLin6Asym", "fluorodeoxyglucose", True),
        ("space-MNI152NLin6Asym", "PiB", False),
        ("trc-18FFDG_space-MNI152NLin6Asym_desc-synthetic", None, False),
        ("trc-18FFDG_space-MNI152NLin6Asym_desc-syntheticStd", None, False),
        ("trc-18FFDG_space-MNI152NLin6Asym_desc-preproc", None, True),
    ],
)
def test_measured_fdg_is_taken(derivatives, name, tracer, taken):
    root = derivatives(gm(), fdg(name))
    if tracer:
        write_json(root / fdg(name, ".json"), {"TracerName": tracer})
    assert (only(root).pet is not None) == taken


def test_a_pet_of_nobody_knows_which_tracer_is_a_problem(derivatives):
    (problem,) = survey(derivatives(gm(), fdg("space-MNI152NLin6Asym"))).problems
    assert problem.found == (
        "expected the tracer in the name (trc-18FFDG) or in the sidecar (TracerName), found neither"
    )


@pytest.mark.parametrize(("given", "read"), [(8, 8.0), (4.5, 4.5), ([6, 6, 6], 6.0), (0, 0.0), (None, None)])
def test_the_sidecar_says_how_smooth_a_map_is(derivatives, given, read):
    root = derivatives(gm())
    write_json(root / gm(ending=".json"), {"SmoothingFWHM": given})
    assert only(root).mri_fwhm_mm == read


@pytest.mark.parametrize("given", ["8 mm", -1, [8, 6, 8], True, []])
def test_a_smoothness_that_is_none(derivatives, given):
    root = derivatives(gm())
    write_json(root / gm(ending=".json"), {"SmoothingFWHM": given})
    (problem,) = survey(root).problems
    assert problem.found == f"expected SmoothingFWHM in mm, one number >= 0, found {given!r}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"SmoothingFWHM": ' + "9" * 400 + "}", "a number of 400 digits"),
        ('{"SmoothingFWHM": 8, "SmoothingFWHM": 0}', "the key 'SmoothingFWHM' twice, with two values"),
        ("[" * 200_000, "more than 64 levels of nesting"),
        ("[8]", "a list"),
        (r'{"TracerName": "\ud800"}', "text with half a character"),
    ],
    ids=["digits", "twice", "deep", "list", "text"],
)
def test_a_sidecar_beyond_the_limits_is_a_problem(derivatives, text, found):
    root = derivatives(gm())
    (root / gm(ending=".json")).write_text(text)
    problem = survey(root).problems[0]
    assert problem.found.startswith(f"expected a JSON object, found {found}") and problem.remedy == "Mend the file"


def test_a_smoothness_that_is_not_a_number_is_told(derivatives):
    root = derivatives(gm())
    (root / gm(ending=".json")).write_text('{"SmoothingFWHM": NaN}')
    (problem,) = survey(root).problems
    assert "NaN" in problem.found or "nan" in problem.found


def test_a_damaged_sidecar_is_a_problem(derivatives):
    root = derivatives(gm())
    (root / gm(ending=".json")).write_text("{half")
    assert survey(root).problems[0].found.startswith("expected a JSON object, found no JSON (")


def test_a_file_in_someone_else_s_folder_is_a_problem(derivatives):
    root = derivatives(gm(), gm().replace("/sub-01_", "/sub-02_"))
    (problem,) = survey(root).problems
    assert problem.file.name.startswith("sub-02_ses-1_") and "begins with sub-01_ses-1_" in problem.found


def test_an_annexed_file_is_a_problem_and_a_fetched_one_is_not(derivatives, tmp_path):
    root = derivatives(gm(), fdg())
    for name in (gm(), fdg()):
        (root / name).unlink()
    (tmp_path / "annex").touch()
    (root / gm()).symlink_to(tmp_path / "annex")
    (root / fdg()).symlink_to(tmp_path / ".git" / "annex" / "objects" / "x.nii.gz")
    (problem,) = survey(root).problems
    assert problem.file == root / fdg()
    assert str(problem).endswith(
        "found a link to nothing (DataLad or git-annex: not fetched). Fetch it (datalad get FILE) or remove the visit."
    )


def test_pet_without_mri_and_unlisted_folders_are_noted(derivatives):
    root = derivatives(fdg(), gm().replace("sub-01", "sub-09"), "sub-x_y/anat/x")
    assert survey(root).notes == (
        "Left out: 2 folders that participants.tsv lacks (sub-09, sub-x_y)",
        "Left out: 1 visit with an FDG-PET but no GM map (sub-01 ses-1)",
        "Left out: 1 participant without a GM map (sub-01)",
    )


def test_a_session_that_is_no_label_is_a_problem(derivatives):
    (problem,) = survey(derivatives(gm(), gm().replace("ses-1", "ses-1_old"))).problems
    assert (problem.participant_id, problem.file.name) == ("sub-01", "ses-1_old")


def test_traces_of_other_systems_are_not_read(derivatives):
    root = derivatives(gm(), gm().replace("/sub-01", "/._sub-01"), gm(ending=".nii.gz.bak"), gm(ending=".json"))
    (root / gm(ending=".json")).write_text(json.dumps({}))
    assert only(root).mri.name.startswith("sub-01_ses-1")
