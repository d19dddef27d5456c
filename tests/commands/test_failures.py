"""Failures that are nobody's bug are one line; others are left alone."""

import errno
import os

import jax
import numpy as np
import pytest

from pcsa_jax.commands import run_command
from pcsa_jax.commands.failures import REMEDIES, describe_failure


@pytest.mark.parametrize("number", REMEDIES)
def test_a_place_that_cannot_be_used_is_one_line(number):
    reason = os.strerror(number)
    assert describe_failure(OSError(number, reason, "some/file")) == (
        f"some/file: expected a place that can be used, found {reason}. {REMEDIES[number]}."
    )


def test_a_full_disk_says_what_stays():
    assert describe_failure(OSError(errno.EDQUOT, "Disk quota exceeded")) == (
        "output: expected room on the disk, found none (Disk quota exceeded). Free some and start the same command "
        "again; what was written whole stays."
    )


def test_a_long_path_is_told_by_its_beginning(tmp_path):
    with pytest.raises(OSError) as caught:
        (tmp_path / ("a" * 5000)).stat()
    assert caught.value.errno == errno.ENAMETOOLONG
    told = describe_failure(caught.value)
    assert f"({len(str(tmp_path)) + 5001} characters): expected a place that can be used, found File name" in told
    assert len(told) < 300


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "memory: expected enough for this, found too little (no more to be had). End other programs"),
        (
            jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 64.00GiB."),
            "device: expected enough memory for this, found too little (RESOURCE_EXHAUSTED: Out of memory while",
        ),
        (
            RuntimeError("Unable to initialize backend 'tpu': libtpu.so: no such file"),
            "expected devices that jax can use here, found none (Unable to initialize backend 'tpu': libtpu.so: no",
        ),
    ],
)
def test_memory_and_devices_are_one_line(error, words):
    told = describe_failure(error)
    assert words in told
    assert "\n" not in told


def test_numpy_s_memory_error_says_how_much():
    with pytest.raises(MemoryError) as caught:
        np.empty(2**62, np.uint8)
    assert "found too little (Unable to allocate 4.00 EiB for an array" in describe_failure(caught.value)


def test_a_platform_that_is_not_here_is_one_line(monkeypatch):
    from jax._src import xla_bridge

    # As with JAX_PLATFORMS=cuda and no plugin: nothing is left, and jax says nothing.
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    monkeypatch.setattr(xla_bridge, "_backends", {})
    monkeypatch.setattr(xla_bridge, "_backend_errors", {})
    monkeypatch.setattr(xla_bridge, "_default_backend", None)
    monkeypatch.setattr(xla_bridge, "_backend_factories", {})
    with pytest.raises((AssertionError, RuntimeError)) as caught:
        xla_bridge.backends()
    assert "JAX_PLATFORMS=cuda: expected devices that jax can use here, found none" in describe_failure(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("ours"), AssertionError(), RuntimeError("ours"), OSError("ours"), OSError(errno.ENOENT, "no"),
        ModuleNotFoundError("ours", name="pcsa_jax.none"), jax.errors.JaxRuntimeError("INTERNAL: a bug"),
    ],
)  # fmt: skip
def test_what_may_be_our_bug_is_left_alone(error):
    assert describe_failure(error) is None


def test_a_command_ends_with_the_line_last_and_debug_shows_the_traceback(capsys, monkeypatch, tmp_path):
    from pcsa_jax.commands import phantom

    def refused(arguments):
        (tmp_path / "file").touch()
        (tmp_path / "file" / "below").mkdir()

    monkeypatch.setattr(phantom, "run", refused)
    assert run_command("phantom", [f"--out={tmp_path}"], prog="p") == 1
    assert capsys.readouterr().err == (
        f"p: error: {tmp_path / 'file' / 'below'}: expected a place that can be used, found Not a directory. Choose a "
        "path whose parents are folders.\n"
    )
    with pytest.raises(NotADirectoryError):
        run_command("phantom", [f"--out={tmp_path}", "--debug"], prog="p")
