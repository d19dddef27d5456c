"""Finding subjects: what the phantom wrote is read back; tables and folders that contradict each other are told."""

import json

import pytest

from pcsa_jax.data import layout
from pcsa_jax.data.cohort import read_cohort
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
    assert found.name == "pcsa_jax phantom: simulated grey-matter maps and FDG-PET"
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


def test_no_folder(tmp_path):
    assert refusal(tmp_path / "none") == (
        f"cohort {tmp_path / 'none'}: expected a folder, found none. Check --config.data.root, or leave it empty for "
        "the built-in cohort."
    )


def test_an_empty_folder(tmp_path):
    assert refusal(tmp_path) == (
        f"cohort {tmp_path}: expected dataset_description.json (BIDS derivatives), found an empty folder. README.md, "
        "'Your own data', shows the layout."
    )


def test_a_folder_without_description(by_hand):
    root = by_hand([mri("sub-01")])
    (root / "dataset_description.json").unlink()
    assert "expected dataset_description.json (BIDS derivatives), found none." in refusal(root)


def test_no_table(by_hand):
    root = by_hand([mri("sub-01")])
    (root / TABLE).unlink()
    assert refusal(root) == (
        f"cohort {root}: expected participants.tsv (participant_id, diagnosis, age, sex), found none. Write one line a "
        "person."
    )


def test_no_volumes(by_hand):
    assert "expected GM maps named sub-*/[ses-*/]anat/*_label-GM_probseg.nii.gz, found none." in refusal(by_hand([]))


@pytest.mark.parametrize(
    ("description", "message"), [("{half", "expected JSON, found "), ("[1]", "expected a JSON object, found list.")]
)
def test_a_damaged_description(by_hand, description, message):
    assert message in refusal(by_hand([mri("sub-01")], description=description))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "expected the columns participant_id and diagnosis, found None. Add diagnosis, participant_id"),
        ("participant_id\tage\nsub-01\t70\n", "found ['participant_id', 'age']. Add diagnosis (tab-separated)."),
        ("participant_id,diagnosis\nsub-01,AD\n", "found ['participant_id,diagnosis']. Add diagnosis, participant_id"),
        ("participant_id\tdiagnosis\nsub-01\n", "line 2: sub-01 has diagnosis '', expected one of AD, CN."),
        ("participant_id\tdiagnosis\nsub-01\tAD\nsub-02\tMCI\n", "line 3: sub-02 has diagnosis 'MCI', expected one of"),
        ("participant_id\tdiagnosis\nsub-01\tAD\nsub-01\tAD\n", "line 3: sub-01 is listed twice, expected once."),
        ("participant_id\tdiagnosis\n01\tAD\n", "line 2: expected a participant_id like sub-0001, found '01'."),
        (
            "participant_id\tdiagnosis\nsub-../../x\tAD\n",
            "expected a participant_id like sub-0001, found 'sub-../../x'",
        ),
        ("participant_id\tdiagnosis\n/etc\tAD\n", "expected a participant_id like sub-0001, found '/etc'"),
        ("participant_id\tdiagnosis\nsub-*\tAD\n", "expected a participant_id like sub-0001, found 'sub-*'"),
    ],
)
def test_a_wrong_table(by_hand, table, message):
    root = by_hand([mri("sub-01")], table)
    found = refusal(root)
    assert found.startswith(f"{root / TABLE}") and message in found


def test_two_pets_of_one_visit(by_hand):
    root = by_hand([mri("sub-01"), pet("sub-01"), pet("sub-01").replace("_res-64", "_res-32")])
    found = refusal(root)
    assert found.startswith("sub-01: expected one FDG-PET volume, found ") and found.endswith(". Keep one.")
    assert "res-32" in found and "res-64" in found


def test_two_gm_maps_of_one_visit(by_hand):
    root = by_hand([mri("sub-01", "ses-1"), mri("sub-01", "ses-1").removesuffix(".gz")])
    assert refusal(root).startswith("sub-01 ses-1: expected one GM map, found ")


def test_the_phantom_s_name_alone_tells_a_phantom(copy_of_cohort, overwrite):
    path = copy_of_cohort / "dataset_description.json"
    description = json.loads(path.read_text())
    del description["GeneratedBy"]
    overwrite(path, json.dumps(description))
    assert not read_cohort(copy_of_cohort).is_phantom


def test_people_without_a_gm_map_are_named(by_hand):
    found = read_cohort(by_hand(["sub-01/anat/sub-01_label-GM_probseg.nii.gz"]))
    assert [subject.participant_id for subject in found.subjects] == ["sub-01"]
    assert found.without_mri == ("sub-02",)


def test_a_table_in_another_encoding(by_hand):
    root = by_hand(["sub-01/anat/sub-01_label-GM_probseg.nii.gz"])
    (root / TABLE).write_bytes("participant_id\tdiagnosis\tsite\nsub-01\tAD\tZürich\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"participants\.tsv: expected UTF-8 text, found another encoding"):
        read_cohort(root)
