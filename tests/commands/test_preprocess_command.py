"""The command ``preprocess``: options, exit statuses, what it says."""

import pytest

from pcsa_jax.commands import preprocess, run_command
from pcsa_jax.data.preprocessing import steps
from pcsa_jax.preprocessing import driver
from tests.preprocessing import fake_preprocessing as fake
from tests.preprocessing.test_driver import in_this_process


@pytest.fixture
def without_ants(monkeypatch):
    monkeypatch.setattr(driver, "run_isolated", in_this_process)
    monkeypatch.setattr(driver, "visit_picture", fake.quick_picture)
    monkeypatch.setattr(steps, "PACKAGES", {})


def use(monkeypatch, work):
    monkeypatch.setitem(driver.preprocess.__kwdefaults__, "work", work)


def command(*words):
    return run_command("preprocess", [str(word) for word in words], prog="p")


def test_success_is_status_0(without_ants, monkeypatch, tmp_path, capsys):
    use(monkeypatch, fake.fake_work)
    raw = fake.write_raw(tmp_path / "raw")
    assert command(raw, tmp_path / "out", "--participants", "01", "02", "--jobs=2") == 0
    error = capsys.readouterr().err
    assert "3 preprocessed, 0 finished before, 0 failed\n" in error
    assert f"Look at {tmp_path / 'out' / 'preprocessing.html'}" in error
    assert command(raw, tmp_path / "out") == 0
    assert "0 preprocessed, 3 finished before, 0 failed\n" in capsys.readouterr().err


def test_failures_are_status_1_and_listed_at_the_end(without_ants, monkeypatch, tmp_path, capsys):
    use(monkeypatch, fake.failing_work)
    assert command(fake.write_raw(tmp_path / "raw"), tmp_path / "out") == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2].startswith("1 preprocessed, 0 finished before, 2 failed (")
    assert lines[-2].endswith("failures.tsv)")
    assert any(line.startswith("sub-02 ses-M00 failed: half") for line in lines[-6:-2])


def test_options_reach_the_record_and_differences_are_one_line(without_ants, monkeypatch, tmp_path, capsys):
    use(monkeypatch, fake.fake_work)
    raw = fake.write_raw(tmp_path / "raw")
    options = ["--remove-cerebellum", "--mask-pet", "--pet-window=30:60", "--participants", "01"]
    assert command(raw, tmp_path / "out", *options) == 0
    capsys.readouterr()
    assert command(raw, tmp_path / "out", "--participants", "01") == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("p: error: sub-01: was preprocessed otherwise (mask_pet was true, is now false; ")
    assert "pet_window_min was [30.0, 60.0], is now null" in error


@pytest.mark.parametrize("window", ["30", "60:30", "a:b", "-5:30", "30:inf", "nan:60"])
def test_a_window_that_is_none_is_a_usage_error(window, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        command(tmp_path, tmp_path / "out", f"--pet-window={window}")
    assert caught.value.code == 2
    assert "expected two times in minutes like 30:60" in capsys.readouterr().err


def test_missing_software_is_one_line(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(steps, "PACKAGES", {"no_such_module": ("SuchSoftware", "such")})
    assert command(fake.write_raw(tmp_path / "raw"), tmp_path / "out") == 1
    assert "expected SuchSoftware, found none. pip install antspyx deepbet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_one_line(without_ants, monkeypatch, tmp_path, capsys):
    use(monkeypatch, fake.fake_work)
    (tmp_path / "file").touch()
    assert command(fake.write_raw(tmp_path / "raw"), tmp_path / "file" / "out") == 1
    assert "OUT_DIR" in capsys.readouterr().err


def test_scans_are_chosen_by_run(without_ants, monkeypatch, tmp_path, capsys):
    use(monkeypatch, fake.fake_work)
    raw = fake.write_raw(tmp_path / "raw")
    fake.write_scan(raw / "sub-01/anat/sub-01_run-2_T1w.nii.gz", seed=9)
    assert command(raw, tmp_path / "out") == 1
    assert "Choose with --run=LABEL" in capsys.readouterr().err
    assert command(raw, tmp_path / "out", "--run=2") == 0


def test_suspicious_visits_are_status_1_here_and_in_check_until_they_are_accepted(
    without_ants, monkeypatch, tmp_path, capsys
):
    use(monkeypatch, fake.suspicious_work)
    out = tmp_path / "out"
    assert command(fake.write_raw(tmp_path / "raw"), out) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-3] == "sub-01 is suspicious: t1_coverage 0.95 (below 0.99); pet_coverage 0.7 (below 0.98)"
    assert lines[-2] == "3 preprocessed, 0 finished before, 0 failed, 1 suspicious"
    assert lines[-1] == (
        f"Look at {out / 'preprocessing.html'}, then write yes (take it) or no (leave it out) for each suspicious "
        f"visit under accepted in {out / 'quality.tsv'}"
    )
    assert run_command("check", [str(out)], prog="p") == 1
    assert "pet_coverage 0.7 (below 0.98). Look at" in " ".join(capsys.readouterr().out.split())
    assert run_command("check", [str(out), "--accept-suspicious"], prog="p") == 0
    assert "Note: 1 visit of suspicious preprocessing, taken as accepted" in capsys.readouterr().out


def test_of_many_suspicious_visits_some_are_shown(without_ants, monkeypatch, tmp_path, capsys):
    use(monkeypatch, fake.suspicious_work)
    monkeypatch.setattr(preprocess, "MOST_SHOWN", 0)
    assert command(fake.write_raw(tmp_path / "raw"), tmp_path / "out", "--participants", "01") == 1
    error = capsys.readouterr().err
    assert f"... and 1 more in {tmp_path / 'out' / 'quality.tsv'}\n" in error
    assert "is suspicious" not in error
