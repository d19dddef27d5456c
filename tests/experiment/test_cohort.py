"""The built-in cohort: where it lives, and that a run is never continued on another version of it."""

import pytest

from pcsa_jax.data.phantom.roster import PHANTOM_VERSION
from pcsa_jax.data.quality_table import Quality, Reason, write_quality
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.cohort import check_phantom, describe_cohort, describe_training, open_cohort
from pcsa_jax.machine.cache import cache_folder


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("PCSA_JAX_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("PCSA_JAX_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "pcsa_jax"


def test_is_written_once_and_read_by_the_reader_of_any_cohort(tiny_config, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PCSA_JAX_CACHE", str(tmp_path))
    data = tiny_config({"data.root": "", "data.pairs": 2}).data
    cohort = open_cohort(data)
    assert cohort.is_phantom
    assert [subject.participant_id for subject in cohort.pairs] == ["sub-0001", "sub-0002"]
    (root,) = tmp_path.iterdir()
    assert root == cohort.root
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert open_cohort(data) == cohort
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_a_place_that_cannot_be_written(tiny_config, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("PCSA_JAX_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="built-in cohort: could not be written to .*Set PCSA_JAX_CACHE"):
        open_cohort(tiny_config({"data.root": "", "data.pairs": 2}).data)


def test_another_version_of_the_phantom_is_refused(tiny_config, tmp_path):
    builtin = tiny_config({"data.root": ""}).data
    check_phantom(builtin, {"phantom_version": PHANTOM_VERSION}, tmp_path)
    with pytest.raises(UserError, match="of the built-in cohort, found version 0"):
        check_phantom(builtin, {"phantom_version": "0"}, tmp_path)
    check_phantom(tiny_config().data, {}, tmp_path)  # the user's own cohort has no version


def test_a_cohort_is_described_without_being_written(tiny_config, cohort, monkeypatch, tmp_path):
    monkeypatch.setenv("PCSA_JAX_CACHE", str(tmp_path / "none"))
    name, is_phantom = describe_cohort(tiny_config({"data.root": "", "data.pairs": 7}).data)
    assert is_phantom
    assert "7 pairs" in name
    assert not (tmp_path / "none").exists()
    assert describe_cohort(tiny_config().data)[1] is True


def test_what_a_run_has_recorded_holds_when_its_cohort_is_gone(tiny_config, tmp_path):
    data = tiny_config({"data.root": tmp_path / "gone"}).data
    recorded = {"cohort": {"name": "mine", "is_phantom": True}}
    assert describe_training(data, recorded) == ("mine", True)
    with pytest.raises(UserError, match="expected a folder or a manifest"):
        describe_training(data, {})  # a run that recorded nothing


def test_an_older_run_is_what_its_cohort_is(tiny_config):
    assert describe_training(tiny_config().data, {})[1] is True


def test_suspicious_preprocessing_stops_a_training_until_it_is_accepted(tiny_config, copy_of_cohort):
    reasons = (Reason("brain_ml", "640", "below 950"),)
    write_quality(copy_of_cohort, [Quality("sub-0001", "", {"brain_ml": "640"}, reasons)], ["brain_ml"])
    with pytest.raises(UserError, match=r"^sub-0001: .*found brain_ml 640 \(below 950\)\. Look at .*accept_suspicious"):
        open_cohort(tiny_config({"data.root": copy_of_cohort}).data)
    found = open_cohort(tiny_config({"data.root": copy_of_cohort, "data.accept_suspicious": True}).data)
    assert any("1 visit of suspicious preprocessing, taken as accepted" in note for note in found.notes)
    assert not any("has no effect" in note for note in found.notes)
    with pytest.raises(UserError, match="config.data.accept_suspicious: expected a cohort that it is said of"):
        open_cohort(tiny_config({"data.root": "", "data.accept_suspicious": True}).data)
