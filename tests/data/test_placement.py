"""Where a brain lies: sound maps pass on any grid, turned, mirrored and shifted ones are told, left-right is not."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import ndimage

from pcsa_jax.data import placement
from pcsa_jax.data.grid import CENTRE_MM, FIELD_OF_VIEW_MM, Grid
from pcsa_jax.data.mni152 import load_brain, load_map
from pcsa_jax.data.phantom.subject import make_subject
from pcsa_jax.data.phantom.templates import load_templates
from pcsa_jax.data.placement import check_placement, coverage, measure_placement
from tests.conftest import ROOT

ANATOMIES = ROOT.parent / "shared" / "data" / "anatomies"
FDG_TEMPLATE = ROOT.parent / "shared" / "data" / "fdg_template" / "CN_PET_TEMPLATE_syn_to_MNI_2mm.nii.gz"
GREY = [3, 42, 8, 47, 10, 49, 11, 50, 12, 51, 13, 52, 17, 53, 18, 54, 26, 58]


@pytest.fixture(scope="module", params=[(16, "mri"), (32, "mri"), (48, "pet")], ids=str)
def sound(request):
    """A phantom volume: data, affine, modality."""
    size, modality = request.param
    subject = make_subject(1, size=size, seed=0, with_pet=True, templates=load_templates())
    return getattr(subject, modality), Grid(size).affine, modality


def about_the_centre(matrix) -> np.ndarray:
    centre = np.array(CENTRE_MM)
    return nib.affines.from_matvec(matrix, centre - matrix @ centre)


def shifted(*shift_mm) -> np.ndarray:
    return nib.affines.from_matvec(np.eye(3), shift_mm)


def check(volume, move) -> tuple:
    """The findings on a volume whose header moves it in the world."""
    data, affine, modality = volume
    return check_placement(data, move @ affine, modality=modality)


def test_a_sound_volume(sound):
    data, affine, modality = sound
    assert check(sound, np.eye(4)) == ()
    place = measure_placement(data, affine, modality=modality)
    assert place.correlation > 0.9 and place.shift_mm == (0.0, 0.0, 0.0)
    assert place.turned_correlation < place.correlation - 0.08


def test_storage_does_not_matter(sound):
    """The same brain, stored from left to right or back to front and said so, lies where it lay."""
    data, affine, modality = sound
    for axcodes in ("LAS", "RPI", "SRA"):
        image = nib.Nifti1Image(data, affine)
        change = nib.orientations.ornt_transform(
            nib.io_orientation(affine), nib.orientations.axcodes2ornt(tuple(axcodes))
        )
        image = image.as_reoriented(change)
        assert check_placement(np.asarray(image.dataobj), image.affine, modality=modality) == ()


@pytest.mark.parametrize(
    ("flips", "told"),
    [
        ((1, -1, 1), "what it calls anterior is posterior"),
        ((1, 1, -1), "what it calls superior is inferior"),
        ((1, -1, -1), "what it calls anterior is posterior, what it calls superior is inferior"),
        ((-1, -1, 1), "what it calls anterior is posterior"),
    ],
)
def test_mirrored_brains_are_told(sound, flips, told):
    (finding,) = check(sound, about_the_centre(np.diag(np.array(flips, float))))
    assert finding.found.endswith(f": {told}") and not finding.is_note


def test_left_and_right_cannot_be_told(sound):
    assert check(sound, about_the_centre(np.diag([-1.0, 1, 1]))) == ()


@pytest.mark.parametrize("axis", "xyz")
@pytest.mark.parametrize("degrees", [90, -90])
def test_quarter_turns_are_told(sound, axis, degrees):
    turn = nib.eulerangles.euler2mat(**{axis: np.deg2rad(degrees)})
    (finding,) = check(sound, about_the_centre(turn))
    assert "found a better fit turned" in finding.found


def test_swapped_axes_are_named(sound):
    (finding,) = check(sound, about_the_centre(np.eye(3)[[0, 2, 1]]))
    assert finding.found.endswith("what it calls anterior is superior, what it calls superior is anterior")


@pytest.mark.parametrize("axis", range(3))
def test_shifts_of_two_centimetres_are_told(sound, axis):
    for sign in (1, -1):
        shift = [0.0, 0.0, 0.0]
        shift[axis] = sign * 20.0
        (finding,) = check(sound, shifted(*shift))
        words = finding.found.split("shifted by about ")[1].removesuffix(" mm (RAS)").split(", ")
        assert [abs(float(word) - value) <= 6 for word, value in zip(words, shift, strict=True)] == [True] * 3


def test_small_moves_are_forgiven(sound):
    assert check(sound, shifted(4.0, -4.0, 4.0)) == ()
    assert check(sound, about_the_centre(nib.eulerangles.euler2mat(x=0.15))) == ()


def test_what_is_no_brain():
    data = np.random.default_rng(0).random((32, 32, 32), np.float32)
    (finding,) = check_placement(data, Grid(32).affine, modality="mri")
    assert "expected a GM map of a brain in MNI152 space, found a correlation of" in finding.found


@pytest.fixture(scope="module")
def tissues() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Images of the MNI152 brain in [0, 1] by what they show, and their affine."""
    (grey, _), (white, _), (t1, affine) = map(load_map, ("grey_matter", "white_matter", "t1"))
    brain = ndimage.binary_closing(load_brain()[0], iterations=2).astype(np.float32)
    return {
        "grey": grey, "binary grey": (grey > 0.5).astype(np.float32), "white": white, "t1": t1, "mask": brain,
        "csf": np.clip(brain - grey - white, 0, 1), "grey and white": np.clip(grey + white, 0, 1),
        "pet": (grey + 0.4 * white) / 1.4,
    }, affine  # fmt: skip


