"""Processes that work for another one; that they do not outlive it is in tests/machine/test_isolation.py as well."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pcsa_jax.children import uninterrupted
from tests.conftest import ROOT

SCRIPT = """
import multiprocessing, os, sys, time
from pcsa_jax.children import follow_parent

def live():
    follow_parent()
    print(os.getpid(), flush=True)
    time.sleep(100)

if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=live)
    child.start()
    child.join()
"""


def is_alive(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    # One that has ended and that nobody has asked for its status yet is a zombie.
    with open(f"/proc/{number}/stat") as stream:
        return stream.read().rpartition(")")[2].split()[0] != "Z"


def test_a_child_leaves_signals_to_its_parent_and_ends_with_it(tmp_path):
    (tmp_path / "start.py").write_text(SCRIPT)
    words = [sys.executable, str(tmp_path / "start.py")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env={"PYTHONPATH": str(ROOT)}) as parent:
        child = int(parent.stdout.readline())
        for number in (signal.SIGINT, signal.SIGHUP):
            os.kill(child, number)
        time.sleep(0.2)
        assert is_alive(child)
        parent.kill()
        deadline = time.monotonic() + 20
        while is_alive(child) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not is_alive(child)


def test_a_signal_while_a_child_is_started_acts_afterwards():
    former, is_started = signal.getsignal(signal.SIGINT), False
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        is_started = True
    assert is_started
    assert signal.getsignal(signal.SIGINT) == former


CALLING = """
import sys
import pcsa_jax
print("run", flush=True)
pcsa_jax.phantom(sys.argv[1], pairs=8, mri_only=0, size=16, jobs=2)
"""


@pytest.mark.slow
def test_a_script_that_calls_us_is_not_run_again_by_our_children(tmp_path):
    """As plain scripts are written, without ``if __name__ == "__main__":``."""
    (tmp_path / "mine.py").write_text(CALLING)
    words = [sys.executable, str(tmp_path / "mine.py"), str(tmp_path / "cohort")]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True
    )
    assert done.stdout == "run\n"
    assert len(list((tmp_path / "cohort").glob("sub-*"))) == 8


def test_the_main_module_is_what_it_was_after_a_start():
    main = sys.modules["__main__"]
    before = {name: getattr(main, name, "none") for name in ("__spec__", "__file__")}
    with uninterrupted():
        assert not getattr(main, "__spec__", None) and not getattr(main, "__file__", None)
    assert {name: getattr(main, name, "none") for name in before} == before
