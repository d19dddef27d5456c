"""The folder of a run: recognised, refused if it is someone else's, held by one process at a time."""

import errno
import os
import subprocess
import sys

import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.experiment.workdir import Workdir


def test_a_new_folder_is_made_with_its_parents(tmp_path):
    workdir = Workdir(tmp_path / "runs" / "one")
    assert workdir.open() is False
    assert list(workdir.root.iterdir()) == []


def test_naming_files_makes_none(tmp_path):
    workdir = Workdir(tmp_path / "run")
    names = (workdir.config, workdir.environment, workdir.splits, workdir.metrics, workdir.evaluation("test"))
    assert [str(path.relative_to(workdir.root)) for path in names] == [
        "config.json", "environment.json", "splits.tsv", "metrics.jsonl", "evaluation/test",
    ]  # fmt: skip
    assert not workdir.root.exists()


def test_a_run_is_recognised(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "anything").touch()
    assert Workdir(tmp_path).open() is True


def test_the_lock_of_a_run_that_never_began_is_no_obstacle(tmp_path):
    with Workdir(tmp_path).lock():
        pass
    assert Workdir(tmp_path).open() is False


def test_a_start_that_was_killed_while_it_wrote_its_first_files_is_no_obstacle(tmp_path):
    for name in (".environment.json.q4h6q5qh.tmp", ".config.json.a_b1c2d3.tmp", "splits.tsv"):
        (tmp_path / name).touch()
    assert Workdir(tmp_path).open() is False


def test_someone_else_s_folder_is_refused(tmp_path):
    for name in ("thesis.tex", "data"):
        (tmp_path / name).touch()
    with pytest.raises(UserError) as caught:
        Workdir(tmp_path).open()
    assert str(caught.value) == (
        f"--workdir {tmp_path}: expected an empty folder or a run, found other files (data, 2 in all). Choose another."
    )


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "run").touch()
    for path in (tmp_path / "run", tmp_path / "run" / "below"):
        with pytest.raises(UserError) as caught:
            Workdir(path).open()
        assert str(caught.value).startswith(f"--workdir {path}: expected a folder that can be written, found ")


def refusal(workdir):
    with pytest.raises(UserError) as caught, workdir.lock():
        pass
    return str(caught.value)


def test_a_second_holder_is_refused_until_the_first_is_done(tmp_path):
    workdir = Workdir(tmp_path)
    with workdir.lock():
        assert refusal(workdir) == (
            f"--workdir {tmp_path}: expected no other process, found one that trains there. Wait for it, stop it, or "
            "choose another folder."
        )
    with workdir.lock():
        pass


def test_a_killed_process_leaves_the_lock_open(tmp_path):
    script = (
        "import sys, time, pathlib\n"
        "from pcsa_jax.experiment.workdir import Workdir\n"
        "with Workdir(pathlib.Path(sys.argv[1])).lock():\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=os.getcwd()) as process:
        try:
            assert process.stdout.readline() == "held\n"
            assert "found one that trains there" in refusal(Workdir(tmp_path))
        finally:
            process.kill()
            process.wait()
    with Workdir(tmp_path).lock():
        pass


def test_a_folder_that_cannot_be_written_and_a_lock_that_is_no_file_are_told(tmp_path, monkeypatch, put_odd):
    found = put_odd(tmp_path / ".lock")
    with pytest.raises(UserError, match=f".lock: expected a plain file, found {found}"), Workdir(tmp_path).lock():
        pass
    (tmp_path / ".lock").unlink()

    def refuse(path, mode):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(type(tmp_path), "open", refuse)
    with pytest.raises(UserError) as caught, Workdir(tmp_path).lock():
        pass
    assert str(caught.value) == (
        f"--workdir {tmp_path}: expected a folder that can be written, found Read-only file system. Choose another."
    )
