"""Planted identities of one fold: what is followed, what is not, what is equal."""

import dataclasses
import gzip
import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.lesions import DEPTHS, PLACES, lesion_uptake, lesion_weights
from pcsa_jax.data.pairs import load_pairs
from pcsa_jax.data.predictors.linear import VoxelwiseLinear
from pcsa_jax.data.regions import region_masks
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation.assessment import synthesise
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.studies.disease.findings import TABLES, FoldFindings
from pcsa_jax.studies.disease.fold import assess_fold, assess_pairs
from pcsa_jax.studies.disease.lesions import KINDS
from pcsa_jax.studies.disease.presentation import present_disease
from pcsa_jax.training.data import reading
from pcsa_jax.training.remembered import check_remembered
from pcsa_jax.training.trained import open_run
from tests.evaluation.evaluation_data import GRID
from tests.studies.disease.disease_data import following, generator_of, normalised_pairs, parts


def of(table, **columns):
    for name, value in columns.items():
        table = table[table[name] == value]
    return table


def test_a_generator_that_multiplies_the_mri_follows_fully():
    found = of(following().lesions, predictor="model", kind="mri")
    assert len(found) == 9 * len(PLACES) * len(DEPTHS)
    np.testing.assert_allclose(found["response"], found["depth"], atol=1e-5)
    assert found["outside"].max() < 2e-3


def test_without_a_correlate_nothing_answers_and_the_error_is_what_was_planted():
    found = of(following().lesions, kind="pet_only")
    assert set(found["predictor"]) == {"model", "ridge", "linear", "mean_pet"}
    assert (found[["response", "outside"]] == 0).all(axis=None)
    deep, none = of(found, depth=0.4, predictor="model"), of(found, depth=0.0, predictor="model")
    assert (deep["synthetic"].to_numpy() == none["synthetic"].to_numpy()).all()
    np.testing.assert_allclose(
        deep["error"].to_numpy() - none["error"].to_numpy(), none["real"].to_numpy() - deep["real"].to_numpy()
    )
    _, test = parts()
    weight = lesion_weights(GRID)["angular_left"]
    expected = [lesion_uptake(pet * (1 - 0.4 * weight), weight) for pet in test.pet]
    np.testing.assert_allclose(of(deep, place="angular_left")["real"], expected, rtol=1e-5)


def test_a_constant_generator_and_the_mean_pet_follow_nothing():
    train, test = parts()
    found = assess_pairs(train, test, lambda mri: np.full_like(mri, 0.5), GRID)
    assert (of(found.lesions, predictor="model")["response"] == 0).all()
    assert (of(found.lesions, predictor="mean_pet")["response"] == 0).all()
    assert all(not found.changes[f"synthetic_{place}"].any() for place in PLACES)


def test_the_linear_predictor_is_beside_it():
    train, test = parts()
    linear = VoxelwiseLinear.fit(train.mri, train.pet)
    found = assess_pairs(train, test, linear.predict, GRID)
    for table in (found.lesions, found.regions, found.zmaps):
        numbers = table.select_dtypes(float).columns
        model, other = of(table, predictor="model"), of(table, predictor="linear")
        np.testing.assert_array_equal(model[numbers], other[numbers])
    assert (of(found.lesions, predictor="linear", kind="mri", depth=0.4)["response"] > 0.1).all()


def test_place_of_the_lesion_is_where_the_output_changes():
    changes = following().changes
    for place, weight in lesion_weights(GRID).items():
        for kind in ("real", "synthetic"):
            change = changes[f"{kind}_{place}"]
            assert change.max() <= 1e-6
            assert weight[change < 0.2 * change.min()].min() > 0.1
            # Near the peak the loss is the planted one.
            assert change.min() < -0.1


def test_real_as_synthetic_gives_equal_zmaps():
    train, test = parts()
    found = assess_pairs(train, test, generator_of(test.pet, test.mri), GRID)
    own = of(found.zmaps, predictor="model")
    np.testing.assert_allclose(own["z_correlation"], 1)
    assert (own["dice"].dropna() == 1).all() and own["dice"].notna().any()
    for name in ("low", "std", "severity"):
        np.testing.assert_array_equal(own[f"{name}_real"], own[f"{name}_synthetic"])
    regions = of(found.regions, predictor="model")
    np.testing.assert_array_equal(regions["real_z"], regions["synthetic_z"])
    for plane in ("sagittal", "coronal", "axial"):
        np.testing.assert_array_equal(found.slices[f"real_{plane}"], found.slices[f"synthetic_{plane}"])


