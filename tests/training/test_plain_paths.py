"""Which paths Orbax takes as they are written, and the link to the others."""

import os
from pathlib import Path

import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.training.plain_paths import is_plain, plainly_named

OTHERS = ["[FDG] study", "a[0-9]b", "a*b", "a?b", "a\\b", os.fsdecode(b"a\xffb")]
PLAIN = [
    "run",
    "a b",
    "Étude",
    "日本",
    "100%",
    "a%20b",
    "#1",
    "a=b",
    "a]b",
    "{a}",
    "~",
    "a:b",
    "(copy)",
    "$x",
    "a'b\"c",
]


@pytest.mark.parametrize("name", OTHERS)
def test_a_path_that_orbax_misreads_gets_a_link_while_it_is_needed(tmp_path, name):
    folder = tmp_path / name / "checkpoints"
    folder.mkdir(parents=True)
    with plainly_named(folder) as place:
        assert is_plain(place) and place.is_symlink() and place.resolve() == folder
        (place / "file").touch()
    assert not place.parent.exists()
    assert [path.name for path in folder.iterdir()] == ["file"]


@pytest.mark.parametrize("name", PLAIN)
def test_other_paths_stay_as_they_are(tmp_path, monkeypatch, name):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    with plainly_named(Path("checkpoints")) as place:
        assert place == tmp_path / name / "checkpoints"


def test_a_relative_path_has_the_characters_of_where_one_stands(tmp_path, monkeypatch):
    (tmp_path / "[x]").mkdir()
    monkeypatch.chdir(tmp_path / "[x]")
    with plainly_named(Path("checkpoints")) as place:
        assert is_plain(place)


def test_no_plain_place_for_the_link(tmp_path, monkeypatch):
    (tmp_path / "[x]").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "[x]"))
    with pytest.raises(UserError) as caught, plainly_named(tmp_path / "[y]"):
        pass
    assert str(caught.value) == (
        f"{tmp_path / '[y]'}: expected a path without * ? [ \\ and with UTF-8 names, or such a temporary folder to "
        f"link it from, found TMPDIR {tmp_path / '[x]'}. Rename a folder, or set TMPDIR to another."
    )
    assert list((tmp_path / "[x]").iterdir()) == []
