"""The command ``python -m benchmarks``."""

import importlib

import pytest

from benchmarks.__main__ import main
from benchmarks.results import read_results
from benchmarks.suite import SUITE, Benchmark


def test_names_are_listed_and_exist(capsys):
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(SUITE)
    for benchmark in SUITE.values():
        module, function = benchmark.function.split(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_an_unknown_name_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["speed"])
    assert "invalid choice: 'speed'" in capsys.readouterr().err


def test_figures_are_printed_and_kept_and_one_failure_stops_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(SUITE, "step", Benchmark("benchmarks.nowhere:measure", "Broken", 0))
    out = tmp_path / "cpu.json"
    assert main(["step", "help", f"--out={out}"]) == 1
    said = capsys.readouterr()
    assert "step failed: ModuleNotFoundError" in said.err
    assert "| python train.py --help |" in said.out
    found = read_results(out)
    assert list(found) == ["help"]
    assert found["help"]["command"] == "python -m benchmarks help"