def test_order_of_subjects_does_not_matter():
    train, test = parts()
    order = [3, 0, 2, 1, 4, 5, 6, 7, 8]
    fields = {f.name: getattr(test, f.name) for f in dataclasses.fields(test)}
    turned = dataclasses.replace(
        test, **{k: v[order] if isinstance(v, np.ndarray) else tuple(v[i] for i in order) for k, v in fields.items()}
    )
    other = assess_pairs(train, turned, lambda mri: 0.8 * mri, GRID)
    for name, columns in TABLES.items():
        keys = [key for key in columns if key in ("participant_id", "predictor", "region", "place", "kind", "depth")]
        tables = [getattr(found, name).sort_values(keys, ignore_index=True) for found in (following(), other)]
        pd.testing.assert_frame_equal(*tables)
    for key, change in following().changes.items():
        np.testing.assert_allclose(change, other.changes[key], atol=1e-6)


def test_few_controls_give_no_zmaps_and_the_rest_all_the_same():
    test = normalised_pairs(1, predictable=False)
    train = dataclasses.replace(normalised_pairs(3, first=50), diagnoses=("AD", "CN", "CN"))
    found = assess_pairs(train, test, lambda mri: 0.8 * mri, GRID)
    assert found.norm_count == 0 and not found.slices
    assert found.zmaps["z_correlation"].isna().all() and found.regions["real_z"].isna().all()
    assert set(found.regions["predictor"]) == {"model", "ridge", "linear", "mean_pet"}
    assert len(found.lesions) == 4 * len(PLACES) * len(KINDS) * len(DEPTHS)


def test_diverged_generator_is_the_users_error():
    with pytest.raises(UserError, match=r"sub-001: expected a finite synthetic PET \(model\), found NaN"):
        assess_pairs(*parts(), lambda mri: np.full_like(mri, np.nan), GRID)


def test_trained_run(tiny_run, tmp_path):
    run, reports = open_run(tiny_run), []
    found = assess_fold(run, Workdir(tiny_run), progress=lambda *report: reports.append(report))
    assert reports[-1] == (14, 14, "generating"), "6 training and 4 test subjects read, 4 generated"
    assert [done for done, *_ in reports] == sorted(done for done, *_ in reports)
    assert found.step == run.step and found.num_subjects == 4
    assert set(found.regions["predictor"]) == {
        "model", "ridge", "linear", "mean_pet", "predictable", "predictable_own_range",
    }  # fmt: skip
    evaluated = _regional_means_of(run, tiny_run)
    own = of(found.regions, predictor="model", region="hippocampus").set_index("participant_id")["synthetic"]
    assert dict(own) == pytest.approx(evaluated, rel=1e-5)
    found.write_findings(tmp_path / "fold")
    again = FoldFindings.read_findings(tmp_path / "fold")
    paths = present_disease(tmp_path, [again], title="pcsa", is_phantom=True, protocol="1 fold.")
    assert {"disease.md", "lesions.png", "zmaps.png"} < {path.name for path in paths}


@pytest.mark.parametrize(("part", "table"), [("train", "inputs.tsv"), ("test", "tested.tsv")])
def test_other_voxels_under_the_same_ids_are_refused(tiny_run, copy_of_cohort, overwrite, tmp_path, part, table):
    """Those that the run has read, and those of test subjects that an evaluation has."""
    root, run = shutil.copytree(tiny_run, tmp_path / "run"), open_run(tiny_run)
    config = run.config.copy_and_resolve_references()
    config.data.root = str(copy_of_cohort)
    run, workdir = run._replace(config=config), Workdir(root)
    subjects = [subject for subject in read_cohort(copy_of_cohort).pairs if run.splits[subject.participant_id] == part]
    if part == "test":
        workdir.tested.unlink(missing_ok=True)
        check_remembered(run, workdir, load_pairs(subjects, **reading(config.data)).inputs)
    image = nib.load(subjects[0].pet)
    overwrite(subjects[0].pet, gzip.compress(nib.Nifti1Image(image.get_fdata() * 1.01, image.affine).to_bytes()))
    expected = (
        rf"{table}: expected the voxels and grids that were read before, found others in 1 of .*\({subjects[0].name}"
    )
    with pytest.raises(UserError, match=expected):
        assess_fold(run, workdir)


def _regional_means_of(run, root):
    """Hippocampus of the synthetic PET as the evaluation makes it."""
    from pcsa_jax.data.grid import Grid
    from pcsa_jax.data.splits import read_splits
    from pcsa_jax.experiment.cohort import open_cohort

    splits = read_splits(Workdir(root).splits)
    subjects = [s for s in open_cohort(run.config.data).pairs if splits[s.participant_id] == "test"]
    synthetic = synthesise(run, load_pairs(subjects, **reading(run.config.data)))
    mask = region_masks(Grid(run.config.data.size))["hippocampus"]
    return {s.participant_id: volume[mask].mean() for s, volume in zip(subjects, synthetic, strict=True)}
