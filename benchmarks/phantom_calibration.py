"""Holds the built-in cohort against measured figures, prints both, and draws the picture of ``docs/phantom.md``.

    python -m benchmarks.phantom_calibration [--subjects=60] [--fit] [--picture=docs/images/phantom.png]

``--fit`` also rewrites the column ``uptake`` of ``regions.tsv`` so that the imaged regional means of the phantom's CN
equal the measured ones. The comparison with the FDG template needs ``../shared/data`` and is skipped without it.
"""

import argparse
import csv
import dataclasses
from collections.abc import Iterable
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.processing import resample_from_to
from scipy import ndimage

from pcsa_jax.data.phantom import fields, regions, subject, templates
from pcsa_jax.data.phantom import traits as traits_module
from pcsa_jax.data.phantom.subject import make_subject
from pcsa_jax.data.phantom.traits import Traits, draw_traits, participant_id
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.presentation import figures

ROOT = Path(__file__).resolve().parents[1]
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


def on_working_grid(volume: np.ndarray, order: int) -> np.ndarray:
    """A map of the template grid on the phantom's working grid."""
    maps = templates.load_templates()
    index = subject.template_index(maps, subject.world_coordinates())
    return ndimage.map_coordinates(volume, index, order=order)


def region_means(volumes: Iterable[np.ndarray], anatomies: Iterable[subject.Anatomy]) -> np.ndarray:
    """Subjects x regions: mean over each subject's own regions, as a segmentation of each scan would give."""
    rows = range(len(regions.load_regions()))
    pairs = zip(volumes, anatomies, strict=True)
    return np.array([ndimage.mean(volume, np.where(a.core, a.labels, -1), rows) for volume, a in pairs])


def imaged_as_measured(people: list[Traits], anatomies: list[subject.Anatomy], *, expected: bool) -> np.ndarray:
    """Subjects x regions: PET at the scanner's own resolution, which is how the measured table was read."""
    return region_means(
        [
            fields.smooth(subject.emission(anatomy, who, expected=expected), who.psf_fwhm_mm, VOXEL_SIZE_MM)
            / (who.global_scale if expected else 1)
            for who, anatomy in zip(people, anatomies, strict=True)
        ],
        anatomies,
    )


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


def against_template(mean_cn: np.ndarray) -> np.ndarray | None:
    """Correlation with the measured FDG template inside the brain; the template on the working grid."""
    if not TEMPLATE.exists():
        print(f"{TEMPLATE}: not there; the comparison with it is skipped")
        return None
    from nilearn.datasets import load_mni152_brain_mask

    image = nib.load(TEMPLATE)
    grid = (mean_cn.shape, subject.WORKING_GRID.affine)
    measured = resample_from_to(image, grid, order=1).get_fdata()
    measured = fields.smooth(measured, subject.SMOOTHING_FWHM_MM, VOXEL_SIZE_MM)
    mask = resample_from_to(load_mni152_brain_mask(resolution=2), grid, order=0).get_fdata() > 0
    maps = templates.load_templates()
    inner = mask & (on_working_grid(maps.grey_matter + maps.white_matter, 1) > 0.9)
    for name, where in (("brain mask", mask), ("parenchyma", inner)):
        correlation = np.corrcoef(mean_cn[where], measured[where])[0, 1]
        print(f"correlation of mean CN phantom with FDG template, {name}: {correlation:.3f}")
    return measured * mean_cn[mask].mean() / measured[mask].mean()


