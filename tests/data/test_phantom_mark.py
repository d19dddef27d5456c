"""A phantom is known wherever its files go and whatever they are called; nobody else's cohort is taken for one."""

import json
import os
import shutil

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data import files, layout, phantom_mark
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.phantom_mark import HEADER_TEXT, WARNING, any_marked, is_marked
from tests.data.cohort_layouts import write_bids, write_caps, write_manifest

DESCRIPTION = {"Name": "Mine", "BIDSVersion": "1.10.0", "DatasetType": "derivative"}
PEOPLE = "participant_id\tdiagnosis\nsub-A\tAD\n"


@pytest.fixture
def volumes(cohort):
    """The GM map and the PET of the phantom's first subject."""
    subject = read_cohort(cohort).subjects[0]
    return subject.mri, subject.pet


def copy(source, target, *, with_sidecar):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    if with_sidecar:
        shutil.copy(layout.sidecar(source), layout.sidecar(target))
    return target


def write_table(root, mri, pet):
    root.mkdir(exist_ok=True)
    (root / "manifest.tsv").write_text(f"participant_id\tdiagnosis\tmri\tpet\nsub-A\tAD\t{mri}\t{pet}\n")
    return root / "manifest.tsv"


def test_every_volume_has_both_marks(cohort):
    paths = list(cohort.rglob("*.nii.gz"))
    assert len(paths) == 2 * 1 + 12 * 3
    for path in paths:
        assert json.loads(layout.sidecar(path).read_text())["Phantom"] is True
        assert nib.load(path).header["descrip"].item().decode() == HEADER_TEXT


def test_a_manifest_elsewhere_that_names_them(volumes, tmp_path):
    found = read_cohort(write_table(tmp_path / "mine", *volumes))
    assert found.is_phantom
    assert found.notes[0] == ("PHANTOM, not people: simulated volumes, by their sidecars, of 1 visit (sub-A)")


def test_copies_under_other_names_in_a_table(volumes, tmp_path):
    names = [copy(path, tmp_path / f"scan{i}.nii.gz", with_sidecar=True).name for i, path in enumerate(volumes)]
    assert read_cohort(write_table(tmp_path, *names)).is_phantom


def test_copies_without_sidecars_are_known_when_they_are_opened(volumes, tmp_path):
    names = [copy(path, tmp_path / f"scan{i}.nii.gz", with_sidecar=False).name for i, path in enumerate(volumes)]
    found = read_cohort(write_table(tmp_path, *names))
    assert not found.is_phantom and any_marked(found.subjects)


def test_finding_a_cohort_opens_no_volume(volumes, tmp_path, monkeypatch):
    for i, path in enumerate(volumes):
        copy(path, tmp_path / f"scan{i}.nii.gz", with_sidecar=True)
    monkeypatch.setattr(phantom_mark, "_has_marked_header", lambda path: pytest.fail(f"{path} was opened"))
    assert read_cohort(write_table(tmp_path, "scan0.nii.gz", "scan1.nii.gz")).is_phantom


def test_copies_in_a_folder_of_derivatives(volumes, tmp_path):
    files.write_json(tmp_path / "dataset_description.json", DESCRIPTION)
    (tmp_path / "participants.tsv").write_text(PEOPLE)
    copy(volumes[0], layout.mri_path(tmp_path, "sub-A"), with_sidecar=False)
    copy(volumes[1], layout.pet_path(tmp_path, "sub-A"), with_sidecar=True)
    found = read_cohort(tmp_path)
    assert found.layout == "BIDS derivatives" and found.name == "Mine" and found.is_phantom


def test_copies_in_a_caps(volumes, tmp_path):
    caps = write_caps(tmp_path)
    assert not read_cohort(caps).is_phantom
    copy(volumes[1], read_cohort(caps).pairs[0].pet, with_sidecar=True)
    assert read_cohort(caps).is_phantom


def test_links_to_them(volumes, tmp_path):
    for path in volumes:
        (tmp_path / path.name).symlink_to(path)
    assert read_cohort(write_table(tmp_path, *(path.name for path in volumes))).is_phantom


def test_volumes_of_former_versions_have_a_description_alone(tmp_path):
    files.write_volume(tmp_path / "old.nii.gz", np.ones((4, 4, 4)), Grid(16).affine)
    assert not is_marked(tmp_path / "old.nii.gz")
    files.write_json(tmp_path / "old.json", {"Description": f"{WARNING} FDG-PET, smoothed to 8 mm FWHM."})
    assert is_marked(tmp_path / "old.nii.gz")


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_the_header_is_found_in_every_format(tmp_path, kind, name):
    image = kind(np.zeros((4, 4, 4), np.float32), np.eye(4))
    for text, expected in ((HEADER_TEXT, True), ("PHANTOM of a quality check", False)):
        image.header["descrip"] = text
        nib.save(image, tmp_path / name)
        assert is_marked(tmp_path / name) is expected


@pytest.mark.parametrize("write", [write_bids, write_caps, write_manifest])
def test_people_are_no_phantom(tmp_path, write):
    found = read_cohort(write(tmp_path))
    assert not found.is_phantom and not any("PHANTOM" in note for note in found.notes)
    assert not any_marked(found.subjects)


@pytest.mark.parametrize("content", [b"", b"\x1f\x8bno gzip", b"[1, 2]"])
def test_what_cannot_be_read_says_nothing(tmp_path, content):
    (tmp_path / "x.nii.gz").write_bytes(content)
    (tmp_path / "x.json").write_bytes(content)
    assert not is_marked(tmp_path / "x.nii.gz")
    assert not is_marked(tmp_path / "gone.nii.gz")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.nii.gz")
    assert not is_marked(tmp_path / "x.nii.gz")
