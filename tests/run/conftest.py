"""Fixtures of the run band."""

import pytest


@pytest.fixture(scope="session")
def tiny_run(tiny_config, tmp_path_factory):
    """Folder of a finished run of the tiny config, networks and all; not to be changed."""
    from pcsa_jax.run.training import train
    from pcsa_jax.run.workdir import Workdir

    root = tmp_path_factory.mktemp("tiny_run") / "run"
    train(tiny_config(), Workdir(root))
    return root
