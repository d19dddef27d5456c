"""The one command for GPUs, rehearsed on the CPU, and how it keeps to its time."""

import json

import pytest

from benchmarks.gpu import command as gpu
from benchmarks.gpu.grid import Grid


def test_every_row_of_the_ablations_is_measured_once():
    from benchmarks.workload import config_of

    names = [config_of(row).row for row in gpu.ROWS]
    assert names == list(gpu.ROWS)
    grid = Grid(gpu.FULL, {"pcsa": {"ours bf16": {"ms": {}}, "ours f32": {"failed": "why"}}}, print)
    assert grid.has("pcsa", "ours bf16")
    assert not grid.has("pcsa", "ours f32")  # tried again
    assert ("mae_ssim", "torch.compile bf16") in grid.others()
    assert not set(grid.others()) & set(grid.headline())


def test_without_time_everything_is_left_out_and_named(tmp_path, capsys):
    with_time_for_nothing = gpu.Budget(0)
    grid = Grid(gpu.FULL, {}, print)
    session = gpu.Session(gpu.FULL, with_time_for_nothing, None, tmp_path, "command", print)
    session._fill(grid, grid.headline(), 0, together=1)
    session._numbers("first layer", "first_layer", {}, {"first_layer": ""}, estimate_s=30)
    assert session.skipped[0] == "row pcsa, ours bf16"
    assert session.skipped[-1] == "first layer"
    assert not (tmp_path / "gpu.json").exists()


@pytest.mark.slow
def test_the_rehearsal_runs_every_part(tmp_path, capsys):
    words = [f"--out={tmp_path / 'out'}", f"--work={tmp_path / 'work'}", "--rehearse", "--minutes=8"]
    assert gpu.main(words) == 0
    found = json.loads((tmp_path / "out" / "gpu.json").read_text())
    assert set(found) == {"steps", "memory", "recipe", "first_layer", "parts", "profile"}
    assert found["steps"]["rows"][0]["ours"]["median"] > 0
    assert found["recipe"]["extra"]["summary"]["predictors"]["model"]["mae_brain"]["mean"] > 0
    assert len(found["recipe"]["extra"]["curve"]) == 2
    assert (tmp_path / "out" / "report.html").exists()
    said = capsys.readouterr().out
    try:
        import monai  # noqa: F401
        import torch  # noqa: F401
    except ImportError:
        assert "No module named" in said
    else:
        assert "everything is done" in said
        assert set(found["steps"]["rows"][0]["peers"]) == {"torch eager bf16", "MONAI-style fp16"}
    # The same command has nothing left to do.
    assert gpu.main(words) == 0
