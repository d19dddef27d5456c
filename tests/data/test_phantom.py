"""The phantom on disk: files, names, determinism, messages, nothing left behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import pcsa_jax
from pcsa_jax.data import layout
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.phantom import cohort
from pcsa_jax.data.phantom.cohort import write_cohort
from pcsa_jax.data.phantom.subject import make_subject
from pcsa_jax.errors import UserError
from tests.conftest import ROOT


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    out = tmp_path_factory.mktemp("phantom") / "cohort"
    assert write_cohort(out, pairs=3, mri_only=2, size=16, jobs=1) == out
    return out


def test_every_file_is_there_and_no_other(small):
    wanted = {small / name for name in ("README", "dataset_description.json", "participants.tsv", "participants.json")}
    for number in range(1, 6):
        name = f"sub-{number:04d}"
        wanted.add(layout.mri_path(small, name, size=16))
        if number <= 3:
            wanted |= {layout.pet_path(small, name, size=16, desc=desc) for desc in ("", "predictable")}
    wanted |= {layout.sidecar(path) for path in wanted if path.name.endswith(".nii.gz")}
    assert {path for path in small.rglob("*") if path.is_file()} == wanted


def test_volumes_lie_on_the_grid(small):
    image = nib.load(layout.pet_path(small, "sub-0002", size=16))
    np.testing.assert_allclose(image.affine, Grid(16).affine)
    np.testing.assert_array_equal(np.asarray(image.dataobj), make_subject(2, size=16).pet)


def test_it_says_it_is_a_phantom(small):
    description = json.loads((small / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0]["Name"] == layout.PHANTOM_GENERATOR
    assert description["GeneratedBy"][0]["Version"] == pcsa_jax.__version__  # from a clone as from an installation
    for path in small.glob("sub-*/*/*.json"):
        sidecar = json.loads(path.read_text())
        assert sidecar["Description"].startswith("PHANTOM")
        assert sidecar["SkullStripped"] is True and "Resolution" in sidecar


def test_participants(small):
    lines = (small / "participants.tsv").read_text().splitlines()
    assert tuple(lines[0].split("\t")) == layout.PARTICIPANT_COLUMNS
    assert [line.split("\t")[0] for line in lines[1:]] == [f"sub-{number:04d}" for number in range(1, 6)]
    assert {line.split("\t")[1] for line in lines[1:]} == {"AD", "CN"}


def test_files_do_not_depend_on_workers_or_on_how_many_are_asked_for(small, tmp_path, monkeypatch):
    monkeypatch.setattr(cohort, "FEWEST_FOR_WORKERS", 1)
    seen = []
    write_cohort(tmp_path / "two", pairs=3, mri_only=2, size=16, jobs=2, progress=lambda *step: seen.append(step))
    assert content(tmp_path / "two") == content(small)
    assert seen == [(done, 5) for done in range(1, 6)]
    write_cohort(tmp_path / "one", pairs=1, mri_only=0, size=16, jobs=1)
    alone, among = content(tmp_path / "one"), content(small)
    assert all(among[name] == data for name, data in alone.items() if name.startswith("sub-"))


def test_another_seed_is_another_cohort(small, tmp_path):
    write_cohort(tmp_path / "other", pairs=1, mri_only=0, size=16, seed=1, jobs=1)
    path = layout.mri_path(Path(), "sub-0001", size=16)
    assert (tmp_path / "other" / path).read_bytes() != (small / path).read_bytes()


def test_later_numbers_are_the_people_of_a_larger_cohort(small, tmp_path):
    write_cohort(tmp_path / "later", pairs=1, mri_only=2, size=16, first=3, jobs=1)
    later, among = content(tmp_path / "later"), content(small)
    assert {name.partition("/")[0] for name in later if name.startswith("sub-")} == {"sub-0003", "sub-0004", "sub-0005"}
    assert all(among[name] == data for name, data in later.items() if name.startswith("sub-"))
    lines = among["participants.tsv"].splitlines()
    assert later["participants.tsv"].splitlines() == [lines[0], *lines[3:]]
    assert len(list((tmp_path / "later").rglob("*_pet.nii.gz"))) == 2  # PET and predictable part of sub-0003
    description = json.loads(later["dataset_description.json"])["GeneratedBy"][0]["Description"]
    assert description.endswith("1 + 2 subjects, from number 3.")


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "empty").mkdir()
    write_cohort(tmp_path / "empty", pairs=1, mri_only=0, size=16, jobs=1)
    assert (tmp_path / "empty" / "participants.tsv").exists()


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UserError, match="expected a new or empty folder; found files in it"):
        write_cohort(tmp_path, pairs=1, mri_only=0, size=16)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]
    with pytest.raises(UserError, match="expected a new or empty folder; found a file"):
        write_cohort(tmp_path / "note.txt", pairs=1, mri_only=0, size=16)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pairs": 0}, "pairs must be at least 1; found 0. Give --pairs=1 or more."),
        ({"mri_only": -1}, "mri_only must be at least 0; found -1. Give --mri-only=0 or more."),
        ({"seed": -2}, "seed must be at least 0; found -2."),
        ({"first": 0}, "first must be at least 1; found 0. Give --first=1 or more."),
        ({"jobs": 0}, "jobs must be at least 1; found 0."),
        ({"size": 24}, "size must be a multiple of 16; found 24. Give --size=16, 32, 48, 64 or more."),
        ({"size": 0}, "size must be a multiple of 16; found 0."),
    ],
)
def test_bad_values_are_refused(tmp_path, values, message):
    with pytest.raises(UserError) as caught:
        write_cohort(tmp_path / "out", **values)
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_behind(tmp_path, error):
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise error

    with pytest.raises(error):
        write_cohort(tmp_path / "out", pairs=3, mri_only=0, size=16, jobs=1, progress=stop)
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_behind_by_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(cohort, "FEWEST_FOR_WORKERS", 1)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cohort(tmp_path / "out", pairs=6, mri_only=0, size=16, jobs=2, progress=stop)
    assert not list(tmp_path.iterdir())


def killed(number, *, templates):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_told_and_not_waited_for(monkeypatch):
    monkeypatch.setattr(cohort, "FEWEST_FOR_WORKERS", 1)
    monkeypatch.setattr(cohort, "load_templates", lambda: None)
    with pytest.raises(UserError, match="phantom: expected its processes to end their work, found one killed"):
        list(cohort._run(killed, range(1, 5), 2))


def living_in_group(group):
    """The processes of a group that have not ended; of those that have, some wait for somebody to ask."""
    fields = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields.append((path.parent.name, *path.read_text().rpartition(")")[2].split()))
    return [name for name, state, _, own, *_ in fields if int(own) == group and state != "Z"]


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)])
def test_a_signal_leaves_neither_folder_nor_process_behind(tmp_path, number):
    words = ["-m", "pcsa_jax", "phantom", f"--out={tmp_path / 'out'}", "--pairs=500", "--size=16", "--jobs=2"]
    process = subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".out.*/sub-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, list(tmp_path.iterdir())) == (128 + number, [])
    assert said == f"python -m pcsa_jax phantom: stopped by {signal.Signals(number).name}\n"
    while (left := living_in_group(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)  # multiprocessing's own helper ends a moment later
    assert left == []
