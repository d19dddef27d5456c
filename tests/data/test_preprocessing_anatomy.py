"""From a raw T1 to tissues in MNI152: headers, orientations, priors, and one head all the way."""

import importlib.util
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from benchmarks.simulated_scans import GREY, PET_GREY, Pose, simulate
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.harmonisation import harmonise
from pcsa_jax.data.mni152 import load_brain, load_map
from pcsa_jax.data.preprocessing import anatomy as anatomy_module
from pcsa_jax.data.preprocessing import t1 as t1_module
from pcsa_jax.data.preprocessing.anatomy import prepare_anatomy
from pcsa_jax.data.preprocessing.ants_images import grid_image, to_ants, to_volume
from pcsa_jax.data.preprocessing.brain_mask import brain_mask
from pcsa_jax.data.preprocessing.cerebellum import cerebellum
from pcsa_jax.data.preprocessing.registration import Registration, register, template, warp_to_grid
from pcsa_jax.data.preprocessing.steps import load_extra, scratch
from pcsa_jax.data.preprocessing.t1 import open_t1, read_t1
from pcsa_jax.data.preprocessing.tissues import Tissues, segment, tissue_priors
from pcsa_jax.data.volumes import Volume
from pcsa_jax.errors import UserError
from tests.conftest import ROOT

ANATOMY = ROOT.parent / "shared" / "data" / "anatomies" / "training_seg_02.nii.gz"
EXTRA = [name for name in ("ants", "deepbet") if importlib.util.find_spec(name) is None]
needs_extra = pytest.mark.skipif(bool(EXTRA), reason=f"needs requirements-preprocess.txt, without: {EXTRA}")
needs_anatomy = pytest.mark.skipif(not ANATOMY.is_file(), reason=f"needs ../shared/data/anatomies/{ANATOMY.name}")

OBLIQUE = nib.affines.from_matvec(
    nib.eulerangles.euler2mat(0.1, -0.2, 0.15) @ np.diag([1.1, 0.9, 1.3]), np.array([-11.0, 7.0, 5.0])
)
SHAPE = (11, 13, 17)


@pytest.fixture
def data():
    return np.random.default_rng(0).random(SHAPE, np.float32)


def stored(data, affine, axes="RAS", path=None, qform=True, sform=True):
    """A scanner's NIfTI file with voxels in the given order, or the image."""
    turn = nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(axes))
    image = nib.Nifti1Image(data, affine).as_reoriented(turn)
    affine = image.affine
    image.set_qform(affine if qform else None, code=int(qform))
    image.set_sform(affine if sform else None, code=int(sform))
    nib.save(image, path)
    return path


@pytest.mark.parametrize("axes", ["RAS", "LAS", "LIA", "PSR"])
def test_a_t1_is_turned_to_ras_and_every_voxel_keeps_its_place(data, axes, tmp_path):
    volume = read_t1(stored(data, OBLIQUE, axes, tmp_path / "t1.nii.gz"), subject="sub-01: T1w")
    np.testing.assert_array_equal(volume.data, data)
    np.testing.assert_allclose(volume.affine, OBLIQUE, atol=1e-4)


@pytest.mark.parametrize(("qform", "sform"), [(True, False), (False, True)])
def test_one_of_the_two_forms_is_enough(data, qform, sform, tmp_path):
    path = stored(data, OBLIQUE, "LAS", tmp_path / "t1.nii", qform=qform, sform=sform)
    np.testing.assert_allclose(read_t1(path, subject="t1").affine, OBLIQUE, atol=1e-4)


def test_a_single_volume_in_four_dimensions_is_one_volume(data, tmp_path):
    path = tmp_path / "t1.nii.gz"
    image = nib.Nifti1Image(data[..., None], OBLIQUE)
    image.set_sform(OBLIQUE, code=1)
    nib.save(image, path)
    np.testing.assert_array_equal(read_t1(path, subject="t1").data, data)


def test_contradicting_forms_are_an_error(data, tmp_path):
    path = tmp_path / "t1.nii.gz"
    image = nib.Nifti1Image(data, OBLIQUE)
    image.set_sform(OBLIQUE, code=1)
    flipped = OBLIQUE @ np.diag([-1.0, 1, 1, 1])
    image.set_qform(flipped, code=1)
    nib.save(image, path)
    with pytest.raises(UserError, match="sub-01: expected one orientation, found two: qform .*, sform"):
        read_t1(path, subject="sub-01")


