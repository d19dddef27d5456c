"""The record: one JSON object a row, each step once after a kill and a resume."""

import json
import math
import os
import subprocess
import sys

import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.training.metrics_log import MetricsLog, read_metrics
from tests.conftest import ROOT


def open_log(folder, resume_step=0):
    return MetricsLog(folder / "metrics.jsonl", folder / "tensorboard", resume_step=resume_step)


def rows(folder):
    def refuse(name):
        raise AssertionError(name)

    return [json.loads(line, parse_constant=refuse) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def killed(tmp_path):
    """A record of steps 1 to 6 whose process was killed while it wrote the seventh."""
    with open_log(tmp_path) as log:
        for step in range(1, 7):
            log.write(step, (step - 1) // 2, {"generator/total": 1 / step})
            if step == 4:
                log.write(step, 1, {"validation/mae_brain": 0.5})
    with (tmp_path / "metrics.jsonl").open("a") as stream:
        stream.write('{"step": 7, "epoch": 3, "generator/to')
    return tmp_path


def test_a_row_is_on_disk_at_once(tmp_path):
    with open_log(tmp_path) as log:
        log.write(3, 1, {"generator/l1": 0.25})
        assert rows(tmp_path) == [{"step": 3, "epoch": 1, "generator/l1": 0.25}]
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))


def test_a_resume_drops_what_no_checkpoint_holds(killed):
    with open_log(killed, resume_step=4) as log:
        assert [(row["step"], len(row)) for row in rows(killed)] == [(1, 3), (2, 3), (3, 3), (4, 3), (4, 3)]
        log.write(5, 2, {"generator/total": 0.2})
    assert [row["step"] for row in rows(killed)] == [1, 2, 3, 4, 4, 5]
    assert rows(killed)[4]["validation/mae_brain"] == 0.5


def test_half_a_line_goes_even_if_its_step_is_kept(killed):
    with open_log(killed, resume_step=100) as log:
        log.write(7, 3, {"generator/total": 0.1})
    assert [row["step"] for row in rows(killed)][-3:] == [5, 6, 7]


def test_a_last_line_without_its_end_is_kept_if_it_is_whole(killed):
    path = killed / "metrics.jsonl"
    path.write_text('{"step": 1, "epoch": 0}\n{"step": 2, "epoch": 0}')
    with open_log(killed, resume_step=2) as log:
        log.write(3, 1, {})
    assert [row["step"] for row in rows(killed)] == [1, 2, 3]


def test_a_start_from_the_beginning_drops_all(killed):
    open_log(killed).__exit__(None, None, None)
    assert rows(killed) == []


def test_the_record_never_holds_nan(tmp_path):
    with open_log(tmp_path) as log:
        log.write(1, 0, {"validation/psnr_brain_db": math.inf, "generator/l1": math.nan, "generator/total": 1.0})
    assert rows(tmp_path) == [
        {"step": 1, "epoch": 0, "validation/psnr_brain_db": None, "generator/l1": None, "generator/total": 1.0}
    ]


def test_broken_line_within_the_log_is_an_error(tmp_path):
    log = tmp_path / "metrics.jsonl"
    log.write_text('{"step": 1}\n{"st\n{"step": 2}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="line 2: expected one JSON object"):
        read_metrics(log)


def test_the_writer_does_not_import_pytorch(tmp_path):
    (tmp_path / "torch.py").write_text("raise SystemExit('PyTorch was imported')")
    code = "import sys; import pcsa_jax.training.metrics_log; assert 'torch' not in sys.modules; import torch"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    # Only the last import, the program's own, finds it.
    assert (done.returncode, done.stderr) == (1, "PyTorch was imported\n")


def test_a_record_that_is_no_file_is_refused(tmp_path, put_odd):
    found = put_odd(tmp_path / "metrics.jsonl")
    with pytest.raises(UserError, match=f"metrics.jsonl: expected a plain file, found {found}"):
        open_log(tmp_path)
