"""Ages and sexes as tables say them."""

import pytest

from pcsa_jax.data.cohort import read_cohort, survey
from pcsa_jax.data.demographics import Person, read_person
from pcsa_jax.data.pairs import load_pairs
from pcsa_jax.data.subjects import Findings
from pcsa_jax.data.tables import read_table
from tests.conftest import SIZE


def persons(tmp_path, heading, *lines):
    path = tmp_path / "participants.tsv"
    path.write_text("\n".join(("\t".join(heading), *("\t".join(line) for line in lines))) + "\n", encoding="utf-8")
    findings = Findings()
    table = read_table(path, findings)
    return [read_person(table, row, findings) for row in table.rows], findings.notes


@pytest.mark.parametrize(
    ("columns", "values", "expected"),
    [
        (("age", "sex"), ("71.5", "F"), Person(71.5, "F")),
        (("age", "sex"), ("89+", "male"), Person(89, "M")),
        (("age_bl", "gender"), ("60", "Female"), Person(60, "F")),
        (("age", "sex"), ("n/a", "n/a"), Person()),
        (("age", "age_bl"), ("n/a", "66"), Person(66, None)),
        (("group",), ("a",), Person()),
    ],
)
def test_the_columns_that_people_write(tmp_path, columns, values, expected):
    found, notes = persons(tmp_path, ("participant_id", *columns), ("sub-1", *values))
    assert found == [expected] and notes == []


def test_what_is_no_age_and_no_sex_is_not_known_and_said_once(tmp_path):
    rows = (("sub-1", "old", "F"), ("sub-2", "-4", "x"), ("sub-3", "1945", "M"))
    found, notes = persons(tmp_path, ("participant_id", "age", "sex"), *rows)
    assert found == [Person(None, "F"), Person(), Person(None, "M")]
    (note,) = notes
    assert note.startswith("participants.tsv: expected years (0 to 120), F or M or n/a in age and sex, found")
    assert "line 2, age 'old'" in note


def test_a_cohort_knows_how_old_its_people_are(copy_of_cohort, overwrite):
    table = copy_of_cohort / "participants.tsv"
    lines = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()]
    written = {name: (float(age), sex) for name, _, age, sex in lines[1:]}
    cohort = read_cohort(copy_of_cohort)
    assert {s.participant_id: (s.age, s.sex) for s in cohort.subjects} == written
    pairs = load_pairs(cohort.pairs[:2], size=SIZE, normalisation="minmax")
    assert [*zip(pairs.ages, pairs.sexes, strict=True)] == [written[name] for name in pairs.participant_ids]
    assert pairs.take([1]).ages == pairs.ages[1:]
    overwrite(table, "\n".join("\t".join(line[:2]) for line in lines) + "\n")
    assert {(s.age, s.sex) for s in survey(copy_of_cohort).subjects} == {(None, None)}


def test_a_visit_has_its_own_age_and_the_persons_sex(copy_of_cohort, overwrite):
    from pcsa_jax.data.people import read_people

    lines = ("participant_id\tsession_id\tdiagnosis\tage\tsex", "sub-1\t\tCN\t70\tF", "sub-1\tses-2\tCN\t72\tn/a")
    (copy_of_cohort / "sub-1").mkdir()
    sessions = "session_id\tdiagnosis\tage\nses-M024\tCN\t74\nses-2\tCN\t99\n"
    (copy_of_cohort / "sub-1" / "sub-1_sessions.tsv").write_text(sessions, encoding="utf-8")
    overwrite(copy_of_cohort / "participants.tsv", "\n".join(lines) + "\n")
    people = read_people(copy_of_cohort, Findings())
    assert people.person("sub-1", "ses-2") == Person(72, "F")
    assert people.person("sub-1", "ses-M24") == Person(74, "F"), "another spelling"
    assert people.person("sub-1", "ses-9") == Person(70, "F")
    assert people.person("sub-2", "") == Person()


def test_a_manifest_may_say_it_itself(cohort, tmp_path):
    first = read_cohort(cohort).pairs[0]
    table = tmp_path / "manifest.tsv"
    heading = "participant_id\tdiagnosis\tmri\tpet\tage\tsex"
    table.write_text(f"{heading}\nsub-1\tCN\t{first.mri}\t{first.pet}\t70\tn/a\n", encoding="utf-8")
    assert [(s.age, s.sex) for s in read_cohort(table).subjects] == [(70, None)]
