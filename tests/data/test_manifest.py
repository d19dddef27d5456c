"""A manifest says where everybody's volumes are; what it says is checked, line by line."""

import pytest

from pcsa_jax.data.cohort import Reading, read_cohort, survey
from pcsa_jax.data.files import write_text
from tests.data.cohort_layouts import write_manifest

HEADING = "participant_id\tsession_id\tdiagnosis\tmri\tpet\tmri_fwhm_mm\tpet_fwhm_mm\n"


@pytest.fixture
def table(tmp_path):
    """Writes a manifest beside two empty volumes and one outside of its folder."""

    def write(lines, heading=HEADING):
        folder = tmp_path / "study"
        folder.mkdir(exist_ok=True)
        for path in (folder / "a.nii", folder / "b.nii.gz", tmp_path / "outside.nii"):
            path.touch()
        (folder / "manifest.tsv").write_text(heading + lines)
        return folder / "manifest.tsv"

    return write


def problem_of(path) -> str:
    (problem,) = survey(path).problems
    return str(problem)


def test_the_stand_in_is_read_by_table_and_by_folder(tmp_path):
    path = write_manifest(tmp_path / "study")
    found = read_cohort(path)
    assert (found.layout, found.reason, found.name) == ("manifest", "it is a table", "study")
    assert read_cohort(path.parent).subjects == found.subjects
    assert [subject.name for subject in found.pairs][:2] == ["sub-0001 ses-M000", "sub-0001 ses-M012"]
    assert (len(found.subjects), len(found.pairs)) == (7, 6)
    assert found.subjects[0].mri == tmp_path / "study" / "volumes" / "0a.nii.gz"
    assert {(subject.mri_fwhm_mm, subject.pet_fwhm_mm) for subject in found.pairs} == {(8, 8)}


def test_what_may_be_left_out(table, tmp_path):
    found = read_cohort(table("01\tCN\ta.nii\n02\tn/a\tb.nii.gz\n", "participant_id\tdiagnosis\tmri\n"))
    assert [(s.name, s.diagnosis, s.pet, s.mri_fwhm_mm) for s in found.subjects] == [
        ("sub-01", "CN", None, None), ("sub-02", "", None, None),
    ]  # fmt: skip
    assert found.notes[0] == "manifest.tsv: 2 ids without 'sub-' or 'ses-' (01, 02), read with it"
    found = read_cohort(table("sub-01\tM00\tAD\ta.nii\tb.nii.gz\tn/a\t6\nsub-02\tn/a\tAD\tn/a\tn/a\t\t\n"))
    assert [(s.name, s.mri_fwhm_mm, s.pet_fwhm_mm) for s in found.subjects] == [("sub-01 ses-M00", None, 6.0)]
    assert found.without_mri == ("sub-02",)
    assert "Left out: sub-02 has no GM map in manifest.tsv" in found.notes


def test_absolute_paths_are_the_user_s_choice(table, tmp_path):
    found = read_cohort(table(f"sub-01\t\tAD\t{tmp_path / 'outside.nii'}\t./b.nii.gz\t\t\n"))
    assert found.pairs[0].mri == tmp_path / "outside.nii"


@pytest.mark.parametrize("given", ["../outside.nii", "x/../../outside.nii", ".."])
def test_a_path_out_of_the_folder_is_refused(table, given):
    message = problem_of(table(f"sub-01\t\tAD\t{given}\t\t\t\n"))
    assert f"line 2: expected a path below {table('').parent}, found {given!r}, which leads out of it" in message


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("sub-../x\t\tAD\ta.nii\t\t\t\n", "line 2: expected a participant_id like sub-0001"),
        ("sub-01\t../x\tAD\ta.nii\t\t\t\n", "line 2: expected a session_id like ses-M00"),
        ("sub-01\t\tad\ta.nii\t\t\t\n", "line 2: sub-01 has diagnosis 'ad', expected one of AD, CN, MCI"),
        ("sub-01\t\tAD\tnone.nii\t\t\t\n", "none.nii: expected a file, found none. Restore it or remove the visit."),
        ("sub-01\t\tAD\ta.nii\t\t8mm\t\n", "sub-01 has mri_fwhm_mm '8mm', expected a number of millimetres >= 0"),
        ("sub-01\t\tAD\ta.nii\tb.nii.gz\t\tinf\n", "sub-01 has pet_fwhm_mm 'inf', expected a number"),
        ("sub-01\t\tAD\ta.nii\tb.nii.gz\t\t-8\n", "sub-01 has pet_fwhm_mm '-8', expected a number"),
        (
            "sub-01\t\tAD\ta.nii\t\t\t\n01\tn/a\tAD\tb.nii.gz\t\t\t\n",
            "line 3: sub-01 is listed twice (first in line 2)",
        ),
        ("sub-01\t\tAD\ta.nii\t\t\t\nsub-02\t\tAD\t./a.nii\t\t\t\n", "is sub-02's and sub-01's, expected one owner"),
        ("", "expected one line a visit, found only the heading"),
    ],
)
def test_a_wrong_line(table, lines, message):
    assert message in problem_of(table(lines))


