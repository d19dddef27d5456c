"""Signals: one stops a command or a loop in good order, a second one ends the process at once."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pcsa_jax.children import ENDING
from pcsa_jax.machine.interruption import SAME_S, Stopped, stopping, watch_signals
from tests.conftest import ROOT


@pytest.mark.parametrize("number", ENDING)
def test_the_first_signal_is_raised_and_handlers_come_back(number):
    former = signal.getsignal(number)
    with pytest.raises(Stopped) as caught, stopping():
        os.kill(os.getpid(), number)
        time.sleep(10)
    assert caught.value.signal_number == number
    assert signal.getsignal(number) == former
    assert signal.set_wakeup_fd(-1) == -1


def test_signals_that_come_twice_at_once_are_one_wish():
    cleared = False
    with pytest.raises(Stopped), stopping():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)  # as GNU timeout does
            cleared = True
    assert cleared


@pytest.mark.parametrize("block", [stopping, watch_signals])
def test_nohup_is_respected(block):
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with block():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, former)


def test_a_signal_inside_a_destructor_is_not_lost():
    class Dying:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.001)

    with pytest.raises(Stopped), stopping():
        Dying()
        time.sleep(10)


def test_a_signal_of_which_native_code_makes_another_error_is_still_one():
    with pytest.raises(Stopped) as caught, stopping():
        try:
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(10)
        except Stopped:
            raise ImportError("Encountered an error while initializing the extension.") from None
    assert caught.value.signal_number == signal.SIGHUP
    with pytest.raises(ImportError), stopping():
        raise ImportError("no signal")


def test_a_signal_during_an_import_waits_for_its_end(tmp_path, monkeypatch):
    # Raised in there, it can end a native extension with a segmentation fault.
    text = "import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(0.5)\nwhole = True\n"
    (tmp_path / "slowly_imported.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Stopped) as caught, stopping():
        import slowly_imported

        time.sleep(10)
    assert slowly_imported.whole
    assert caught.value.signal_number == signal.SIGTERM
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


def test_a_loop_is_told_and_goes_on(capsys):
    with stopping(), watch_signals() as interruption:
        os.kill(os.getpid(), signal.SIGHUP)
        assert interruption.signal_number == signal.SIGHUP
    assert "SIGHUP: will save and stop; a second signal ends at once" in capsys.readouterr().err


def test_a_loop_saves_though_its_terminal_is_gone(monkeypatch):
    from pcsa_jax.machine import progress

    def closed(text):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(progress.console, "print", closed)
    monkeypatch.setattr(progress.console, "quiet", False)
    with watch_signals() as interruption:
        os.kill(os.getpid(), signal.SIGHUP)
        assert interruption.signal_number == signal.SIGHUP
    assert progress.console.quiet


@pytest.mark.parametrize("block", ["stopping", "watch_signals"])
def test_a_second_signal_ends_native_code_at_once(block):
    # A minute in OpenSSL, during which Python runs no handler.
    script = (
        "import hashlib\n"
        f"from pcsa_jax.machine.interruption import {block}\n"
        f"with {block}():\n"
        "    print('ready', flush=True)\n"
        "    hashlib.pbkdf2_hmac('sha256', b'a', b'b', 10**8)\n"
    )
    words = [sys.executable, "-c", script]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT, start_new_session=True) as process:
        process.stdout.readline()
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        time.sleep(2 * SAME_S)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 128 + signal.SIGTERM
