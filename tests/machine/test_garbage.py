"""Fewer searches for garbage, for as long as asked."""

import gc

import pytest

from pcsa_jax.machine.garbage import SELDOM, seldom_collected


def test_the_thresholds_come_back_even_after_an_error():
    before = gc.get_threshold()
    with pytest.raises(KeyError), seldom_collected():
        assert gc.get_threshold() == SELDOM != before
        raise KeyError
    assert gc.get_threshold() == before


def test_it_is_a_decorator_too():
    assert seldom_collected()(gc.get_threshold)() == SELDOM != gc.get_threshold()
