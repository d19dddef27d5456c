"""Finding subjects: what the phantom wrote is read back; tables and folders that contradict each other are told."""

import json

import pytest

from pcsa_jax.data import layout
from pcsa_jax.data.cohort import Reading, read_cohort, survey
from pcsa_jax.errors import UserError

TABLE = "participants.tsv"


@pytest.fixture
def by_hand(tmp_path):
    """Writes a cohort of empty files (the reader opens no volume) and returns its folder."""

    def write(files, table="participant_id\tdiagnosis\nsub-01\tAD\nsub-02\tCN\n", description='{"Name": "Mine"}'):
        root = tmp_path / "mine"
        for name in files:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        root.mkdir(exist_ok=True)
        (root / TABLE).write_bytes(table.encode())
        (root / "dataset_description.json").write_text(description)
        return root

    return write


def mri(participant, session=""):
    return str(layout.mri_path("", participant, session))


def pet(participant, session="", desc=""):
    return str(layout.pet_path("", participant, session, desc=desc))


def refusal(root) -> str:
    with pytest.raises(UserError) as caught:
        read_cohort(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_phantom_is_read_as_written(cohort):
    found = read_cohort(cohort)
    assert found.is_phantom and found.root == cohort
    assert found.name == "pcsa_jax phantom, version 5: simulated grey-matter maps and FDG-PET"
    assert [subject.participant_id for subject in found.subjects] == [f"sub-{n:04d}" for n in range(1, 15)]
    assert [subject.participant_id for subject in found.pairs] == [f"sub-{n:04d}" for n in range(1, 13)]
    assert {subject.session_id for subject in found.subjects} == {""}
    table = [line.split("\t") for line in (cohort / TABLE).read_text().splitlines()[1:]]
    assert [(s.participant_id, s.diagnosis) for s in found.subjects] == [(row[0], row[1]) for row in table]
    first = found.subjects[0]
    assert first.mri == layout.mri_path(cohort, "sub-0001", size=16)
    assert first.pet == layout.pet_path(cohort, "sub-0001", size=16)
    assert first.predictable == layout.pet_path(cohort, "sub-0001", size=16, desc="predictable")
    assert found.subjects[-1].pet is found.subjects[-1].predictable is None


def test_a_cohort_of_someone_else_is_no_phantom(by_hand):
    found = read_cohort(by_hand([mri("sub-01"), pet("sub-01")]))
    assert not found.is_phantom and found.name == "Mine"
    assert found.pairs[0].predictable is None
    assert found.pairs[0].name == "sub-01"


def test_sessions_are_visits_of_one_participant(by_hand):
    found = read_cohort(by_hand([mri("sub-01", "ses-M12"), mri("sub-01", "ses-M00"), pet("sub-01", "ses-M12")]))
    assert [(s.participant_id, s.session_id, s.pet is not None) for s in found.subjects] == [
        ("sub-01", "ses-M00", False), ("sub-01", "ses-M12", True),
    ]  # fmt: skip
    assert found.pairs[0].name == "sub-01 ses-M12"
    assert found.pairs[0].diagnosis == "AD"


def test_a_synthetic_pet_beside_the_measured_one_is_not_read(by_hand):
    found = read_cohort(by_hand([mri("sub-01"), pet("sub-01"), pet("sub-01", desc="synthetic")]))
    assert found.pairs[0].pet.name == layout.pet_path("", "sub-01").name


def test_a_table_from_a_spreadsheet_is_accepted(by_hand):
    table = "\ufeffparticipant_id\tdiagnosis\tage\r\nsub-02\tCN\t71\r\nsub-01\tAD\t68\r\n"
    found = read_cohort(by_hand([mri("sub-01"), mri("sub-02")], table))
    assert [(s.participant_id, s.diagnosis) for s in found.subjects] == [("sub-01", "AD"), ("sub-02", "CN")]


@pytest.mark.parametrize(
    "table",
    [
        "participant_id\tdiagnosis\n01\tAD\nsub-02\tCN\n",
        "participant_id\tdiagnosis\r01\tAD\rsub-02\tCN\r",
        "participant_id \t diagnosis\n 01 \tAD  \n\n  \nsub-02\t CN\t\t\n",
        '"participant_id"\t"diagnosis_sc"\n"01"\t"AD"\n"sub-02"\t"CN"',
        "\ufeffage\tdiagnosis_bl\tparticipant_id\r\n70\tAD\t01\r\n\tCN\tsub-02\r\n",
    ],
)
def test_careless_tables_are_read(by_hand, table):
    found = read_cohort(by_hand([mri("sub-01"), mri("sub-02")], table))
    assert [(s.participant_id, s.diagnosis) for s in found.subjects] == [("sub-01", "AD"), ("sub-02", "CN")]
    assert found.notes[0] == "participants.tsv: 1 id without 'sub-' or 'ses-' (01), read with it"


def test_no_folder(tmp_path):
    assert refusal(tmp_path / "none") == (
        f"cohort {tmp_path / 'none'}: expected a folder or a manifest (.tsv), found none. Check the path."
    )


@pytest.mark.parametrize(("name", "found"), [(None, "an empty folder"), ("thesis.tex", "other files")])
def test_a_folder_that_holds_no_cohort(tmp_path, name, found):
    if name:
        (tmp_path / name).touch()
    assert refusal(tmp_path) == (
        f"{tmp_path}: expected a cohort (sub-* folders, subjects/sub-* folders of a Clinica CAPS, or manifest.tsv), "
        f"found {found}. README.md, 'Your own data', shows the layouts."
    )


@pytest.mark.parametrize("name", ["derivatives/petprep", "petprep"])
def test_a_folder_above_the_cohort(tmp_path, name):
    (tmp_path / name / "sub-01").mkdir(parents=True)
    found = refusal(tmp_path)
    assert f"found folders that hold some: {name}. Give that which is meant, such as {tmp_path / name}." in found


def test_a_raw_data_set_above_its_derivatives(by_hand, tmp_path):
    root = by_hand(["sub-01/anat/sub-01_T1w.nii.gz", "derivatives/fmriprep/sub-01/anat/x"])
    assert refusal(root).endswith(
        f"but the folder derivatives. Give the folder of the derivatives: {root}/derivatives/fmriprep."
    )


def test_a_folder_of_dicom_files(tmp_path):
    (tmp_path / "IM0001").write_bytes(bytes(128) + b"DICM" + bytes(500))
    assert "found a folder of DICOM files. Convert it: dcm2niix -z y" in refusal(tmp_path)


@pytest.mark.parametrize(
    "content", ["/annex/objects/MD5E-s115--0ccac1.tsv\n", "version https://git-lfs.github.com/spec/v1\n"]
)
def test_a_table_whose_content_was_not_fetched(by_hand, content):
    found = refusal(by_hand([mri("sub-01")], content))
    assert "participants.tsv: expected a table, found a git-annex pointer, not" in found or "a Git LFS pointer" in found
    assert ". Get the content: " in found


def test_a_folder_without_description(by_hand):
    root = by_hand([mri("sub-01")])
    (root / "dataset_description.json").unlink()
    assert "expected dataset_description.json (BIDS derivatives), found none." in refusal(root)


def test_no_table(by_hand):
    root = by_hand([mri("sub-01")])
    (root / TABLE).unlink()
    assert refusal(root) == (
        f"{root}: expected participants.tsv (participant_id, diagnosis: AD, CN, MCI, ... or n/a), found none. Write "
        "one line a person, or say where: --participants=BIDS."
    )


def test_no_volumes(by_hand):
    root = by_hand([])
    assert refusal(root) == (
        f"{root}: expected GM maps named sub-*/[ses-*/]anat/*_space-MNI152*_label-GM_probseg.nii.gz, found none. "
        "README.md, 'Your own data', shows the layouts."
    )


def test_raw_scans_are_sent_to_preprocess(by_hand):
    root = by_hand(["sub-01/anat/sub-01_T1w.nii.gz", "sub-01/pet/sub-01_trc-18FFDG_pet.nii.gz"])
    found = survey(root)
    assert "Write it in MNI152 space too" in str(found.problems[0])
    root = by_hand(["sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz"])
    (root / "sub-01/pet/sub-01_trc-18FFDG_pet.nii.gz").unlink()
    assert refusal(root).endswith("found only T1w scans. Run python -m pcsa_jax preprocess first.")


def test_every_problem_is_collected_and_the_first_is_raised(by_hand):
    table = "participant_id\tdiagnosis\nsub-01\tAlz\nsub-02\tad\nsub-03\tCN\n"
    root = by_hand([mri("sub-01"), "sub-03/anat/sub-03_label-GM_probseg.nii.gz"], table)
    found = survey(root)
    assert [(problem.participant_id, problem.file.name) for problem in found.problems] == [
        ("", TABLE), ("", TABLE), ("sub-03", "sub-03_label-GM_probseg.nii.gz"),
    ]  # fmt: skip
    assert [subject.participant_id for subject in found.subjects] == ["sub-01"], "its volumes can still be checked"
    assert refusal(root).endswith(
        f"Correct or remove the line. ... and 2 more: python -m pcsa_jax check {root} lists them all."
    )


@pytest.mark.parametrize("diagnosis", ["MCI", "EMCI", "LMCI", "SMC", "n/a", ""])
def test_other_diagnoses_are_read_but_are_no_pairs(by_hand, diagnosis):
    files = [call(person) for call in (mri, pet) for person in ("sub-01", "sub-02")]
    found = read_cohort(by_hand(files, f"participant_id\tdiagnosis\nsub-01\tAD\nsub-02\t{diagnosis}\n"))
    assert [subject.participant_id for subject in found.subjects] == ["sub-01", "sub-02"]
    assert [subject.participant_id for subject in found.pairs] == ["sub-01"]
    assert found.diagnoses == {"sub-01": "AD"}
    name = diagnosis if diagnosis not in ("n/a", "") else "without a diagnosis"
    assert found.notes == (f"Not trained on: 1 visit neither AD nor CN (1 {name})",)


def test_the_first_diagnosis_of_a_converter_stratifies(by_hand):
    root = by_hand([call("sub-01", session) for call in (mri, pet) for session in ("ses-M00", "ses-M36")])
    (root / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\tdiagnosis\nses-M00\tCN\nM36\tAD\n")
    found = read_cohort(root)
    assert [subject.diagnosis for subject in found.pairs] == ["CN", "AD"]
    assert found.diagnoses == {"sub-01": "CN"}


def test_the_taken_layout_is_said_where_two_could_be(by_hand):
    root = by_hand([mri("sub-01"), "subjects/sub-01/ses-1/x"])
    (root / "manifest.tsv").write_text(f"participant_id\tdiagnosis\tmri\nsub-01\tAD\t{mri('sub-01')}\n")
    found = survey(root)
    assert (found.layout, found.reason) == ("manifest", "it holds manifest.tsv")
    assert found.notes[0] == (
        "Read as manifest (it holds manifest.tsv), which comes before Clinica CAPS (it holds subjects/sub-* folders), "
        "BIDS derivatives (it holds sub-* folders)"
    )
    (root / "manifest.tsv").unlink()
    assert survey(root).layout == "Clinica CAPS"


def test_tables_elsewhere(by_hand, tmp_path):
    root = by_hand([mri("sub-01")])
    bids = tmp_path / "bids"
    bids.mkdir()
    (root / TABLE).rename(bids / TABLE)
    for participants in (bids, bids / TABLE):
        assert [s.diagnosis for s in read_cohort(root, Reading(participants)).subjects] == ["AD"]
    with pytest.raises(UserError, match="none: expected participants.tsv or its folder, found none. Check the path"):
        read_cohort(root, Reading(tmp_path / "none"))


@pytest.mark.parametrize(
    ("description", "message"),
    [("{half", "expected a JSON object, found no JSON ("), ("[1]", "expected a JSON object, found a list.")],
)
def test_a_damaged_description(by_hand, description, message):
    assert message in refusal(by_hand([mri("sub-01")], description=description))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "expected the columns participant_id and diagnosis, found nothing. Write them (tab-separated)."),
        (
            "participant_id\tage\nsub-01\t70\n",
            "expected a column diagnosis here or in the sessions tables, found participant_id, age. Add it",
        ),
        ("participant_id,diagnosis\nsub-01,AD\n", "found participant_id,diagnosis. Write them (tab-separated)."),
        (
            "participant_id\tdiagnosis\nsub-01\tAD\nsub-02\tAlz\n",
            "line 3: sub-02 has diagnosis 'Alz', expected one of AD, CN, MCI, EMCI, LMCI, SMC or n/a. Correct",
        ),
        ("participant_id\tdiagnosis\nsub-01\tad\n", "line 2: sub-01 has diagnosis 'ad', expected one of"),
        (
            "participant_id\tdiagnosis\nsub-01\tAD\n01\tAD\n",
            "line 3: sub-01 is listed twice (first in line 2), expected once. Remove one line.",
        ),
        ("participant_id\tdiagnosis\nsub-01\tAD\tCN\n", "line 2: expected 2 fields as in the heading, found 3."),
        (
            "participant_id\tdiagnosis\n002_S_0295\tAD\n",
            "like sub-0001 (letters and digits), found '002_S_0295'. Write it as the volumes are named, such as "
            "sub-ADNI002S0295.",
        ),
        ("participant_id\tdiagnosis\nsub-01-02\tAD\n", "Write it as the volumes are named, such as sub-0102."),
        ("participant_id\tdiagnosis\nsub-../../x\tAD\n", "found 'sub-../../x'. Rename it."),
        ("participant_id\tdiagnosis\n/etc\tAD\n", "found '/etc'. Rename it."),
        ("participant_id\tdiagnosis\nsub-*\tAD\n", "found 'sub-*'. Rename it."),
        ("participant_id\tdiagnosis\n\tAD\n", "found ''. Rename it."),
    ],
)
def test_a_wrong_table(by_hand, table, message):
    root = by_hand([mri("sub-01")], table)
    found = refusal(root)
    assert found.startswith(f"{root / TABLE}") and message in found


