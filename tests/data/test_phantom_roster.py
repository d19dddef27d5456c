"""Who is in a phantom is known before it is written, and where its people come from afterwards."""

import dataclasses
import json

import pytest

from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.phantom.cohort import write_cohort
from pcsa_jax.data.phantom.roster import PHANTOM_VERSION, Origin, cohort_bytes, list_cohort, read_origin
from tests.conftest import NUM_MRI_ONLY, NUM_PAIRS, SIZE


def test_the_list_is_what_is_read_once_it_is_written(cohort):
    listed = list_cohort(cohort, pairs=NUM_PAIRS, mri_only=NUM_MRI_ONLY, size=SIZE)
    assert listed == read_cohort(cohort)
    assert [who.is_pair for who in listed.subjects] == [True] * NUM_PAIRS + [False] * NUM_MRI_ONLY


def test_the_room_that_a_cohort_takes_is_known(tmp_path):
    out = write_cohort(tmp_path / "cohort", pairs=3, mri_only=1, size=32, jobs=1)
    found = sum(path.stat().st_size for path in out.rglob("*.nii.gz"))
    assert cohort_bytes(pairs=3, mri_only=1, size=32) == pytest.approx(found, rel=0.1)


def test_the_list_has_the_order_of_the_names(tmp_path):
    listed = list_cohort(tmp_path, pairs=10001, mri_only=0, size=16)
    names = [who.participant_id for who in listed.subjects]
    assert names == sorted(names) and names[-1] == "sub-9999"


def test_the_origin_is_read_back(cohort, tmp_path):
    assert read_origin(read_cohort(cohort)) == Origin(PHANTOM_VERSION, 0)
    other = write_cohort(tmp_path / "other", pairs=1, mri_only=0, size=16, seed=41, jobs=1)
    assert read_origin(read_cohort(other)) == Origin(PHANTOM_VERSION, 41)


def test_others_have_no_origin(copy_of_cohort, overwrite):
    found = read_cohort(copy_of_cohort)
    assert read_origin(dataclasses.replace(found, is_phantom=False)) is None
    path = copy_of_cohort / "dataset_description.json"
    description = json.loads(path.read_text())
    description["GeneratedBy"][0]["Description"] = "no words"
    overwrite(path, json.dumps(description))
    assert read_origin(read_cohort(copy_of_cohort)) is None
    for first in ("x", 5, None, {"Description": [1]}, {"Description": f"Model a, seed {'9' * 5000}"}):
        overwrite(path, json.dumps(description | {"GeneratedBy": [first]}))
        assert read_origin(found) is None
