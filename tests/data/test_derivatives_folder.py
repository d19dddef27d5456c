"""A folder of synthetic PET says what it is, and others' folders are left alone."""

import pytest

from pcsa_jax.data.derivatives_folder import check_folder, open_folder
from pcsa_jax.errors import UserError


def test_a_folder_of_an_earlier_version_ignores_pages_too(tmp_path):
    open_folder(tmp_path, [])
    (tmp_path / ".bidsignore").write_text("mine.txt\nfigures\nskipped.tsv\n")
    open_folder(tmp_path, [])
    assert (tmp_path / ".bidsignore").read_text().split() == [
        "mine.txt", "figures", "skipped.tsv", "familiarity.tsv", "*_page.html", "index.html",
    ]  # fmt: skip


def test_the_folder_names_the_data_sets_once(tmp_path):
    first, second = tmp_path / "a" / "cohort-1", tmp_path / "b" / "cohort1"
    root = tmp_path / "out"
    assert open_folder(root, [first]) == {first: "cohort1"}
    assert open_folder(root, [second, first]) == {first: "cohort1", second: "cohort12"}
    description = check_folder(root)
    assert description["DatasetLinks"] == {"cohort1": "../a/cohort-1", "cohort12": "../b/cohort1"}
    assert description["DatasetType"] == "derivative"
    assert "not for diagnosis" in (root / "README.md").read_text()


def _description(links):
    return f'{{"GeneratedBy": [{{"Name": "pcsa_jax synthesize"}}], "DatasetLinks": {links}}}'


def test_a_start_that_was_killed_while_it_wrote_its_first_file_is_no_obstacle(tmp_path):
    (tmp_path / ".dataset_description.json.q4h6q5qh.tmp").touch()
    assert check_folder(tmp_path) == {}
    open_folder(tmp_path, [])
    assert check_folder(tmp_path)["DatasetType"] == "derivative"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"notes.txt": "x"}, "expected a new or empty folder, or one of synthetic PET, found other files"),
        ({"dataset_description.json": "{"}, "found other files"),
        ({"dataset_description.json": '{"GeneratedBy": [{"Name": "fMRIPrep"}]}'}, "found other files"),
        ({"dataset_description.json": _description('["x"]')}, "expected DatasetLinks .* as an object of text"),
        (
            {"dataset_description.json": _description('{"a": 1}')},
            "expected DatasetLinks .* as an object of text",
        ),
        ({"dataset_description.json": _description("[" * 100 + "]" * 100)}, "found other files"),
        (None, "expected a folder, found a file"),
    ],
)
def test_other_folders_are_left_alone(tmp_path, content, message):
    root = tmp_path / "out"
    if content is None:
        root.write_text("x")
    else:
        root.mkdir()
        for name, text in content.items():
            (root / name).write_text(text)
    with pytest.raises(UserError, match=f"--out {root}: .*{message}"):
        open_folder(root, [])
