"""Real anatomies as a cohort: tissues of the labels, the map of the segmentation, simulated uptake."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from benchmarks import real_anatomy
from pcsa_jax.data import layout
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.phantom.regions import load_regions
from pcsa_jax.data.phantom.templates import load_templates

BLOCKS = {"cortex": (3, 20), "white": (2, 30), "stem": (16, 40), "csf": (24, 50), "skull": (506, 55)}
"""Label and the first 3 mm voxel along x of a slab of three."""


@pytest.fixture(scope="module")
def head():
    labels = np.zeros((192,) * 3, np.int16)
    for label, start in BLOCKS.values():
        labels[3 * start : 3 * start + 9, 60:90, 60:90] = label
    rng = np.random.default_rng(0)
    return real_anatomy.Head(*rng.random((2, 64, 64, 64)).astype(np.float32), labels)


def test_tissues_are_those_of_the_labels(head):
    found = real_anatomy.anatomy_of(head, load_templates())
    tissues = {"cortex": found.grey_matter, "stem": found.grey_matter, "white": found.white_matter, "csf": found.csf}
    for name, (_, start) in BLOCKS.items():
        here = (start + 1, 25, 25)
        total = found.grey_matter[here] + found.white_matter[here] + found.csf[here]
        assert total == (name != "skull")
        assert name == "skull" or tissues[name][here] == 1, name
    np.testing.assert_array_equal(found.seen_grey_matter, head.grey_matter)
    assert found.surface.min() >= 0 and found.surface.max() == 1


def test_a_partly_filled_voxel_is_a_fraction(head):
    labels = np.zeros_like(head.labels)
    labels[60:62, 60:63, 60:63] = 2
    found = real_anatomy.anatomy_of(head._replace(labels=labels), load_templates())
    assert found.white_matter[20, 20, 20] == pytest.approx(2 / 3)
    assert found.white_matter.sum() == pytest.approx(2 / 3)


def test_a_cohort_of_heads_is_read_like_any_other(head, tmp_path):
    (traits,) = real_anatomy.uptake_traits(1, load_regions())
    real_anatomy.write_subject(tmp_path, "sub-02", head, traits, load_templates(), size=64)
    real_anatomy.write_tables(tmp_path, [("sub-02", "CN", "n/a", "n/a")])
    (subject,) = read_cohort(tmp_path).subjects
    assert "label-GM" in subject.mri.name and subject.predictable is not None
    np.testing.assert_allclose(
        nib.load(subject.mri).get_fdata(), np.where(head.grey_matter < 1e-3, 0, head.grey_matter)
    )
    assert (subject.mri.parent / subject.mri.name.replace("label-GM", "label-CSF")).is_file()
    pet = json.loads(layout.sidecar(subject.pet).read_text(encoding="utf-8"))
    assert pet["Phantom"] and "SIMULATED uptake" in pet["Description"]
    assert not json.loads(layout.sidecar(subject.mri).read_text(encoding="utf-8"))["Phantom"]


def test_the_number_of_a_head_is_in_its_name():
    assert real_anatomy.number_of(Path("a2/training_seg_02.nii.gz")) == "02"


@pytest.mark.parametrize("names", [["head.nii.gz"], ["a_02.nii.gz", "b_02.nii.gz"]])
def test_heads_without_a_number_of_their_own_are_refused(tmp_path, monkeypatch, capsys, names):
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setattr("sys.argv", ["real_anatomy", f"--anatomies={tmp_path}", f"--out={tmp_path / 'out'}"])
    with pytest.raises(SystemExit):
        real_anatomy.main()
    assert "expected a number of its own in each file's name" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
