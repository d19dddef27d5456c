"""The check command: exit status, tables, the report; one run per kind of damage."""

import gzip
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import pytest
from rich.console import Console

from pcsa_jax.commands import run_command
from pcsa_jax.data import layout
from pcsa_jax.data.cohort import survey
from pcsa_jax.data.inspection import Inspection, inspect_cohort
from pcsa_jax.data.phantom.cohort import write_cohort
from pcsa_jax.data.problems import Problem
from pcsa_jax.errors import UserError
from pcsa_jax.preprocessing import checking
from pcsa_jax.preprocessing.checking import COLUMNS, MOST_SHOWN, check_report_path, write_report
from pcsa_jax.text import table_rows
from tests.conftest import ROOT
from tests.data.damaged_files import DAMAGE, SCL_SLOPE, compress, field

SIZE = 16


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("two") / "cohort", pairs=2, mri_only=0, size=SIZE, jobs=1)


@pytest.fixture
def copied(two, tmp_path) -> Path:
    return Path(shutil.copytree(two, tmp_path / "cohort"))


def check(capsys, *words):
    """Status, what is printed with its white space made single, and what goes to stderr."""
    status = run_command("check", [str(word) for word in words], prog="p check")
    captured = capsys.readouterr()
    assert "Traceback" not in captured.out + captured.err
    return status, " ".join(captured.out.split()), captured.err


def read_rows(path: Path) -> list[dict[str, str]]:
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    columns, *rows = table_rows(text)
    assert tuple(columns) == COLUMNS and all(len(row) == len(COLUMNS) for row in rows)
    return [dict(zip(columns, row, strict=True)) for row in rows]


@pytest.mark.parametrize(("with_sidecar", "mark"), [(True, "sidecars, of 2 visits"), (False, "headers")])
def test_a_phantom_in_a_table_is_called_one(capsys, two, tmp_path, with_sidecar, mark):
    rows = ["participant_id\tdiagnosis\tmri\tpet"]
    for number, subject in enumerate(survey(two).subjects):
        for path in (subject.mri, subject.pet):
            shutil.copy(path, tmp_path)
            if with_sidecar:
                shutil.copy(layout.sidecar(path), tmp_path)
        rows.append(f"P{number}\t{subject.diagnosis}\t{subject.mri.name}\t{subject.pet.name}")
    (tmp_path / "mine.tsv").write_text("\n".join(rows) + "\n")
    _, said, _ = check(capsys, tmp_path / "mine.tsv")
    assert said.count("PHANTOM, not people: simulated volumes") == 1 and f"by their {mark}" in said


def test_a_sound_cohort_has_status_0(capsys, two, tmp_path):
    report = tmp_path / "report.tsv"
    status, out, err = check(capsys, two, f"--report={report}", "--jobs=2")
    assert status == 0
    assert out.endswith("No problem found in 6 files.")
    assert "BIDS derivatives" in out and "16x16x16 of 12 x 12 x 12 mm, RAS" in out
    assert "Reading 6/6" in err
    assert read_rows(report) == []


@pytest.mark.parametrize("words", [(), ("--one-grid",)])
def test_several_grids_are_a_note_or_a_problem(capsys, copied, words):
    path = layout.pet_path(copied, "sub-0002", size=SIZE)
    image = nib.load(path).slicer[:, 1:]
    nib.save(nib.Nifti1Image(image.get_fdata(dtype=np.float32), image.affine), path)
    status, out, _ = check(capsys, copied, *words)
    assert status == len(words)
    assert "Note: FDG-PETs: 2 grids, each volume brought to the cohort's by itself: 1 on 16x16x16 of 12" in out
    assert ("expected the grid of the cohort's other FDG-PETs" in out) == bool(words)


class Run(NamedTuple):
    """One check of a cohort in which nearly every visit has a damaged file of its own kind."""

    status: int
    out: str
    err: str
    rows: list[dict[str, str]]


@pytest.fixture(scope="module")
def spoilt(two, tmp_path_factory) -> Run:
    """A manifest with one visit a row of ``DAMAGE``, and a sound visit at the end."""
    root = tmp_path_factory.mktemp("spoilt")
    sound = survey(two).subjects[0]
    lines = ["participant_id\tdiagnosis\tmri\tpet"]
    for number, (modality, _, spoil, _) in enumerate([*DAMAGE, ("pet", "", compress, "")]):
        for name in ("mri", "pet"):
            image = nib.load(getattr(sound, name))
            data = np.asarray(image.dataobj, np.float32) * np.float32(1 - 1e-5 * number)  # nobody's copy
            content = nib.Nifti1Image(data, image.affine, image.header).to_bytes()
            written = spoil(content) if name == modality else compress(content)
            (root / f"{number}_{name}.nii.gz").write_bytes(written)
        lines.append(f"sub-{number:04d}\tCN\t{number}_mri.nii.gz\t{number}_pet.nii.gz")
    (root / "manifest.tsv").write_text("".join(f"{line}\n" for line in lines))
    report = tmp_path_factory.mktemp("report") / "report.tsv"
    words = ["-m", "pcsa_jax", "check", str(root / "manifest.tsv"), f"--report={report}", "--jobs=2"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=ROOT, timeout=300)
    return Run(done.returncode, done.stdout, done.stderr, read_rows(report))


