"""A finished fold is stored whole and comes back the same."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.studies.disease import findings
from pcsa_jax.studies.disease.findings import TABLES, FoldFindings
from pcsa_jax.studies.disease.fold import assess_pairs
from tests.evaluation.evaluation_data import GRID
from tests.studies.disease.disease_data import following, normalised_pairs


def test_round_trip(tmp_path):
    following().write_findings(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lesions.tsv", "regions.tsv", "volumes.npz", "zmaps.tsv"]
    found = FoldFindings.read_findings(tmp_path)
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(found, name), getattr(following(), name), rtol=1e-4)
    for group in ("slices", "changes"):
        one, other = getattr(found, group), getattr(following(), group)
        assert one.keys() == other.keys() and len(one) == 6
        assert all(np.array_equal(one[key], other[key]) and one[key].dtype == other[key].dtype for key in one)
    assert (found.size, found.norm_count, found.step, found.num_subjects) == (32, 8, 7, 9)


def test_what_is_missing_stays_missing(tmp_path):
    train = normalised_pairs(2, first=50)
    found = assess_pairs(train, normalised_pairs(1), lambda mri: mri, GRID)
    found.write_findings(tmp_path)
    assert "n/a" in (tmp_path / "zmaps.tsv").read_text() and "nan" not in (tmp_path / "zmaps.tsv").read_text()
    again = FoldFindings.read_findings(tmp_path)
    assert again.zmaps["dice"].isna().all() and again.slices == {} and again.norm_count == 0
    assert again.regions["session_id"].tolist() == [""] * len(again.regions)


def test_an_unfinished_fold_is_none(tmp_path, monkeypatch):
    assert FoldFindings.read_findings(tmp_path / "never") is None
    following().write_findings(tmp_path)

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(findings, "write_table", fail)
    with pytest.raises(KeyboardInterrupt):
        following().write_findings(tmp_path)
    assert FoldFindings.read_findings(tmp_path) is None, "tables of two assessments must not stand as one"


def test_damaged_files(tmp_path):
    following().write_findings(tmp_path)
    archive, table = tmp_path / "volumes.npz", tmp_path / "zmaps.tsv"
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="volumes.npz: expected an archive of arrays, found .* assessed again"):
        FoldFindings.read_findings(tmp_path)
    for header in (b"{'descr': (", b"{'descr': '<f4', 'shape': (" + b"9" * 5000, b"\0" * 50):
        with zipfile.ZipFile(archive, "w") as stream:  # a sound archive of an array whose header is none
            stream.writestr("size.npy", b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header)
        with pytest.raises(UserError, match="volumes.npz: expected an archive of arrays, found .* assessed again"):
            FoldFindings.read_findings(tmp_path)
    archive.write_bytes(whole)
    table.write_text(table.read_text().replace("\tdice", "\tdicing"))
    with pytest.raises(
        UserError, match="zmaps.tsv: expected a table with the columns participant_id, .* found the col.* dicing"
    ):
        FoldFindings.read_findings(tmp_path)
    table.unlink()
    with pytest.raises(UserError, match="zmaps.tsv: expected a table"):
        FoldFindings.read_findings(tmp_path)
