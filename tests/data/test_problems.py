"""A fault is told in one line that names whose it is, if it is anybody's."""

from pathlib import Path

import pytest

from pcsa_jax.data.problems import Problem, visit_name


@pytest.mark.parametrize(
    ("participant_id", "session_id", "name"),
    [("sub-01", "ses-M00", "sub-01 ses-M00"), ("sub-01", "", "sub-01"), ("", "", "")],
)
def test_whose_it_is(participant_id, session_id, name):
    assert visit_name(participant_id, session_id) == name
    problem = Problem(participant_id, session_id, Path("a.nii"), "expected a map, found none", "Add one")
    line = "a.nii: expected a map, found none. Add one."
    assert str(problem) == (f"{name}: {line}" if name else line)
