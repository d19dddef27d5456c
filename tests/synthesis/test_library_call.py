"""A loaded generator takes files and images, and gives voxel for voxel what the command writes."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import pcsa_jax
from pcsa_jax.commands import run_command
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.synthetic_mark import read_mark
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation.assessment import synthesise
from pcsa_jax.synthesis.export import export_generator
from pcsa_jax.synthesis.verification import CARD_HASH, card_hash
from pcsa_jax.training.trained import open_run
from tests.brains import grey_matter


@pytest.fixture(scope="module")
def suvr(exported, tmp_path_factory):
    """The same generator with an output in SUVR, 0 to 3."""
    with safe_open(exported, framework="numpy") as stream:
        card = json.loads(stream.metadata()["pcsa_jax"])
    card["normalisation"]["pet"] = card["training"]["config"]["data"]["normalisation"] = "suvr"
    card["pet"] |= {"range": [0, 3], "unit": "SUVR", "reference_region": "pons"}
    path = tmp_path_factory.mktemp("suvr") / "suvr.safetensors"
    save_file(load_file(exported), path, metadata={"pcsa_jax": json.dumps(card | {CARD_HASH: card_hash(card)})})
    return path


def oblique(dtype):
    c, s = np.cos(0.3), np.sin(0.3)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.diag([-7.0, 8.0, 9.0])
    affine[:3, 3] = 120, -150, -100
    values = grey_matter((36, 37, 26), affine)
    image = nib.Nifti1Image(values.astype(np.float32), affine)
    image.set_data_dtype(dtype)
    image.set_qform(affine, code=2)
    return image


def maps(cohort, folder):
    """Maps on all kinds of grids: name -> path."""
    own = nib.load(read_cohort(cohort).subjects[0].mri)
    turn = nib.orientations.axcodes2ornt("PIR")
    images = {
        "own": own,
        "turned": own.as_reoriented(turn),
        "oblique": oblique(np.float32),
        "scaled": oblique(np.int16),  # integers with a scale in the header
        "one4d": nib.Nifti1Image(np.asarray(own.dataobj)[..., None], own.affine),
        "nifti2": nib.Nifti2Image(np.asarray(own.dataobj), own.affine),
    }
    paths = {name: folder / f"{name}.nii.gz" for name in images}
    for name, path in paths.items():
        images[name].to_filename(path)
    paths["said"] = folder / "said.nii.gz"
    oblique(np.float32).to_filename(paths["said"])
    (folder / "said.json").write_text('{"SmoothingFWHM": 6}')
    return paths


@pytest.mark.parametrize(("generator", "words"), [("tiny_run", []), ("suvr", []), ("exported", ["--fwhm-mm=3"])])
def test_a_path_and_an_image_give_what_the_command_writes(request, generator, words, cohort, tmp_path):
    source = request.getfixturevalue(generator)
    (tmp_path / "in").mkdir()
    paths = maps(cohort, tmp_path / "in")
    command = [f"--checkpoint={source}", f"--out={tmp_path / 'out'}", *words, *map(str, paths.values())]
    assert run_command("synthesize", command, prog="s") == 0
    loaded, options = pcsa_jax.load_generator(source), {"fwhm_mm": 3} if words else {}
    voxels, trained_on_phantom = {}, loaded.card["training"]["is_phantom"]
    for name, path in paths.items():
        (written,) = (tmp_path / "out" / f"sub-{name}").rglob("*_desc-synthetic_pet.nii.gz")
        expected = nib.load(written)
        for given in (path, str(path), nib.load(path)):
            found = loaded(given, **options)
            assert type(found) is type(expected)
            np.testing.assert_array_equal(np.asarray(found.dataobj), np.asarray(expected.dataobj))
            np.testing.assert_array_equal(found.affine, expected.affine)
            for field in ("qform_code", "sform_code", "pixdim", "quatern_b"):
                np.testing.assert_array_equal(found.header[field], expected.header[field])
            assert read_mark(found.header) == read_mark(expected.header)
            assert read_mark(found.header)[:2] == ((loaded.card["sha256"],), trained_on_phantom)
            assert found.header["descrip"] == expected.header["descrip"]
        assert read_mark(found.header).is_of_phantom == (name in ("own", "turned"))
        voxels[name] = np.asarray(expected.dataobj)
    # Smoothing counts: what the sidecar says makes another PET, unless the caller says something else.
    assert np.array_equal(voxels["said"], voxels["oblique"]) == bool(words)
    assert (max(volume.max() for volume in voxels.values()) > 1) == (generator == "suvr")


def test_an_image_in_memory_has_no_file_to_ask(exported, cohort, tmp_path):
    loaded, path = pcsa_jax.load_generator(exported), maps(cohort, tmp_path)["said"]
    image = nib.load(path)
    bare = nib.Nifti1Image(np.asarray(image.dataobj), image.affine)
    assert (loaded(bare).get_fdata() != loaded(path).get_fdata()).any()
    np.testing.assert_array_equal(loaded(bare, fwhm_mm=6).get_fdata(), loaded(path).get_fdata())
    np.testing.assert_array_equal(loaded(bare).get_fdata(), loaded(image, fwhm_mm=0).get_fdata())


def test_other_kinds_of_images_come_back_as_nifti(exported, cohort):
    loaded, image = pcsa_jax.load_generator(exported), nib.load(read_cohort(cohort).subjects[0].mri)
    other = nib.MGHImage(np.asarray(image.dataobj), image.affine)
    found = loaded(other)
    assert type(found) is nib.Nifti1Image
    np.testing.assert_array_equal(found.get_fdata(), loaded(image).get_fdata())


def test_an_array_is_taken_as_before(exported, tiny_run, tiny_config):
    from pcsa_jax.data.pairs import load_pairs

    pairs = load_pairs(read_cohort(Path(tiny_config().data.root)).pairs[:2], size=16, normalisation="minmax")
    expected = synthesise(open_run(tiny_run), pairs)
    for source in (exported, tiny_run):
        np.testing.assert_array_equal(pcsa_jax.load_generator(source)(pairs.mri), expected)
    assert type(pcsa_jax.load_generator(exported)(pairs.mri[0])) is np.ndarray


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (np.ones((16, 16, 16)), {"fwhm_mm": 8}, "fwhm_mm: expected a file or an image beside it, found an array."),
        ("gm.nii", {"fwhm_mm": -1}, "fwhm_mm: expected millimetres, 0 or more, found -1."),
        ("gm.nii", {"fwhm_mm": "8"}, "fwhm_mm: expected millimetres, 0 or more, found '8'."),
        (["a.nii", "b.nii"], {}, "mri: expected an array of numbers, a nibabel image or a path, found list."),
        (None, {}, "mri: expected shape"),
    ],
)
def test_what_is_no_map_is_refused(exported, given, options, message):
    with pytest.raises(UserError) as caught:
        pcsa_jax.load_generator(exported)(given, **options)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_it_says_what_it_is(tiny_run, tmp_path):
    path = tmp_path / "generator.safetensors"
    export_generator(open_run(tiny_run), path, cohort="tiny", is_phantom=False)
    loaded, of_run = pcsa_jax.load_generator(path), pcsa_jax.load_generator(tiny_run)
    digest = loaded.card["sha256"][:12]
    step = loaded.card["training"]["step"]
    assert repr(loaded) == (
        f"<LoadedGenerator pcsa, row pcsa, 16^3 voxels of 12 mm, trained on tiny, best checkpoint at step {step}, "
        f"SHA-256 {digest}>"
    )
    name = "pcsa_jax phantom, version 5: simulated grey-matter maps and FDG-PET"
    assert f"trained on {name}, best" in repr(of_run) and digest in repr(of_run)
    assert repr(of_run).endswith("The generator was trained on a PHANTOM, not on people.>")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected a run folder or an exported generator, found nothing"),
        ("folder", "expected a run with a config.json, found none"),
        ("text", "expected an exported generator, found a damaged file"),
    ],
)
def test_what_is_no_generator_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "place"
    if content == "folder":
        path.mkdir()
    elif content:
        path.write_text(content)
    with pytest.raises(UserError, match=message) as caught:
        pcsa_jax.load_generator(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)
