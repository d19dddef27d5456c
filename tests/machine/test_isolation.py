"""Work in processes of its own: answers, errors, crashes, silence, threads, and leaving early."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.machine.isolation import run_isolated


def behave(task):
    what, folder = task
    print("heard", what)
    if what == "user":
        raise UserError("sub-01: expected a head")
    if what == "fault":
        raise ZeroDivisionError("one\nline")
    if what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "quit":
        os._exit(3)
    if what == "threads":
        Path(folder, "threads").write_text(os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"])
    if what == "sleep":
        Path(folder, f"pid{os.getpid()}").touch()
        time.sleep(600)


def test_every_piece_ends_in_its_own_way(tmp_path):
    kinds = ("user", "fault", "crash", "kill", "quit", "threads")
    tasks = [(kind, str(tmp_path)) for kind in kinds]
    outcomes = {o.task[0]: o for o in run_isolated(behave, tasks, jobs=3, threads=5, logs=tmp_path / "logs")}
    assert {kind: outcomes[kind].error for kind in kinds} == {
        "user": "sub-01: expected a head",
        "fault": "ZeroDivisionError: one line",
        "crash": "the software crashed (SIGSEGV)",
        "kill": "the process was killed (SIGKILL), as systems do when memory runs out. Use fewer --jobs",
        "quit": "the process ended with status 3 and said nothing",
        "threads": None,
    }
    assert (tmp_path / "threads").read_text() == "5"
    log = outcomes["fault"].log.read_text()
    assert "heard fault" in log
    assert "Traceback" in log
    assert "Traceback" not in outcomes["user"].log.read_text()
    assert all(outcome.seconds > 0 for outcome in outcomes.values())


def is_alive(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_leaving_early_ends_those_that_run(tmp_path):
    work = run_isolated(
        behave, [("threads", str(tmp_path)), ("sleep", str(tmp_path))], jobs=2, threads=1, logs=tmp_path
    )
    assert next(work).task[0] == "threads"
    deadline = time.monotonic() + 300
    while not (found := list(tmp_path.glob("pid*"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    number = int(found[0].name.removeprefix("pid"))
    assert is_alive(number)
    work.close()
    assert not is_alive(number)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_processes_do_not_outlive_a_killed_parent(tmp_path):
    import subprocess

    from tests.conftest import ROOT

    script = tmp_path / "start.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from pcsa_jax.machine.isolation import run_isolated\n"
        "from tests.machine.test_isolation import behave\n"
        "if __name__ == '__main__':\n"
        "    folder = sys.argv[1]\n"
        "    list(run_isolated(behave, [('sleep', folder)], jobs=1, threads=1, logs=Path(folder, 'logs')))\n"
    )
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path)], cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    deadline = time.monotonic() + 300
    while not (found := list(tmp_path.glob("pid*"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    number = int(found[0].name.removeprefix("pid"))
    parent.kill()
    parent.wait()
    while is_alive(number) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(number)
