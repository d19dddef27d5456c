"""The phantom's model: fields, traits and subjects."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.phantom import fields, subject
from pcsa_jax.data.phantom.regions import load_regions
from pcsa_jax.data.phantom.segmentation import load_segmentation
from pcsa_jax.data.phantom.subject import make_subject
from pcsa_jax.data.phantom.templates import load_templates
from pcsa_jax.data.phantom.traits import diagnosis, draw_traits, expected_metabolic_effect, metabolic_effect
from pcsa_jax.data.regions import brain_mask, reference_weights

SIZE = 32
NUM_SUBJECTS = 12
SHARED_TEMPLATE = Path(__file__).resolve().parents[3] / "shared/data/fdg_template/CN_PET_TEMPLATE_syn_to_MNI_2mm.nii.gz"


@pytest.fixture(scope="module")
def subjects():
    return [make_subject(number, size=SIZE) for number in range(1, NUM_SUBJECTS + 1)]


@pytest.fixture(scope="module")
def many_traits():
    return [draw_traits(number, 0, load_regions()) for number in range(1, 401)]


def same(first, second) -> bool:
    return all(np.array_equal(getattr(first, key), getattr(second, key)) for key in ("mri", "pet", "predictable"))


def test_a_subject_is_a_function_of_seed_and_number(subjects):
    assert same(make_subject(3, size=SIZE), subjects[2])
    assert not np.array_equal(make_subject(3, size=SIZE, seed=1).mri, subjects[2].mri)
    assert not np.array_equal(subjects[0].mri, subjects[1].mri)


def test_mri_does_not_depend_on_whether_there_is_a_pet(subjects):
    alone = make_subject(2, size=SIZE, with_pet=False)
    assert alone.pet is None and alone.predictable is None
    np.testing.assert_array_equal(alone.mri, subjects[1].mri)


def test_size_changes_the_sampling_and_not_the_person(subjects):
    small, large = make_subject(1, size=16), make_subject(1, size=64)
    assert small.traits.uptake.tolist() == large.traits.uptake.tolist()
    for key in ("mri", "pet"):
        pooled = getattr(large, key).reshape(16, 4, 16, 4, 16, 4).mean(axis=(1, 3, 5))
        np.testing.assert_allclose(getattr(small, key), pooled, atol=2e-3)


def test_volumes_are_in_range_and_skull_stripped(subjects):
    for person in subjects:
        for volume in (person.mri, person.pet, person.predictable):
            assert volume.shape == (SIZE,) * 3 and volume.dtype == np.float32
            assert np.isfinite(volume).all() and volume.min() == 0
            assert volume[0, 0, 0] == volume[-1, -1, -1] == 0
        assert 0.6 < person.mri.max() <= 1
        assert 0.8 < person.pet.max() < 4


def test_predictable_part_is_nearer_than_the_mean(subjects):
    pets = np.array([person.pet / person.traits.global_scale for person in subjects])
    parts = np.array([person.predictable / person.traits.global_scale for person in subjects])
    brain = pets.mean(axis=0) > 0.3
    to_part = np.abs(parts - pets)[:, brain].mean(axis=1)
    to_mean = np.abs(pets.mean(axis=0) - pets)[:, brain].mean(axis=1)
    assert (to_part < to_mean).all()


def test_deformations_fold_nowhere_and_reach_the_wanted_ventricles():
    maps = load_templates()
    for number in range(1, 7):
        traits = draw_traits(number, 0, load_regions())
        anatomy = subject.make_anatomy(traits, 0, maps)
        assert anatomy.smallest_jacobian > 0
        assert anatomy.ventricle_ml == pytest.approx(traits.ventricle_ml, rel=0.2)
        total = anatomy.grey_matter + anatomy.white_matter + anatomy.csf
        assert min(anatomy.grey_matter.min(), anatomy.white_matter.min(), anatomy.csf.min()) >= -1e-6
        assert total.max() < 1.02
        assert (anatomy.seen_grey_matter <= anatomy.grey_matter + 1e-6).all()


def test_template_tissues_and_regions():
    maps = load_templates()
    assert maps.brain.max() < 1.001
    assert maps.grey_matter.min() >= 0 and maps.csf.min() >= 0
    assert (maps.grey_matter + maps.csf - maps.brain).max() < 1e-5
    assert set(np.unique(maps.labels)) == set(range(len(load_regions())))
    assert set(np.unique(maps.parcels)) == set(range(len(load_segmentation())))
    assert (np.diff(maps.flow_volume_ml) > 0).all()


@pytest.fixture(scope="module")
def cn_people():
    numbers = [number for number in range(1, 40) if diagnosis(number) == "CN"][:12]
    return [make_subject(number) for number in numbers]


def within(volume, region):
    index = subject.template_index(load_templates(), subject.world_coordinates())
    labels, core = (
        ndimage.map_coordinates(getattr(load_templates(), name), index, order=0, mode="nearest")
        for name in ("labels", "core")
    )
    return volume[core.astype(bool) & np.isin(labels, load_regions().rows(region))].mean()


def test_maps_show_what_a_segmentation_shows(cn_people):
    """Regional means of 14 real heads by ``preprocess``, and a stem that few T1s show as grey matter."""
    mean = np.mean([person.mri for person in cn_people], axis=0)
    pons = reference_weights(subject.WORKING_GRID, "pons")
    stems = [(person.mri * pons).sum() / pons.sum() for person in cn_people]
    assert np.median(stems) < 0.03 and np.mean(stems) < 0.1
    assert within(mean, "thalamus") == pytest.approx(0.31, abs=0.06)
    assert within(mean, "putamen") == pytest.approx(0.61, abs=0.06)
    assert within(mean, "globus_pallidus") < 0.35
    assert within(mean, "cerebellar") == pytest.approx(0.69, abs=0.07)


def test_stem_and_deep_grey_take_up_what_the_map_does_not_show(cn_people):
    mean_map, mean_pet = (np.mean([getattr(p, key) for p in cn_people], axis=0) for key in ("mri", "pet"))
    brain = brain_mask(subject.WORKING_GRID)
    pons = reference_weights(subject.WORKING_GRID, "pons")
    assert (mean_pet * pons).sum() / pons.sum() == pytest.approx(0.93, abs=0.05)
    assert within(mean_pet, "thalamus") / mean_pet[brain].mean() > 0.9
    own = [np.corrcoef(p.mri[brain], p.pet[brain])[0, 1] for p in cn_people]
    assert 0.5 < np.mean(own) < 0.65
    assert np.corrcoef(mean_map[brain], mean_pet[brain])[0, 1] < 0.7


def test_people_have_folds_of_their_own(cn_people):
    """Voxel-wise SD over people at 6 mm, each map by its maximum: 0.059 in 14 real heads."""
    maps = np.array([fields.resample(person.mri, 32) / person.mri.max() for person in cn_people])
    spread = maps[:, brain_mask(Grid(32))].std(axis=0, ddof=1).mean()
    assert spread == pytest.approx(0.059, rel=0.2)


@settings(max_examples=50, deadline=None)
@given(start=st.integers(1, 5000), count=st.integers(30, 400))
def test_any_run_of_subjects_has_the_papers_proportions(start, count):
    share = np.mean([diagnosis(number) == "AD" for number in range(start, start + count)])
    assert share == pytest.approx(117 / 356, abs=2.5 / count)


def test_paper_counts():
    assert sum(diagnosis(number) == "AD" for number in range(1, 357)) == 117


def test_traits_are_in_range_and_classes_overlap(many_traits):
    ages = np.array([t.age for t in many_traits])
    assert ages.min() >= 56 and ages.max() <= 96
    assert 0.4 < np.mean([t.sex == "F" for t in many_traits]) < 0.6
    is_ad = np.array([t.diagnosis == "AD" for t in many_traits])
    severity_mri = np.array([t.severity_mri for t in many_traits])
    severity_pet = np.array([t.severity_pet for t in many_traits])
    assert severity_mri[is_ad].min() < severity_mri[~is_ad].max()
    assert 0.8 < np.corrcoef(severity_mri, severity_pet)[0, 1] < 0.9
    ventricles = np.array([t.ventricle_ml for t in many_traits])
    assert np.median(ventricles[is_ad]) > 1.1 * np.median(ventricles[~is_ad])


def test_disease_lowers_uptake_where_it_should_and_nowhere_else(many_traits):
    table = load_regions()
    is_ad = np.array([t.diagnosis == "AD" for t in many_traits])
    uptake = np.array([t.uptake for t in many_traits])
    density = np.exp([t.log_density for t in many_traits])

    def change(values, *stems):
        return values[is_ad][:, table.rows(*stems)].mean() / values[~is_ad][:, table.rows(*stems)].mean() - 1

    assert change(uptake, "posterior_cingulate") < -0.15 and change(uptake, "precuneus") < -0.12
    assert change(uptake, "dorsolateral_parietal", "lateral_temporal") < -0.08
    assert abs(change(uptake, "postcentral", "pericalcarine", "cerebellar", "pons", "putamen")) < 0.02
    assert change(density, "hippocampus") < -0.1
    assert abs(change(density, "postcentral", "cerebellar", "pericalcarine")) < 0.03


def test_expected_uptake_is_the_mean_of_what_is_drawn(many_traits):
    ratio = np.array([t.uptake / t.expected_uptake for t in many_traits])
    np.testing.assert_allclose(ratio.mean(axis=0), 1, atol=0.035)


@settings(max_examples=25, deadline=None)
@given(severity=st.floats(-1, 2.5))
def test_expected_metabolic_effect_agrees_with_sampling(severity):
    noise = np.random.default_rng(0).standard_normal(20000)
    sampled = metabolic_effect(severity + 0.35 * noise).mean()
    assert expected_metabolic_effect(severity) == pytest.approx(sampled, abs=0.02)


@settings(max_examples=10, deadline=None)
@given(size=st.sampled_from([16, 32, 48, 64, 80, 128]))
def test_resampling_keeps_a_constant_and_the_mean(size):
    np.testing.assert_allclose(fields.resample(np.ones((64,) * 3), size), 1, rtol=1e-12)
    blob = fields.smooth(np.pad(np.ones((24,) * 3), 20), 9.0, 3.0)
    assert fields.resample(blob, size).mean() == pytest.approx(blob.mean(), rel=1e-3)


def test_smooth_field_has_unit_variance_and_no_mean():
    rng = np.random.default_rng(0)
    values = np.array([fields.smooth_field(rng, 16, 5.0)[::5, ::5, ::5] for _ in range(300)])
    assert values.std() == pytest.approx(1, abs=0.03)
    assert abs(values.mean()) < 0.03


def test_smallest_jacobian_sees_a_fold():
    x = np.arange(16.0)
    displacement = np.zeros((3, 16, 16, 16))
    assert fields.smallest_jacobian(displacement) == pytest.approx(1)
    displacement[0] = (-1.5 * x)[:, None, None]
    assert fields.smallest_jacobian(displacement) == pytest.approx(-0.5)


def test_table_of_regions_is_whole():
    table = load_regions()
    assert len(table) == 52 and len(set(table.names)) == 52
    assert all(re.fullmatch(r".*_(left|right)|pons|brainstem_wo_pons", name) for name in table.names)
    assert (table.mirror[table.mirror] == np.arange(52)).all()
    assert (table.uptake > 0.5).all() and (table.cv**2 > np.sum(table.factors**2, axis=1) * 0.9).all()


@pytest.mark.skipif(not SHARED_TEMPLATE.exists(), reason="no ../shared/data: the measured FDG template is not here")
def test_cn_looks_like_the_measured_template(cn_people):
    import nibabel as nib
    from nibabel.processing import resample_from_to

    grid = (subject.WORKING_GRID.shape, subject.WORKING_GRID.affine)
    measured = fields.resample(resample_from_to(nib.load(SHARED_TEMPLATE), grid, order=1).get_fdata(), 32)
    brain = brain_mask(Grid(32))
    pets = [fields.resample(person.pet, 32) for person in cn_people]
    assert np.corrcoef(np.mean(pets, axis=0)[brain], measured[brain])[0, 1] > 0.89
    assert 0.83 < np.mean([np.corrcoef(pet[brain], measured[brain])[0, 1] for pet in pets]) < 0.92
