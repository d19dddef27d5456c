"""A synthetic PET says so wherever its file goes, and is taken for a measured PET or a map by no reader."""

import shutil

import nibabel as nib
import numpy as np
import pytest
from nibabel.processing import resample_to_output

from pcsa_jax.data import layout
from pcsa_jax.data.cohort import read_cohort, survey
from pcsa_jax.data.derivatives import name_outputs, write_outputs
from pcsa_jax.data.files import write_json
from pcsa_jax.data.given_map import prepare_given
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.inspection import inspect_cohort
from pcsa_jax.data.pairs import load_pairs
from pcsa_jax.data.synthesis_inputs import find_inputs, prepare
from pcsa_jax.data.synthetic_mark import (
    DESCRIP_BYTES,
    DESCRIPTION,
    INTENT,
    SyntheticMark,
    judge_image,
    judge_origin,
    mark_image,
    read_mark,
)
from pcsa_jax.data.volumes import examine_volume
from pcsa_jax.errors import UserError
from tests.conftest import SIZE
from tests.data.cohort_layouts import write_bids, write_caps, write_manifest

MARK = SyntheticMark(("ab" * 32,), trained_on_phantom=True, is_of_phantom=True)
FOUND = "expected a volume made from a scan, found synthetic FDG-PET, not measured, by its {}"
KINDS = [nib.Nifti1Image, nib.Nifti2Image]


def image_of(kind=nib.Nifti1Image):
    return kind(np.random.default_rng(0).random((4, 5, 6), np.float32), np.diag([2, 2, 2, 1.0]))


def told_of(path):
    return [finding.found for finding in examine_volume(path).findings if not finding.is_note]


def make_synthetic(path):
    """Marks a volume of a cohort as synthetic, under the name and the sidecar that it has."""
    image = nib.load(path)
    image = mark_image(nib.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header), MARK)
    path.unlink()
    image.to_filename(path)
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_it_is_found_in_every_format_and_survives_nibabel(tmp_path, kind, name):
    path = tmp_path / name
    nib.save(mark_image(image_of(kind), MARK), path)
    for step in range(3):
        loaded = nib.load(path)
        assert read_mark(loaded.header) == MARK
        assert told_of(path) == [FOUND.format("header")]
        if step == 0:  # other voxels, another type, the same header
            loaded = kind(2 * loaded.get_fdata(), loaded.affine, loaded.header)
            loaded.set_data_dtype(np.int16)
        if step == 1:
            loaded = resample_to_output(loaded, 3)
        path = tmp_path / f"{step}{name}"
        nib.save(loaded, path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", ["descrip", "intent_name", "extension"])
def test_one_of_the_three_places_is_enough(tmp_path, kind, kept):
    image = mark_image(image_of(kind), MARK)
    for name in {"descrip", "intent_name"} - {kept}:
        image.header[name] = b"FSL"
    if kept != "extension":
        image.header.extensions.clear()
    nib.save(image, tmp_path / "x.nii.gz")
    assert told_of(tmp_path / "x.nii.gz") == [FOUND.format("header")]
    assert judge_image(image).found == FOUND.format("header")


def test_other_bytes_are_no_mark(tmp_path):
    image = image_of()
    image.header["descrip"], image.header["intent_name"] = b"not " + DESCRIPTION.encode(), b"a " + INTENT.encode()
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b'{"Synthetic": true}'))
    nib.save(image, tmp_path / "x.nii.gz")
    assert told_of(tmp_path / "x.nii.gz") == [] and read_mark(image.header) is None
    for raw in (b"", b"\0", b"\x5c\1\0\0"):
        assert judge_origin(raw) is None


def test_a_damaged_extension_is_no_mark_to_read_and_still_tells():
    image = mark_image(image_of(), MARK)
    image.header.extensions[:] = [nib.nifti1.Nifti1Extension("comment", MARK.comment[:-9])]
    assert read_mark(image.header) is None
    assert judge_image(image)


def test_a_second_mark_takes_the_place_of_the_first():
    image = mark_image(mark_image(image_of(), MARK), MARK._replace(content="syntheticStd"))
    assert [each.get_code() for each in image.header.extensions] == [6]
    assert read_mark(image.header).content == "syntheticStd"


@pytest.mark.parametrize(
    ("is_of_phantom", "trained", "end"),
    [(True, True, "; of and trained on a PHANTOM"), (False, True, "; trained on a PHANTOM"),
     (True, None, "; of a PHANTOM's MRI"), (False, None, "; pcsa_jax")],
)  # fmt: skip
def test_the_description_fits_and_says_phantom(is_of_phantom, trained, end):
    mark = SyntheticMark((), trained, is_of_phantom, "syntheticLongerThanThat")
    assert mark.descrip.startswith("SYNTHETIC FDG-PET LongerTh, not measured; pcsa_jax") and mark.descrip.endswith(end)
    assert len(mark.descrip) <= DESCRIP_BYTES and mark.descrip.isascii()


