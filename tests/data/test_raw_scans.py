"""A raw scan goes to MNI152 and its PET comes back to the scan's own grid; ANTs and segmentation are stand-ins."""

import re
import types
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.processing import resample_from_to

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.own_grid import OwnGrid
from pcsa_jax.data.raw_scans import ScanGrid, check_scan, prepare_scan
from pcsa_jax.data.synthesis_inputs import find_inputs
from pcsa_jax.errors import UserError

anatomy = pytest.importorskip("pcsa_jax.data.preprocessing.anatomy", reason="without pcsa_jax.data.preprocessing")
from pcsa_jax.data.preprocessing import ants_images, quality, registration, steps  # noqa: E402

GRID = Grid(32)
NUMBERS = {"gm_correlation": 0.9, "brain_ml": 1400.0}


def scan(folder):
    """A "scan" whose voxels are a smooth map in MNI152 coordinates: LAS, anisotropic."""
    affine = np.diag([-3.0, 2.8, 2.5, 1.0])
    affine[:3, 3] = 90, -110, -80
    points = nib.affines.apply_affine(affine, np.moveaxis(np.indices((61, 66, 70)), 0, -1))
    data = np.exp(-(((points - [12, -30, 16]) / 30) ** 2).sum(axis=-1)).astype(np.float32)
    path = folder / "sub-9_ses-1_T1w.nii.gz"
    image = nib.Nifti1Image(data, affine)
    image.set_qform(affine, code=1)
    image.to_filename(path)
    return path, data


@pytest.fixture
def good_numbers(monkeypatch):
    """What was measured, of which sound numbers come."""
    given = {}

    def measure(grey_matter, pet, grid, **numbers):
        given.update(numbers, pet=pet, grid=grid, largest=grey_matter.max())
        return NUMBERS

    monkeypatch.setattr(quality, "measure", measure)
    return given


@pytest.fixture
def fake_ants(monkeypatch):
    """Identity transforms: an "ANTs image" is a Nifti1Image, the scan is its own grey matter, a tenth its brain."""

    def prepare_anatomy(t1, *, folder, remove_cerebellum=False):
        (folder / "way").write_text("identity")
        taken = steps.Step("segmentation", "fake 1.0", {})
        image = nib.load(t1)
        mask = np.arange(np.prod(image.shape)).reshape(image.shape) % 10 == 0
        brain = types.SimpleNamespace(numpy=lambda: mask, spacing=nib.affines.voxel_sizes(image.affine))
        return anatomy.Anatomy(image, brain, image, None, None, ("to",), (str(folder / "way"),), (True,), (taken,))

    def warp_to_grid(image, transforms, grid, *, fwhm_mm=8.0):
        assert (transforms, fwhm_mm) == (("to",), 8.0)
        return np.asarray(resample_from_to(image, (grid.shape, grid.affine), order=3).dataobj, np.float32)

    def apply_transforms(fixed, moving, transformlist, whichtoinvert, interpolator):
        assert [Path(name).read_text() for name in transformlist] == ["identity"], "the scratch folder is gone"
        assert (whichtoinvert, interpolator) == ([True], "bSpline")
        brought = resample_from_to(moving, (fixed.shape, fixed.affine), order=3)
        return types.SimpleNamespace(numpy=lambda: np.asarray(brought.dataobj))

    monkeypatch.setattr(anatomy, "prepare_anatomy", prepare_anatomy)
    monkeypatch.setattr(registration, "warp_to_grid", warp_to_grid)
    monkeypatch.setattr(ants_images, "to_ants", lambda volume: nib.Nifti1Image(volume.data, volume.affine))
    monkeypatch.setattr(steps, "load_extra", lambda name: types.SimpleNamespace(apply_transforms=apply_transforms))


def test_there_and_back_on_the_scan_s_grid(fake_ants, good_numbers, tmp_path):
    path, data = scan(tmp_path)
    (each,) = find_inputs([path], fwhm_mm=None)
    check_scan(each)
    prepared = prepare_scan(each, GRID, "minmax", folder=tmp_path)
    assert prepared.mri.shape == GRID.shape and (prepared.mri.min(), prepared.mri.max()) == (0, 1)
    assert prepared.quality == NUMBERS
    millilitres = data.size / 10 * 3.0 * 2.8 * 2.5 / 1000
    assert good_numbers.pop("brain_ml") == pytest.approx(millilitres, rel=1e-3)
    assert good_numbers.pop("largest") == pytest.approx(data.max(), abs=0.05)
    assert good_numbers == {"t1_coverage": 1.0, "pet": None, "grid": GRID}
    assert prepared.steps[0] == "segmentation (fake 1.0)"
    assert prepared.steps[-2:] == ("smoothed with 8 mm FWHM", "sampled at 32^3")
    own = prepared.own_grid
    brought = own.bring(prepared.mri, GRID)
    assert brought.shape == data.shape
    np.testing.assert_allclose(brought[2:-2, 2:-2, 2:-2], data[2:-2, 2:-2, 2:-2], atol=0.03)
    np.testing.assert_array_equal(own.encode(brought).affine, nib.load(path).affine)
    assert own.describe() == OwnGrid.of(path).describe()
    assert "through the inverse of the registration" in own.describe_way(GRID)


