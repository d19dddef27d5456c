"""Whose diagnosis a visit has: its own row's, another spelling's, the participant's, or nobody's."""

import pytest

from pcsa_jax.data.cohort import Reading, read_cohort, survey
from pcsa_jax.data.files import write_json, write_text
from pcsa_jax.data.layout import mri_path, pet_path
from pcsa_jax.data.people import same_participant, same_session


@pytest.fixture
def visits(tmp_path):
    """A cohort of empty files: one person at some sessions, with these tables."""

    def write(*sessions, participants, table=None, session_table=None):
        write_json(tmp_path / "dataset_description.json", {"Name": "Mine"})
        for session in sessions:
            for path in (mri_path(tmp_path, "sub-01", session), pet_path(tmp_path, "sub-01", session)):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        write_text(tmp_path / "participants.tsv", participants)
        if session_table is not None:
            write_text(tmp_path / "sub-01" / "sub-01_sessions.tsv", session_table)
        return tmp_path

    return write


SCREENED = "participant_id\tdiagnosis_sc\nsub-01\tCN\n"
NOTE = (
    "Diagnosis: 1 visit without a row of their own take the participant's diagnosis_sc of participants.tsv (sub-01 "
    "ses-{}); --diagnosis=visit, in a training data.diagnosis, leaves them without"
)


def labels(root, **options):
    return [subject.diagnosis for subject in read_cohort(root, Reading(**options)).subjects]


def test_n_a_at_a_visit_stays_n_a(visits):
    table = "session_id\tdiagnosis\nses-M000\tCN\nses-M036\tAD\nses-M048\tn/a\n"
    root = visits("ses-M036", "ses-M048", participants=SCREENED, session_table=table)
    assert labels(root) == ["AD", ""]
    assert [note for note in read_cohort(root).notes if note.startswith("Diagnosis")] == [
        "Diagnosis: 1 visit without one, as their own row says n/a, whatever the participant's diagnosis_sc is (sub-01 "
        "ses-M048)"
    ]


@pytest.mark.parametrize(
    ("folder", "written"),
    [("ses-M000", "ses-M00"), ("ses-M000", "M00"), ("ses-M00", "ses-M000"), ("ses-M012", "ses-m012"), ("ses-1", "01")],
)
def test_another_spelling_of_a_session_is_found_and_said(visits, folder, written):
    root = visits(folder, participants=SCREENED, session_table=f"session_id\tdiagnosis\n{written}\tAD\n")
    assert labels(root) == ["AD"]
    spelt = written if written.startswith("ses-") else f"ses-{written}"
    assert f"Diagnosis: 1 visit found in another spelling (sub-01 {folder} as {spelt})" in read_cohort(root).notes


def test_two_spellings_of_one_session_decide_nothing(visits):
    root = visits("ses-M0", participants=SCREENED, session_table="session_id\tdiagnosis\nses-M00\tAD\nses-M000\tCN\n")
    assert labels(root) == ["CN"] and labels(root, diagnosis="visit") == [""]


def test_a_visit_of_no_row_takes_the_participant_s_and_is_named(visits):
    root = visits("ses-M060", participants=SCREENED, session_table="session_id\tdiagnosis\nses-M000\tAD\n")
    assert labels(root) == ["CN"]
    assert NOTE.format("M060: rows of ses-M000") in read_cohort(root).notes
    assert labels(root, diagnosis="visit") == [""]
    assert (
        "Diagnosis: 1 visit without one, as no row is theirs (sub-01 ses-M060: rows of ses-M000)"
        in read_cohort(root, Reading(diagnosis="visit")).notes
    )


def test_a_cohort_without_sessions_has_the_participants_diagnoses(visits):
    root = visits("", participants=SCREENED)
    assert labels(root) == labels(root, diagnosis="visit") == ["CN"]
    assert read_cohort(root).notes == ()


def test_a_table_of_visits(visits):
    table = "participant_id\tsession_id\tdiagnosis\nsub-01\tses-1\tMCI\nsub-01\tses-2\tAD\nsub-01\tn/a\tCN\n"
    root = visits("ses-1", "ses-2", "ses-3", participants=table)
    assert labels(root) == ["MCI", "AD", "CN"]
    only_other = "participant_id\tsession_id\tdiagnosis\nsub-01\tses-M024\tAD\n"
    root = visits("ses-1", participants=only_other)
    assert labels(root) == ["", "", ""], "the row is of another visit"
    assert "(sub-01 ses-1: rows of ses-M024, sub-01 ses-2: rows of ses-M024" in " ".join(read_cohort(root).notes)


