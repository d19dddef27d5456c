"""Raw BIDS data: which scans are taken, which are left out and said, what is refused."""

import json

import pytest

from pcsa_jax.data.preprocessing.participants import read_participants
from pcsa_jax.data.preprocessing.raw_bids import read_raw_cohort
from pcsa_jax.errors import UserError


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write_object(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


@pytest.fixture
def root(tmp_path):
    write_object(tmp_path / "dataset_description.json", {"Name": "raw", "BIDSVersion": "1.10.0"})
    return tmp_path


def names(cohort):
    return [(v.name, v.t1.name, v.pet and v.pet.name) for v in cohort.visits]


def test_visits_with_and_without_sessions_and_pet(root):
    touch(
        root, "sub-01/anat/sub-01_T1w.nii", "sub-01/pet/sub-01_trc-18FFDG_pet.nii.gz", "sub-01/anat/sub-01_T2w.nii.gz",
        "sub-02/ses-B/anat/sub-02_ses-B_acq-x_T1w.nii.gz", "sub-02/ses-A/anat/sub-02_ses-A_T1w.nii.gz",
        "sub-02/ses-A/pet/sub-02_ses-A_trc-18FFDG_rec-y_pet.nii", "derivatives/sub-09/anat/sub-09_T1w.nii.gz",
    )  # fmt: skip
    cohort = read_raw_cohort(root)
    assert names(cohort) == [
        ("sub-01", "sub-01_T1w.nii", "sub-01_trc-18FFDG_pet.nii.gz"),
        ("sub-02 ses-A", "sub-02_ses-A_T1w.nii.gz", "sub-02_ses-A_trc-18FFDG_rec-y_pet.nii"),
        ("sub-02 ses-B", "sub-02_ses-B_acq-x_T1w.nii.gz", None),
    ]
    assert cohort.name == "raw"
    assert cohort.notes == ()


@pytest.mark.parametrize("tracer", ["FDG", "[18F]FDG", "fluorodeoxyglucose", "18F-fluoro-deoxy-D-glucose"])
def test_a_sidecar_tells_the_tracer_where_the_name_does_not(root, tracer):
    touch(root, "sub-01/anat/sub-01_T1w.nii.gz", "sub-01/pet/sub-01_pet.nii.gz")
    write_object(root / "sub-01/pet/sub-01_pet.json", {"TracerName": tracer})
    assert read_raw_cohort(root).visits[0].pet.name == "sub-01_pet.nii.gz"


@pytest.mark.parametrize(
    ("name", "facts", "reason"),
    [
        ("sub-01_trc-18FAV45_pet.nii.gz", {"TracerName": "FDG"}, "trc-18FAV45"),
        ("sub-01_pet.nii.gz", {"TracerName": "PIB"}, "TracerName 'PIB'"),
        ("sub-01_pet.nii.gz", {}, "neither a trc- entity nor TracerName in a sidecar says so"),
    ],
)
def test_another_tracer_is_left_out_and_said(root, name, facts, reason):
    touch(root, "sub-01/anat/sub-01_T1w.nii.gz", f"sub-01/pet/{name}")
    write_object(root / "sub-01/pet" / name.replace(".nii.gz", ".json"), facts)
    cohort = read_raw_cohort(root)
    assert cohort.visits[0].pet is None
    assert cohort.notes == (f"sub-01: {name} is not FDG-PET ({reason}); left out",)


def test_sidecars_are_inherited_and_the_nearest_wins(root):
    touch(root, "sub-01/anat/sub-01_T1w.nii.gz", "sub-01/pet/sub-01_rec-a_pet.nii.gz")
    write_object(root / "pet.json", {"TracerName": "FDG", "Units": "far", "Manufacturer": "M"})
    write_object(root / "rec-b_pet.json", {"Units": "another scan's"})
    write_object(root / "sub-01/pet/sub-01_rec-a_pet.json", {"Units": "near"})
    facts = read_raw_cohort(root).visits[0].pet_facts
    assert facts == {"TracerName": "FDG", "Units": "near", "Manufacturer": "M"}


def test_several_scans_of_a_kind_need_a_choice(root):
    touch(root, *(f"sub-0{n}/anat/sub-0{n}_run-0{run}_T1w.nii.gz" for n in (1, 2) for run in (1, 2)))
    touch(root, "sub-01/pet/sub-01_trc-18FFDG_rec-a_pet.nii.gz", "sub-01/pet/sub-01_trc-18FFDG_rec-b_pet.nii.gz")
    with pytest.raises(UserError) as caught:
        read_raw_cohort(root)
    assert str(caught.value) == (
        "sub-01: expected one T1w scan, found sub-01_run-01_T1w.nii.gz, sub-01_run-02_T1w.nii.gz. Choose with "
        "--run=LABEL, or keep one. (and 1 more visits like it)"
    )
    with pytest.raises(UserError, match="sub-01: expected one FDG-PET, found .* Choose with --rec=LABEL"):
        read_raw_cohort(root, choices={"run": "2"})
    assert names(read_raw_cohort(root, choices={"run": "2", "rec": "b"})) == [
        ("sub-01", "sub-01_run-02_T1w.nii.gz", "sub-01_trc-18FFDG_rec-b_pet.nii.gz"),
        ("sub-02", "sub-02_run-02_T1w.nii.gz", None),
    ]
    assert read_raw_cohort(root, choices={"run": "2", "rec": "b"}).notes == (
        "sub-01: sub-01_run-02_T1w.nii.gz is taken of 2 T1w scans, as chosen",
        "sub-01: sub-01_trc-18FFDG_rec-b_pet.nii.gz is taken of 2 FDG-PET, as chosen",
        "sub-02: sub-02_run-02_T1w.nii.gz is taken of 2 T1w scans, as chosen",
    )
    with pytest.raises(UserError, match="expected one T1w scan"):
        read_raw_cohort(root, choices={"run": "3"})


def test_a_choice_does_not_matter_where_there_is_one_scan(root):
    touch(root, "sub-01/anat/sub-01_T1w.nii.gz")
    assert len(read_raw_cohort(root, choices={"run": "2"}).visits) == 1


def test_pet_without_t1_is_left_out_and_said(root):
    touch(root, "sub-01/anat/sub-01_T1w.nii.gz", "sub-02/pet/sub-02_trc-18FFDG_pet.nii.gz")
    cohort = read_raw_cohort(root)
    assert [visit.name for visit in cohort.visits] == ["sub-01"]
    assert cohort.notes == ("sub-02: no T1w scan, only FDG-PET; left out",)


def test_a_scan_of_another_format_is_told_with_what_converts_it(root):
    touch(root, "sub-01/anat/sub-01_T1w.nii.gz", "sub-02/anat/sub-02_T1w.mgz")
    assert read_raw_cohort(root).notes == (
        "sub-02: no T1w scan (anat holds a FreeSurfer volume: mri_convert FILE.mgz FILE.nii.gz (or nib-convert "
        "FILE.mgz FILE.nii.gz)); left out",
    )


def test_participants_are_chosen_with_or_without_prefix(root):
    touch(root, *(f"sub-{n}/anat/sub-{n}_T1w.nii.gz" for n in ("01", "02", "03")))
    assert [v.name for v in read_raw_cohort(root, participants=["sub-03", "01", "03"]).visits] == ["sub-01", "sub-03"]
    with pytest.raises(UserError, match="found no sub-7, sub-8. The first of its 3 participants is sub-01"):
        read_raw_cohort(root, participants=["01", "7", "8"])


@pytest.mark.parametrize("name", ["../x", "sub-../../x", "01/..", "", "sub-01 "])
def test_names_that_are_no_ids_are_refused(root, name):
    touch(root, "sub-01/anat/sub-01_T1w.nii.gz")
    with pytest.raises(UserError, match="--participants: expected names like 01 or sub-01, found"):
        read_raw_cohort(root, participants=[name])


def test_folders_that_are_no_ids_are_left_out_and_said(root):
    touch(root, "sub-01/anat/sub-01_T1w.nii.gz", "sub-a_b/anat/sub-a_b_T1w.nii.gz", "sub-01/ses-x y/anat/a.txt")
    cohort = read_raw_cohort(root)
    assert [visit.name for visit in cohort.visits] == ["sub-01"]
    assert [note.split(": ")[0].rpartition("/")[2] for note in cohort.notes] == ["sub-a_b", "ses-x y"]


def test_a_scan_that_was_not_fetched_is_still_found(root):
    touch(root, "sub-01/anat/x")
    (root / "sub-01/anat/sub-01_T1w.nii.gz").symlink_to("nowhere")
    assert len(read_raw_cohort(root).visits) == 1


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (None, "expected a raw BIDS data set with dataset_description.json, found no such file"),
        ({"Name": "x", "DatasetType": "derivative"}, r"expected a raw BIDS data set, found derivatives"),
        ([1], "expected a JSON object, found a list"),
        ({"Name": "x"}, "expected T1w scans named .*, found none"),
    ],
)
def test_folders_that_are_no_raw_data(tmp_path, description, message):
    if description is not None:
        write_object(tmp_path / "dataset_description.json", description)
    with pytest.raises(UserError, match=message):
        read_raw_cohort(tmp_path)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="found no such folder"):
        read_raw_cohort(tmp_path / "none")


