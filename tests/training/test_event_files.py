"""TensorBoard's copy of the record: readable, and no reason to end."""

import errno
import os
import struct
import subprocess
import sys
import threading

import pytest

from pcsa_jax.training import event_files
from pcsa_jax.training.event_files import Event, EventFiles
from tests.conftest import ROOT


def events_in(folder):
    """The events of the only file in a folder."""
    (path,) = folder.glob("events.out.tfevents.*")
    raw, found = path.read_bytes(), []
    while raw:
        (length,) = struct.unpack_from("Q", raw)
        found.append(Event.FromString(raw[12 : 12 + length]))
        raw = raw[16 + length :]
    return found


def test_values_are_written_under_their_steps_without_a_thread(tmp_path):
    before = threading.active_count()
    files = EventFiles(tmp_path / "new" / "folder", purge_step=None)
    files.write(3, {"generator/l1": 0.25, "validation/mae_brain": float("nan")})
    assert threading.active_count() == before
    files.close()
    version, first, second = events_in(tmp_path / "new" / "folder")
    assert version.file_version == "brain.Event:2"
    assert [(each.step, each.summary.value[0].tag) for each in (first, second)] == [
        (3, "generator/l1"), (3, "validation/mae_brain"),
    ]  # fmt: skip
    assert first.summary.value[0].simple_value == 0.25


def test_a_resume_tells_from_which_step_on_earlier_files_do_not_count(tmp_path):
    EventFiles(tmp_path, purge_step=8).close()
    assert [(each.step, each.session_log.status) for each in events_in(tmp_path)][1:] == [(8, 0), (8, 1)]


@pytest.mark.parametrize("method", ["write_event", "flush", "close"])
def test_a_disk_that_others_fill_ends_the_curves_in_one_line(tmp_path, monkeypatch, capsys, method):
    """On the way, where its buffer is emptied, and at the end."""
    files = EventFiles(tmp_path, purge_step=None)
    monkeypatch.setattr(event_files, "FLUSH_S", 0)

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files._writer, method, full)
    for step in (1, 2, 3):
        files.write(step, {"loss": 1.0})
    files.close()
    said = " ".join(capsys.readouterr().err.split())
    assert said == (
        f"warning: {tmp_path}: could not be written (No space left on device); TensorBoard shows no more of this "
        "start, metrics.jsonl has all"
    )


def test_the_writer_does_not_import_pytorch(tmp_path):
    (tmp_path / "torch.py").write_text("raise SystemExit('PyTorch was imported')")
    code = "import sys; import pcsa_jax.training.event_files; assert 'torch' not in sys.modules; import torch"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    # Only the last import, the program's own, finds it.
    assert (done.returncode, done.stderr) == (1, "PyTorch was imported\n")