def report_uptake(pets: np.ndarray, is_ad: np.ndarray, people: list[Traits], anatomies: list[subject.Anatomy]) -> None:
    """As-imaged contrast, spread, left-right correlation, and what the disease does."""
    table = regions.load_regions()
    means = region_means(pets, anatomies)
    white = np.array([pet[a.white_core].mean() for pet, a in zip(pets, anatomies, strict=True)])
    cortex = [i for i, labels in enumerate(table.labels) if labels[0] > 1000]
    print(f"cortex over white matter, pure: {table.uptake[cortex].mean() / subject.WHITE_MATTER_UPTAKE:.2f}")
    contrast = (means[:, cortex].mean(axis=1) / white)[~is_ad].mean()
    print(f"cortex over deep white matter as imaged in CN: {contrast:.2f} (FDG template, smoothed likewise: 1.62)")
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
    maps = templates.load_templates()
    brain = fields.resample(on_working_grid(maps.grey_matter + maps.white_matter + maps.csf, 1), 32) > 0.5
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


def draw(path: Path, mris: np.ndarray, pets: np.ndarray, is_ad: np.ndarray, measured: np.ndarray | None) -> Path:
    """GM and PET of the first two CN and the first two AD subjects, and the measured template, in three planes.

    Args:
      path: PNG to write.
      mris, pets: subjects x y z on the working grid.
      is_ad: which subjects have AD.
      measured: the FDG template on the same grid, or None to leave it out.
    """
    grid = subject.WORKING_GRID
    mask = brain_mask(grid)
    shown = [(group, i) for group, of in (("CN", ~is_ad), ("AD", is_ad)) for i in np.flatnonzero(of)[:2]]
    uptake = [pets[i] for _, i in shown] + ([measured] if measured is not None else [])
    uptake_style = figures.UPTAKE | {"vmax": max(np.ceil(2 * np.percentile(v[mask], 99.9)) / 2 for v in uptake)}
    columns = [(f"{participant_id(i + 1)} ({group})", mris[i], figures.GREY_MATTER) for group, i in shown]
    columns += [(f"{participant_id(i + 1)} ({group})", pets[i], uptake_style) for group, i in shown]
    columns += [("measured\nFDG template", measured, uptake_style)] if measured is not None else []
    figure = figures.new_figure(1.5 * len(columns) + 0.4, 5.4)
    axes = figure.subplots(3, len(columns), height_ratios=figures.PANEL_HEIGHTS)
    for column, (title, volume, style) in zip(axes.T, columns, strict=True):
        figures.draw_column(column, volume, mask, grid, style)
        column[0].set_title(title, fontsize=9, color=figures.INK)
    figures.label_rows(axes[:, 0], grid, fontsize=8)
    for below, label in (
        (axes[:, : len(shown)], "grey-matter map (0–1)"),
        (axes[:, len(shown) :], "FDG uptake (SUVR)"),
    ):
        bar = figure.colorbar(below[0, 0].images[0], ax=below, location="bottom", shrink=0.6, pad=0.02, aspect=50)
        bar.set_label(label, fontsize=8, color=figures.INK)
        bar.ax.tick_params(labelsize=8)
    figures.add_title(figure, "PHANTOM: grey matter and simulated FDG-PET of two CN and two AD subjects")
    return figures.save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=120)
    parser.add_argument("--fit", action="store_true", help="rewrite the calibrated uptake in regions.tsv")
    parser.add_argument("--picture", type=Path, default=ROOT / "docs/images/phantom.png")
    arguments = parser.parse_args()
    if arguments.fit:
        fit_uptake(24)
    subjects = [make_subject(number) for number in range(1, arguments.subjects + 1)]
    anatomies = [subject.make_anatomy(s.traits, 0, templates.load_templates()) for s in subjects]
    mris, pets, predictables = (np.array([getattr(s, key) for s in subjects]) for key in ("mri", "pet", "predictable"))
    is_ad = np.array([s.traits.diagnosis == "AD" for s in subjects])
    measured = against_template(pets[~is_ad].mean(axis=0))
    report_uptake(pets, is_ad, [s.traits for s in subjects], anatomies)
    report_anatomy(mris, is_ad, anatomies)
    predictors(mris, pets, predictables)
    draw(arguments.picture, mris, pets, is_ad, measured)


if __name__ == "__main__":
    main()
