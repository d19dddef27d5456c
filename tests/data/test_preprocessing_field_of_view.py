"""How much of the brain a scan holds; the transforms are stand-ins that move points as ITK's do."""

import types

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.mni152 import brain_points
from pcsa_jax.data.preprocessing import field_of_view
from pcsa_jax.data.preprocessing.ants_images import LPS, to_ants
from pcsa_jax.data.preprocessing.field_of_view import brain_coverage, point_matrix
from pcsa_jax.data.volumes import Volume

AFFINE = np.array([[-3.0, 0, 0, 90], [0, 4, 0, -130], [0, 0, 5, -90], [0, 0, 0, 1]])
SHAPE = (61, 60, 40)
"""LAS; holds the whole MNI152 brain with room around it."""


def affine_of(angle, shift):
    matrix = np.eye(4)
    matrix[:3, :3] = 1.1 * Rotation.from_euler("xyz", angle, degrees=True).as_matrix()
    matrix[:3, 3] = shift
    return matrix


MOVES = {
    "to_mni_0GenericAffine.mat": affine_of((20, -5, 8), (10, -20, 30)),
    "rigid.mat": affine_of((3, 0, 9), (0, 9, -4)),
}
"""Points of MNI152 to the T1, of the T1 to the PET; RAS+."""


@pytest.fixture
def fake_ants(monkeypatch):
    def read_transform(name):
        matrix = LPS @ MOVES[name] @ LPS
        return types.SimpleNamespace(apply_to_point=lambda point: tuple(nib.affines.apply_affine(matrix, point)))

    monkeypatch.setattr(field_of_view, "load_extra", lambda name: types.SimpleNamespace(read_transform=read_transform))


def scan(move, cut_mm=0.0):
    """A scan whose world is MNI152 moved by ``move``; and where its slice ``cut_mm`` below the brain's top is."""
    data = np.random.default_rng(0).uniform(1, 2, SHAPE).astype(np.float32)
    top = (brain_points()[:, 2].max() - cut_mm + 90) / 5
    return data, move @ AFFINE, round(top)


def test_a_transform_s_points_give_its_matrix(fake_ants):
    np.testing.assert_allclose(point_matrix("rigid.mat"), MOVES["rigid.mat"], atol=1e-12)


@pytest.mark.parametrize("chain", [[], ["to_mni_0GenericAffine.mat"], ["to_mni_0GenericAffine.mat", "rigid.mat"]])
def test_what_is_cut_is_missed_whatever_the_way(fake_ants, chain):
    move = np.eye(4)
    for name in chain:
        move = MOVES[name] @ move
    data, affine, top = scan(move, cut_mm=20)
    way = ["to_mni_1Warp.nii.gz", *chain] if chain else []
    assert brain_coverage(Volume(data, affine), way) == 1
    part = float((brain_points()[:, 2] <= 5 * (top - 0.5) - 90).mean())
    assert 0.9 < part < 0.96
    assert brain_coverage(Volume(data[:, :, :top], affine), way) == pytest.approx(part, abs=1e-4)
    data[:, :, top:] = 0  # padded to its former size
    assert brain_coverage(Volume(data, affine), way) == pytest.approx(part, abs=1e-4)


def test_the_lower_edge_counts_too_and_nothing_measured_is_no_error():
    data, affine, _ = scan(np.eye(4))
    data[:, :, :10] = 0
    assert brain_coverage(Volume(data, affine), []) == pytest.approx(
        float((brain_points()[:, 2] >= 5 * 9.5 - 90).mean()), abs=1e-4
    )
    assert brain_coverage(Volume(np.zeros(SHAPE, np.float32), affine), []) == 1


def test_itk_s_own_transforms_are_read_the_right_way_round(tmp_path):
    """Against ANTs itself: a part of the brain is missed exactly where the warped scan has nothing."""
    ants = pytest.importorskip("ants", reason="ANTsPy is not installed (requirements-preprocess.txt)")
    from pcsa_jax.data.preprocessing.registration import warp_to_grid
    from pcsa_jax.data.regions import brain_mask

    move = affine_of((12, -4, 8), (10, -20, 30))
    moves_points = LPS @ move @ LPS
    transform = ants.create_ants_transform(
        transform_type="AffineTransform", dimension=3, matrix=moves_points[:3, :3], translation=moves_points[:3, 3]
    )
    path = str(tmp_path / "0GenericAffine.mat")
    ants.write_transform(transform, path)
    np.testing.assert_allclose(point_matrix(path), move, atol=1e-5)
    data, affine, top = scan(move, cut_mm=20)
    cut = Volume(np.ones_like(data[:, :, :top]), affine)
    grid = Grid(64)
    warped = warp_to_grid(to_ants(cut), (path,), grid, fwhm_mm=0)
    part = brain_coverage(Volume(data[:, :, :top], affine), [path])
    assert 0.9 < part < 0.96
    assert float(warped[brain_mask(grid)].mean()) == pytest.approx(part, abs=0.01)
