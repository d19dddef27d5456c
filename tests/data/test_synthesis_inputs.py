"""Who an input belongs to is read from its name; what cannot be used is refused in one line."""

import dataclasses
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.quality_table import Quality, Reason, write_quality
from pcsa_jax.data.synthesis_inputs import check_identities, find_inputs, prepare, write_skipped
from pcsa_jax.errors import UserError
from pcsa_jax.text import table_rows
from tests.brains import grey_matter
from tests.conftest import NUM_MRI_ONLY, NUM_PAIRS, SIZE

GRID = Grid(16)
GM = "label-GM_probseg"


def find(*paths, **options):
    return find_inputs([Path(path) for path in paths], **{"fwhm_mm": None, **options})


def write(path, data=None, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = grey_matter() if data is None else np.asarray(data, np.float32)
    nib.Nifti1Image(data, GRID.affine if affine is None else affine).to_filename(path)
    return path


@pytest.mark.parametrize(
    ("name", "who", "entities"),
    [
        (f"sub-1_ses-M0_run-2_space-MNI152NLin6Asym_res-2_{GM}.nii.gz", ("sub-1", "ses-M0"),
         {"run": "2", "space": "MNI152NLin6Asym", "res": "2"}),
        (f"sub-1_acq-mprage_{GM}.nii", ("sub-1", ""), {"space": "MNI152NLin2009aSym"}),
        ("sub-A_ses-M000_T1w_segm-graymatter_space-Ixi549Space_modulated-off_fwhm-8mm_probability.nii.gz",
         ("sub-A", "ses-M000"), {"space": "IXI549Space"}),
        ("patient 7_gm.nii.gz", ("sub-patient7gm", ""), {"space": "MNI152NLin2009aSym"}),
        ("ses-1_sub-2.nii", ("sub-ses1sub2", ""), {"space": "MNI152NLin2009aSym"}),
        ("sub-../../x.nii", ("sub-x", ""), {"space": "MNI152NLin2009aSym"}),
    ],
)  # fmt: skip
def test_names_say_who_it_is(name, who, entities):
    (found,) = find(name)
    assert (found.participant_id, found.session_id) == who
    assert found.entities == entities
    assert not found.is_raw


@pytest.mark.parametrize(
    ("name", "options", "run"),
    [("sub-1_ses-2_run-1_T1w.nii.gz", {}, {"run": "1"}), ("head.nii.gz", {"are_raw": True}, {})],
)
def test_raw_scans_by_name_or_by_word(name, options, run):
    (found,) = find(name, **options)
    assert found.is_raw
    assert found.entities == {**run, "space": "T1w"}


def test_a_cohort_with_its_subjects_without_pet(cohort):
    found = find(cohort)
    assert len(found) == NUM_PAIRS + NUM_MRI_ONLY
    assert [each.path for each in found] == [subject.mri for subject in read_cohort(cohort).subjects]
    assert found[0].dataset == cohort
    assert found[0].source == f"sub-0001/anat/{found[0].path.name}"
    assert found[0].entities == {"space": "MNI152NLin2009aSym", "res": str(SIZE)}


def test_a_file_of_a_data_set_knows_it(cohort):
    path = read_cohort(cohort).subjects[0].mri
    assert find(path)[0].dataset == cohort
    assert find("loose.nii")[0].dataset is None and find("there/loose.nii")[0].source == "loose.nii"


@pytest.mark.parametrize(
    ("given", "expected"), [({"SmoothingFWHM": 6}, 6), ({"SmoothingFWHM": [5, 5, 5]}, 5), ({}, None)]
)
def test_smoothness_from_the_sidecar(tmp_path, given, expected):
    path = write(tmp_path / "gm.nii.gz")
    (tmp_path / "gm.json").write_text(json.dumps(given))
    assert find(path)[0].fwhm_mm == expected
    assert find(path, fwhm_mm=4.0)[0].fwhm_mm == 4


def test_a_sidecar_that_says_no_number_is_refused(tmp_path):
    path = write(tmp_path / "gm.nii.gz")
    (tmp_path / "gm.json").write_text(json.dumps({"SmoothingFWHM": "much"}))
    with pytest.raises(UserError, match="expected SmoothingFWHM in mm, one number >= 0, found 'much'. Correct it"):
        find(path)


def test_smoothness_from_clinica_s_names():
    assert find("sub-A_ses-M0_space-Ixi549Space_modulated-off_fwhm-8mm_probability.nii.gz")[0].fwhm_mm == 8


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a_b.nii", "ab.nii.gz"), r"^ab.nii.gz: expected outputs of its own, found those of a_b.nii under sub-ab\. "),
        (("x/sub-1_acq-a_T1w.nii", "x/sub-1_acq-b_T1w.nii"), "acq-b_T1w.nii: .* found those of x/sub-1_acq-a_T1w.nii"),
        (("a.nii", "a.nii"), "^a.nii: expected outputs of its own, found those of a.nii"),
        (("sub-Ab_run-1.nii", "sub-aB_run-2.nii"), "found those of sub-Ab_run-1.nii under sub-aB"),
        (("one.nii", "sub-one_ses-1.nii"), "sub-one_ses-1.nii: .* found those of one.nii under sub-one ses-1"),
    ],
)
def test_nobody_gets_another_s_outputs(names, message):
    with pytest.raises(UserError, match=message):
        check_identities(find(*names))