def test_a_tenth_of_a_voxel_is_no_contradiction(data, tmp_path):
    path = tmp_path / "t1.nii.gz"
    image = nib.Nifti1Image(data, OBLIQUE)
    image.set_sform(OBLIQUE, code=1)
    nudged = OBLIQUE.copy()
    nudged[:3, 3] += 0.1
    image.set_qform(nudged, code=1)
    nib.save(image, path)
    assert read_t1(path, subject="t1").data.shape == SHAPE


@pytest.mark.parametrize(
    ("affine", "codes", "message"),
    [
        (OBLIQUE, (0, 0), "expected .*orientation"),
        (OBLIQUE @ np.diag([5, 1, 1, 1]), (0, 1), "expected voxels of at most 3 mm"),
        (OBLIQUE + np.outer([0.3, 0, 0, 0], [0, 1, 0, 0]), (0, 1), "expected voxel axes at right angles"),
    ],
)
def test_headers_that_cannot_be_trusted_are_errors(data, affine, codes, message, tmp_path):
    image = nib.Nifti1Image(data, affine)
    image.set_qform(None, code=codes[0])
    image.set_sform(affine if codes[1] else None, code=codes[1])
    nib.save(image, tmp_path / "t1.nii.gz")
    with pytest.raises(UserError, match=message):
        read_t1(tmp_path / "t1.nii.gz", subject="t1")


def test_an_empty_scan_is_an_error(tmp_path):
    path = stored(np.zeros(SHAPE, np.float32), OBLIQUE, path=tmp_path / "t1.nii.gz")
    with pytest.raises(UserError, match="found one value in every voxel"):
        read_t1(path, subject="t1")


def test_priors_sum_to_one_and_are_the_template_s():
    priors, affine = tissue_priors()
    assert priors.dtype == np.float32
    assert 0 <= priors.min() <= priors.max() <= 1
    np.testing.assert_allclose(priors.sum(axis=0), 1, atol=1e-6)
    grey, expected = load_map("grey_matter")
    np.testing.assert_array_equal(affine, expected)
    order = Tissues(*priors)
    assert np.corrcoef(order.grey_matter.ravel(), grey.ravel())[0, 1] > 0.99
    brain, _ = load_brain()
    assert order.csf[~brain].mean() > 0.9 > 0.3 > order.csf[brain].mean()


def test_the_cerebellum_is_below_and_behind_and_of_its_size():
    inside, affine, _ = cerebellum()
    places = nib.affines.apply_affine(affine, np.argwhere(inside))
    x, y, z = places.mean(axis=0)
    assert abs(x) < 3 and -70 < y < -50 and -40 < z < -25
    assert places[:, 2].max() < 10 and places[:, 1].max() < -20
    litres = inside.sum() * abs(np.linalg.det(affine[:3, :3])) / 1e6
    assert 0.12 < litres < 0.25
    brain, _ = load_brain()
    assert not inside[~brain].any()


def test_a_missing_extra_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ants", None)
    with pytest.raises(UserError) as caught:
        load_extra("ants")
    assert str(caught.value) == ("preprocess: expected ANTsPy, found none. pip install antspyx deepbet")


@needs_extra
@pytest.mark.parametrize("axes", ["RAS", "LAS", "PIL"])
def test_ants_images_keep_every_voxel_s_place(data, axes, tmp_path):
    path = stored(data, OBLIQUE, axes, tmp_path / "t1.nii.gz")
    image = nib.load(path)
    ours = to_ants(Volume(np.asarray(image.dataobj), image.affine))
    back = to_volume(ours)
    np.testing.assert_array_equal(back.data, image.get_fdata(dtype=np.float32))
    np.testing.assert_allclose(back.affine, image.affine, atol=1e-5)
    theirs = load_extra("ants").image_read(str(path))  # what ITK itself makes of the file
    np.testing.assert_allclose(ours.direction, theirs.direction, atol=1e-5)
    np.testing.assert_allclose(ours.origin, theirs.origin, atol=1e-4)
    np.testing.assert_allclose(ours.spacing, theirs.spacing, atol=1e-5)


@needs_extra
def test_scans_of_other_voxel_sizes_are_brought_to_one_millimetre(data, tmp_path):
    fine = OBLIQUE @ np.diag([0.5, 0.5, 0.5, 1])
    image, step = open_t1(stored(data, fine, "LAS", tmp_path / "fine.nii.gz"), subject="t1")
    np.testing.assert_allclose(image.spacing, 1)
    assert step.parameters["resampled_to_mm"] == 1 and step.parameters["axes_found"] == "LAS"
    image, step = open_t1(stored(data, OBLIQUE, "LAS", tmp_path / "usual.nii.gz"), subject="t1")
    np.testing.assert_allclose(image.spacing, [1.1, 0.9, 1.3], atol=1e-4)
    assert step.name == "reorientation to RAS"


