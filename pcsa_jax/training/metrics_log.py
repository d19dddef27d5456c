"""The record of a training: ``metrics.jsonl`` (the source of truth) and TensorBoard event files."""

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from pcsa_jax.data.files import check_plain, finite_or_none, write_text


@contextlib.contextmanager
def _without_torch() -> Iterator[None]:
    """Where PyTorch is installed and not imported, an import of it inside fails as if it were not installed."""
    if "torch" in sys.modules:
        yield
        return
    sys.modules["torch"] = None
    try:
        yield
    finally:
        del sys.modules["torch"]


# TensorBoard's writer imports PyTorch where it finds it, for tensors that it might be given: seconds of every start.
with _without_torch():
    from tensorboardX import SummaryWriter


class MetricsLog:
    """Appends one JSON object a row; a context manager.

    Args:
      path: ``metrics.jsonl``.
      tensorboard: folder of the event files.
      resume_step: rows after this step are dropped (a killed run may have logged steps that no checkpoint holds), so
        that a resumed run's record has each step once.
    """

    def __init__(self, path: Path, tensorboard: Path, *, resume_step: int):
        check_plain(path)
        if path.exists():
            write_text(path, "".join(line for line in _whole_lines(path) if json.loads(line)["step"] <= resume_step))
        self._stream = path.open("a", encoding="utf-8")
        self._writer = SummaryWriter(str(tensorboard), purge_step=resume_step + 1 if resume_step else None)

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stream.close()
        self._writer.close()

    def write(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """Adds one row; flushed at once, so a reader sees it and a kill cannot lose it."""
        row = finite_or_none({"step": step, "epoch": epoch, **values})
        self._stream.write(json.dumps(row, allow_nan=False) + "\n")
        self._stream.flush()
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)


def _whole_lines(path: Path) -> list[str]:
    """Lines that end and parse: a kill may leave half a line at the end."""
    whole = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            json.loads(line)
        except ValueError:
            break
        whole.append(line if line.endswith("\n") else line + "\n")
    return whole


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of ``metrics.jsonl``; a last line cut short by a killed run is left out.

    Raises:
      ValueError: if any other line is not JSON.
    """
    lines = [line for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            if number < len(lines):
                raise ValueError(f"{path}, line {number}: expected one JSON object, found {line[:60]!r}.") from error
    return rows