def test_a_scan_on_the_model_s_own_grid_is_still_carried(tmp_path):
    path = tmp_path / "x_T1w.nii"
    nib.Nifti1Image(np.zeros(GRID.shape, np.float32), GRID.affine).to_filename(path)
    own = OwnGrid.of(path)
    assert own.describe_way(GRID).startswith("none")
    assert ScanGrid(own.shape, own.affine, own.header, ("x",), (False,)).describe_way(GRID).startswith("cubic")


@pytest.mark.parametrize("size", [16, 32, 48, 64])
def test_the_real_way_back_ends_at_the_edges_of_the_voxels_too(tmp_path, size):
    ants = pytest.importorskip("ants", reason="ANTsPy is not installed (requirements-preprocess.txt)")
    grid, way = Grid(size), str(tmp_path / "identity.mat")
    identity = ants.create_ants_transform(transform_type="AffineTransform", dimension=3, matrix=np.eye(3))
    ants.write_transform(identity, way)
    affine = np.eye(4)
    affine[:3, 3] = 0, -130, 0
    ours = OwnGrid((3, 260, 3), affine, nib.Nifti1Header())
    scan = ScanGrid(ours.shape, affine, ours.header, (way,), (False,))
    volume = 1 + np.indices(grid.shape)[1].astype(np.float32) / size
    brought, expected = scan.bring(volume, grid), ours.bring(volume, grid)
    differ = np.nonzero((brought == 0) != (expected == 0))[1]
    assert set(affine[1, 3] + differ) <= {-114, 78}  # on the border itself
    inside = (brought != 0) & (expected != 0)
    np.testing.assert_allclose(brought[inside], expected[inside], atol=0.5 / size)


def test_a_scan_that_came_out_wrong_is_refused(fake_ants, tmp_path):
    (each,) = find_inputs([scan(tmp_path)[0]], fwhm_mm=None)
    with pytest.raises(UserError) as caught:
        prepare_scan(each, GRID, "minmax", folder=tmp_path)
    assert re.fullmatch(
        r"sub-9 ses-1: sub-9_ses-1_T1w.nii.gz: expected a way to MNI152 within its limits, found gm_correlation "
        r"-?0\.\d+ \(below 0.7\); brain_ml 59\d\.\d+ \(below 950\)\. Look at the scan: its orientation, its field of "
        r"view, its skull\.",
        str(caught.value),
    )


def test_itk_s_errors_become_one_line(fake_ants, tmp_path, monkeypatch):
    def fails(*arguments, **options):
        raise RuntimeError("Exception thrown in ITK:\n  too few\n  samples")

    monkeypatch.setattr(anatomy, "prepare_anatomy", fails)
    (each,) = find_inputs([scan(tmp_path)[0]], fwhm_mm=None)
    with pytest.raises(UserError, match="^sub-9 ses-1: sub-9_ses-1_T1w.nii.gz: .* found that .* ITK: too few samples"):
        prepare_scan(each, GRID, "minmax", folder=tmp_path)


def test_a_constant_scan_is_refused_before_the_work(fake_ants, tmp_path):
    path = tmp_path / "flat_T1w.nii"
    image = nib.Nifti1Image(np.ones((20, 22, 24), np.float32), np.eye(4))
    image.set_qform(np.eye(4), code=1)
    image.to_filename(path)
    with pytest.raises(UserError, match="sub-flatT1w: flat_T1w.nii: expected a head, found one value"):
        check_scan(find_inputs([path], fwhm_mm=None)[0])


def test_without_the_extra_one_line_says_what_to_install(tmp_path, monkeypatch):
    def missing(name):
        raise UserError("preprocess: expected ANTsPy, found none. pip install -r requirements-preprocess.txt")

    monkeypatch.setattr(steps, "load_extra", missing)
    with pytest.raises(UserError, match="expected ANTsPy, found none. pip install -r requirements-preprocess.txt"):
        check_scan(find_inputs([scan(tmp_path)[0]], fwhm_mm=None)[0])
