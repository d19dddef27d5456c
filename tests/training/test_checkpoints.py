"""Checkpoints: which are kept, that they come back to the bit, and that damage is found."""

import json
import math
import os
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.model.state import GANState, Nets
from pcsa_jax.training import plain_paths
from pcsa_jax.training.checkpoints import BEST_METRIC, Checkpoints, state_hash


def state(step, *, width=3000):
    rng = np.random.default_rng(step)
    params = Nets(
        {"conv": {"kernel": jnp.asarray(rng.normal(size=(3, width)), jnp.float32), "bias": jnp.zeros(width)}},
        {"logit": {"kernel": jnp.asarray(rng.normal(size=(width, 1)), jnp.float32)}},
    )
    optimizers = Nets(optax.adam(0.1), optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.1)))
    opt_state = Nets(*(optimizer.init(p) for optimizer, p in zip(optimizers, params, strict=True)))
    return GANState(jnp.asarray(step, jnp.int32), params, opt_state)


def open_checkpoints(folder, target=None):
    return Checkpoints(folder / "checkpoints", state(0) if target is None else target)


def save(checkpoints, step, score=None):
    scores = {} if score is None else {BEST_METRIC: score}
    checkpoints.save(state(step), scores=scores, meta={"epoch": step, "scores": scores})


def flip_a_bit(folder, step):
    """In the largest file of the checkpoint: random weights, which no format checks by itself."""
    path = max((folder / "checkpoints" / str(step)).rglob("*"), key=lambda p: p.stat().st_size if p.is_file() else 0)
    assert path.stat().st_size > 20_000
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_state_comes_back_to_the_bit(tmp_path):
    with open_checkpoints(tmp_path) as checkpoints:
        save(checkpoints, 7, 0.25)
    with open_checkpoints(tmp_path) as checkpoints:
        assert checkpoints.steps() == [7]
        found = checkpoints.restore(7)
    expected = state(7)
    assert state_hash(found.state) == state_hash(expected) == found.meta["sha256"]
    assert jax.tree.structure(found.state) == jax.tree.structure(expected)
    for left, right in zip(jax.tree.leaves(found.state), jax.tree.leaves(expected), strict=True):
        assert left.dtype == right.dtype and np.array(left).tobytes() == np.array(right).tobytes()
    assert found.meta["epoch"] == 7 and found.meta["scores"] == {BEST_METRIC: 0.25}


@pytest.mark.parametrize(
    ("scores", "kept", "best"),
    [
        # Lower is better. Orbax's own rule would delete the newest here.
        ([0.1, 0.9, 0.3, 0.2, 0.5], [1, 4, 5], 1),
        ([0.5, 0.4, 0.3, 0.2, 0.1], [4, 5], 5),
        ([0.9, 0.1, 0.3, math.nan, math.nan], [2, 4, 5], 2),
        ([0.5, math.nan, 0.3, 0.2, 0.7], [4, 5], 4),
        ([0.2, None, None, None, None], [1, 4, 5], 1),
    ],
)
def test_the_two_latest_and_the_best_are_kept(tmp_path, scores, kept, best):
    with open_checkpoints(tmp_path) as checkpoints:
        for step, score in enumerate(scores, start=1):
            save(checkpoints, step, score)
        assert checkpoints.steps() == kept
        assert checkpoints.best_step() == best
    with open_checkpoints(tmp_path) as checkpoints:
        assert (checkpoints.steps(), checkpoints.best_step()) == (kept, best)


def test_a_checkpoint_is_on_disk_when_save_returns(tmp_path):
    checkpoints = open_checkpoints(tmp_path)
    save(checkpoints, 3)
    shutil.copytree(tmp_path / "checkpoints", tmp_path / "elsewhere" / "checkpoints")
    checkpoints.__exit__(None, None, None)
    with open_checkpoints(tmp_path / "elsewhere") as copied:
        assert int(copied.restore_latest().state.step) == 3


@pytest.mark.parametrize("name", ["[FDG] study", "a*b", "a?b", "a\\b", os.fsdecode(b"a\xffb")])
def test_every_character_in_the_path_of_a_run(tmp_path, name):
    (tmp_path / "axb" / "checkpoints").mkdir(parents=True)  # what a pattern would find
    with open_checkpoints(tmp_path / name) as checkpoints:
        save(checkpoints, 3, 0.5)
        save(checkpoints, 6, 0.7)
    with open_checkpoints(tmp_path / name) as checkpoints:
        assert (checkpoints.steps(), checkpoints.best_step()) == ([3, 6], 3)
        assert int(checkpoints.restore_latest().state.step) == 6
    assert sorted(os.listdir(tmp_path)) == sorted(["axb", name])
    flip_a_bit(tmp_path / name, 6)
    with open_checkpoints(tmp_path / name) as checkpoints, pytest.raises(UserError) as caught:
        checkpoints.restore(6)
    assert str(caught.value).startswith(f"{tmp_path / name / 'checkpoints' / '6'}: expected a whole checkpoint")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Orbax leaves an event loop behind
