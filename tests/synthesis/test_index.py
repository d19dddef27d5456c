"""The list of pages has all of them, the worst first, and takes nobody's file for itself."""

import json
import re

import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.synthesis import index
from pcsa_jax.synthesis.index import check_index, has_index, write_index

CARD = {"Phantom": True, "SeenInTraining": "none", "Units": "SUVR"}


def put(root, name, card):
    folder = root / "sub-1" / "pet"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}_trc-18FFDG_desc-synthetic_page.html").write_text("")
    (folder / f"{name}_trc-18FFDG_desc-synthetic_pet.json").write_text(
        card if isinstance(card, str) else json.dumps(card)
    )


def test_the_index_lists_all_pages_those_with_red_flags_first(tmp_path):
    put(tmp_path, "sub-1_ses-1", CARD)
    put(tmp_path, "sub-1_ses-2_run-1", CARD | {"SeenInTraining": "train"})
    put(tmp_path, "sub-1_ses-3", "{")
    write_index(tmp_path)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    names = re.findall(r'<a href="(.*?)">(.*?)</a>', html)
    assert [name for _, name in names] == ["sub-1 ses-2 run-1", "sub-1 ses-3", "sub-1 ses-1"]
    assert all((tmp_path / address).is_file() for address, _ in names)
    assert html.count("nobody&#39;s brain") == 1, "what holds for all is said once"
    assert "sub-1/pet/sub-1_ses-3_trc-18FFDG_desc-synthetic_pet.json: expected a sidecar" in html
    assert str(tmp_path) not in html


def test_without_pages_there_is_no_index(tmp_path):
    put(tmp_path, "sub-1", CARD)
    write_index(tmp_path)
    assert has_index(tmp_path)
    for path in (tmp_path / "sub-1" / "pet").iterdir():
        path.unlink()
    write_index(tmp_path)
    assert not (tmp_path / "index.html").exists()


@pytest.mark.parametrize("content", [b"<title>My own</title>", b"\xff\xfe"])
def test_somebody_s_own_index_is_neither_overwritten_nor_removed(tmp_path, content):
    (tmp_path / "index.html").write_bytes(content)
    for call in (check_index, write_index):
        with pytest.raises(UserError, match=r"index.html: expected nothing or the list of .* found another file. Move"):
            call(tmp_path)
    assert not has_index(tmp_path) and (tmp_path / "index.html").read_bytes() == content


def test_an_index_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    put(tmp_path, "sub-1", CARD)

    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index, "write_text", full)
    with pytest.raises(UserError, match=r"index.html: could not be written \(No space left on device\). Make room"):
        write_index(tmp_path)