def test_two_pets_of_one_visit(by_hand):
    runs = [pet("sub-01").replace("_space", f"_run-{run}_space") for run in (1, 2)]
    found = refusal(by_hand([mri("sub-01"), *runs]))
    names = " and ".join(name.rpartition("/")[2] for name in runs)
    assert (
        f": expected one FDG-PET of space-MNI152NLin2009aSym res-64, found 2 that differ in run: {names}. Name the one "
        "to use in manifest.tsv (participant_id, session_id, diagnosis, mri, pet), or move the others out of the "
        "cohort."
    ) in found


def test_a_manifest_names_the_run_to_use(by_hand):
    runs = [pet("sub-01").replace("_space", f"_run-{run}_space") for run in (1, 2)]
    root = by_hand([mri("sub-01"), *runs])
    (root / "manifest.tsv").write_text(f"participant_id\tdiagnosis\tmri\tpet\nsub-01\tAD\t{mri('sub-01')}\t{runs[1]}\n")
    found = read_cohort(root)
    assert [subject.pet for subject in found.pairs] == [root / runs[1]]
    assert "Read as manifest (it holds manifest.tsv), which comes before BIDS derivatives" in found.notes[0]


def test_one_run_for_everybody_is_no_choice(by_hand):
    runs = [pet(f"sub-0{number}").replace("_space", f"_run-{number}_space") for number in (1, 2)]
    assert len(read_cohort(by_hand([mri("sub-01"), mri("sub-02"), *runs])).pairs) == 2


