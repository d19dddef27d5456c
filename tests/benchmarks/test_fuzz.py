"""The fuzzer: its damage is repeatable, its verdicts are right, and each reader takes a few hundred damaged files."""

import gzip
import json
import os
import random
import shutil
import time
from pathlib import Path

import nibabel as nib
import pytest

from benchmarks import fuzz, headers, outcomes, readers
from benchmarks.readers import READERS, Target
from pcsa_jax.errors import UserError

COUNTS = {
    "volumes": 60, "headers": 60, "tables": 60, "sidecars": 30, "exports": 60, "published": 40, "checkpoints": 12,
    "configs": 60,
}  # fmt: skip
"""Cases of each reader in the suite."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    readers.write_sound(folder, fuzz.CONFIG)
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Orbax leaves an event loop behind
@pytest.mark.parametrize("reader", READERS)
def test_no_reader_has_a_find(sound, tmp_path, reader):
    folder = shutil.copytree(sound, tmp_path / "sound")
    finds, expected = [], {}
    for number in range(COUNTS[reader]):
        case = fuzz.make_case(reader, number, 0, folder)
        key = (case.path, case.target)
        if key not in expected:
            expected[key] = case.target.read(folder, case.path)
        outcome, told = fuzz.judge(case, folder, expected[key])
        finds += [(number, outcome, told)] if outcome in outcomes.FINDS else []
    assert finds == []


@pytest.mark.parametrize(
    ("content", "outcome", "told"),
    [
        (b"same", outcomes.AS_WAS, ""),
        (b"other", outcomes.ACCEPTED, "another content of a.txt"),
        (b"refuse", outcomes.REFUSED, "a.txt: expected"),
        (b"note", outcomes.NOTED, "1 of 2: odd"),
        (b"two lines", outcomes.TRACEBACK, "a b"),
        (b"break", outcomes.TRACEBACK, "ZeroDivisionError in test_fuzz.py, read: "),
    ],
)
def test_the_verdicts(tmp_path, content, outcome, told):
    def read(folder, path):
        text = path.read_text()
        if text == "refuse":
            raise UserError("a.txt: expected something, found nothing. Mend it.")
        if text == "note":
            raise outcomes.Noted("1 of 2: odd")
        if text == "two lines":
            raise UserError("a\nb")
        return text if text != "break" else 1 // 0

    path = tmp_path / "a.txt"
    path.write_bytes(b"same")
    for is_vouched in (False, True):
        case = fuzz.Case(path, content, Target("*.txt", read, is_vouched=is_vouched))
        found = fuzz.judge(case, tmp_path, "same")
        changed = outcome == outcomes.ACCEPTED and is_vouched
        assert found[0] == (outcomes.CHANGED if changed else outcome) and found[1].startswith(told)
        assert path.read_bytes() == b"same"


SOUND = {
    "inside_gzip": gzip.compress(bytes(range(256)) * 4, mtime=0),
    "cells": b"a\tb\n1\t2\n",
    "values": b'{"a": [1, {"b": 2}], "c": "d"}',
    "tensor_header": (24).to_bytes(8, "little") + b'{"a": {"dtype": "F32"}} ' + bytes(4),
    "any_bytes": bytes(range(256)) * 4,
    "header_bytes": (348).to_bytes(4, "little") + bytes(600),
}


@pytest.mark.parametrize("name", SOUND)
def test_damage_is_repeatable_and_damages(name):
    damage, content = getattr(readers, name), SOUND[name]
    made = [[damage(content, random.Random(f"{seed}")) for seed in range(200)] for _ in range(2)]
    assert made[0] == made[1]
    assert sum(each != content for each in made[0]) > 150
    assert len(set(made[0])) > 8


@pytest.mark.parametrize(
    ("field", "change", "outcome", "told"),
    [
        ("scl_slope", lambda value: value * 6, outcomes.NOTED, "within 5 times their median"),
        ("scl_slope", lambda value: value * 1e4, outcomes.NOTED, "in SUVR by sidecar or name: expected a large"),
        ("scl_inter", lambda value: value + 0.125, outcomes.NOTED, "expected values near 0 outside of the head"),
        ("srow_x", lambda value: value + [0, 0, 0, 1], outcomes.NOTED, "FDG-PETs: 2 grids"),
        ("scl_slope", lambda value: value * -1, outcomes.REFUSED, "expected uptake"),
        ("descrip", lambda value: b"x", outcomes.AS_WAS, ""),
        ("scl_slope", lambda value: value * 1.001, outcomes.ACCEPTED, "another content of headers"),
    ],
)  # fmt: skip
def test_an_edited_header_is_told_beside_the_cohort(tmp_path, cohort, field, change, outcome, told):
    (tmp_path / "cohort").symlink_to(cohort)
    headers.write_headers(tmp_path / "headers", cohort)
    path = tmp_path / "headers" / "pet_uint16.nii"
    sound, expected = path.read_bytes(), headers.beside_cohort(tmp_path, path)
    header = nib.Nifti1Header(sound[:348])
    header[field] = change(header[field])
    case = fuzz.Case(path, header.binaryblock + sound[348:], READERS["headers"][0])
    found = fuzz.judge(case, tmp_path, expected)
    assert found[0] == outcome and told in found[1], found


def child_that(monkeypatch, script):
    real = fuzz.subprocess.Popen

    def popen(words, **options):
        return real([words[0], "-c", script], **options)

    monkeypatch.setattr(fuzz.subprocess, "Popen", popen)


@pytest.mark.parametrize(
    ("script", "last"),
    [
        ("import os; print([3], flush=True); os.abort()", [3, outcomes.DIED, "status -6", ""]),
        ("import time; print([4], flush=True); time.sleep(60)", [4, outcomes.HANG, "more than 1 s", ""]),
        ('print([5]); print(\'[5, "as was", "", "x"]\')', [5, outcomes.AS_WAS, "", "x"]),
    ],
)
def test_a_reader_that_dies_or_hangs_is_told_by_its_case(monkeypatch, script, last):
    child_that(monkeypatch, script)
    monkeypatch.setattr(fuzz, "LONGEST_S", 1)
    assert list(fuzz.answers([], time.monotonic() + 20)) == [last]


@pytest.mark.slow
def test_counts_and_finds_are_written_with_the_command_that_shows_them(sound, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fuzz, "write_sound", lambda folder, config: shutil.copytree(sound, folder, dirs_exist_ok=True))
    words = ["--readers", "volumes", "--cases=25", f"--finds={tmp_path}", f"--results={tmp_path / 'fuzz.json'}"]
    assert fuzz.main(words) == 0
    found = json.loads((tmp_path / "fuzz.json").read_text())
    assert sum(found["volumes"]["counts"].values()) == 25 and found["volumes"]["finds"] == []
    assert "| volumes | 25 |" in capsys.readouterr().out


def test_a_find_is_kept_as_a_file_with_its_command(tmp_path, monkeypatch):
    (tmp_path / "sound").mkdir()
    (tmp_path / "sound" / "a.txt").write_bytes(bytes(50))
    monkeypatch.setitem(READERS, "plain", (Target("*.txt", lambda folder, path: "x"),))
    find = fuzz.keep("plain", 7, 3, tmp_path / "sound", tmp_path / "finds", (outcomes.TRACEBACK, "E in f: x"))
    assert Path(find.file).read_bytes() == fuzz.make_case("plain", 7, 3, tmp_path / "sound").content
    told = (Path(find.file).parent / "command.txt").read_text()
    assert told == ("python -m benchmarks.fuzz --seed=3 --first=7 --cases=1 --readers plain\nTRACEBACK: E in f: x\n")
    assert sorted(os.listdir(tmp_path / "finds")) == ["plain-3-7"]
