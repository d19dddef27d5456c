"""The preprocessing of a data set: what is done, skipped, refused; what is left after failures and interruptions."""

import csv
import json
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import filelock
import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data import layout
from pcsa_jax.data.cohort import Reading, read_cohort
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.pairs import load_pairs
from pcsa_jax.data.preprocessing import dataset
from pcsa_jax.data.preprocessing.quality import MEASURES
from pcsa_jax.data.preprocessing.settings import Settings
from pcsa_jax.errors import UserError
from pcsa_jax.machine.isolation import Outcome
from pcsa_jax.preprocessing import driver
from tests.conftest import ROOT
from tests.preprocessing import fake_preprocessing as fake

VALIDATOR = Path(sysconfig.get_path("scripts")) / "bids-validator-deno"


def in_this_process(work, tasks, *, jobs, threads, logs):
    """As ``run_isolated``, without the seconds that new processes take."""
    logs.mkdir()
    for number, task in enumerate(tasks):
        log = logs / f"{number}.log"
        log.write_text("printed\n")
        try:
            work(task)
            error = None
        except Exception as caught:
            error = str(caught)
        yield Outcome(task, error, log, 1.0)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(driver, "run_isolated", in_this_process)
    monkeypatch.setattr(driver, "visit_picture", fake.quick_picture)


@pytest.fixture
def raw(tmp_path):
    return fake.write_raw(tmp_path / "raw")


def preprocess(raw, out, *, work=fake.fake_work, settings=None, **options):
    return driver.preprocess(raw, out, settings or Settings(), work=work, **options)