def test_participants_with_bom_carriage_returns_and_bare_ids(tmp_path):
    text = "\ufeffage\tparticipant_id\tdiagnosis\r\n70\t01\t AD \r\n\r\n\tsub-02\tCN\r\n"
    (tmp_path / "participants.tsv").write_bytes(text.encode())
    table = read_participants(tmp_path)
    table.write(tmp_path / "out.tsv", ["sub-02", "sub-01", "sub-03"])
    assert (tmp_path / "out.tsv").read_bytes() == (
        b"participant_id\tage\tdiagnosis\nsub-01\t70\tAD\nsub-02\tn/a\tCN\nsub-03\tn/a\tn/a\n"
    )
    assert table.without_diagnosis(["sub-01", "sub-03"]) == ["sub-03"]


def test_a_long_value_and_a_page_break_are_one_value(tmp_path):
    long = "x" * 200_000 + "\f" + "y"
    (tmp_path / "participants.tsv").write_text(f"participant_id\tnotes\nsub-01\t{long}\n")
    assert read_participants(tmp_path).rows["sub-01"]["notes"] == long


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id\tage\nsub-01\t7\n", "expected a column participant_id"),
        ("", "expected a column participant_id"),
        ("participant_id\tage\nsub-../x\t7\n", "line 2: expected a participant_id like sub-0001, found 'sub-../x'"),
        ("participant_id\tage\nsub-01\t7\n01\t8\n", "line 3: sub-01 is listed twice"),
        ("participant_id\tage\nsub-01\n", "line 2: expected 2 values, found 1"),
        ("participant_id\tage\tage\nsub-01\t7\t8\n", "expected each column once"),
    ],
)
def test_tables_that_cannot_be_trusted(tmp_path, text, message):
    (tmp_path / "participants.tsv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_participants(tmp_path)


def test_lines_of_an_earlier_table_are_kept_for_those_who_have_no_other(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/participants.tsv").write_text("participant_id\tdiagnosis\nsub-01\tAD\n")
    (tmp_path / "b/participants.tsv").write_text("participant_id\tsex\tdiagnosis\nsub-01\tF\tCN\nsub-02\tM\tCN\n")
    table = read_participants(tmp_path / "a").completed_by(tmp_path / "b/participants.tsv")
    table.write(tmp_path / "out.tsv", ["sub-01", "sub-02"])
    assert (tmp_path / "out.tsv").read_text() == ("participant_id\tdiagnosis\tsex\nsub-01\tAD\tn/a\nsub-02\tCN\tM\n")
