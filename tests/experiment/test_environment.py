"""A run's environment.json: what its bits depend on, told where it has changed; what is no such record is one line."""

import json

import pytest

from pcsa_jax.data import threads
from pcsa_jax.errors import UserError
from pcsa_jax.experiment import environment
from pcsa_jax.experiment.environment import (
    changed_environment,
    describe_environment,
    describe_threads,
    read_environment,
)

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


@pytest.fixture
def stored(monkeypatch):
    for name in environment.THREADS:
        monkeypatch.delenv(name, raising=False)
    return json.loads(json.dumps(describe_environment()))


def test_the_threads_are_stored(stored, monkeypatch):
    assert stored["threads"] == {"usable_cores": threads.count_cores()}
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert describe_threads()["OMP_NUM_THREADS"] == "1"


def test_the_same_machine_is_no_change(stored):
    assert changed_environment(stored) == []


def test_every_change_is_told(stored, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(environment, "count_cores", lambda: 64)
    stored |= {"backend": "gpu", "packages": stored["packages"] | {"jax": "0.1"}}
    told = changed_environment(stored)
    assert [line.split(":")[0] for line in told] == ["backend", "jax", "usable_cores", "OMP_NUM_THREADS"]
    assert told[0] == "backend: gpu -> cpu" and told[3] == "OMP_NUM_THREADS: unset -> 1"


@pytest.mark.parametrize("older", [{}, {"packages": None, "threads": 3}, {"packages": {}, "backend": None}])
def test_an_older_file_says_nothing(older):
    assert changed_environment(older) == []