@pytest.mark.parametrize("table", ["", "participant_id\tsuspicious\taccepted\nsub-01\tbrain_ml 640 (below 950)\tyes\n"])
def test_accepting_what_is_not_suspicious_is_said_once(by_hand, table):
    root = by_hand([mri("sub-01"), pet("sub-01")])
    if table:
        (root / "quality.tsv").write_text(table)
    why = "no visit of quality.tsv is suspicious and undecided" if table else f"there is no {root / 'quality.tsv'}"
    line = f"data.accept_suspicious (check: --accept-suspicious) has no effect here: {why}"
    assert read_cohort(root, Reading(accept_suspicious=True)).notes.count(line) == 1
    assert line not in read_cohort(root).notes
    assert line not in read_cohort(root, Reading(accept_suspicious=True, maps_only=True)).notes


def test_two_gm_maps_of_one_visit(by_hand):
    root = by_hand([mri("sub-01", "ses-1"), mri("sub-01", "ses-1").removesuffix(".gz")])
    found = refusal(root)
    assert found.startswith("sub-01 ses-1: ") and "expected one GM map of space-MNI152NLin2009aSym res-64" in found


def test_a_phantom_whose_description_was_rewritten_is_one_by_its_volumes(copy_of_cohort, overwrite):
    path = copy_of_cohort / "dataset_description.json"
    description = json.loads(path.read_text())
    del description["GeneratedBy"]
    overwrite(path, json.dumps(description))
    assert read_cohort(copy_of_cohort).is_phantom


