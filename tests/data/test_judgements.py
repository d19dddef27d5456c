"""One set of judgements: what the check tells, training, evaluation and synthesis refuse in the same words."""

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data.cohort import read_cohort, survey
from pcsa_jax.data.files import write_volume
from pcsa_jax.data.given_map import prepare_given
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.inspection import inspect_cohort, inspect_file
from pcsa_jax.data.judgements import HOT, Content, find_copies, judge
from pcsa_jax.data.mni152 import load_map
from pcsa_jax.data.pairs import load_pairs
from pcsa_jax.data.store import write_store
from pcsa_jax.data.synthesis_inputs import find_inputs, prepare
from pcsa_jax.errors import UserError
from tests.brains import fdg_pet, grey_matter
from tests.conftest import SIZE

HOW = {"size": SIZE, "normalisation": "minmax"}
AFFINE = Grid(SIZE).affine


def hot(data):
    data = data.copy()
    data[np.unravel_index(data.argmax(), data.shape)] *= 20
    return data


def white(data):
    template, affine = load_map("white_matter")
    coarse = Grid(SIZE)
    places = np.rint(nib.affines.apply_affine(np.linalg.inv(affine) @ coarse.affine, np.indices(data.shape).T))
    inside = np.clip(places.astype(int), 0, np.array(template.shape) - 1)
    return template[tuple(inside.T)]


def with_nan(data):
    data = data.copy()
    data[8, 8, 8] = np.nan
    return data


FAULTS = {
    "mri": {
        "above 1": lambda data: data * 1.5,
        "times 255": lambda data: data * 255,
        "below 0": lambda data: data - 0.2,
        "faint": lambda data: data / 10,
        "upside down": lambda data: data[:, :, ::-1],
        "white matter": white,
        "a mask": lambda data: (data > 0.02).astype(np.float32),
        "a PET of 0 to 1": lambda data: fdg_pet() / fdg_pet().max(),
        "NaN in the brain": with_nan,
        "constant": lambda data: data * 0,
        "noise": lambda data: np.random.default_rng(0).random(data.shape, np.float32),
    },
    "pet": {
        "negative": lambda data: data - 1,
        "one hot voxel": hot,
        "upside down": lambda data: data[:, :, ::-1],
        "NaN in the brain": with_nan,
        "constant": lambda data: data * 0 + 3,
        "noise": lambda data: np.random.default_rng(0).random(data.shape, np.float32),
    },
}


@pytest.mark.parametrize(("modality", "name"), [(modality, name) for modality in FAULTS for name in FAULTS[modality]])
def test_every_command_says_the_same(copy_of_cohort, tmp_path, modality, name):
    subjects = read_cohort(copy_of_cohort).pairs[:2]
    path = getattr(subjects[1], modality)
    data = np.asarray(nib.load(path).dataobj, np.float32)
    path.unlink()
    write_volume(path, np.ascontiguousarray(FAULTS[modality][name](data), np.float32), AFFINE)
    (finding,) = [finding for finding in inspect_file(subjects[1], modality).findings if not finding.is_note]
    told = f"{finding.found}: {path}. {finding.remedy}."
    refused = []
    for read in (
        lambda: load_pairs(subjects, **HOW),
        lambda: write_store(tmp_path / "arrays", subjects, **HOW),
        lambda: prepare(find_inputs([path], fwhm_mm=None)[0], Grid(SIZE), "minmax"),
        lambda: prepare_given(path, Grid(SIZE), "minmax"),
    )[: 4 if modality == "mri" else 2]:
        with pytest.raises(UserError) as caught:
            read()
        refused.append(str(caught.value).partition(": expected")[2])
    assert set(refused) == {told.removeprefix("expected")}
    if modality == "mri":
        with pytest.raises(UserError) as caught:
            prepare_given(nib.load(path), Grid(SIZE), "minmax")
        assert str(caught.value).endswith(f": {finding.found}. {finding.remedy}.")


@pytest.mark.parametrize(("modality", "other"), [("pet", "mri"), ("pet", "pet"), ("mri", "mri")])
def test_copies_are_told_by_both(copy_of_cohort, tmp_path, modality, other):
    """A PET equal to an MRI (its own or another's), and a volume of one person under another's name."""
    subjects = read_cohort(copy_of_cohort).pairs[:3]
    source = subjects[0] if modality == other else subjects[1]
    path, original = getattr(subjects[1], modality), getattr(source, other)
    data = np.asarray(nib.load(original).dataobj, np.float32)
    path.unlink()
    write_volume(path, data, AFFINE)
    text = f"expected voxels of its own, found those of {source.name}: {original.name}"
    found = {problem.file: problem.found for problem in inspect_cohort(survey(copy_of_cohort), jobs=2).problems}
    assert found[path] == text and original in found
    for read in (lambda: load_pairs(subjects, **HOW), lambda: write_store(tmp_path / "arrays", subjects, **HOW)):
        with pytest.raises(UserError) as caught:
            read()
        assert "expected voxels of its own, found those of " in str(caught.value) and "\n" not in str(caught.value)
        assert {str(path), str(original)} & {word.rstrip(".") for word in str(caught.value).split()}
        assert path.name in str(caught.value) and original.name in str(caught.value)
    assert not list(tmp_path.glob("*arrays*"))


def test_copies_by_content():
    from pathlib import Path

    contents = [
        Content("sub-1", Path("a"), "x"), Content("sub-2", Path("b"), "x"), Content("sub-3", Path("c"), "x"),
        Content("sub-4", Path("d"), ""), Content("sub-5", Path("e"), ""), Content("sub-6", Path("f"), "y"),
        Content("sub-7", Path("f"), "y"),
    ]  # fmt: skip
    found = find_copies(contents)
    assert {place: finding.found for place, finding in found.items()} == {
        0: "expected voxels of its own, found those of sub-2: b and 1 more",
        1: "expected voxels of its own, found those of sub-1: a and 1 more",
        2: "expected voxels of its own, found those of sub-1: a and 1 more",
    }


@pytest.mark.parametrize("factor", [1.5, 2.5, 4.0, 1e3])
def test_a_hot_voxel_by_how_much(factor):
    data = fdg_pet()
    data[8, 8, 8] = factor * np.percentile(data, 99.9)
    found = [finding.found for finding in judge(data, AFFINE, "pet") if not finding.is_note]
    if factor < HOT:
        assert found == []
        return
    assert len(found) == 1 and found[0].startswith("expected a largest value near that of the brightest tissue (")
    assert " in 1 of 4096 voxels" in found[0]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_sound_volumes_in_any_unit(scale):
    assert judge(grey_matter(), AFFINE, "mri") == ()
    assert judge(scale * fdg_pet(), AFFINE, "pet") == judge(scale * fdg_pet(), AFFINE, "predictable") == ()


def test_no_place_is_judged_where_the_header_is_at_fault():
    upside_down = grey_matter()[:, :, ::-1]
    (problem,) = judge(upside_down, AFFINE, "mri")
    assert judge(upside_down, None, "mri") == judge(upside_down, AFFINE, "mri", already=[problem]) == ()