def contents(folder):
    """Every file with its bytes and time."""
    return {path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.nii.gz")}


def table(path):
    return list(csv.reader(path.read_text().splitlines(), delimiter="\t"))


def test_the_cohort_has_the_names_that_its_reader_knows(quick, raw, tmp_path):
    out = tmp_path / "out"
    result = preprocess(raw, out)
    assert (result.num_done, result.num_skipped, result.failures, result.notes) == (3, 0, (), ())
    cohort = read_cohort(out)
    assert [(s.name, s.diagnosis, s.pet is not None) for s in cohort.subjects] == [
        ("sub-01", "CN", True), ("sub-02 ses-M00", "AD", True), ("sub-02 ses-M12", "AD", False),
    ]  # fmt: skip
    assert cohort.name == "few voxels: grey-matter maps and FDG-PET in MNI152"
    for path in (cohort.subjects[0].mri, cohort.subjects[0].pet):
        image = nib.load(path)
        assert image.shape == (64, 64, 64)
        assert np.array_equal(image.affine, Grid(64).affine)
    names = {path.name for path in (out / "sub-02/ses-M00").rglob("*") if path.is_file()}
    assert {
        "sub-02_ses-M00_desc-brain_mask.nii.gz",
        "sub-02_ses-M00_from-T1w_to-MNI152NLin2009aSym_mode-image_xfm.nii.gz",
        "sub-02_ses-M00_from-MNI152NLin2009aSym_to-T1w_mode-image_xfm.nii.gz",
        "sub-02_ses-M00_from-pet_to-T1w_mode-image_xfm.mat",
        "sub-02_ses-M00_preprocessing.png",
    } < names
    assert not (out / ".scratch").exists()
    assert not (out / "failures.tsv").exists()
    assert not (out / "logs").exists()


def test_the_cohort_can_be_loaded_for_training(quick, raw, tmp_path):
    preprocess(raw, tmp_path / "out")
    pairs = load_pairs(read_cohort(tmp_path / "out").pairs, size=64, normalisation="minmax")
    assert (pairs.mri.shape, pairs.pet.shape) == ((2, 64, 64, 64), (2, 64, 64, 64))
    for volume in (*pairs.mri, *pairs.pet):
        assert (volume.min(), volume.max()) == (0, 1)


def test_sidecars_say_what_was_done_to_what(quick, raw, tmp_path):
    preprocess(raw, tmp_path / "out", settings=Settings(remove_cerebellum=True))
    mri = json.loads(layout.sidecar(layout.mri_path(tmp_path / "out", "sub-02", "ses-M00")).read_text())
    assert mri["SmoothingFWHM"] == 8
    assert mri["SpatialReference"] == "MNI152NLin2009aSym"
    assert mri["SkullStripped"] is True
    assert mri["Sources"] == ["bids:raw:sub-02/ses-M00/anat/sub-02_ses-M00_T1w.nii.gz"]
    assert mri["Steps"] == [{"Name": "fake", "Software": "none", "Parameters": {"cerebellum": True}}]
    assert mri["Settings"]["remove_cerebellum"] is True
    assert "without cerebellum" in mri["Description"]
    assert len(mri["SourcesSHA256"]) == 2
    pet = json.loads(layout.sidecar(layout.pet_path(tmp_path / "out", "sub-02", "ses-M00")).read_text())
    assert pet["SkullStripped"] is False
    assert "not masked" in pet["Description"]
    assert pet["Units"] == "Bq/mL"
    assert pet["Sources"][0] == "bids:raw:sub-02/ses-M00/pet/sub-02_ses-M00_pet.nii.gz"
    links = json.loads((tmp_path / "out/dataset_description.json").read_text())["DatasetLinks"]
    assert (tmp_path / "out" / links["raw"]).resolve() == raw.resolve()


def test_the_brain_mask_lies_on_the_voxels_of_the_t1(quick, raw, tmp_path):
    preprocess(raw, tmp_path / "out", participants=["01"])
    mask = nib.load(tmp_path / "out/sub-01/anat/sub-01_desc-brain_mask.nii.gz")
    assert mask.shape == (7, 6, 5)
    assert np.allclose(mask.affine, fake.AFFINE, atol=1e-5)
    assert mask.get_data_dtype() == np.uint8
    assert mask.header["sform_code"] == 1


@pytest.mark.skipif(not VALIDATOR.exists(), reason="bids-validator-deno is not installed")
def test_the_output_is_valid_bids(quick, raw, tmp_path):
    out = tmp_path / "out"
    preprocess(raw, out, work=fake.failing_work)
    preprocess(raw, out, participants=["01"])
    done = subprocess.run([VALIDATOR, out, "--format", "json"], capture_output=True, text=True, timeout=120)
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []
    assert done.returncode == 0
    assert (out / "failures.tsv").exists()


def test_finished_visits_are_skipped_and_stay_as_they_are(quick, raw, tmp_path):
    out = tmp_path / "out"
    assert preprocess(raw, out, participants=["01"]).num_done == 1
    before = contents(out)
    assert len(before) == 5
    result = preprocess(raw, out)
    assert (result.num_done, result.num_skipped) == (2, 1)
    after = contents(out)
    assert {path: after[path] for path in before} == before
    assert [row[0] for row in table(out / "participants.tsv")] == ["participant_id", "sub-01", "sub-02"]
    assert preprocess(raw, out).num_skipped == 3


def test_other_settings_are_refused_by_name(quick, raw, tmp_path):
    out = tmp_path / "out"
    preprocess(raw, out)
    before = contents(out)
    with pytest.raises(UserError) as caught:
        preprocess(raw, out, settings=Settings(remove_cerebellum=True, pet_window_min=(30, 60)))
    message = str(caught.value)
    assert "sub-01: was preprocessed otherwise (pet_window_min was null, is now [30, 60]; " in message
    assert "remove_cerebellum was false, is now true). So were 2 more visits. Give another OUT_DIR" in message
    assert contents(out) == before


def test_maps_of_an_older_recipe_are_not_mixed_with_new_ones(quick, raw, tmp_path):
    out = tmp_path / "out"
    preprocess(raw, out, participants=["01"], settings=Settings(recipe=1))
    with pytest.raises(UserError, match="sub-01: was preprocessed otherwise .recipe was 1, is now 2"):
        preprocess(raw, out)


def test_other_scans_are_refused_by_name(quick, raw, tmp_path):
    out = tmp_path / "out"
    preprocess(raw, out, participants=["01"])
    fake.write_scan(raw / "sub-01/anat/sub-01_T1w.nii.gz", seed=77)
    (raw / "sub-01/pet/sub-01_trc-18FFDG_pet.nii.gz").unlink()
    with pytest.raises(UserError, match=r"sub-01_T1w.nii.gz has changed; .*_pet.nii.gz was used, is not now"):
        preprocess(raw, out)


def test_files_of_others_in_a_visits_folder_are_refused(quick, raw, tmp_path):
    out = tmp_path / "out"
    preprocess(raw, out, participants=["02"])
    (out / "sub-01/anat").mkdir(parents=True)
    (out / "sub-01/anat/mine.txt").write_text("mine")
    with pytest.raises(UserError, match="sub-01: expected a finished visit of preprocess in .*sub-01, found other"):
        preprocess(raw, out)
    assert (out / "sub-01/anat/mine.txt").read_text() == "mine"


def test_reasons_of_failures_are_text_and_read_back(tmp_path):
    failures = [dataset.Failure("sub-01", "ses-1", "=cmd|'x'!A0 \x1b[2J"), dataset.Failure("sub-02", "", '"\\t')]
    dataset.write_failures(tmp_path, failures)
    assert "\t=" not in (tmp_path / "failures.tsv").read_text()
    assert dataset.read_failures(tmp_path) == failures


def test_a_failure_stops_nobody_else_and_is_listed(quick, raw, tmp_path):
    out = tmp_path / "out"
    result = preprocess(raw, out, work=fake.failing_work)
    assert [failure.participant_id for failure in result.failures] == ["sub-01", "sub-02"]
    assert result.num_done == 1
    assert table(out / "failures.tsv") == [
        ["participant_id", "session_id", "reason"],
        ["sub-01", "", "sub-01: expected a head, found none"],
        ["sub-02", "ses-M00", "half way"],
    ]
    assert (out / "logs/sub-02_ses-M00.txt").read_text() == "printed\n"
    assert not (out / "sub-02/ses-M00").exists()
    assert [subject.name for subject in read_cohort(out).subjects] == ["sub-02 ses-M12"]
    assert "half\nway" in (out / "preprocessing.html").read_text()
    # What another run does not try stays listed; what succeeds is struck off, with its log.
    preprocess(raw, out, participants=["01"])
    assert [row[:2] for row in table(out / "failures.tsv")[1:]] == [["sub-02", "ses-M00"]]
    preprocess(raw, out)
    assert not (out / "failures.tsv").exists()
    assert not (out / "logs").exists()


@pytest.mark.slow
def test_a_crash_of_native_code_ends_its_own_visit_alone(raw, tmp_path):
    out = tmp_path / "out"
    result = preprocess(raw, out, work=fake.crashing_work, jobs=2)
    assert [tuple(failure) for failure in result.failures] == [("sub-01", "", "the software crashed (SIGSEGV)")]
    assert "last words" in (out / "logs/sub-01.txt").read_text()
    assert [subject.name for subject in read_cohort(out).subjects] == ["sub-02 ses-M00", "sub-02 ses-M12"]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_whole_visits_only(raw, tmp_path, number, status):
    out = tmp_path / "out"
    script = (
        "import signal\n"
        "import sys\n"
        "from pathlib import Path\n"
        "from pcsa_jax import commands\n"
        "from pcsa_jax.preprocessing import driver\n"
        "from tests.preprocessing import fake_preprocessing as fake\n"
        "if __name__ == '__main__':\n"
        # A shell that starts the tests in the background has them ignore Ctrl-C.
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "    driver.preprocess.__kwdefaults__['work'] = fake.endless_work\n"
        "    from pcsa_jax.data.preprocessing import steps\n"
        "    steps.PACKAGES.clear()\n"
        "    sys.exit(commands.run_command('preprocess', sys.argv[1:], prog='p'))\n"
    )
    path = tmp_path / "start.py"
    path.write_text(script)
    command = [sys.executable, str(path), str(raw), str(out), "--jobs=2"]
    process = subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 300
        halves = []
        while time.monotonic() < deadline and not ((out / "sub-01").exists() and halves):
            halves = list((out / ".scratch").glob("*/*/result/sub-02/*/anat/half.nii.gz"))
            time.sleep(0.1)
        assert halves
        assert (out / "sub-01").exists()
        process.send_signal(number)
        _, error = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == status, error
    assert "Traceback" not in error
    assert {path.name for path in out.glob("sub-*")} == {"sub-01"}
    assert not (out / ".scratch").exists()
    assert [subject.name for subject in read_cohort(out).subjects] == ["sub-01"]


def test_two_runs_do_not_write_to_one_folder(quick, raw, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with filelock.FileLock(out / dataset.LOCK), pytest.raises(UserError, match="another run is writing there"):
        preprocess(raw, out)
    assert preprocess(raw, out).num_done == 3


@pytest.mark.parametrize("place", ["raw", "raw/sub-01", "raw/sub-01/new", "raw/new", "raw/derivatives", "."])
def test_nothing_is_written_among_or_around_the_scans(quick, raw, tmp_path, place):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="OUT_DIR .* the raw data|OUT_DIR .* holds them"):
        preprocess(raw, tmp_path / place)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_derivatives_folder_is_a_place_to_write(quick, raw):
    preprocess(raw, raw / "derivatives/pcsa", participants=["01"])
    assert len(read_cohort(raw / "derivatives/pcsa").subjects) == 1


def test_a_start_that_was_killed_while_it_wrote_its_first_file_is_no_obstacle(quick, raw, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".dataset_description.json.q4h6q5qh.tmp").touch()
    assert preprocess(raw, tmp_path / "out", participants=["01"]).num_done == 1


def test_folders_of_others_are_not_written_to(quick, raw, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="expected a new or empty folder, or one that preprocess has written"):
        preprocess(raw, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_a_scan_that_was_not_fetched_fails_alone(quick, raw, tmp_path):
    t1 = raw / "sub-01/anat/sub-01_T1w.nii.gz"
    t1.unlink()
    t1.symlink_to("../../.git/annex/objects/none")
    result = preprocess(raw, tmp_path / "out")
    assert [failure.participant_id for failure in result.failures] == ["sub-01"]
    assert "found a link to a file that was not fetched. Restore or fetch it" in result.failures[0].reason
    assert result.num_done == 2


def test_participants_without_diagnosis_are_told(quick, tmp_path):
    raw = fake.write_raw(tmp_path / "raw", table="participant_id\tage\nsub-01\t70\n")
    result = preprocess(raw, tmp_path / "out")
    assert result.notes == ("no diagnosis in participants.tsv: sub-01, sub-02; training leaves them out",)
    assert table(tmp_path / "out/participants.tsv") == [
        ["participant_id", "diagnosis", "age"], ["sub-01", "n/a", "70"], ["sub-02", "n/a", "n/a"],
    ]  # fmt: skip


def test_a_misspelt_column_is_told_before_the_work_and_after(quick, tmp_path, capsys):
    raw = fake.write_raw(tmp_path / "raw", table="participant_id\tdiagnsis\nsub-01\tAD\nsub-02\tCN\n")
    said = f"{raw / 'participants.tsv'}: expected the column diagnosis, found diagnsis. Rename diagnsis to diagnosis."
    result = preprocess(raw, tmp_path / "out")
    assert result.notes[0] == said and "sub-01, sub-02; training leaves them out" in result.notes[1]
    assert "".join(capsys.readouterr().err.split()).startswith("".join(f"warning: {said}".split()))
    assert "expected the column diagnosis, found diagnsis" in result.page.read_text()
    (raw / "participants.tsv").write_text("participant_id\tdiagnosis\nsub-01\tAD\nsub-02\tCN\n")
    mended = preprocess(raw, tmp_path / "out")
    assert mended.notes == () and (mended.num_done, mended.num_skipped) == (0, 3)
    assert [row[1] for row in table(tmp_path / "out/participants.tsv")] == ["diagnosis", "AD", "CN"]


def test_what_belongs_to_the_tables_is_passed_through(quick, raw, tmp_path):
    fake.write_object(raw / "participants.json", {"age": {"Units": "year"}})
    (raw / "sub-02/sub-02_sessions.tsv").write_text("session_id\tdiagnosis\nses-M00\tAD\n")
    preprocess(raw, tmp_path / "out")
    for name in ("participants.json", "sub-02/sub-02_sessions.tsv"):
        assert (tmp_path / "out" / name).read_text() == (raw / name).read_text()


def test_raw_data_are_only_read(quick, raw, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in raw.rglob("*")}
    preprocess(raw, tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in raw.rglob("*")} == before


def test_a_later_run_clears_what_a_killed_one_left(quick, raw, tmp_path):
    out = tmp_path / "out"
    preprocess(raw, out, participants=["01"])
    (out / ".scratch/left/0/result").mkdir(parents=True)
    preprocess(raw, out)
    assert not (out / ".scratch").exists()


def test_few_jobs_are_an_error(raw, tmp_path):
    with pytest.raises(UserError, match="--jobs: expected 1 or more, found 0"):
        preprocess(raw, tmp_path / "out", jobs=0)


def test_a_damaged_visit_of_another_run_does_not_spoil_the_tables(quick, raw, tmp_path):
    out = tmp_path / "out"
    preprocess(raw, out, participants=["01"])
    layout.sidecar(layout.mri_path(out, "sub-01")).write_text("{")
    assert preprocess(raw, out, participants=["02"]).num_done == 2
    assert "3 visits" in (out / "preprocessing.html").read_text()
    with pytest.raises(UserError, match="sub-01: expected a finished visit"):
        preprocess(raw, out)


def test_a_spoilt_table_is_told_before_any_work(quick, raw, tmp_path):
    out = tmp_path / "out"
    preprocess(raw, out, participants=["01"])
    (out / "participants.tsv").write_text("name\n")
    with pytest.raises(UserError, match="expected a column participant_id"):
        preprocess(raw, out)
    assert not (out / "sub-02").exists()


def test_a_damaged_picture_does_not_spoil_the_page(quick, raw, tmp_path):
    out = tmp_path / "out"
    preprocess(raw, out, participants=["01"])
    shutil.rmtree(out / "sub-01/figures")
    preprocess(raw, out)
    assert "The picture of this visit is missing" in (out / "preprocessing.html").read_text()


def test_suspicious_visits_are_told_until_somebody_decides(quick, raw, tmp_path):
    out = tmp_path / "out"
    result = preprocess(raw, out, work=fake.suspicious_work)
    (visit,) = result.suspicious
    assert visit.name == "sub-01"
    assert [tuple(reason) for reason in visit.reasons] == [
        ("t1_coverage", "0.95", "below 0.99"), ("pet_coverage", "0.7", "below 0.98"),
    ]  # fmt: skip
    heading, first, *others = table(out / "quality.tsv")
    assert heading == ["participant_id", "session_id", *MEASURES, "suspicious", "accepted"]
    assert (first[0], first[-1]) == ("sub-01", "n/a")
    assert first[-2] == "t1_coverage 0.95 (below 0.99); pet_coverage 0.7 (below 0.98)"
    assert [row[:2] + row[-2:] for row in others] == [
        ["sub-02", "ses-M00", "n/a", "n/a"], ["sub-02", "ses-M12", "n/a", "n/a"],
    ]  # fmt: skip
    assert "quality.tsv" in (out / ".bidsignore").read_text().split()
    # A decision stands as long as the visit does.
    text = (out / "quality.tsv").read_text()
    (out / "quality.tsv").write_text(text.replace(f"{first[-2]}\tn/a", f"{first[-2]}\tyes"))
    assert preprocess(raw, out).suspicious == ()
    assert table(out / "quality.tsv")[1] == [*first[:-1], "yes"]
    shutil.rmtree(out / "sub-01")
    assert preprocess(raw, out).suspicious == ()
    assert table(out / "quality.tsv")[1][-2:] == ["n/a", "n/a"]


def test_a_decision_made_while_a_run_goes_on_is_kept(quick, raw, tmp_path):
    out = tmp_path / "out"
    preprocess(raw, out, work=fake.suspicious_work, participants=["01"])
    path = out / "quality.tsv"

    def work(job):
        if job.visit.session_id == "ses-M00":
            path.write_text(path.read_text().removesuffix("n/a\n") + "yes\n")
        fake.fake_work(job)

    assert preprocess(raw, out, work=work, participants=["02"]).suspicious == ()


def test_a_decision_that_cannot_be_read_is_told_before_any_work(quick, raw, tmp_path):
    out = tmp_path / "out"
    preprocess(raw, out, participants=["01"])
    path = out / "quality.tsv"
    path.write_text(path.read_text().removesuffix("n/a\n") + "perhaps\n")
    with pytest.raises(UserError, match="quality.tsv: line 2: expected yes, no or n/a under accepted, found 'perhaps'"):
        preprocess(raw, out)
    assert not (out / "sub-02").exists()


def test_a_manifest_of_preprocessed_maps_is_stopped_by_a_suspicious_one_too(quick, raw, tmp_path):
    out, table = tmp_path / "out", tmp_path / "mine.tsv"
    preprocess(raw, out, work=fake.suspicious_work)
    maps = sorted(out.rglob("*label-GM_probseg.nii.gz"))
    rows = [f"person{number}\t\tCN\t{path}\tn/a" for number, path in enumerate(maps)]
    table.write_text("participant_id\tsession_id\tdiagnosis\tmri\tpet\n" + "\n".join(rows) + "\n")
    with pytest.raises(
        UserError, match="sub-person0: .*quality.tsv: expected preprocessing within its limits, found t1"
    ):
        read_cohort(table)
    cohort = read_cohort(table, Reading(accept_suspicious=True))
    assert any("1 visit of suspicious preprocessing, taken as accepted (sub-person0: " in note for note in cohort.notes)


def test_a_suspicious_visit_stops_what_reads_the_cohort(quick, raw, tmp_path):
    out = tmp_path / "out"
    preprocess(raw, out, work=fake.suspicious_work)
    with pytest.raises(UserError) as caught:
        read_cohort(out)
    assert re.fullmatch(
        r"sub-01: \S*quality.tsv: expected preprocessing within its limits, found t1_coverage 0.95 \(below 0.99\); "
        r"pet_coverage 0.7 \(below 0.98\). Look at preprocessing.html; .*"
        r"or accept all with data.accept_suspicious \(check: --accept-suspicious\).",
        str(caught.value),
    )
    cohort = read_cohort(out, Reading(accept_suspicious=True))
    assert [subject.name for subject in cohort.subjects] == ["sub-01", "sub-02 ses-M00", "sub-02 ses-M12"]
    assert any("1 visit of suspicious preprocessing, taken as accepted (sub-01: " in note for note in cohort.notes)
    lines = [line.split("\t") for line in (out / "quality.tsv").read_text().splitlines()]
    for line, decision in zip(lines[1:], ("no", "n/a", "no"), strict=True):
        line[-1] = decision
    (out / "quality.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))
    assert [subject.name for subject in read_cohort(out).subjects] == ["sub-02 ses-M00"]
    for line in lines[1:]:
        line[-2:] = "odd", "n/a"
    (out / "quality.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))
    with pytest.raises(UserError, match=r"2 more \(sub-02 ses-M00, sub-02 ses-M12\): python -m pcsa_jax check"):
        read_cohort(out)