@pytest.mark.parametrize("fwhm_mm", [0, 8])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("grey", None),
        ("binary grey", None),
        ("white", "found one that fits white matter better (correlation "),
        ("csf", "found one that fits cerebrospinal fluid better (correlation "),
        ("t1", "found one that fits a whole brain (a T1w scan, a mask) better (correlation "),
        ("mask", "found one that fits a whole brain (a T1w scan, a mask) better (correlation "),
        ("grey and white", "found one that fits a whole brain (a T1w scan, a mask) better (correlation "),
        ("pet", "of grey matter's value in white matter, as in a PET (at most 0.3)"),
    ],
)
def test_another_image_than_grey_matter_is_named(tissues, fwhm_mm, name, told):
    images, affine = tissues
    smooth = ndimage.gaussian_filter(images[name], fwhm_mm / 2.355) if fwhm_mm else images[name]
    for grid in map(Grid, (16, 32, 64)):
        to_grid = np.linalg.inv(affine) @ grid.affine
        data = ndimage.affine_transform(smooth, to_grid[:3, :3], to_grid[:3, 3], output_shape=grid.shape, order=1)
        found = [finding.found for finding in check_placement(data, grid.affine, modality="mri")]
        assert len(found) == (told is not None), grid
        assert all(text.startswith("expected a grey-matter map, ") and told in text for text in found), grid


def test_a_pet_is_no_grey_matter_map_and_may_be_a_pet():
    subject = make_subject(2, size=32, seed=0, with_pet=True, templates=load_templates())
    pet, affine = subject.pet / subject.pet.max(), Grid(32).affine
    (finding,) = check_placement(pet, affine, modality="mri")
    assert "of grey matter's value in white matter, as in a PET" in finding.found and "label-GM" in finding.remedy
    assert check_placement(pet, affine, modality="pet") == ()


