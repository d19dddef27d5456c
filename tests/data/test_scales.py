"""A changed scale of one volume is told beside the rest of its cohort; the differences of people are not."""

import json

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data import layout
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
        (lambda data: data * 1000, "in SUVR by sidecar or name: expected a largest value from 0.3 to 15"),
        (lambda data: data * 6, "expected a largest value within 5 times their median"),
        (lambda data: data + data.max() / 2, "expected values near 0 outside of the head"),
    ],
    ids=["unit", "slope", "offset"],
)
def test_the_check_and_reading_say_the_same(copy_of_cohort, change, text):
    subjects = read_cohort(copy_of_cohort).pairs[:5]
    rewritten(subjects[2].pet, change)
    told = [note for note in inspect_cohort(survey(copy_of_cohort)).notes if text in note]
    (line,) = describe_scales(inputs_table(load_pairs(subjects, size=SIZE, normalisation="minmax").inputs))
    assert text in line and line.startswith("1 of 5 PETs") and len(told) == 1 and told[0].startswith("1 of 12 FDG-PETs")
    assert f"found {subjects[2].name} " in line and f"found {subjects[2].name} " in told[0]
    assert line.split("found ")[1] == told[0].split("found ")[1]


def test_a_sound_cohort_has_no_odd_scale(cohort):
    subjects = read_cohort(cohort).pairs
    assert describe_scales(inputs_table(load_pairs(subjects, size=SIZE, normalisation="minmax").inputs)) == ()
    assert not any("scl_" in note for note in inspect_cohort(survey(cohort)).notes)


def test_a_table_of_an_earlier_version_is_read():
    former = "participant_id\tsession_id\tmodality\tclipped_voxels\nsub-1\tn/a\tpet\t0\n"
    assert describe_scales(former) == ()


def test_a_smaller_factor_is_told_among_volumes_of_one_unit():
    sound = volumes(*[(0, 1.8), (0, 2.2), (0, 2.0), (0, 2.1), (0, 1.9)])
    odd = [*sound, Values("sub-6", 0, 13.0), Values("sub-7", 0, 0.35)]
    assert describe_odd("PET", odd) == [
        "2 of 7 PETs: expected a largest value within 5 times their median, 2, found sub-6 13, sub-7 0.35. Another "
        "unit, or a wrong scl_slope? Compare with the sidecar (Units)"
    ]
    assert describe_odd("PET", [volume._replace(unit=str(n)) for n, volume in enumerate(odd)]) == []
    assert describe_odd("PET", [*sound[:3], Values("sub-6", 0, 13.0)]) == [], "of four nobody can say so"
    (line,) = describe_odd("GM map", [*volumes(*[(0, 0.9)] * 5), Values("sub-6", 0, 0.4)], is_map=True)
    assert line.startswith(
        "1 of 6 GM maps: expected a largest value within 2 times their median, 0.9, found sub-6 0.4."
    )


@pytest.mark.parametrize(
    ("unit", "largest", "words"),
    [
        (
            "SUVR",
            2.1e4,
            "from 0.3 to 15, as FDG in a brain has, found sub-1 2.1e+04. Are they in Bq/mL, or is scl_slope ",
        ),
        ("SUV", 2.1e4, "from 0.5 to 200, as FDG in a brain has, found sub-1 2.1e+04. Are they in Bq/mL, "),
        (
            "Bq/mL",
            1.1,
            "from 100 to 1e+06, as FDG in a brain has, found sub-1 1.1. Are they in kBq/mL or SUV or SUVR, ",
        ),
        ("kBq/mL", 2.1e4, "from 0.1 to 1000, as FDG in a brain has, found sub-1 2.1e+04. Are they in Bq/mL, "),
        ("SUVR", 1e7, "found sub-1 1e+07. Are they in another unit, or is scl_slope wrong?"),
    ],
)
def test_a_unit_that_the_values_are_not_in_is_told(unit, largest, words):
    (line,) = describe_odd("PET", [Values("sub-1", 0, largest, unit)])
    assert line.startswith(f"1 of 1 PETs in {unit} by sidecar or name: expected a largest value ") and words in line


@pytest.mark.parametrize(("unit", "largest"), [("SUVR", 1.7), ("SUV", 12), ("Bq/mL", 25e3), ("kBq/mL", 25), ("x", 1e5)])
def test_a_unit_that_the_values_are_in_is_no_news(unit, largest):
    assert describe_odd("PET", [Values("sub-1", 0, largest, unit)]) == []


def test_a_sidecar_that_says_another_unit_is_told_by_check_and_by_reading(copy_of_cohort):
    subject = read_cohort(copy_of_cohort).pairs[1]
    assert subject.pet_unit == "SUVR"
    path = layout.sidecar(subject.pet)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"Units": "BQML"}))
    subjects = read_cohort(copy_of_cohort).pairs[:4]
    text = "1 of 1 {}s in Bq/mL by sidecar or name: expected a largest value from 100 to 1e+06"
    table = inputs_table(load_pairs(subjects, size=SIZE, normalisation="minmax").inputs)
    (line,) = describe_scales(table)
    assert line.startswith(text.format("PET"))
    assert any(note.startswith(text.format("FDG-PET")) for note in inspect_cohort(survey(copy_of_cohort)).notes)
