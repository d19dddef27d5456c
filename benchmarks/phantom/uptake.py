"""Uptake of the phantom against measured figures, and the fit of the column ``uptake`` of ``regions.tsv``."""

import csv
import dataclasses
from collections.abc import Iterable
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.processing import resample_from_to
from scipy import ndimage

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.phantom import fields, regions, subject, templates
from pcsa_jax.data.phantom import traits as traits_module
from pcsa_jax.data.phantom.traits import Traits, draw_traits
from pcsa_jax.data.regions import brain_mask, reference_weights

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT.parent / "shared/data/fdg_template/CN_PET_TEMPLATE_syn_to_MNI_2mm.nii.gz"
VOXEL_SIZE_MM = subject.WORKING_GRID.voxel_size_mm
TARGETS = {
    "precuneus": ("precuneus", -0.19),
    "posterior cingulate": ("posterior_cingulate", -0.21),
    "lateral parietal": ("dorsolateral_parietal", -0.15),
    "lateral temporal": ("lateral_temporal", -0.15),
    "hippocampus": ("hippocampus", None),
    "dorsolateral frontal": ("dorsolateral_frontal", None),
    "sensorimotor": ("postcentral", 0.0),
    "pericalcarine": ("pericalcarine", 0.0),
    "cerebellar cortex": ("cerebellar", 0.0),
    "putamen": ("putamen", 0.0),
    "pons": ("pons", 0.0),
}


def region_means(volumes: Iterable[np.ndarray], anatomies: Iterable[subject.Anatomy]) -> np.ndarray:
    """Subjects x regions: mean over each subject's own regions, as a segmentation of each scan would give.

    The pons, to which the measured table is normalised, is read well inside it, where a reference region lies.
    """
    table = regions.load_regions()
    pons, row = reference_weights(subject.WORKING_GRID, "pons"), table.names.index("pons")
    means = []
    for volume, anatomy in zip(volumes, anatomies, strict=True):
        values = ndimage.mean(volume, np.where(anatomy.core, anatomy.labels, -1), range(len(table)))
        values[row] = (volume * pons).sum() / pons.sum()
        means.append(values)
    return np.array(means)


def imaged_as_measured(people: list[Traits], anatomies: list[subject.Anatomy], *, expected: bool) -> np.ndarray:
    """Subjects x regions: PET at the resolution of the cohort, which is how the measured table is taken to be read."""
    return region_means(
        [
            fields.smooth(subject.emission(anatomy, who, expected=expected), _fwhm_mm(who), VOXEL_SIZE_MM)
            / (who.global_scale if expected else 1)
            for who, anatomy in zip(people, anatomies, strict=True)
        ],
        anatomies,
    )


def _fwhm_mm(who: Traits) -> float:
    return float(np.hypot(who.psf_fwhm_mm, subject.SMOOTHING_FWHM_MM))


def fit_uptake(num_subjects: int) -> None:
    """Rewrites the uptake column: multiplicative updates, which converge in a few rounds."""
    path = Path(regions.__file__).with_name("regions.tsv")
    table = regions.load_regions()
    numbers = [n for n in range(1, 10**4) if traits_module.diagnosis(n) == "CN"][:num_subjects]
    maps = templates.load_templates()
    anatomies = [subject.make_anatomy(draw_traits(number, 0, table), 0, maps) for number in numbers]
    for _ in range(12):
        people = [draw_traits(number, 0, table) for number in numbers]
        imaged = imaged_as_measured(people, anatomies, expected=True).mean(axis=0)
        ratio = table.imaged_suvr / imaged
        table = dataclasses.replace(table, uptake=table.uptake * ratio)
    print("largest regional error after the fit:", np.abs(ratio - 1).max().round(4))
    rows = list(csv.DictReader(path.open(encoding="utf-8"), delimiter="\t"))
    for row, value in zip(rows, table.uptake, strict=True):
        row["uptake"] = f"{value:.3f}"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys(), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    regions.load_regions.cache_clear()


def measured_template() -> np.ndarray | None:
    """The measured FDG template on the working grid, as smooth as it is; None where ``../shared/data`` is not."""
    if not TEMPLATE.exists():
        return None
    image = nib.load(TEMPLATE)
    return resample_from_to(image, (subject.WORKING_GRID.shape, subject.WORKING_GRID.affine), order=1).get_fdata()


