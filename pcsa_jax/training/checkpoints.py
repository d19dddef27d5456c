"""Checkpoints of a run: written whole or not at all, verified when read, the latest and the best kept."""

import contextlib
import hashlib
import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath
from orbax.checkpoint import checkpoint_managers

from pcsa_jax.data.files import check_plain, reserve
from pcsa_jax.errors import UserError
from pcsa_jax.machine.progress import console
from pcsa_jax.training.plain_paths import plainly_named

BEST_METRIC = "mae_brain"
"""The validation score that chooses a generator's best checkpoint; lower is better."""

NUM_LATEST = 2

MARGIN_BYTES = 2**20
"""Room beside a checkpoint's arrays: its descriptions, and the metrics up to the next one."""


class State(Protocol):
    """What a checkpoint holds: a tree of arrays that counts its steps."""

    @property
    def step(self) -> jax.Array: ...


class Restored(NamedTuple):
    """A state (host arrays) and what was stored beside it."""

    state: State
    meta: dict[str, Any]


def state_hash(state: Any) -> str:
    """SHA-256 over the bytes of every array, in the order of the tree's paths."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree.leaves_with_path(state):
        array = np.ascontiguousarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


META_HASH = "meta_sha256"
FORMER_META = {"epoch", "scores", "train_seconds", "sha256", "prior_sha256"}
"""All that a checkpoint's meta held before it had a checksum of its own."""


def meta_hash(meta: Mapping[str, Any]) -> str:
    """SHA-256 over all of a checkpoint's meta but this hash, the state's SHA-256 and the scores included."""
    content = {name: value for name, value in meta.items() if name != META_HASH}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _is_whole(meta: Mapping[str, Any]) -> bool:
    """Whether a meta is as it was written; one of before the checksum is, if it holds nothing that was unknown then."""
    if META_HASH in meta:
        return meta[META_HASH] == meta_hash(meta)
    return set(meta) <= FORMER_META


