"""What a run's bits depend on is stored, and told where it has changed."""

import json

import pytest

from pcsa_jax.data import threads
from pcsa_jax.experiment import environment
from pcsa_jax.experiment.environment import changed_environment, describe_environment, describe_threads


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
