"""Files are written whole or not at all; JSON is standard; the same volume gives the same bytes."""

import errno
import json
import os
import stat

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data import files
from pcsa_jax.data.fingerprints import file_hash
from pcsa_jax.data.grid import Grid
from pcsa_jax.errors import UserError


def test_a_failure_leaves_the_former_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.tsv"
    files.write_text(path, "former")
    with pytest.raises(RuntimeError, match="half way"), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("half way")
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_the_former_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "table.tsv"
    files.write_text(path, "former")
    with files.replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "former"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_parents_are_made_and_permissions_are_those_of_any_new_file(tmp_path):
    path, plain = tmp_path / "a" / "b" / "table.tsv", tmp_path / "plain"
    files.write_text(path, "µ")
    plain.touch()
    assert path.read_bytes() == "µ".encode()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_json_never_holds_nan_or_infinity(tmp_path):
    path = tmp_path / "summary.json"
    values = {
        "psnr": float("inf"),
        "ci": (1.0, float("nan")),
        "n": np.int64(3),
        "f": np.float32("-inf"),
        "x": np.float32(0.5),
    }
    files.write_json(path, values)

    def refuse(name):
        raise AssertionError(name)

    found = json.loads(path.read_text(), parse_constant=refuse)
    assert found == {"psnr": None, "ci": [1.0, None], "n": 3, "f": None, "x": 0.5}


def test_what_json_cannot_hold_leaves_no_file(tmp_path):
    with pytest.raises(TypeError, match="not JSON serializable"):
        files.write_json(tmp_path / "summary.json", {"a": object()})
    assert list(tmp_path.iterdir()) == []


def test_a_volume_is_written_as_it_is_and_reproducibly(tmp_path):
    data = np.random.default_rng(0).normal(size=(4, 5, 6))
    affine = Grid(16).affine
    for name in ("a.nii.gz", "other_name.nii.gz"):
        files.write_volume(tmp_path / name, data, affine)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "other_name.nii.gz").read_bytes()
    image = nib.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), data.astype(np.float32))
    assert image.get_data_dtype() == np.float32
    for found, code in (image.get_sform(coded=True), image.get_qform(coded=True)):
        assert code == 4
        np.testing.assert_allclose(found, affine, atol=1e-4)
    assert image.header.get_xyzt_units()[0] == "mm"


@pytest.mark.parametrize("use", [files.read_text, file_hash, lambda path: files.write_text(path, "x")])
def test_what_is_no_file_is_neither_read_nor_replaced(tmp_path, put_odd, use):
    found = put_odd(tmp_path / "table.tsv")
    with pytest.raises(UserError, match=f"table.tsv: expected a plain file, found {found}. Put the file in its place"):
        use(tmp_path / "table.tsv")
    assert [path.name for path in tmp_path.iterdir()] == ["table.tsv"]
    assert files.odd_kind(tmp_path / "table.tsv") == found


def test_files_folders_and_what_cannot_be_looked_at_are_not_odd(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file", tmp_path / "none", tmp_path / ("a" * 5000), tmp_path / "a\0b"):
        assert files.odd_kind(path) == ""


def test_a_place_is_tried_before_the_work(tmp_path, monkeypatch):
    files.check_writable(tmp_path / "not" / "yet", "--out x")
    assert list(tmp_path.iterdir()) == []

    def refuse(dir):
        assert dir == tmp_path
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(files.tempfile, "TemporaryFile", refuse)
    with pytest.raises(UserError, match="--out x: expected a place that can be written, found Read-only file system."):
        files.check_writable(tmp_path / "not" / "yet", "--out x")


def test_room_is_taken_before_a_file_is_mapped(tmp_path):
    with (tmp_path / "array").open("w+b") as stream:
        files.reserve(stream, 2**20)
        assert os.fstat(stream.fileno()).st_blocks * 512 >= 2**20


@pytest.mark.parametrize("number", [None, errno.EOPNOTSUPP, errno.EINVAL])
def test_where_blocks_cannot_be_taken_ahead_they_are_written(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, "not here")

    if number is None:
        monkeypatch.delattr(files.os, "posix_fallocate")  # macOS
    else:
        monkeypatch.setattr(files.os, "posix_fallocate", refuse)
    size = 3 * 2**20 + 5
    with (tmp_path / "array").open("w+b") as stream:
        stream.write(b"header")
        files.reserve(stream, size)
        assert stream.read(8) == b"header\0\0" and os.fstat(stream.fileno()).st_size == size
        assert os.fstat(stream.fileno()).st_blocks * 512 >= size


def test_a_disk_without_room_is_not_written_to(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "posix_fallocate", refuse)
    with (tmp_path / "array").open("w+b") as stream, pytest.raises(OSError, match="No space left"):
        files.reserve(stream, 2**20)
    assert (tmp_path / "array").stat().st_size == 0


def test_what_a_killed_write_has_left_is_nobody_else_s(tmp_path):
    with pytest.raises(RuntimeError), files.replacing(tmp_path / "table.tsv") as temporary:
        left = temporary.name  # the name that a process has no time to remove when it is killed
        raise RuntimeError
    for name in (left, ".lock", "thesis.tex", ".notes.tmp", "a.12345678.tmp"):
        (tmp_path / name).touch()
    assert files.names_of_others(tmp_path, {".lock"}) == [".notes.tmp", "a.12345678.tmp", "thesis.tex"]


def test_a_folder_comes_whole_or_not_at_all(tmp_path):
    with files.new_folder(tmp_path / "deep" / "new") as partial:
        (partial / "a").write_text("1")
        assert not (tmp_path / "deep" / "new").exists()
    assert (tmp_path / "deep" / "new" / "a").read_text() == "1"
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "deep" / "new").stat().st_mode & 0o777 == 0o777 & ~umask
    with pytest.raises(KeyboardInterrupt), files.new_folder(tmp_path / "deep" / "cut") as partial:
        (partial / "a").write_text("1")
        raise KeyboardInterrupt
    with pytest.raises(OSError), files.new_folder(tmp_path / "deep" / "new"):  # somebody's by then
        pass
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["new"]
    assert (tmp_path / "deep" / "new" / "a").read_text() == "1"
