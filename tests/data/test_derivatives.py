"""Outputs are named as BIDS wants, written so that a restart knows what is whole, and lost by nobody."""

import json

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data.derivatives import IGNORED, check_folder, is_finished, name_outputs, open_folder, write_outputs
from pcsa_jax.data.fingerprints import file_hash
from pcsa_jax.data.layout import sidecar
from pcsa_jax.errors import UserError

RECIPE = {"InputSHA256": "a", "GeneratorSHA256": ["b"]}
GENERATORS = [{"SHA256": sha256, "TrainedOnPhantom": False} for sha256 in "bc"]
CARD = {"Description": "About it.", "Phantom": False, "Generators": GENERATORS, **RECIPE}


def outputs_in(root, **changes):
    values = {"extras": ["Std"], "has_panel": False, **changes}
    return name_outputs(root, "sub-1", "ses-2", {"space": "MNI152NLin6Asym", "res": "2", "run": "3"}, **values)


def images(value=1.0):
    return [nib.Nifti1Image(np.full((3, 4, 5), value, np.float32), np.diag([2, 2, 2, 1.0])) for _ in range(2)]


@pytest.fixture
def written(tmp_path):
    outputs = outputs_in(tmp_path)
    write_outputs(outputs, images(), CARD)
    return outputs


def test_names_in_the_order_of_bids(tmp_path):
    outputs = outputs_in(tmp_path, has_panel=True)
    stem = "sub-1_ses-2_trc-18FFDG_run-3_space-MNI152NLin6Asym_res-2_desc-synthetic"
    assert outputs.pet == tmp_path / "sub-1" / "ses-2" / "pet" / f"{stem}_pet.nii.gz"
    assert outputs.extra("Std") == outputs.pet.with_name(f"{stem}Std_pet.nii.gz")
    assert outputs.panel == tmp_path / "figures" / f"{stem}_pet.png"
    assert name_outputs(tmp_path, "sub-1", "", {}).pet == (
        tmp_path / "sub-1" / "pet" / "sub-1_trc-18FFDG_desc-synthetic_pet.nii.gz"
    )


def test_a_finished_output_is_known_again(written):
    assert is_finished(written, RECIPE)
    assert json.loads(sidecar(written.extra("Std")).read_text())["Description"] == (
        "Voxel-wise standard deviation over several generators (n - 1). About it."
    )
    names = {path.name for path in written.pet.parent.iterdir()}
    assert names == {path.name for v in written.volumes for path in (v, sidecar(v))}


def test_the_same_volume_gives_the_same_bytes(written, tmp_path):
    again = outputs_in(tmp_path / "again")
    write_outputs(again, images(), CARD)
    assert file_hash(again.pet) == file_hash(written.pet)


def test_a_page_of_another_look_is_another_page(tmp_path):
    wanted, other = (outputs_in(tmp_path, page_look=look) for look in ("radiological, grey", "neurological, hot"))
    assert wanted.page.name == wanted.pet.name.replace("_pet.nii.gz", "_page.html")
    write_outputs(wanted, images(), CARD)
    assert not is_finished(wanted, RECIPE), "its page is not there"
    wanted.page.write_text("page")
    assert is_finished(wanted, RECIPE) and is_finished(outputs_in(tmp_path), RECIPE)
    assert not is_finished(other, RECIPE)
    write_outputs(outputs_in(tmp_path), images(), CARD)
    assert not wanted.page.exists(), "the page of an earlier recipe is gone"


def test_a_folder_of_an_earlier_version_ignores_pages_too(tmp_path):
    open_folder(tmp_path, [])
    (tmp_path / ".bidsignore").write_text("mine.txt\nfigures\nskipped.tsv\n")
    open_folder(tmp_path, [])
    lines = (tmp_path / ".bidsignore").read_text().split()
    assert lines[:3] == ["mine.txt", "figures", "skipped.tsv"] and sorted(lines[1:]) == sorted(IGNORED)


@pytest.mark.parametrize("missing", ["pet", "spread"])
def test_what_an_interruption_left_is_finished_later(written, missing):
    getattr(written, missing).unlink()
    assert not is_finished(written, RECIPE)


def test_a_picture_that_is_missing_is_made_later(written, tmp_path):
    assert not is_finished(outputs_in(tmp_path, has_panel=True), RECIPE)


def test_nothing_there_is_not_finished(tmp_path):
    assert not is_finished(outputs_in(tmp_path), RECIPE)


@pytest.mark.parametrize(
    ("name", "value"), [("InputSHA256", "other"), ("GeneratorSHA256", ["b", "c"]), ("InputFWHM", 8.0)]
)
def test_outputs_of_another_recipe_stay(written, name, value):
    with pytest.raises(UserError, match=f"synthetic_pet.json: .* found one with another {name}. Use another --out, or"):
        is_finished(written, {**RECIPE, name: value})


def test_files_of_others_stay(written):
    written.pet.write_bytes(b"edited")
    with pytest.raises(UserError, match="pet.nii.gz: .* found one that was changed since it was written"):
        is_finished(written, RECIPE)
    sidecar(written.pet).write_text("[]")
    with pytest.raises(UserError, match="found a sidecar of something else"):
        is_finished(written, RECIPE)
    sidecar(written.pet).unlink()
    with pytest.raises(UserError, match="found no sidecar that says what it is"):
        is_finished(written, RECIPE)


def test_nothing_stale_stays_beside_a_replaced_output(written, tmp_path):
    written.panel.parent.mkdir()
    written.panel.write_bytes(b"old")
    single = outputs_in(tmp_path, extras=[])
    write_outputs(single, images()[:1], CARD)
    assert {path.name for path in single.pet.parent.iterdir()} == {single.pet.name, sidecar(single.pet).name}
    assert not written.panel.exists()


def test_an_interrupted_write_leaves_no_volume(tmp_path, monkeypatch):
    from pcsa_jax.data import files

    def interrupted(*paths):
        if str(paths[1]).endswith(".nii.gz"):
            raise KeyboardInterrupt
        return rename(*paths)

    rename = files.os.replace
    monkeypatch.setattr(files.os, "replace", interrupted)
    outputs = outputs_in(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        write_outputs(outputs, images(), CARD)
    assert not list(tmp_path.rglob("*.nii.gz*"))
    monkeypatch.undo()
    assert not is_finished(outputs, RECIPE)


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