def test_a_store_that_loses_what_it_is_given_is_noticed_at_the_first_checkpoint(tmp_path, monkeypatch):
    """Orbax's own silence: under a path that is a pattern it writes checkpoints without arrays."""
    monkeypatch.setattr(plain_paths, "is_plain", lambda path: True)
    with open_checkpoints(tmp_path / "[x]") as checkpoints, pytest.raises(UserError) as caught:
        save(checkpoints, 3)
    told = str(caught.value)
    assert told.startswith(
        f"{tmp_path / '[x]' / 'checkpoints' / '3'}: expected a whole checkpoint, found a damaged one: "
    )
    assert told.endswith(
        ". It was written a moment ago, so this place does not give back what it is given: choose another --workdir, "
        "on another disk."
    )
    assert "\n" not in told


@pytest.mark.parametrize("earlier", [0, 1])
def test_what_comes_back_changed_is_noticed_in_each_process_s_first_checkpoint(tmp_path, monkeypatch, earlier):
    for _ in range(earlier):
        with open_checkpoints(tmp_path) as checkpoints:
            save(checkpoints, 3)
    read = []
    restore = Checkpoints.restore

    def restore_other(self, step):
        read.append(step)
        found = restore(self, step)
        return found._replace(meta=found.meta | {"sha256": "0" * 64})

    monkeypatch.setattr(Checkpoints, "restore", restore_other)
    with (
        open_checkpoints(tmp_path) as checkpoints,
        pytest.raises(UserError, match=f"found {'0' * 64}. It was written a"),
    ):
        save(checkpoints, 6)
    assert read == [6]


def test_a_place_that_has_been_proven_is_not_read_again(tmp_path, monkeypatch):
    with open_checkpoints(tmp_path) as checkpoints:
        save(checkpoints, 3)
        monkeypatch.setattr(Checkpoints, "restore", None)
        save(checkpoints, 6)
        assert checkpoints.steps() == [3, 6]


def test_none_at_all(tmp_path):
    with open_checkpoints(tmp_path) as checkpoints:
        assert checkpoints.restore_latest() is None
        assert checkpoints.best_step() is None
        with pytest.raises(UserError, match="expected a whole checkpoint, found a damaged one"):
            checkpoints.restore(3)


def test_a_flipped_bit_is_found_and_the_one_before_is_used(tmp_path, capsys):
    with open_checkpoints(tmp_path) as checkpoints:
        save(checkpoints, 3)
        save(checkpoints, 6)
    flip_a_bit(tmp_path, 6)
    with open_checkpoints(tmp_path) as checkpoints:
        with pytest.raises(UserError) as caught:
            checkpoints.restore(6)
        assert str(caught.value).startswith(
            f"{tmp_path / 'checkpoints' / '6'}: expected a whole checkpoint, found a damaged one: "
        )
        assert str(caught.value).endswith("its content does not match its SHA-256.")
        assert int(checkpoints.restore_latest().state.step) == 3
    assert f"warning: {tmp_path / 'checkpoints' / '6'}: expected a whole checkpoint" in capsys.readouterr().err


def test_only_damaged_ones_is_an_error(tmp_path):
    with open_checkpoints(tmp_path) as checkpoints:
        save(checkpoints, 3)
    flip_a_bit(tmp_path, 3)
    with open_checkpoints(tmp_path) as checkpoints, pytest.raises(UserError) as caught:
        checkpoints.restore_latest()
    assert str(caught.value).startswith(
        f"{tmp_path / 'checkpoints'}: expected a whole checkpoint, found only damaged ones ("
    )


@pytest.mark.parametrize("content", ["[1]", '"text"', "null"])
def test_a_score_that_is_no_object_stands_in_nothing_s_way(tmp_path, content):
    with open_checkpoints(tmp_path) as checkpoints:
        save(checkpoints, 3, 0.5)
    (tmp_path / "checkpoints" / "3" / "metrics" / "metrics").write_text(content)
    with open_checkpoints(tmp_path) as checkpoints:
        save(checkpoints, 6, 0.7)
        assert checkpoints.best_step() == 3
        save(checkpoints, 9, 0.8)
        assert int(checkpoints.restore_latest().state.step) == 9


@pytest.mark.parametrize("content", ['{"mae_brai', "[" * 100_000], ids=["cut", "deep"])
def test_a_damaged_score_is_told(tmp_path, content):
    with open_checkpoints(tmp_path) as checkpoints:
        save(checkpoints, 3, 0.5)
    path = tmp_path / "checkpoints" / "3" / "metrics" / "metrics"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        open_checkpoints(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'checkpoints'}: expected checkpoints that can be read, found ")
    assert str(caught.value).endswith(". Move the damaged step's folder away.")


def edit_meta(root, step, change):
    (path,) = (
        path
        for path in (root / "checkpoints" / str(step) / "meta").rglob("*")
        if path.is_file() and b"sha256" in path.read_bytes()
    )
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


