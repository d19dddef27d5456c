"""Holm's correction by hand."""

import pytest

from pcsa_jax.run.multiple_tests import holm


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_what_has_no_p_does_not_count_in_holm():
    assert holm([None, 0.02, None, 0.03]) == [None, 0.04, None, 0.04]
