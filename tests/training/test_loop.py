"""What the loop does between two log points: it hands the devices their next step and fetches nothing."""

import jax.numpy as jnp
import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.training import loop
from pcsa_jax.training.feed import Feed
from pcsa_jax.training.train import Outcome, train
from tests.training import quick_training


@pytest.fixture
def fetched(monkeypatch):
    """One entry for each array that comes from a device to the host (the CPU has no guard against such transfers)."""
    array, found = type(jnp.ones(())), []
    value = array._value.fget
    monkeypatch.setattr(array, "_value", property(lambda self: (found.append(self.shape), value(self))[1]))
    return found


def test_the_host_waits_for_the_device_at_log_points_alone(tiny_config, tmp_path, monkeypatch, fetched):
    quick_training.install(monkeypatch)
    steps, before = Feed.__iter__, {}

    def watched(self):
        for step, batch in steps(self):
            before[step] = len(fetched)
            yield step, batch

    monkeypatch.setattr(Feed, "__iter__", watched)
    config = tiny_config({"log_every_steps": 5, "num_epochs": 2, "batch_size": 1})
    assert train(config, Workdir(tmp_path / "run")) == Outcome(12, None)
    # Logged are steps 1, 5, 10 and 12, so values were fetched before steps 2, 6 and 11, and only there.
    assert [step for step in range(2, 13) if before[step] > before[step - 1]] == [2, 6, 11]


@pytest.mark.parametrize(("seconds", "told"), [(0.03, True), (0.0, False)])
def test_waiting_for_data_is_logged_and_told(tiny_config, tmp_path, monkeypatch, capsys, seconds, told):
    quick_training.install(monkeypatch)

    class Waiting(Feed):
        def __iter__(self):
            for step, batch in super().__iter__():
                self.waited_s = seconds * step
                yield step, batch

    monkeypatch.setattr(loop.feed, "Feed", Waiting)
    monkeypatch.setattr(loop, "LARGEST_WAIT", 0.01)
    train(tiny_config({"num_epochs": 1}), Workdir(tmp_path / "run"))
    said = capsys.readouterr().err
    assert ("of the time after the first step (expected at most 1 %). Put --workdir on a faster disk" in said) == told
    assert ('"data_wait_fraction": 0.0}' in Workdir(tmp_path / "run").metrics.read_text()) != told


def test_more_steps_than_can_be_counted_are_refused(tiny_config):
    assert loop.Plan.of(tiny_config({"num_epochs": 2**31 - 1}), num_subjects=2).num_steps == 2**31 - 1
    with pytest.raises(UserError) as caught:
        loop.Plan.of(tiny_config({"num_epochs": 2**30}), num_subjects=6)
    assert str(caught.value) == (
        "config.num_epochs: expected at most 2147483647 steps in all, found 1073741824 epochs of 3. Give fewer."
    )
