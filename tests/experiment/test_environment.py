"""A run's environment.json: what is no such record is one line, whatever it is."""

import json

import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.experiment.environment import describe_environment, read_environment

COHORT = {"name": "mine", "is_phantom": False, "is_modulated": True}


@pytest.mark.parametrize("cohort", [{}, {"cohort": None}, {"cohort": COHORT}])
def test_what_a_training_writes_is_read(tmp_path, cohort):
    path = tmp_path / "environment.json"
    path.write_text(json.dumps(describe_environment() | cohort))
    assert read_environment(path)["packages"]["jax"]
    assert read_environment(path).get("cohort") == cohort.get("cohort")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[]", "a list"),
        ("[" * 200_000, "more than 64 levels of nesting"),
        ('{"cohort": "mine"}', "text as cohort in place of an object"),
        ('{"cohort": {"name": "mine"}}', "no is_phantom of the cohort"),
        (json.dumps({"cohort": COHORT | {"name": 5}}), "a whole number as name in place of text of the cohort"),
        (json.dumps({"cohort": COHORT | {"is_phantom": "no"}}), "text as is_phantom in place of true or false of the"),
    ],
)
def test_what_is_none_is_one_line(tmp_path, text, found):
    path = tmp_path / "environment.json"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_environment(path)
    assert str(error.value).startswith(f"{path}: expected the run's versions and devices, found {found}")
    assert str(error.value).endswith("Restore the file.") and "\n" not in str(error.value)