@needs_extra
@pytest.mark.parametrize("axes", ["RAS", "LAS", "PIL"])
def test_warping_by_nothing_is_harmonising(axes, tmp_path):
    grey, affine = load_map("grey_matter")
    expected = harmonise(Volume(grey, affine), Grid(32), fwhm_mm=0, subject="t").data
    turned = nib.load(stored(grey, affine, axes, tmp_path / "g.nii"))
    found = warp_to_grid(to_ants(Volume(np.asarray(turned.dataobj), turned.affine)), (), Grid(32))
    assert found.dtype == np.float32 and found.shape == (32, 32, 32)
    # The template's file ends at z = -72 mm, in the brain stem: what smoothing does there is not the claim.
    np.testing.assert_allclose(found[:, :, 5:], expected[:, :, 5:], atol=0.01)
    assert expected[:, :, 5:].max() > 0.7


@needs_extra
def test_a_shift_goes_the_right_way(tmp_path):
    ants = load_extra("ants")
    # a point at (20, -30, 10) mm in the subject that belongs at (5, -18, 6) in MNI152
    data = np.zeros((60, 70, 50), np.float32)
    affine = nib.affines.from_matvec(np.diag([-2.0, 2, 2]), np.array([60.0, -100, -40]))
    data[tuple(np.round(nib.affines.apply_affine(np.linalg.inv(affine), [20, -30, 10])).astype(int))] = 1
    shift = np.array([20, -30, 10]) - np.array([5, -18, 6])
    transform = ants.create_ants_transform(
        transform_type="Euler3DTransform", translation=(-shift[0], -shift[1], shift[2])
    )
    ants.write_transform(transform, str(tmp_path / "shift.mat"))
    found = warp_to_grid(to_ants(Volume(data, affine)), (str(tmp_path / "shift.mat"),), Grid(64))
    weights = found / found.sum()
    places = nib.affines.apply_affine(Grid(64).affine, np.argwhere(found > -1)).reshape(*found.shape, 3)
    np.testing.assert_allclose((weights[..., None] * places).sum(axis=(0, 1, 2)), [5, -18, 6], atol=0.1)


@needs_extra
@pytest.mark.parametrize("low", [(3, 4, 5), (0, 7, 0)])
def test_a_brain_that_was_cut_out_goes_back_to_its_place(low):
    data = np.zeros((31, 37, 29), np.float32)
    box = tuple(slice(start, start + 12) for start in low)
    data[box] = np.random.default_rng(0).random((12, 12, 12)) + 1
    head = to_ants(Volume(data + 5, OBLIQUE))
    image, mask = to_ants(Volume(data, OBLIQUE)), to_ants(Volume((data > 0).astype(np.float32), OBLIQUE))
    cut = anatomy_module._cropped(image, mask)
    assert all(small <= 22 for small in cut.shape)
    back = anatomy_module._uncropped(cut, head)
    np.testing.assert_array_equal(back.numpy(), data)
    np.testing.assert_allclose(to_volume(back).affine, OBLIQUE, atol=1e-5)


@needs_extra
def test_what_is_no_head_has_no_brain():
    noise = np.random.default_rng(0).random((40, 44, 48), np.float32)
    with pytest.raises(UserError, match=r"sub-01: expected a brain of 0.6 to 2.5 litres, found 0\.\d\d"):
        brain_mask(to_ants(Volume(noise, np.diag([2.0, 2, 2, 1]))), subject="sub-01")


@needs_extra
def test_the_same_brain_has_the_same_tissues_to_the_bit(tmp_path):
    """Atropos goes through the voxels in random order."""
    ants = load_extra("ants")
    brain = ants.resample_image(template("t1"), (5.0,) * 3, use_voxels=False, interp_type=0)
    noise = np.random.default_rng(0).normal(0, 0.02 * brain.max(), brain.shape)
    brain = ants.from_numpy((brain.numpy() + noise).astype(np.float32), *(brain.origin, brain.spacing, brain.direction))
    mask, nowhere = ants.get_mask(brain), Registration((), (), ())
    found = [segment(brain, mask, nowhere, folder=tmp_path)[0] for _ in range(2)]
    assert found[0].grey_matter.numpy().max() > 0.9
    for first, second in zip(*found, strict=True):
        np.testing.assert_array_equal(first.numpy(), second.numpy())


