"""What single images are judged by, in a file: whole, or refused in one line."""

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from pcsa_jax.data.trust.intervals import Intervals
from pcsa_jax.data.trust.statistics import Trust
from pcsa_jax.errors import UserError
from pcsa_jax.synthesis.trust_file import read_trust, trust_of_run, write_trust


@pytest.fixture
def path(tmp_path):
    errors = np.random.default_rng(0).normal(size=(20, 4, 4, 4)).astype(np.float32)
    trust = Trust(
        intervals=Intervals.fit(errors, np.zeros((20, 3))),
        about={"calibration_people": 20, "regional_values": ["a", "b", "c"]},
    )
    write_trust(tmp_path / "trust.safetensors", trust, ["b", "a"])
    return tmp_path / "trust.safetensors"


def rewrite(path, tensors=None, **changes):
    with safe_open(path, framework="numpy") as stream:
        description = json.loads(stream.metadata()["trust"])
    content = load_file(path) if tensors is None else tensors
    save_file(content, path, metadata={"trust": json.dumps(description | changes)})


def test_what_was_written_is_read(path):
    found = read_trust(path)
    assert found.generators == ("a", "b")
    assert found.trust.intervals.num_people == 20
    assert found.trust.about["calibration_people"] == 20
    assert found.trust.familiarity is None


def test_of_a_run_it_is_taken_for_its_own_checkpoint_alone(path, tmp_path):
    write_trust(path, read_trust(path).trust, ["a"])
    assert trust_of_run(path, "a") is not None
    assert trust_of_run(path, "b") is None
    assert trust_of_run(tmp_path / "none", "a") is None


def changed_array(path):
    tensors = load_file(path)
    rewrite(path, tensors | {"intervals.low": tensors["intervals.low"] + 1})


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (changed_array, "other arrays than were written"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "damaged one"),
        (lambda path: path.write_bytes(b"no tensors"), "damaged one"),
        (lambda path: rewrite(path, format="something"), "format 'something'"),
        (lambda path: rewrite(path, generators="a"), "no list of generators"),
        (lambda path: rewrite(path, about=[1]), "nothing said about the arrays"),
    ],
)
def test_damage_is_told_in_one_line(path, damage, found):
    damage(path)
    with pytest.raises(UserError, match=found) as told:
        read_trust(path)
    assert str(told.value).startswith(f"{path}: expected a file of python -m pcsa_jax calibrate, found")
    assert "\n" not in str(told.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match=r"none: expected a file of python -m pcsa_jax calibrate, found none\. Make it"):
        read_trust(tmp_path / "none")