def test_a_visit_that_is_listed_twice(visits):
    table = "participant_id\tsession_id\tdiagnosis\nsub-01\tses-1\tAD\n01\t1\tCN\n"
    (problem,) = survey(visits("ses-1", participants=table)).problems
    assert problem.found == "line 3: sub-01 ses-1 is listed twice (first in line 2), expected once"


def test_a_session_that_is_listed_twice(visits):
    table = "session_id\tdiagnosis\nses-1\tAD\nses-1\tCN\n"
    (problem,) = survey(visits("ses-1", participants=SCREENED, session_table=table)).problems
    assert problem.found == "line 3: ses-1 is listed twice (first in line 2), expected once"


@pytest.mark.parametrize("place", ["participants", "session_table"])
def test_a_column_that_is_given_twice(visits, place):
    tables = {"participants": SCREENED, "session_table": "session_id\tdiagnosis\nses-1\tAD\n"}
    tables[place] = tables[place].replace("\n", "\tage\tage\n", 1)
    (problem,) = [found for found in survey(visits("ses-1", **tables)).problems if "column" in found.found]
    assert str(problem).endswith("expected every column once, found age twice. Remove or rename one.")


@pytest.mark.parametrize(
    ("given", "meant"),
    [("Dementia", "AD"), ("NL", "CN"), ("HC", "CN"), ("Control", "CN"), ("ad", "AD"), ("mci", "MCI"),
     ("Cognitively normal", "CN")],
)  # fmt: skip
def test_a_label_of_another_study_is_not_taken_but_understood(visits, given, meant):
    (problem,) = survey(visits("", participants=f"participant_id\tdiagnosis\nsub-01\t{given}\n")).problems
    assert problem.remedy == f"Write {meant}, if that is meant, or n/a"


@pytest.mark.parametrize("column", ["DX", "DX_GROUP", "dx1", "Group"])
def test_a_column_of_another_study_is_pointed_at(visits, column):
    root = visits("ses-1", participants="participant_id\tage\nsub-01\t70\n",
                  session_table=f"session_id\t{column}\nses-1\tAD Dementia\n")  # fmt: skip
    (problem,) = survey(root).problems
    assert f"{column} may hold it in other words" in problem.remedy and "--participants" in problem.remedy
    assert f"(sessions tables: session_id, {column})" in problem.found


@pytest.mark.parametrize("column", ["diagnsis", "diagnoses", " diagnosi "])
@pytest.mark.parametrize("is_of_sessions", [False, True])
def test_a_slip_in_a_column_is_pointed_at(visits, column, is_of_sessions):
    own, other = "sub-01\tAD\n", "age\nsub-01\t70\n"
    root = visits(
        "ses-1",
        participants="participant_id\t" + (other if is_of_sessions else f"{column}\n{own}"),
        session_table=f"session_id\t{column if is_of_sessions else 'age'}\nses-1\tAD\n",
    )
    found = [problem.remedy for problem in survey(root).problems]
    assert found[0] == f"Rename {column.strip()} to diagnosis"


def test_columns_that_nobody_reads_are_a_note(visits):
    root = visits("", participants="participant_id\tdiagnosis\tAge \tSEX\tdiagnosis_m12\nsub-01\tAD\t70\tF\tAD\n")
    found = survey(root)
    assert found.problems == ()
    for name in ("Age", "SEX"):
        note = f"participants.tsv: expected the column {name.lower()}, found {name}, which nobody reads"
        assert note in found.notes


@pytest.mark.parametrize("column", ["Diagnosis", "DIAGNOSIS_BL"])
def test_a_column_in_other_letters_is_pointed_at(visits, column):
    problem = survey(visits("", participants=f"participant_id\t{column}\nsub-01\tAD\n")).problems[0]
    assert problem.remedy == f"Rename {column} to {column.lower()}"


@pytest.mark.parametrize(
    ("one", "other"), [("sub-1", "sub-0001"), ("sub-ADNI002S0295", "sub-002S0295"), ("sub-a01", "sub-A1")]
)
def test_spellings_of_a_participant(one, other):
    assert same_participant(one) == same_participant(other)
    assert same_participant("sub-1") != same_participant("sub-11")


def test_spellings_of_a_session_keep_what_differs():
    assert same_session("ses-M00") == same_session("ses-m000") != same_session("ses-M06")
    assert same_session("ses-10") != same_session("ses-1") != same_session("ses-01b")