@pytest.mark.parametrize(
    ("given", "what", "remedy"),
    [
        ("C:\\data\\a.nii", "a path of Windows", "Write it as this machine sees it, with /."),
        ("d:/data/a.nii", "a path of Windows", "Write it as this machine sees it, with /."),
        ("\\\\server\\a.nii", "a path of Windows", "Write it as this machine sees it, with /."),
        ("sub-01\\a.nii", "a path of Windows", "Write it as this machine sees it, with /."),
        ("~/a.nii", "whose ~ a shell would replace and a table does not", "Write the whole path."),
        ("~me/a.nii", "whose ~ a shell would replace and a table does not", "Write the whole path."),
    ],
)
@pytest.mark.parametrize("column", ["mri", "pet"])
def test_a_path_of_another_machine_or_of_a_shell_is_told_as_such(table, given, what, remedy, column):
    path = table(f"sub-01\t\tAD\t{given}\t\t\t\n" if column == "mri" else f"sub-01\t\tAD\ta.nii\t{given}\t\t\n")
    assert problem_of(path).endswith(f"line 2: expected a path of this machine, found {given!r}, {what}. {remedy}")


@pytest.mark.parametrize("name", ["C:\\a.nii", "~a.nii", "~", "C:"])
def test_a_file_of_such_a_name_is_that_file(table, name):
    path = table(f"sub-01\t\tAD\t{name}/a.nii\t{name}/b.nii\t\t\n")
    (path.parent / name).mkdir()
    for volume in ("a.nii", "b.nii"):
        (path.parent / name / volume).touch()
    assert read_cohort(path).pairs[0].mri == path.parent / name / "a.nii"


def test_a_missing_column(table):
    assert problem_of(table("", "participant_id\tmri\n")).endswith(
        "expected the columns participant_id, diagnosis, mri, found participant_id, mri. Add diagnosis (tab-separated)."
    )


def test_a_link_to_nothing_is_told(table, tmp_path):
    path = table("sub-01\t\tAD\tlink.nii.gz\t\t\t\n")
    (path.parent / "link.nii.gz").symlink_to(tmp_path / "annex" / "nothing")
    assert "found a link to nothing (DataLad or git-annex: not fetched)" in problem_of(path)