def report_uptake(pets: np.ndarray, is_ad: np.ndarray, people: list[Traits], anatomies: list[subject.Anatomy]) -> None:
    """As-imaged contrast, spread, left-right correlation, and what the disease does."""
    table = regions.load_regions()
    means = region_means(pets, anatomies)
    white = np.array([pet[a.white_core].mean() for pet, a in zip(pets, anatomies, strict=True)])
    cortex = [i for i, labels in enumerate(table.labels) if labels[0] > 1000]
    print(f"cortex over white matter, pure: {table.uptake[cortex].mean() / subject.WHITE_MATTER_UPTAKE:.2f}")
    contrast = (means[:, cortex].mean(axis=1) / white)[~is_ad].mean()
    print(f"cortex over deep white matter as imaged in CN: {contrast:.2f}")
    scaled = np.log(imaged_as_measured(people, anatomies, expected=False)[~is_ad])
    print(f"SD of the log global mean in CN: {scaled.mean(axis=1).std():.3f} (measured 0.068)")
    scaled = scaled - scaled.mean(axis=1, keepdims=True)
    print(f"regional SD after global scaling in CN: {scaled.std(axis=0).mean():.4f} (measured {table.cv.mean():.4f})")
    left = np.flatnonzero(table.side < 0)
    pairs = [np.corrcoef(scaled[:, i], scaled[:, table.mirror[i]])[0, 1] for i in left]
    print(f"left-right correlation in CN: {np.mean(pairs):.2f} (measured 0.83)")
    spared = table.rows("pons", "cerebellar", "postcentral")
    relative = means / means[:, spared].mean(axis=1, keepdims=True)
    for name, (stem, target) in TARGETS.items():
        change = relative[is_ad][:, table.rows(stem)].mean() / relative[~is_ad][:, table.rows(stem)].mean() - 1
        print(f"  AD against CN, {name}: {change:+.1%}" + ("" if target is None else f" (literature {target:+.0%})"))


def report_anatomy(mris: np.ndarray, is_ad: np.ndarray, anatomies: list[subject.Anatomy]) -> None:
    """Ventricles, folding, and what the disease does to grey matter."""
    table = regions.load_regions()
    ventricles = np.array([a.ventricle_ml for a in anatomies])
    for name, group in (("CN", ventricles[~is_ad]), ("AD", ventricles[is_ad])):
        print(f"lateral ventricles {name}: median {np.median(group):.0f} ml, range {group.min():.0f}-{group.max():.0f}")
    print(f"smallest Jacobian determinant: {min(a.smallest_jacobian for a in anatomies):.3f}")
    csf = np.array([a.csf.sum() for a in anatomies])
    tissue = np.array([(a.grey_matter + a.white_matter).sum() for a in anatomies])
    brain = tissue / (tissue + csf)
    cn, ad = brain[~is_ad].mean(), brain[is_ad].mean()
    print(f"normalised whole-brain volume: CN {cn:.3f}, AD {ad:.3f}: {ad / cn - 1:+.1%} (OASIS-2: 0.746, 0.724: -2.9%)")
    means = region_means(mris, anatomies)
    for name, (stem, _) in TARGETS.items():
        if name == "pons":  # next to nothing in most people
            continue
        group = means[:, table.rows(stem)].mean(axis=1)
        cn = group[~is_ad]
        change, spread = group[is_ad].mean() / cn.mean() - 1, cn.std() / cn.mean()
        print(f"  GM density AD against CN, {name}: {change:+.1%}; SD in CN {spread:.1%}")


def predictors(mris: np.ndarray, pets: np.ndarray, predictables: np.ndarray) -> None:
    """Brain MAE and PSNR at 32^3 of mean PET, voxel-wise linear regression and the predictable part (3/4 train)."""
    mris, pets, predictables = (np.array([fields.resample(v, 32) for v in vs]) for vs in (mris, pets, predictables))
    low, high = pets.min(axis=(1, 2, 3), keepdims=True), pets.max(axis=(1, 2, 3), keepdims=True)
    pets, predictables = (pets - low) / (high - low), (predictables - low) / (high - low)
    mris = mris / mris.max(axis=(1, 2, 3), keepdims=True)
    brain = brain_mask(Grid(32))
    mri, pet, predictable = mris[:, brain], pets[:, brain], predictables[:, brain]
    train = len(pet) * 3 // 4
    mri_mean, pet_mean = mri[:train].mean(axis=0), pet[:train].mean(axis=0)
    slope = ((mri[:train] - mri_mean) * (pet[:train] - pet_mean)).mean(axis=0) / (mri[:train].var(axis=0) + 1e-4)
    print(f"predictors at 32^3, {train} subjects to fit, {len(pet) - train} to score:")
    guesses = {
        "mean PET": np.broadcast_to(pet_mean, pet[train:].shape),
        "voxel-wise linear": pet_mean + slope * (mri[train:] - mri_mean),
        "predictable": predictable[train:],
    }
    for name, guess in guesses.items():
        error = guess - pet[train:]
        psnr_db = -10 * np.log10(np.mean(error**2, axis=1))
        print(f"  {name}: MAE {np.abs(error).mean():.4f}, PSNR {psnr_db.mean():.2f} dB in the brain")