def test_a_table_that_shares_nobody_with_the_folders(visits):
    root = visits("", participants="participant_id\tdiagnosis\n1\tAD\n2\tCN\n")
    problem = survey(root).problems[0]
    assert problem.found == "expected the participants of the folders (sub-01), found none of them: sub-1, sub-2"
    assert problem.remedy == "Write the ids as the folders are named: sub-01 for sub-1 (padding or case differs)"
    root = visits("", participants="participant_id\tdiagnosis\nsub-77\tAD\n")
    assert survey(root).problems[0].remedy == "Write the ids as the folders are named"


def test_one_id_of_another_spelling_is_pointed_at(visits):
    root = visits("", participants="participant_id\tdiagnosis\nsub-01\tAD\nsub-7\tCN\n")
    (root / "sub-007").mkdir()
    assert survey(root).notes[0] == (
        "Left out: 1 folder that participants.tsv lacks (sub-007); may be meant: sub-007 for sub-7"
    )


def test_sessions_tables_of_the_cohort_are_read_beside_a_table_elsewhere(visits, tmp_path):
    root = visits("ses-1", participants=SCREENED, session_table="session_id\tdiagnosis\nses-1\tMCI\n")
    other = tmp_path / "elsewhere" / "people.tsv"
    write_text(other, SCREENED)
    assert labels(root, participants=other) == ["MCI"]


def test_two_tables_that_contradict_each_other(visits):
    table = "participant_id\tsession_id\tdiagnosis\nsub-01\tses-1\tCN\n"
    root = visits("ses-1", participants=table, session_table="session_id\tdiagnosis\nses-1\tMCI\n")
    (problem,) = survey(root).problems
    assert problem.found == "expected one diagnosis of sub-01 ses-1, found CN and MCI in two tables"


@pytest.mark.parametrize(
    "name", ["sub-01_Sessions.tsv", "sub-01_sessions.csv", "ses-1/sub-01_ses-1_sessions.tsv", "sessions.tsv"]
)
def test_a_sessions_table_elsewhere_is_counted(visits, name):
    root = visits("ses-1", participants=SCREENED)
    write_text(root / "sub-01" / name, "session_id\tdiagnosis\nses-1\tMCI\n")
    place = name if "/" in name else f"sub-01/{name}"
    assert f"Not taken for sessions tables, by place: 1 file (1 {place})" in read_cohort(root).notes


@pytest.mark.parametrize("heading", ["session_id\tDiagnosis", "session\tdiagnosis", "Session_ID\tdiagnosis"])
def test_a_sessions_table_with_columns_in_another_spelling(visits, heading):
    root = visits("ses-1", participants=SCREENED, session_table=f"{heading}\nses-1\tMCI\n")
    assert [problem.remedy.split()[0] for problem in survey(root).problems] == ["Rename"]


def test_a_sessions_table_that_was_not_fetched(visits):
    root = visits("ses-1", participants=SCREENED)
    (root / "sub-01" / "sub-01_sessions.tsv").symlink_to(root / ".git" / "x")
    (problem,) = survey(root).problems
    assert "a link to nothing" in problem.found


def test_a_row_of_no_session_in_a_sessions_table_is_passed_over(visits):
    root = visits("ses-1", participants=SCREENED, session_table="session_id\tdiagnosis\nn/a\tCN\nses-1\tAD\n")
    assert labels(root) == ["AD"]


def test_the_only_row_is_that_of_a_visit_without_session(visits):
    root = visits("", participants="participant_id\tsession_id\tdiagnosis\nsub-01\tses-M00\tAD\n")
    assert labels(root) == ["AD"]
    assert "Diagnosis: 1 visit found in another spelling (sub-01 as ses-M00)" in read_cohort(root).notes


def test_a_table_with_a_heading_only(visits):
    (problem,) = survey(visits("", participants="participant_id\tdiagnosis\n")).problems
    assert problem.found == "expected one line a person, found only the heading"


def test_the_column_that_says_something_is_read(visits):
    root = visits("", participants="participant_id\tdiagnosis\tdiagnosis_sc\nsub-01\tn/a\tAD\n")
    assert labels(root) == ["AD"]


@pytest.mark.parametrize("given", ["na", "None", "-", "unknown"])
def test_what_stands_for_nothing_is_to_be_written_as_n_a(visits, given):
    (problem,) = survey(visits("", participants=f"participant_id\tdiagnosis\nsub-01\t{given}\n")).problems
    assert problem.remedy == "Write n/a"


def test_a_participant_whose_name_no_disk_takes(visits):
    root = visits("ses-1", participants=f"participant_id\tdiagnosis\nsub-01\tAD\nsub-{'9' * 300}\tAD\n")
    told = "\n".join(map(str, survey(root).problems))
    assert "expected a participant_id like sub-0001 (letters and digits), found 'sub-999" in told