def test_people_of_two_data_sets_are_not_one(tmp_path, cohort):
    (tmp_path / "dataset_description.json").write_text("{}")
    other = find(write(tmp_path / f"sub-0001_ses-2_{GM}.nii"))
    with pytest.raises(UserError, match=f"sub-0001_ses-2_{GM}.nii: .* found those of {cohort}"):
        check_identities([*find(cohort), *other])


def test_visits_of_one_person_are_welcome():
    check_identities(find("sub-1_ses-1.nii", "sub-1_ses-2.nii", "sub-1_ses-2_T1w.nii", "sub-2.nii"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "none: expected a .nii or .nii.gz file or a cohort, found nothing"),
        ("notes.doc", "expected a .nii or .nii.gz file or a cohort, found another kind of file"),
        ("____.nii", "____.nii: expected a name with letters a-z or digits, found none"),
    ],
)
def test_other_things_are_refused(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    Path("notes.doc").write_text("x")
    with pytest.raises(UserError, match=message):
        find(name)


def test_prepared_maps_are_on_the_grid_and_normalised(tmp_path):
    data = 0.02 + 0.9 * grey_matter()
    found = prepare(find(write(tmp_path / "gm.nii.gz", data))[0], GRID, "minmax")
    np.testing.assert_allclose(found.mri, (data - data.min()) / (data.max() - data.min()), atol=1e-6)
    assert found.steps == ()
    assert found.own_grid.shape == GRID.shape


def test_what_was_smoothed_already_is_not_smoothed_again(tmp_path):
    affine = np.diag([8.0, 8.0, 8.0, 1.0])
    affine[:3, 3] = -100, -130, -90
    path = write(tmp_path / "gm.nii", grey_matter((26, 29, 25), affine), affine)
    steps = {fwhm: prepare(find(path, fwhm_mm=fwhm)[0], GRID, "minmax").steps for fwhm in (None, 6.0, 8.0)}
    assert any("from 0 to 8 mm" in step for step in steps[None])
    assert any("from 6 to 8 mm" in step for step in steps[6.0])
    assert not any("smoothed" in step for step in steps[8.0])
    assert all("resampled from 26x29x25 voxels of 8 x 8 x 8 mm" in found[-1] for found in steps.values())


@pytest.mark.parametrize(
    ("name", "data", "affine", "message"),
    [
        ("gm", np.full(GRID.shape, 0.5), None, "sub-gm: gm.nii: expected a volume with contrast, found the constant"),
        ("gm", np.linspace(0, 90, 4096).reshape(GRID.shape), None, "expected grey-matter probabilities from 0 to 1, "
         "found 0 to 90: .* a T1w scan needs .* synthesize --raw"),
        ("gm", np.linspace(-0.5, 1, 4096).reshape(GRID.shape), None, "found -0.5 to 1"),
        ("gm", np.where(np.arange(4096) == 2184, np.nan, 0.5).reshape(GRID.shape), None, "finite voxels, found 1"),
        ("gm", None, np.eye(4), "expected a volume in MNI152 space, found a field of view that holds"),
        ("sub-1_space-T1w_probseg", None, None, "expected a grey-matter map in MNI152 space, found a map in space-T1w"),
    ],
)  # fmt: skip
def test_bad_maps_are_refused(tmp_path, name, data, affine, message):
    with pytest.raises(UserError, match=message):
        prepare(find(write(tmp_path / f"{name}.nii", data, affine))[0], GRID, "minmax")


def test_rounding_outside_of_0_to_1_is_let_through(tmp_path):
    data = grey_matter()
    path = write(tmp_path / "gm.nii", data / data.max() * 1.008 - 0.004)
    assert prepare(find(path)[0], GRID, "minmax").mri.max() == 1


def test_missing_files_are_told(tmp_path):
    with pytest.raises(UserError, match="sub-gm: gm.nii: expected a file, found none: .*gm.nii. Restore it"):
        prepare(find(tmp_path / "gm.nii")[0], GRID, "minmax")


def test_the_table_of_what_was_left_out(tmp_path):
    write_skipped(
        tmp_path / "skipped.tsv",
        [(find("sub-1_ses-2.nii")[0], UserError("bad")), (find("x.nii")[0], UserError("worse"))],
    )
    assert (tmp_path / "skipped.tsv").read_text() == (
        "participant_id\tsession_id\tfile\tproblem\nsub-1\tses-2\tsub-1_ses-2.nii\tbad\nsub-x\tn/a\tx.nii\tworse\n"
    )


def test_a_file_s_name_is_one_cell_of_what_was_left_out(tmp_path):
    name = "=cmd|'x'!A0\tx\nsub-9\tses-1\tfake\tforged.nii"
    write_skipped(
        tmp_path / "skipped.tsv", [(dataclasses.replace(find("x.nii")[0], path=Path(name)), UserError(f"{name}: bad"))]
    )
    text = (tmp_path / "skipped.tsv").read_text()
    assert text.count("\n") == 2 and "\t=" not in text
    assert table_rows(text)[1] == ["sub-x", "n/a", name, f"{name}: bad"]


def test_a_cohort_without_diagnoses(copy_of_cohort):
    (copy_of_cohort / "participants.tsv").unlink()
    with pytest.raises(UserError, match="expected participants.tsv"):
        read_cohort(copy_of_cohort)
    assert len(find(copy_of_cohort)) == NUM_PAIRS + NUM_MRI_ONLY


def test_a_suspicious_visit_of_a_cohort_is_one_bad_input(copy_of_cohort):
    """Where the map is at fault: synthesis needs neither its PET nor a decision on it."""
    reasons = {"sub-0001": (Reason("t1_coverage", "0.95", "below 0.99"),)}
    reasons |= {"sub-0002": (Reason("pet_coverage", "0.7", "below 0.98"),)}
    write_quality(copy_of_cohort, [Quality(name, "", {}, own) for name, own in reasons.items()], [])
    with pytest.raises(UserError, match=r"^sub-0001: .*found t1_coverage 0.95 \(below 0.99\).* more \(sub-0002\)"):
        read_cohort(copy_of_cohort)
    first, second = find(copy_of_cohort)[:2]
    with pytest.raises(UserError, match=r"^sub-0001: sub-0001_.*: expected preprocessing within .* found t1_coverage"):
        prepare(first, GRID, "minmax")
    assert prepare(second, GRID, "minmax").mri.max() == 1
    with pytest.raises(UserError, match="found t1_coverage"):
        prepare(*find(first.path), GRID, "minmax")  # by itself
