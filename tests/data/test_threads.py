"""Threads: results come in order, few are made before they are taken, and an error is the caller's."""

import os
import threading

import pytest

from pcsa_jax.data import threads
from pcsa_jax.data.threads import count_cores, in_order


def test_only_the_cores_that_this_process_may_use_are_counted(monkeypatch):
    assert 1 <= count_cores() <= os.cpu_count()
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 8}, raising=False)
    assert count_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert count_cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert count_cores() == 1


def test_results_are_in_order_however_long_each_takes(monkeypatch):
    monkeypatch.setattr(threads, "count_cores", lambda: 3)
    second_ran = threading.Event()

    def double(number):
        if number == 0:
            assert second_ran.wait(10)
        if number == 1:
            second_ran.set()
        return 2 * number

    assert list(in_order(double, range(20))) == list(range(0, 40, 2))


def test_no_more_than_two_a_core_wait_to_be_taken(monkeypatch):
    monkeypatch.setattr(threads, "count_cores", lambda: 2)
    asked = []

    def items():
        for number in range(100):
            asked.append(number)
            yield number

    results = in_order(lambda number: number, items())
    for taken in range(10):
        assert next(results) == taken
        assert len(asked) <= taken + 1 + 4
    results.close()


def test_an_error_reaches_the_caller():
    def fail(number):
        raise ValueError(f"number {number}")

    with pytest.raises(ValueError, match="number 0"):
        list(in_order(fail, range(5)))