@pytest.mark.parametrize("number", range(len(DAMAGE)), ids=[f"{damage[0]}: {damage[1]}" for damage in DAMAGE])
def test_every_kind_of_damage(spoilt, number):
    modality, _, _, expected = DAMAGE[number]
    own = [row for row in spoilt.rows if row["participant_id"] == f"sub-{number:04d}"]
    assert {Path(row["file"]).name for row in own} == {f"{number}_{modality}.nii.gz"}
    assert any(expected in row["problem"] for row in own)
    assert all(row["remedy"] for row in own)


def test_damage_does_not_keep_the_others_from_being_read(spoilt):
    assert spoilt.status == 1
    assert "Traceback" not in spoilt.out + spoilt.err
    num_files = 2 * (len(DAMAGE) + 1)
    assert f"Reading {num_files}/{num_files}" in spoilt.err
    assert len(spoilt.err.splitlines()) == 1  # no warning of a library
    assert {row["participant_id"] for row in spoilt.rows} == {f"sub-{number:04d}" for number in range(len(DAMAGE))}
    assert f"{len(spoilt.rows)} problems of {len(DAMAGE)} files, {MOST_SHOWN} of them shown; all in " in spoilt.out


def test_a_damaged_file_is_named_on_the_screen(capsys, copied):
    path = survey(copied).subjects[0].pet
    path.write_bytes(b"")
    status, out, _ = check(capsys, copied)
    assert status == 1
    assert f"{path.relative_to(copied)} expected a readable NIfTI file, found an empty file. Make it" in out
    assert "1 problem of 1 file; --report=FILE.tsv writes all of them to a table." in out


@pytest.mark.parametrize("kind", ["folder", "dangling link", "absent", "pipe", "text named .nii", "gzip named .nii"])
def test_what_is_in_the_place_of_a_file(capsys, copied, tmp_path, kind):
    path = survey(copied).subjects[0].mri
    content = path.read_bytes()
    path.unlink()
    expected = {
        "folder": "found a folder", "dangling link": "found a link to nothing", "absent": "GM map",
        "pipe": "found a device, socket or pipe", "text named .nii": "found sizeof_hdr",
        "gzip named .nii": "found gzip-compressed bytes",
    }[kind]  # fmt: skip
    if kind.endswith(".nii"):
        path = path.with_suffix("")
        path.write_bytes(content if kind.startswith("gzip") else b"not a volume\n" * 50)
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "dangling link":
        path.symlink_to("../.git/annex/objects/none")
    status, out, _ = check(capsys, copied, f"--report={tmp_path / 'report.tsv'}")
    rows = read_rows(tmp_path / "report.tsv")
    if kind == "absent":  # nobody says that there was one: a note, no fault
        assert (status, rows) == (0, []) and "without a GM map (sub-0001)" in out
        return
    assert status == 1
    assert [row["file"] for row in rows] == [str(path)] and expected in rows[0]["problem"]


def test_a_float_volume_without_a_scale_is_a_note(capsys, copied):
    path = survey(copied).subjects[0].pet
    path.write_bytes(field(SCL_SLOPE, "f", 0)(gzip.decompress(path.read_bytes())))
    status, out, _ = check(capsys, copied)
    assert status == 0
    assert "Note: 1 of 2 FDG-PETs: scl_slope 0: voxels taken as they are, as NIfTI has it" in out


def test_tables_and_volumes_in_one_run(capsys, copied, tmp_path):
    (copied / "participants.tsv").write_bytes(b"participant_id\tdiagnosis\r\nsub-0001\tAlz\r\nsub-../../x\tCN\r\n"
                                              b"sub-0002\tCN\r\n")  # fmt: skip
    survey(copied).subjects[-1].pet.write_bytes(b"")
    status, _, _ = check(capsys, copied, f"--report={tmp_path / 'report.tsv'}")
    assert status == 1
    told = " ".join(row["problem"] for row in read_rows(tmp_path / "report.tsv"))
    assert "'Alz'" in told and "sub-../../x" in told and "an empty file" in told


def test_names_with_spaces_and_letters(capsys, copied, tmp_path):
    home = tmp_path / "Köhler & Söhne [bold] data"
    copied.rename(home)
    survey(home).subjects[0].pet.write_bytes(b"")
    status, out, _ = check(capsys, home)
    assert status == 1 and "[bold]" in out