@pytest.mark.parametrize(
    ("trained", "expected"), [((False, True), True), ((None, True), True), ((False, None), None), ((False,), False)]
)
def test_of_several_generators_one_of_a_phantom_s_is_enough(trained, expected):
    generators = [{"SHA256": str(i), "TrainedOnPhantom": each} for i, each in enumerate(trained)]
    mark = SyntheticMark.of_sidecar({"Generators": generators, "Phantom": False})
    assert mark.trained_on_phantom is expected
    assert mark.generators == tuple(str(i) for i in range(len(trained)))


def test_whatever_is_written_for_an_input_has_it(tmp_path):
    outputs = name_outputs(tmp_path, "sub-1", "", {}, extras=["Std"])
    card = {"Description": "", "Phantom": True, "Generators": [{"SHA256": "ab", "TrainedOnPhantom": None}]}
    write_outputs(outputs, (image_of() for _ in range(2)), card)
    for path, content in zip(outputs.volumes, ("synthetic", "syntheticStd"), strict=True):
        renamed = path.rename(tmp_path / "measured.nii.gz")
        assert read_mark(nib.load(renamed).header) == SyntheticMark(("ab",), None, True, content)
        assert told_of(renamed) == [FOUND.format("header")]


@pytest.mark.parametrize("modality", ["mri", "pet"])
def test_no_reader_of_a_cohort_takes_it(copy_of_cohort, modality):
    subject = read_cohort(copy_of_cohort).pairs[0]
    path = make_synthetic(getattr(subject, modality))
    found = inspect_cohort(survey(copy_of_cohort))
    assert [(problem.file, problem.found) for problem in found.problems] == [(path, FOUND.format("header"))]
    with pytest.raises(UserError) as error:
        load_pairs([subject], size=SIZE, normalisation="minmax")
    assert str(error.value) == (
        f"{subject.name}: {modality.upper()}: {FOUND.format('header')}: {path}. Put the scan's own volume in its "
        "place: nothing is learnt from, or scored against, a guess."
    )


@pytest.mark.parametrize("write", [write_bids, write_caps, write_manifest])
def test_of_every_layout_its_sidecar_tells_before_anything_is_opened(tmp_path, write):
    place = write(tmp_path)
    pet = read_cohort(place).pairs[0].pet
    write_json(layout.sidecar(pet), {"Synthetic": True, "SmoothingFWHM": 8, "TracerName": "FDG"})
    with pytest.raises(UserError, match=f"{pet.name}: {FOUND.format('sidecar')}"):
        read_cohort(place)


def test_a_problem_that_the_sidecar_tells_is_told_once(copy_of_cohort, overwrite):
    pet = make_synthetic(read_cohort(copy_of_cohort).pairs[0].pet)
    overwrite(layout.sidecar(pet), '{"Synthetic": true, "TracerName": "FDG"}')
    found = inspect_cohort(survey(copy_of_cohort))
    assert [(problem.file, problem.found) for problem in found.problems] == [(pet, FOUND.format("sidecar"))]


def test_no_generator_takes_it_for_a_map(copy_of_cohort, tmp_path):
    path = make_synthetic(read_cohort(copy_of_cohort).subjects[0].mri)
    loose = shutil.copy(path, tmp_path / "map.nii.gz")
    for given in (loose, nib.load(loose)):
        with pytest.raises(UserError, match=FOUND.format("header")):
            prepare_given(given, Grid(SIZE), "minmax")
    bad = [each for each in find_inputs([copy_of_cohort], fwhm_mm=None) if each.path == path]
    with pytest.raises(UserError, match=FOUND.format("header")):
        prepare(bad[0], Grid(SIZE), "minmax")


def test_an_image_is_asked_by_the_sidecar_of_its_file_too(tmp_path):
    path = tmp_path / "x.nii"
    nib.save(image_of(), path)
    assert judge_image(nib.load(path)) is None
    write_json(layout.sidecar(path), {"Synthetic": True})
    assert judge_image(nib.load(path)).found == FOUND.format("sidecar")
    assert judge_image(nib.MGHImage(np.ones((4, 5, 6), np.float32), np.eye(4))) is None


def test_raw_scans_are_asked_as_well(tmp_path):
    from pcsa_jax.data.preprocessing.pet_frames import read_frames
    from pcsa_jax.data.preprocessing.t1 import read_t1

    path = tmp_path / "sub-1_pet.nii.gz"
    image = image_of()
    image.set_qform(image.affine, code=1)
    nib.save(mark_image(image, MARK), path)
    with pytest.raises(UserError, match=f"sub-1: T1w: {FOUND.format('header')}"):
        read_t1(path, subject="sub-1: T1w")
    with pytest.raises(UserError, match=f"sub-1: PET: {FOUND.format('header')}"):
        read_frames(path, {}, window_min=None, subject="sub-1: PET")