def test_a_binary_file_is_no_manifest(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_bytes(bytes(range(256)))
    assert "expected UTF-8 text, found another encoding" in problem_of(path)


def test_a_manifest_of_phantom_files_is_a_phantom(cohort, copy_of_cohort):
    rows = [f"{s.participant_id}\t{s.diagnosis}\t{s.mri.relative_to(cohort)}\n" for s in read_cohort(cohort).subjects]
    (copy_of_cohort / "manifest.tsv").write_text("participant_id\tdiagnosis\tmri\n" + "".join(rows))
    found = read_cohort(copy_of_cohort)
    assert found.layout == "manifest" and found.is_phantom


@pytest.mark.parametrize(
    ("column", "meant"),
    [
        ("PET", "pet"),
        ("fdg", "pet"),
        ("mri_fwhm", "mri_fwhm_mm"),
        ("Session", "session_id"),
        ("SessionID", "session_id"),
        ("sesion_id", "session_id"),
        ("pet_fwmh_mm", "pet_fwhm_mm"),
        ("pet path", "pet"),
        ("smoothing_fwhm", "mri_fwhm_mm or pet_fwhm_mm"),
        ("SmoothingFWHM", "mri_fwhm_mm or pet_fwhm_mm"),
    ],
)
def test_a_column_in_another_spelling_is_told(table, column, meant):
    path = table("sub-01\tAD\ta.nii\t8\n", f"participant_id\tdiagnosis\tmri\t{column}\n")
    assert problem_of(path) == f"{path}: expected the column {meant}, found {column}. Rename {column} to {meant}."


@pytest.mark.parametrize("column", ["age", "Site", "session_date", "pet_id", "mmse", "diagnosis_m12", "fwhm"])
def test_columns_of_other_things_are_left_alone(table, column):
    heading = f"participant_id\tdiagnosis\tmri\tpet\tmri_fwhm_mm\tpet_fwhm_mm\t{column}\n"
    assert len(read_cohort(table("sub-01\tAD\ta.nii\tn/a\t8\tn/a\tx\n", heading)).subjects) == 1


def test_a_gm_map_may_serve_a_person_s_visits_and_nobody_else(table):
    lines = "sub-01\tM00\tAD\ta.nii\tb.nii.gz\t\t\nsub-01\tM12\tAD\ta.nii\t\t\t\n"
    assert "1 visit with the participant's GM map of another session (sub-01 ses-M12: that of ses-M00)" in (
        survey(table(lines)).notes
    )
    assert "expected one owner" in problem_of(table("sub-01\t\tAD\ta.nii\ta.nii\t\t\n"))


HALF = "participant_id\tsession_id\tdiagnosis\tmri\n"


@pytest.fixture
def people(tmp_path):
    """Writes another table of diagnoses; returns what a user says with it."""

    def write(text):
        write_text(tmp_path / "people.tsv", text)
        return Reading(participants=tmp_path / "people.tsv")

    return write


def test_two_tables_that_give_one_visit_two_diagnoses(table, people):
    path = table("sub-01\t\tCN\ta.nii\nsub-02\tn/a\tn/a\tb.nii.gz\n", HALF)
    reading = people("participant_id\tdiagnosis\nsub-01\tAD\nsub-02\tCN\n")
    (problem,) = survey(path, reading).problems
    assert str(problem) == (
        f"sub-01: {path}: expected one diagnosis, found CN here and AD in {reading.participants}. Correct one of them, "
        "or write n/a here."
    )
    reading = people("participant_id\tdiagnosis\nsub-01\tCN\nsub-02\tCN\n")
    assert [subject.diagnosis for subject in read_cohort(path, reading).subjects] == ["CN", "CN"]


def test_who_has_converted_since_is_told_and_no_problem(table, people):
    path = table("sub-01\tM24\tAD\ta.nii\nsub-02\tM00\tn/a\tb.nii.gz\n", HALF)
    notes = read_cohort(path, people("participant_id\tdiagnosis\nsub-01\tMCI\nsub-02\tCN\n")).notes
    assert (
        "Diagnosis: 1 visit by the manifest, which is not the participant's diagnosis of people.tsv (sub-01 ses-M24: "
        "AD, not MCI)" in notes
    )
    rows = "participant_id\tsession_id\tdiagnosis\nsub-01\tM24\tMCI\nsub-02\tM00\tCN\n"
    (problem,) = survey(path, people(rows)).problems
    assert problem.visit == "sub-01 ses-M24" and problem.found.startswith(
        "expected one diagnosis, found AD here and MCI"
    )


def test_ids_that_another_table_gives_twice(table, people):
    path = table("sub-01\t\tn/a\ta.nii\n", HALF)
    (problem,) = survey(path, people("participant_id\tdiagnosis\n01\tAD\nsub-01\tAD\n")).problems
    assert problem.found == "line 3: sub-01 is listed twice (first in line 2), expected once"


@pytest.mark.parametrize(
    ("ours", "theirs"), [("sub-01", "sub-001"), ("sub-A1", "sub-a1"), ("sub-ADNI002S0295", "sub-002S0295")]
)
def test_tables_that_share_nobody_but_for_spelling(table, people, ours, theirs):
    path = table(f"{ours}\t\tn/a\ta.nii\n", HALF)
    reading = people(f"participant_id\tdiagnosis\n{theirs}\tAD\n")
    (problem,) = survey(path, reading).problems
    assert str(problem) == (
        f"{reading.participants}: expected the manifest's participants ({ours}), found {theirs}. Write the ids as the "
        f"manifest does: {ours} for {theirs} (padding or case differs)."
    )


def test_participants_whom_the_other_table_lacks_are_named(table, people):
    path = table("sub-01\t\tn/a\ta.nii\nsub-02\t\tn/a\tb.nii.gz\n", HALF)
    notes = read_cohort(path, people("participant_id\tdiagnosis\nsub-01\tAD\nsub-2\tCN\n")).notes
    assert (
        "Diagnosis: 1 participant without one, whom people.tsv lacks as well (sub-02); may be meant: sub-02 for sub-2"
        in notes
    )


def test_accepting_what_is_suspicious_has_no_effect_on_a_manifest(table):
    notes = read_cohort(table("sub-01\t\tAD\ta.nii\n", HALF), Reading(accept_suspicious=True)).notes
    assert any("(check: --accept-suspicious) has no effect here: there is no " in note for note in notes)


def test_a_path_that_the_system_refuses_is_a_problem_of_its_line(table):
    given = "a" * 5000 + ".nii"
    said = problem_of(table(f"sub-01\t\tAD\t{given}\t\t\t\nsub-02\t\tAD\ta.nii\tb.nii.gz\t\t\n"))
    shown = "a" * 80
    assert f"line 2: expected a path that can be followed, found '{shown}... (5004 characters)' (File name too" in said


LONG = "9" * 300


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("sub-01\t\tAD\t/\tb.nii.gz\t\t\n", "line 2: expected a path, found '/'"),
        ("sub-01\t\tAD\t.\tb.nii.gz\t\t\n", "line 2: expected a path, found '.'"),
        (f"sub-01\t\tAD\ta.nii\t{'b/' * 3000}c.nii\t\t\n", "line 2: expected a path that can be followed, found 'b/b/"),
        (f"sub-01\t\tAD\t{LONG}.nii\tb.nii.gz\t\t\n", "line 2: expected a path that can be followed, found '999"),
        (f"sub-{LONG}\t\tAD\ta.nii\tb.nii.gz\t\t\n", "expected a participant_id like sub-0001 (letters and digits)"),
        (f"sub-01\tses-{LONG}\tAD\ta.nii\tb.nii.gz\t\t\n", "expected a session_id like ses-M00 (letters and digits)"),
    ],
)
def test_names_that_no_file_has(table, line, told):
    assert told in problem_of(table(line))