def test_a_cohort_that_may_not_be_written_to(capsys, copied):
    for path in [copied, *copied.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(copied.rglob("*"))
    assert check(capsys, copied)[0] == 0
    assert sorted(copied.rglob("*")) == before


def test_no_cohort(capsys, tmp_path):
    status, out, err = check(capsys, tmp_path / "none")
    assert (status, out) == (1, "") and err.startswith("p check: error: cohort ") and err.count("\n") == 1


@pytest.mark.parametrize("jobs", [0, -2])
def test_a_wrong_number_of_jobs(jobs):
    with pytest.raises(UserError, match=f"--jobs: expected 1 or more, found {jobs}"):
        checking.check_jobs(jobs)
    assert checking.check_jobs(3) == 3 and checking.check_jobs(None) >= 1


def test_the_report_replaces_only_a_report(capsys, copied, tmp_path):
    report = tmp_path / "report.tsv"
    survey(copied).subjects[0].pet.write_bytes(b"")
    assert check(capsys, copied, f"--report={report}")[0] == 1
    first = report.read_text()
    assert check(capsys, copied, f"--report={report}")[0] == 1
    assert report.read_text() == first
    report.write_text("participant_id\tdiagnosis\n")
    status, out, err = check(capsys, copied, f"--report={report}")
    assert (status, out) == (1, "")
    assert "expected a new file or a report of this command, found another file. Give another name." in err
    assert report.read_text() == "participant_id\tdiagnosis\n"


def test_where_a_report_may_not_lie(two, tmp_path):
    with pytest.raises(UserError, match="expected a place outside the cohort"):
        check_report_path(two / "sub-0001" / "report.tsv", two)
    with pytest.raises(UserError, match="expected a file, found a folder"):
        check_report_path(tmp_path, two)
    (tmp_path / "link.tsv").symlink_to(two / "participants.tsv")
    with pytest.raises(UserError, match="expected a place outside the cohort"):
        check_report_path(tmp_path / "link.tsv", two)
    manifest = tmp_path / "manifest.tsv"
    manifest.write_text("participant_id\n")
    check_report_path(tmp_path / "report.tsv", manifest)  # beside a manifest is where people work
    with pytest.raises(UserError, match="found another file"):
        check_report_path(manifest, manifest)


def test_a_report_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="could not be written"):
        write_report(tmp_path / "file" / "report.tsv", [])


def test_names_cannot_break_the_report(tmp_path):
    problem = Problem("sub-1", "", Path("a\tb\nc\x1b[31m\udcff.nii"), "=expected x,\tfound y", "Mend it")
    write_report(tmp_path / "report.tsv", [problem])
    text = (tmp_path / "report.tsv").read_text()
    assert text.splitlines()[1:] == ["sub-1\t\ta\\tb\\nc\\x1b[31m\\udcff.nii\t'=expected x,\\tfound y\tMend it"]
    (row,) = read_rows(tmp_path / "report.tsv")
    assert (row["file"], row["problem"]) == (str(problem.file), problem.found)


def shown(inspection, report=None, width=140) -> str:
    console = Console(width=width, file=io.StringIO(), highlight=False)
    for part in checking.describe_inspection(inspection, report=report):
        console.print(part)
    return console.file.getvalue()


def test_many_problems_are_cut_on_the_screen(two):
    found = inspect_cohort(survey(two))
    many = [Problem(f"sub-{n:04d}", "ses-1", two / f"{n}.nii", f"expected x, found {n}", "Mend it") for n in range(700)]
    many[650] = Problem("sub-0650", "ses-1", two / "650.nii", "expected y, found z", "Fetch it")
    text = shown(Inspection(found.survey, found.files, tuple(many), ()), Path("report.tsv"))
    assert text.count("expected ") == MOST_SHOWN
    assert "expected y, found z. Fetch it." in text  # a rare kind is not buried by a frequent one
    assert f"700 problems of 700 files, {MOST_SHOWN} of them shown; all in report.tsv." in text
    assert len(text.splitlines()) < 80


def test_the_tables_stay_small_for_many_people(two):
    found = inspect_cohort(survey(two))
    many = Inspection(found.survey, found.files * 700, (), ())
    assert len(shown(many).splitlines()) < 25


def test_the_summary_counts(copied):
    pet = survey(copied).subjects[1].pet
    pet.unlink()
    layout.pet_path(copied, "sub-0002", size=SIZE, desc="predictable").unlink()
    volume = nib.load(survey(copied).subjects[0].mri)
    text = shown(inspect_cohort(survey(copied)))
    assert re.search(r"(all|AD|CN) +2 +2 +1 +1 *\n", text)
    assert re.search(r"GM map +2 +2 ", text) and re.search(r"FDG-PET +1 +1 ", text)
    assert f"{np.asarray(volume.dataobj).max():.4g}" in text


def test_a_stop_leaves_no_report(copied, tmp_path, monkeypatch, capsys):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("pcsa_jax.data.inspection.inspect_file", stop)
    assert run_command("check", [str(copied), f"--report={tmp_path / 'report.tsv'}"], prog="p check") == 130
    assert "p check: stopped" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cohort"]


@pytest.mark.slow
def test_the_command_needs_no_jax(two):
    script = "import sys; from pcsa_jax.commands import main; main(['check', sys.argv[1]]); print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script, str(two)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "False"
