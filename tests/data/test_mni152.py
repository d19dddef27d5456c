"""The MNI152 maps are those that nilearn itself gives."""

import subprocess
import sys

import numpy as np
import pytest

from pcsa_jax.data.mni152 import MAPS, load_brain, load_map


@pytest.mark.parametrize("is_where_we_look", [True, False])
@pytest.mark.parametrize("name", MAPS)
def test_maps_are_nilearn_s_to_the_bit(name, is_where_we_look, monkeypatch):
    from nilearn import datasets

    function = MAPS[name][1]
    expected = getattr(datasets, function)(resolution=1)
    if not is_where_we_look:
        monkeypatch.setitem(MAPS, name, ("moved.nii.gz", function))
    volume, affine = load_map(name)
    assert volume.dtype == np.float32
    np.testing.assert_array_equal(volume, expected.get_fdata(dtype=np.float32))
    np.testing.assert_array_equal(affine, expected.affine)


def test_the_brain_is_nilearn_s():
    from nilearn import datasets

    expected = datasets.load_mni152_brain_mask(resolution=1)
    brain, affine = load_brain()
    assert brain.dtype == bool
    np.testing.assert_array_equal(brain, expected.get_fdata() > 0)
    np.testing.assert_array_equal(affine, expected.affine)


def test_nilearn_is_not_imported():
    script = (
        "import sys\n"
        "from pcsa_jax.data.grid import Grid\n"
        "from pcsa_jax.data.regions import region_masks\n"
        "region_masks(Grid(16))\n"
        "print(sorted({'nilearn', 'sklearn', 'pandas'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