def test_the_part_of_the_brain_in_view():
    grid = Grid(32)
    assert coverage(grid.shape, grid.affine) == 1
    assert coverage((16, 32, 32), grid.affine) == pytest.approx(0.5, abs=0.02)
    assert coverage(grid.shape, shifted(FIELD_OF_VIEW_MM, 0, 0) @ grid.affine) == 0
    (finding,) = check_placement(np.ones((16, 32, 32), np.float32), grid.affine, modality="mri")
    assert finding.found.startswith("expected a volume in MNI152 space, found a field of view that holds ")
    assert finding.found.endswith("% of the MNI152 brain")


def test_a_real_fdg_template():
    if not FDG_TEMPLATE.is_file():
        pytest.skip(f"needs {FDG_TEMPLATE.name} in ../shared/data/fdg_template")
    image = nib.load(FDG_TEMPLATE)
    volume = np.asarray(image.dataobj, np.float32), image.affine, "pet"
    assert check(volume, np.eye(4)) == ()
    for flips in ((1, -1, 1), (1, 1, -1)):
        (finding,) = check(volume, about_the_centre(np.diag(np.array(flips, float))))
        assert "found a better fit turned" in finding.found


@pytest.mark.slow
@pytest.mark.parametrize("number", ["02", "06", "10", "13", "17", "19"])
def test_real_anatomies_roughly_in_place(number):
    """Grey-matter labels of real heads, only scaled and centred: as badly registered as a cohort may be."""
    path = ANATOMIES / f"training_seg_{number}.nii.gz"
    if not path.is_file():
        pytest.skip(f"needs {path.name} in ../shared/data/anatomies")
    image = nib.as_closest_canonical(nib.load(path))
    labels = np.asarray(image.dataobj)
    t1, mni_affine = load_map("t1")
    brain, own = (
        nib.affines.apply_affine(affine, np.argwhere(inside)[::97])
        for affine, inside in ((mni_affine, t1 > 0.2), (image.affine, (labels > 0) & (labels < 100)))
    )
    scale = brain.std(axis=0) / own.std(axis=0)
    to_mni = nib.affines.from_matvec(np.diag(scale), brain.mean(axis=0) - scale * own.mean(axis=0))
    grey = np.isin(labels, GREY).astype(np.float32)
    for data in (grey, ndimage.gaussian_filter(grey, 8 / 2.355)):
        volume = data, to_mni @ image.affine, "mri"
        assert check(volume, np.eye(4)) == ()
        for flips in ((1, -1, 1), (1, 1, -1), (1, -1, -1)):
            (finding,) = check(volume, about_the_centre(np.diag(np.array(flips, float))))
            assert "found a better fit turned" in finding.found


@given(
    shape=st.tuples(*[st.integers(2, 40)] * 3),
    axes=st.permutations(range(3)),
    steps_mm=st.tuples(*[st.floats(1.5, 13).flatmap(lambda step: st.sampled_from((step, -step)))] * 3),
    offset_mm=st.tuples(*[st.floats(-20, 20)] * 3),
)
def test_aligned_volumes_are_sampled_as_all_others_are(shape, axes, steps_mm, offset_mm):
    """The products give what interpolation gives, in any order and direction of the axes, cut off or too small."""
    matrix = np.zeros((3, 3))
    matrix[axes, range(3)] = steps_mm
    centre = np.array(CENTRE_MM) + offset_mm - matrix @ (np.array(shape) - 1) / 2
    affine = nib.affines.from_matvec(matrix, centre)
    positions = (np.linalg.inv(affine) @ placement.SAMPLED.affine)[:3]
    steps, starts = np.abs(positions[:, :3]).max(axis=1), positions[:, 3]
    # A sample on the very edge is in or out as the last bit is rounded.
    for step, start, size in zip(steps, starts, shape, strict=True):
        for edge in (0, size - 1):
            to_edge = np.abs(start + np.array([-step, step])[:, None] * np.arange(placement.SAMPLED.size) - edge)
            assume(to_edge.min() > 1e-6)
    data = np.random.default_rng(0).random(shape, np.float32)
    expected = placement._blocks(placement._sample(data, affine))
    np.testing.assert_allclose(placement._sampled_blocks(data, affine), expected, atol=1e-5)