@pytest.mark.parametrize(
    "change",
    [
        lambda meta: meta | {"score": 0.01},
        lambda meta: meta | {"scores": {"mae_brain": 0.01}},
        lambda meta: meta | {"epoch": 99},
        lambda meta: {name.replace("meta_sha256", "meta_sha257"): value for name, value in meta.items()},
    ],
)
def test_a_changed_meta_is_no_best_and_is_told(tmp_path, change, capsys):
    with open_checkpoints(tmp_path) as checkpoints:
        save(checkpoints, 3, 0.5)
        save(checkpoints, 6, 0.7)
    edit_meta(tmp_path, 6, change)
    with open_checkpoints(tmp_path) as checkpoints:
        assert checkpoints.best_step() == 3
        assert capsys.readouterr().err == (
            f"warning: {tmp_path / 'checkpoints' / '6'}: no candidate for the best checkpoint: its scores and meta do "
            "not match their SHA-256\n"
        )
        with pytest.raises(UserError, match="its scores and meta do not match their SHA-256"):
            checkpoints.restore(6)


def test_the_best_does_not_hang_on_what_orbax_keeps_beside(tmp_path):
    with open_checkpoints(tmp_path) as checkpoints:
        save(checkpoints, 3, 0.5)
        save(checkpoints, 6, 0.7)
    path = tmp_path / "checkpoints" / "6" / "metrics" / "metrics"
    path.write_text(path.read_text().replace("0.7", "0.1"))
    with open_checkpoints(tmp_path) as checkpoints:
        assert checkpoints.best_step() == 3


def test_a_checkpoint_from_before_the_checksum_opens(tmp_path):
    with open_checkpoints(tmp_path) as checkpoints:
        save(checkpoints, 3, 0.5)
    edit_meta(tmp_path, 3, lambda meta: {name: meta[name] for name in ("sha256",)} | {"scores": {"mae_brain": 0.5}})
    with open_checkpoints(tmp_path) as checkpoints:
        assert checkpoints.best_step() == 3 and int(checkpoints.restore(3).state.step) == 3


def test_a_damaged_one_is_replaced_when_its_step_comes_again(tmp_path):
    with open_checkpoints(tmp_path) as checkpoints:
        save(checkpoints, 3)
        save(checkpoints, 6)
    flip_a_bit(tmp_path, 6)
    with open_checkpoints(tmp_path) as checkpoints:
        assert int(checkpoints.restore_latest().state.step) == 3
        save(checkpoints, 6)
    with open_checkpoints(tmp_path) as checkpoints:
        assert int(checkpoints.restore_latest().state.step) == 6


def test_a_foreign_folder_with_a_number_for_a_name_is_passed_over(tmp_path):
    with open_checkpoints(tmp_path) as checkpoints:
        save(checkpoints, 3)
    (tmp_path / "checkpoints" / "99").mkdir()
    with open_checkpoints(tmp_path) as checkpoints:
        assert int(checkpoints.restore_latest().state.step) == 3
        save(checkpoints, 6)
    with open_checkpoints(tmp_path) as checkpoints:
        assert int(checkpoints.restore_latest().state.step) == 6


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        (state(0, width=20), "params.generator.conv.bias is float32 (3000,), the network's float32 (20,)"),
        (state(0)._replace(opt_state=Nets((), ())), ""),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(tmp_path, target, problem):
    with open_checkpoints(tmp_path) as checkpoints:
        save(checkpoints, 3)
    with open_checkpoints(tmp_path, target) as checkpoints, pytest.raises(UserError) as caught:
        checkpoints.restore(3)
    assert "expected a whole checkpoint, found a damaged one: " in str(caught.value) and problem in str(caught.value)


def test_the_hash_sees_values_names_shapes_and_types():
    tree = {"a": np.zeros(4, np.float32), "b": np.ones(2, np.float32)}
    others = [
        tree | {"a": np.full(4, -0.0, np.float32)},
        tree | {"a": np.zeros((2, 2), np.float32)},
        tree | {"a": np.zeros(4, np.int32)},
        {"a": tree["a"], "c": tree["b"]},
    ]
    assert state_hash(dict(reversed(tree.items()))) == state_hash(tree)
    assert len({state_hash(other) for other in [tree, *others]}) == 5


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, request):
    with open_checkpoints(tmp_path) as checkpoints:
        save(checkpoints, 3)
        request.getfixturevalue("full_disk")
        with pytest.raises(UserError) as caught:
            save(checkpoints, 6)
    assert str(caught.value) == (
        f"{tmp_path / 'checkpoints'}: expected room for a checkpoint of 1 MiB, found No space left on device. Free "
        "some space and start the same command again; the checkpoint of step 3 is whole."
    )
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["3"]


def test_what_is_no_file_in_a_checkpoint_is_told(tmp_path, put_odd):
    with open_checkpoints(tmp_path) as checkpoints:
        save(checkpoints, 3)
    found = put_odd(tmp_path / "checkpoints" / "3" / "_CHECKPOINT_METADATA")
    with pytest.raises(UserError, match=f"_CHECKPOINT_METADATA: expected a plain file, found {found}"):
        open_checkpoints(tmp_path)
