"""The real command on scans painted from real anatomies, against the truth. Needs ANTs, deepbet and ``../shared``."""

import importlib.util
import json
import subprocess
import sysconfig
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.commands import run_command
from pcsa_jax.data import layout
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.grid import SPACE, Grid
from pcsa_jax.data.regions import brain_mask
from tests.conftest import ROOT

ANATOMIES = ROOT.parent / "shared/data/anatomies"
VALIDATOR = Path(sysconfig.get_path("scripts")) / "bids-validator-deno"
GRID = Grid(64)
EXTRA = ("ants", "deepbet")
FLIP = np.array([-1.0, -1.0, 1.0])
"""RAS coordinates to ITK's LPS ones, and back."""


def visit_stem(out, participant_id, session_id):
    return layout.subject_folder(out, participant_id, session_id), layout.subject_stem(participant_id, session_id)


def true_pet(out, participant_id, session_id, pet_on_t1):
    """The PET as it lies on the T1, carried to MNI152 by the transform that the command has kept."""
    from pcsa_jax.data.preprocessing.ants_images import to_ants
    from pcsa_jax.data.preprocessing.registration import warp_to_grid
    from pcsa_jax.data.volumes import Volume

    folder, stem = visit_stem(out, participant_id, session_id)
    transform = folder / "anat" / f"{stem}_from-T1w_to-{SPACE}_mode-image_xfm.nii.gz"
    data = np.asarray(pet_on_t1.dataobj, np.float32)
    return warp_to_grid(to_ants(Volume(data, pet_on_t1.affine)), (str(transform),), GRID)


def agreement(found, truth):
    """Correlation in the brain, and the distance between the centres of mass of what is bright there (mm)."""
    brain = brain_mask(GRID)
    places = nib.affines.apply_affine(GRID.affine, np.argwhere(brain))
    centres = [np.average(places, axis=0, weights=np.clip(volume[brain], 0, None)) for volume in (found, truth)]
    return np.corrcoef(found[brain], truth[brain])[0, 1], float(np.linalg.norm(centres[0] - centres[1]))


def misplaced_mm(out, participant_id, session_id, scan):
    """Mean and largest distance between where voxels of the brain lie in the PET and where the command says."""
    import ants

    folder, stem = visit_stem(out, participant_id, session_id)
    itk = ants.read_transform(str(folder / "pet" / f"{stem}_from-pet_to-T1w_mode-image_xfm.mat"))
    voxels = np.argwhere(np.asarray(scan.brain.dataobj) > 0)[::997]
    points = nib.affines.apply_affine(scan.brain.affine, voxels)
    truth = nib.affines.apply_affine(np.linalg.inv(scan.pet_to_anatomy) @ scan.t1_to_anatomy, points)
    said = np.array([itk.apply_to_point(tuple(point * FLIP)) for point in points]) * FLIP
    apart = np.linalg.norm(said - truth, axis=1)
    return float(apart.mean()), float(apart.max())


def there_and_back_mm(out, participant_id, session_id, scan):
    """Mean distance (mm) between points of the brain and where the kept transforms, one after the other, take them."""
    import ants
    import pandas as pd

    folder, stem = visit_stem(out, participant_id, session_id)
    ways = [
        str(folder / "anat" / f"{stem}_from-{there}_to-{back}_mode-image_xfm.nii.gz")
        for there, back in (("T1w", SPACE), (SPACE, "T1w"))
    ]
    points = nib.affines.apply_affine(GRID.affine, np.argwhere(brain_mask(GRID))[::499]) * FLIP
    table = pd.DataFrame(points, columns=list("xyz"))
    for way in ways:  # points go against the volumes: the first takes them from MNI152 to the T1
        table = ants.apply_transforms_to_points(3, table, [way])
    return float(np.linalg.norm(table[list("xyz")].to_numpy() - points, axis=1).mean())


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in EXTRA), reason="requirements-preprocess.txt not installed"
)
@pytest.mark.skipif(not ANATOMIES.exists(), reason="no ../shared/data: the anatomies are not here")
def test_simulated_scans_come_out_as_the_truth(tmp_path):
    from tests.preprocessing.simulated_raw import write_simulated_raw

    raw, out = tmp_path / "raw", tmp_path / "out"
    truth = write_simulated_raw(raw, ANATOMIES)
    assert run_command("preprocess", [str(raw), str(out), "--jobs=2"], prog="p") == 0
    assert [subject.name for subject in read_cohort(out).pairs] == ["sub-01", "sub-02 ses-M00"]
    for (participant_id, session_id), scan in zip((("sub-01", ""), ("sub-02", "ses-M00")), truth, strict=True):
        found = nib.load(layout.pet_path(out, participant_id, session_id)).get_fdata(dtype=np.float32)
        correlation, apart = agreement(found, true_pet(out, participant_id, session_id, scan.pet_on_t1))
        assert correlation > 0.98
        assert apart < 1.0
        assert there_and_back_mm(out, participant_id, session_id, scan) < 1.0
        record = json.loads(layout.sidecar(layout.mri_path(out, participant_id, session_id)).read_text())
        assert record["Quality"]["gm_correlation"] > 0.75
        assert min(record["Quality"][key] for key in ("t1_coverage", "pet_coverage")) > 0.995
        mask = nib.load(layout.subject_folder(out, participant_id, session_id) / "anat" / (
            f"{layout.subject_stem(participant_id, session_id)}_desc-brain_mask.nii.gz"
        ))  # fmt: skip
        assert mask.shape == scan.brain.shape
        assert np.allclose(mask.affine, scan.brain.affine, atol=1e-3)
        both = [np.asarray(volume.dataobj) > 0 for volume in (mask, scan.brain)]
        assert 2 * (both[0] & both[1]).sum() / (both[0].sum() + both[1].sum()) > 0.93
    assert misplaced_mm(out, "sub-01", "", truth.static)[1] < 2.0
    if VALIDATOR.exists():
        assert subprocess.run([VALIDATOR, out], capture_output=True, timeout=120).returncode == 0
