"""A changed scale of one volume is told beside the rest of its cohort; the differences of people are not."""

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data.cohort import read_cohort, survey
from pcsa_jax.data.inputs import describe_scales, inputs_table
from pcsa_jax.data.inspection import inspect_cohort
from pcsa_jax.data.pairs import load_pairs
from pcsa_jax.data.scales import MOST_NAMED, Values, describe_odd
from tests.conftest import SIZE


def volumes(*ranges):
    return [Values(f"sub-{number}", *each) for number, each in enumerate(ranges, start=1)]


def test_people_differ():
    assert describe_odd("PET", volumes((0, 4.0), (-0.1, 9.0), (0.2, 15.0), (0, 6.5))) == []
    assert describe_odd("PET", volumes((0, 1.0), (0, 2e4))) == [], "of two nobody can say which is odd"
    assert describe_odd("PET", []) == []


def test_another_order_of_magnitude_is_told():
    assert describe_odd("PET", volumes((0, 5.0), (0, 7.0), (0, 6.0), (0, 2.1e4), (0, 0.01))) == [
        "2 of 5 PETs: expected a largest value within 10 times the cohort's median, 6, found sub-4 2.1e+04, sub-5 "
        "0.01. Another unit, or a wrong scl_slope? Compare with the sidecar (Units)"
    ]
    many = volumes(*[(0, 1.0)] * 9, *[(0, 100.0)] * (MOST_NAMED + 2))
    assert describe_odd("PET", many)[0].split("found ")[1].startswith("sub-10 100, ")
    assert " and 2 more. Another unit" in describe_odd("PET", many)[0]


def test_an_offset_is_told():
    assert describe_odd("GM map", volumes((0.3, 0.9), (0.0, 0.9))) == [
        "1 of 2 GM maps: expected values near 0 outside of the head, found sub-1 0.3 to 0.9. A wrong scl_inter, or a "
        "volume cut to the brain?"
    ]


def rewritten(path, change):
    image = nib.load(path)
    data = np.asarray(image.dataobj, np.float32)
    path.unlink()
    nib.save(nib.Nifti1Image(change(data), image.affine), path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda data: data * 1000, "expected a largest value within 10 times the cohort's median"),
        (lambda data: data + data.max() / 2, "expected values near 0 outside of the head"),
    ],
    ids=["slope", "offset"],
)
def test_the_check_and_reading_say_the_same(copy_of_cohort, change, text):
    subjects = read_cohort(copy_of_cohort).pairs[:4]
    rewritten(subjects[2].pet, change)
    told = [note for note in inspect_cohort(survey(copy_of_cohort)).notes if text in note]
    (line,) = describe_scales(inputs_table(load_pairs(subjects, size=SIZE, normalisation="minmax").inputs))
    assert line.startswith("1 of 4 PETs: ") and len(told) == 1 and told[0].startswith("1 of 12 FDG-PETs: ")
    assert f"found {subjects[2].name} " in line and f"found {subjects[2].name} " in told[0]
    assert line.split("found ")[1] == told[0].split("found ")[1]


def test_a_sound_cohort_has_no_odd_scale(cohort):
    subjects = read_cohort(cohort).pairs
    assert describe_scales(inputs_table(load_pairs(subjects, size=SIZE, normalisation="minmax").inputs)) == ()
    assert not any("scl_" in note for note in inspect_cohort(survey(cohort)).notes)


def test_a_table_of_an_earlier_version_is_read():
    former = "participant_id\tsession_id\tmodality\tclipped_voxels\nsub-1\tn/a\tpet\t0\n"
    assert describe_scales(former) == ()
