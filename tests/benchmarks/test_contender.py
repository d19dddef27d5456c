"""Contenders: children that run on request, and what happens when one cannot."""

import pytest

from benchmarks.contender import Contender, ContenderError, Program
from benchmarks.duel import Entry, duel

HERE = "tests.benchmarks.test_contender"


def counting(*, start: int) -> Program:
    numbers = iter(range(start, 1000))
    return Program(lambda: {"value": next(numbers), "what": "dropped"}, {"start": start})


def broken() -> Program:
    print("this must not get between the answers")
    raise ValueError("no such device")


def test_a_contender_warms_up_and_runs_on_request():
    with Contender(f"{HERE}:counting", {"start": 5}) as contender:
        assert contender.facts["start"] == 5
        first, second = contender.run(), contender.run()
    assert (first["value"], second["value"]) == (6, 7)
    assert 0 <= first["seconds"] < 1
    assert "what" not in first


def test_what_cannot_start_says_why():
    with pytest.raises(ContenderError, match="ValueError: no such device"):
        Contender(f"{HERE}:broken", {})
    with pytest.raises(ContenderError, match="not ready within 0 s"):
        Contender(f"{HERE}:counting", {"start": 0}, timeout_s=0)


def test_a_duel_goes_on_without_those_that_failed():
    said = []
    entries = {
        "fast": Entry(f"{HERE}:counting", {"start": 0}),
        "rare": Entry(f"{HERE}:counting", {"start": 0}, most=1),
        "broken": Entry(f"{HERE}:broken", {}),
    }
    found = duel(entries, repetitions=3, say=said.append)
    assert {name: time.count for name, time in found.times.items()} == {"fast": 3, "rare": 1}
    assert found.note() == "broken: ValueError: no such device"
    assert "broken takes no part: ValueError: no such device" in said