class Checkpoints:
    """The checkpoints below ``folder``; a context manager that waits for pending writes.

    Args:
      folder: where they are, created if needed.
      target: a state of the right structure; restoring needs one, so that a checkpoint written on other devices opens.
      best: the validation score that chooses the best one; lower is better.
    """

    def __init__(self, folder: Path, target: State, *, best: str = BEST_METRIC):
        self._folder, self._place, self._best, self._is_proven = folder, folder, best, False
        self._target = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), target)
        process = jax.process_index()
        policy = checkpoint_managers.AnyPreservationPolicy([
            checkpoint_managers.LatestN(NUM_LATEST),
            checkpoint_managers.BestN(get_metric_fn=self._score, n=1),
        ])  # fmt: skip
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policy, best_fn=self._score, best_mode="max",
            # Orbax would wait for every process; ours hold the same state, so the one that opens this is enough.
            multiprocessing_options=ocp.options.MultiprocessingOptions(
                primary_host=process, active_processes={process}, barrier_sync_key_prefix=f"process{process}"
            ),
            create=False,
        )  # fmt: skip
        with contextlib.ExitStack() as held:
            try:
                # Orbax does not make it where only some of several processes take part.
                folder.mkdir(parents=True, exist_ok=True)
                for path in folder.rglob("*"):
                    check_plain(path)
                self._place = held.enter_context(plainly_named(folder))
                self._manager = ocp.CheckpointManager(self._place, options=options, item_names=("state", "meta"))
            except (OSError, ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
                raise UserError(
                    f"{folder}: expected checkpoints that can be read, found {self._reason(error)}. Move the damaged "
                    "step's folder away."
                ) from error
            held.callback(self._manager.close)
            self._held = held.pop_all()

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._held.close()

    def _reason(self, error: Exception) -> str:
        """One short line of what Orbax says, with the folder's own name in place of a link's."""
        return " ".join(str(error).split()).replace(str(self._place), str(self._folder))[:200]

    def _score(self, metrics: Mapping[str, float] | None) -> float:
        """Higher is better; Orbax silently loses the best step when it is given NaN."""
        value = metrics.get(self._best, math.nan) if isinstance(metrics, Mapping) else math.nan
        return -value if math.isfinite(value) else -1e30

    def save(self, state: State, *, scores: Mapping[str, float], meta: Mapping[str, Any]) -> None:
        """Writes ``state`` under its step; returns when it is safe on disk.

        The first one is read back: a disk or a path that loses what it is given must not cost a training of days.

        Args:
          state: finite; the caller has looked.
          scores: validation scores, with ``best`` among them or empty.
          meta: plain JSON values kept beside the state.

        Raises:
          UserError: if it cannot be written (a full disk) or read back; earlier checkpoints stay.
        """
        host = jax.device_get(state)
        self.make_sure_of_room(host)
        stored = {**meta, "sha256": state_hash(host), "score": scores.get(self._best)}
        stored = json.loads(json.dumps(stored))
        stored[META_HASH] = meta_hash(stored)
        items = ocp.args.Composite(state=ocp.args.StandardSave(_named_leaves(host)), meta=ocp.args.JsonSave(stored))
        try:
            # Without force Orbax silently skips a step that is not above every number in the folder, as happens after a
            # damaged checkpoint was passed over.
            if int(host.step) in self._manager.all_steps():
                self._manager.delete(int(host.step))
            metrics = dict(scores) or {self._best: math.inf}
            self._manager.save(int(host.step), args=items, metrics=metrics, force=True)
            # Orbax reports a full disk only here; a run that went on without looking would lose its checkpoints.
            self._manager.wait_until_finished()
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self._folder}: could not write the checkpoint of step {int(host.step)} "
                f"({self._reason(error)}). Free some space; earlier checkpoints are intact."
            ) from error
        if not self._is_proven:
            self._prove(int(host.step), stored["sha256"])

    def make_sure_of_room(self, state: State) -> None:
        """Looks whether the disk has room for ``state``: told by its writers, a full one is dozens of tracebacks.

        Raises:
          UserError: if it has none; what is there stays.
        """
        needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + MARGIN_BYTES
        try:
            # Blocks are taken and given back: a disk's free space says nothing of the user's quota.
            with tempfile.TemporaryFile(dir=self._folder) as stream:
                reserve(stream, needed)
        except OSError as error:
            steps = self.steps()
            raise UserError(
                f"{self._folder}: expected room for a checkpoint of {needed / 2**20:.0f} MiB, found {error.strerror}. "
                "Free some space and start the same command again; "
                + (f"the checkpoint of step {steps[-1]} is whole." if steps else "no checkpoint was written yet.")
            ) from error

    def _prove(self, step: int, sha256: str) -> None:
        try:
            found = self.restore(step).meta["sha256"]
            problem = (
                "" if found == sha256 else f"{self._folder / str(step)}: expected SHA-256 {sha256}, found {found}."
            )
        except UserError as error:
            problem = str(error)
        if problem:
            raise UserError(
                f"{problem} It was written a moment ago, so this place does not give back what it is given: choose "
                "another --workdir, on another disk."
            )
        self._is_proven = True

    def steps(self) -> list[int]:
        """Steps on disk, oldest first."""
        return sorted(self._manager.all_steps())

    def best_step(self) -> int | None:
        """The step with the best validation score, by what the checkpoints themselves say, as far as it is whole.

        The latest if none has a score; None if there is none. One that is not whole is named and passed over.
        """
        found: dict[int, float] = {}
        for step in self.steps():
            try:
                if not _is_whole(meta := self._meta(step)):
                    raise ValueError("its scores and meta do not match their SHA-256")
                score = meta.get("score", meta.get("scores", {}).get(self._best))
            except Exception as error:  # damaged in any way: nobody can say whether it was the best
                place = self._folder / str(step)
                console.print(f"warning: {place}: no candidate for the best checkpoint: {self._reason(error)}")
                continue
            if isinstance(score, int | float) and math.isfinite(score):
                found[step] = float(score)
        if not found:
            return max(self.steps(), default=None)
        return min(found, key=lambda step: (found[step], -step))

    def latest_meta(self) -> dict[str, Any]:
        """What was stored beside the newest state, as far as it is whole; no state is read. {} if there is none."""
        for step in reversed(self.steps()):
            with contextlib.suppress(Exception):  # damaged in any way: whoever restores it is told
                if _is_whole(meta := self._meta(step)):
                    return meta
        return {}

    def _meta(self, step: int) -> dict[str, Any]:
        return self._manager.restore(step, args=ocp.args.Composite(meta=ocp.args.JsonRestore()))["meta"]

    def restore_latest(self) -> Restored | None:
        """The newest checkpoint that is whole; None if there is none at all.

        A damaged one is named and passed over.

        Raises:
          UserError: if there are checkpoints and none is whole.
        """
        problems = []
        for step in reversed(self.steps()):
            try:
                return self.restore(step)
            except UserError as error:
                problems.append(str(error))
                console.print(f"warning: {error}")
        if problems:
            raise UserError(f"{self._folder}: expected a whole checkpoint, found only damaged ones ({problems[0]})")
        return None

    def restore(self, step: int) -> Restored:
        """Reads the checkpoint of ``step`` and verifies every byte.

        Raises:
          UserError: if it is missing, damaged, or of another network.
        """
        target = _named_leaves(self._target)
        items = ocp.args.Composite(state=ocp.args.StandardRestore(target), meta=ocp.args.JsonRestore())
        try:
            restored = self._manager.restore(step, args=items)
            leaves = [restored["state"][name] for name in target]
            state, meta = jax.tree.unflatten(jax.tree.structure(self._target), leaves), restored["meta"]
            whole = int(state.step) == step and state_hash(state) == meta["sha256"]
            problem = "" if whole else "its content does not match its SHA-256"
            problem = problem or ("" if _is_whole(meta) else "its scores and meta do not match their SHA-256")
            problem = problem or _other_shape(state, self._target)
        except Exception as error:  # Orbax and TensorStore raise many types for damage; all mean "not this one".
            problem = self._lacking(step, target) or self._reason(error) or type(error).__name__
        if problem:
            raise UserError(f"{self._folder / str(step)}: expected a whole checkpoint, found a damaged one: {problem}.")
        return Restored(state, meta)

    def _lacking(self, step: int, target: Mapping[str, Any]) -> str:
        """What tells the first array that a checkpoint does not have; "" if it has all, or nobody knows."""
        try:
            stored = ocp.StandardCheckpointHandler().metadata(epath.Path(self._place / str(step) / "state"))
            missing = sorted(set(target) - set(getattr(stored, "tree", stored)))
        except Exception:  # damaged so far that not even this can be read: the first error says enough
            return ""
        return f"it has no {missing[0]}" if missing else ""


def _other_shape(state: State, target: State) -> str:
    """What tells the first array of another shape or type than the target's; "" if all fit."""
    wanted = _named_leaves(target)
    for name, leaf in _named_leaves(state).items():
        if (leaf.shape, leaf.dtype) != (wanted[name].shape, wanted[name].dtype):
            return f"{name} is {leaf.dtype} {leaf.shape}, the network's {wanted[name].dtype} {wanted[name].shape}"
    return ""


def _named_leaves(state: State) -> dict[str, Any]:
    """``{"params.generator.bottleneck.kernel": array}``: files that do not depend on our or optax's Python types."""
    leaves = jax.tree.leaves_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}
