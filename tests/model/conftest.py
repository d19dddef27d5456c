"""Fixtures of the networks' tests."""

import jaxtyping
import pytest


@pytest.fixture
def unchecked_shapes():
    """Lets wrong shapes reach the function's own check, where the tests check annotations at run time."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
