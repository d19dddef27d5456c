"""What the tests of the training share."""

import pytest

from pcsa_jax.experiment.workdir import Workdir


@pytest.fixture
def workdir(tmp_path):
    return Workdir(tmp_path / "run")