@needs_extra
def test_a_folder_that_ants_takes_apart_is_refused():
    with pytest.raises(UserError, match="scratch folder without any of"):
        register(grid_image(Grid(8)), folder=Path("a,b"))


def test_scratch_files_go_where_they_are_sent(tmp_path):
    import tempfile

    before = tempfile.gettempdir()
    with scratch(tmp_path):
        assert tempfile.gettempdir() == str(tmp_path)
    assert tempfile.gettempdir() == before


@needs_anatomy
def test_simulated_poses_show_the_same_head():
    """Grey matter of a turned, oblique, LAS scan lies where the label volume has it."""
    pose = Pose((5, -8, 10), (10, 5, -7), (8, 4, 0), (3.0, 3.5, 4.0), "LAS")
    scan = simulate(ANATOMY, t1_pose=pose, pet_pose=Pose(voxel_mm=(4.0, 4.0, 4.0)))
    assert nib.aff2axcodes(scan.t1.affine) == ("L", "A", "S")
    np.testing.assert_allclose(nib.affines.voxel_sizes(scan.t1.affine), pose.voxel_mm, atol=1e-5)
    labels = nib.load(ANATOMY)
    inside = np.argwhere(np.asarray(scan.labels.dataobj) == 10)  # left thalamus
    truth = nib.affines.apply_affine(labels.affine, np.argwhere(np.asarray(labels.dataobj) == 10)).mean(axis=0)
    found = nib.affines.apply_affine(scan.t1_to_anatomy @ scan.t1.affine, inside).mean(axis=0)
    np.testing.assert_allclose(found, truth, atol=0.6)
    grey = np.isin(np.asarray(labels.dataobj), GREY).sum() / 1e3
    assert abs(np.asarray(scan.grey_matter.dataobj).sum() * 42 / 1e3 / grey - 1) < 0.02
    assert 0.6 * PET_GREY < np.asarray(scan.pet.dataobj).max() < 1.5 * PET_GREY


@pytest.mark.slow
@needs_extra
@needs_anatomy
def test_a_simulated_head_becomes_tissues_in_mni152(tmp_path, monkeypatch):
    monkeypatch.setattr(t1_module, "VOXEL_SIZES_MM", (0.8, 2.5))  # worked on at 2 mm: eight times as fast
    pose = Pose((5, -8, 10), (10, 5, -7), (8, 4, 0), (2.0, 2.0, 2.0), "LAS")
    scan = simulate(ANATOMY, t1_pose=pose, pet_pose=Pose(voxel_mm=(6.0, 6.0, 6.0)))
    nib.save(scan.t1, tmp_path / "sub-01_T1w.nii.gz")
    before = (tmp_path / "sub-01_T1w.nii.gz").read_bytes()
    folder = tmp_path / "scratch"
    folder.mkdir()
    found = prepare_anatomy(tmp_path / "sub-01_T1w.nii.gz", folder=folder, remove_cerebellum=True)
    assert (tmp_path / "sub-01_T1w.nii.gz").read_bytes() == before
    truth, labels, brain = (
        np.asarray(nib.as_closest_canonical(image).dataobj) for image in (scan.grey_matter, scan.labels, scan.brain)
    )
    mask, grey = found.brain_mask.numpy() > 0, found.grey_matter.numpy()
    assert 2 * (mask & (brain > 0)).sum() / (mask.sum() + (brain > 0).sum()) > 0.94
    cerebrum = ~np.isin(labels, (7, 8, 46, 47))
    assert np.corrcoef(grey[cerebrum], truth[cerebrum])[0, 1] > 0.75
    assert grey[np.isin(labels, (8, 47))].mean() < 0.15 < 0.6 < grey[np.isin(labels, (3, 42))].mean()
    assert grey[np.isin(labels, (10, 49))].mean() > 0.6  # the thalamus: 0.3 and less without a step of its own
    mni = warp_to_grid(found.grey_matter, found.to_mni, Grid(64))
    template, affine = load_map("grey_matter")
    expected = harmonise(Volume(template * (1 - cerebellum().data), affine), Grid(64), fwhm_mm=0, subject="t").data
    assert np.corrcoef(mni.ravel(), expected.ravel())[0, 1] > 0.93
    names = [step.name for step in found.steps]
    assert names[0] == "reorientation to RAS" and names[-1] == "cerebellum removal" and len(names) == 7
    assert all(Path(name).is_relative_to(folder) for name in (*found.to_mni, *found.from_mni))
