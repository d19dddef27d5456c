"""Outputs are named as BIDS wants, written so that a restart knows what is whole, and lost by nobody."""

import json

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data.derivatives import CALIBRATION, is_finished, name_outputs, write_outputs
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


def test_the_same_pet_judged_by_something_else_is_to_be_made_anew(written, tmp_path):
    """A calibration of later brings what its first outputs lack, and is no other recipe."""
    assert not is_finished(written, RECIPE, calibration="c")
    write_outputs(written, images(), CARD | {CALIBRATION: "c"})
    assert is_finished(written, RECIPE, calibration="c")
    assert not is_finished(written, RECIPE, calibration="d") and not is_finished(written, RECIPE)


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


@pytest.mark.parametrize("missing", [0, 1], ids=["pet", "spread"])
def test_what_an_interruption_left_is_finished_later(written, missing):
    written.volumes[missing].unlink()
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