def test_people_without_a_gm_map_are_named(by_hand):
    found = read_cohort(by_hand([mri("sub-01")]))
    assert [subject.participant_id for subject in found.subjects] == ["sub-01"]
    assert found.without_mri == ("sub-02",)
    assert found.notes[0] == "Left out: 1 participant without a GM map (sub-02)"


def test_a_table_in_another_encoding(by_hand):
    root = by_hand([mri("sub-01")])
    (root / TABLE).write_bytes("participant_id\tdiagnosis\tsite\nsub-01\tAD\tZürich\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"participants\.tsv: expected UTF-8 text, found another encoding"):
        read_cohort(root)


@pytest.mark.parametrize("name", ["dataset_description.json", "pet.json", "sub-0001/pet/{stem}.json"])
def test_what_is_no_file_among_a_cohort_s_json_is_a_problem(copy_of_cohort, put_odd, name):
    stem = next((copy_of_cohort / "sub-0001" / "pet").glob("*_pet.json")).stem
    path = copy_of_cohort / name.format(stem=stem)
    path.unlink(missing_ok=True)
    # A link, as those that were not fetched are: a sidecar that is none of them is no sidecar.
    found = put_odd(copy_of_cohort / "odd")
    path.symlink_to(copy_of_cohort / "odd")
    said = [str(problem) for problem in survey(copy_of_cohort).problems]
    assert any(f"expected JSON, found {found}" in line and path.name in line for line in said), said


def test_a_manifest_that_is_no_file_is_refused(tmp_path, put_odd):
    put_odd(tmp_path / "manifest.tsv")
    with pytest.raises(UserError, match="expected a folder or a manifest"):
        survey(tmp_path / "manifest.tsv")
