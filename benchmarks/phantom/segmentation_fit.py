"""Fits the phantom's table of parcels (``segmentation.tsv``) to grey-matter and CSF maps of people."""

import dataclasses
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.stats import norm

from benchmarks.phantom.heads import Heads, at_six_mm
from benchmarks.phantom.measures import deviation_spectrum
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.phantom import fields, subject, traits
from pcsa_jax.data.phantom.regions import load_regions
from pcsa_jax.data.phantom.segmentation import CLASSES, TISSUES, Segmentation, seen_tissues
from pcsa_jax.data.phantom.templates import Templates, load_templates, with_segmentation
from pcsa_jax.data.regions import brain_mask, reference_weights

ROUNDS = 6
RIDGE = 5e-3
"""Pull of the weights towards the template's own tissues, in units of their mean information."""

SMALLEST_SPREAD, LARGEST_SPREAD = 0.2, 0.88
"""Smaller ones are left to the folds; a larger one would make a stem all grey or all white."""

STEM, STEM_IN_THE_T1 = "brain stem", 0.52
"""Mean of the map in the pons of a measured T1, whose stem the segmentation takes for grey matter by half.

Of the painted heads none does so: they all have one contrast. It counts as one more head, in this parcel alone.
"""

SUBJECTS = 24
FOLDINGS, WARPS_MM = (0.35, 0.4, 0.45), (0.5, 0.6)
"""The larger deformation is a bound: more of it blurs what deep white matter should not have."""


def fit(heads: Heads, templates: Templates | None = None, *, stem: float | None = None) -> Segmentation:
    """The table that makes the phantom's maps like those of ``heads``: means, spread of parcels, folds, warp.

    Args:
      heads: maps of grey matter and CSF.
      templates: whose classes and parcels the table is for.
      stem: mean of the map in the pons of one more head, which counts in the stem alone; None for none.
    """
    templates = templates or load_templates()
    segmentation = dataclasses.replace(templates.segmentation, weights=fit_weights(heads, templates, stem=stem))
    still = dataclasses.replace(segmentation, spread=np.zeros(len(segmentation)))
    segmentation = dataclasses.replace(still, spread=fit_spread(heads, with_segmentation(templates, still), stem=stem))
    wanted = deviation_spectrum(at_six_mm(heads.grey_matter))[1:]
    best = (np.inf, segmentation)
    for folding in FOLDINGS:
        for warp_mm in WARPS_MM:
            tried = dataclasses.replace(segmentation, folding=folding, warp_mm=warp_mm)
            found = deviation_spectrum(at_six_mm(make_maps(with_segmentation(templates, tried), SUBJECTS)))[1:]
            best = min(best, (float(np.sum(np.log(found / wanted) ** 2)), tried), key=lambda pair: pair[0])
    return best[1]


def make_maps(templates: Templates, count: int, *, first: int = 1, group: str | None = "CN") -> np.ndarray:
    """Grey-matter maps (64^3) of the first ``count`` phantom subjects of a group from number ``first`` on, seed 0."""
    table = load_regions()
    numbers = [n for n in range(first, first + 10 * count) if group in (None, traits.diagnosis(n))][:count]
    people = [subject.make_anatomy(traits.draw_traits(n, 0, table), 0, templates) for n in numbers]
    return np.array([subject.make_mri(a, n, 0) for n, a in zip(numbers, people, strict=True)])


def _typical(templates: Templates, volume: np.ndarray, order: int = 1) -> np.ndarray:
    """A map of the template on the working grid, its ventricles as wide as the median subject's."""
    position = subject.world_coordinates()
    position = position + subject.ventricle_displacement(templates, position, traits.VENTRICLE_MEDIAN_ML)
    return ndimage.map_coordinates(volume, subject.template_index(templates, position), order=order, mode="nearest")


def fit_weights(heads: Heads, templates: Templates, *, stem: float | None = None) -> np.ndarray:
    """Ridge regression of the mean maps on the template's classes in each parcel, all smoothed alike.

    Returns:
      Parcels x TISSUES x CLASSES.
    """
    classes, parcels = [_typical(templates, c) for c in templates.classes], _typical(templates, templates.parcels, 0)
    inside = brain_mask(subject.WORKING_GRID)
    count = len(templates.segmentation)
    columns, places = [], []
    for k, volume in enumerate(classes):
        for row in range(count):
            part = volume * (parcels == row)
            if part.sum() > 0:
                columns.append(_smooth(part)[inside])
                places.append((row, k))
    design = np.stack(columns, axis=1)
    means = [maps.mean(axis=0)[inside] for maps in (heads.grey_matter, heads.csf)]
    information = design.T @ design
    pull = RIDGE * np.trace(information) / len(places)
    weights = np.zeros((count, len(TISSUES), len(CLASSES)))
    prior = np.array([[float(CLASSES[k] == tissue) for _, k in places] for tissue in TISSUES])
    wanted = [mean.copy() for mean in means]
    row = templates.segmentation.names.index(STEM)
    for _ in range(ROUNDS):
        for tissue in range(len(TISSUES)):
            right = design.T @ wanted[tissue] + pull * prior[tissue]
            found = np.linalg.solve(information + pull * np.eye(len(places)), right)
            for value, (parcel, k) in zip(found, places, strict=True):
                weights[parcel, tissue, k] = value
        seen = seen_tissues(
            np.stack(classes), parcels, weights
        )  # cut to [0, brain], which the regression does not know
        for tissue, volume in enumerate(seen):
            wanted[tissue] += means[tissue] - _smooth(volume)[inside]
    weights[row, 0] = _stem_weights(_pons(heads.grey_matter, stem), classes, parcels == row)
    return weights


def _stem_weights(seen: np.ndarray, classes: list[np.ndarray], stem: np.ndarray) -> np.ndarray:
    """The part of the stem that is seen as grey matter: in the pons as much as ``seen`` by the heads on average."""
    pons = reference_weights(subject.WORKING_GRID, "pons")
    tissue = (_smooth((classes[0] + classes[2]) * stem) * pons).sum() / pons.sum()
    part = seen.mean() / tissue
    return np.array([part, 0, part, 0, 0])


def _pons(maps: np.ndarray, more: float | None) -> np.ndarray:
    """Mean of each map in the pons, and that of one more head."""
    weights = reference_weights(subject.WORKING_GRID, "pons")
    means = (maps * weights).sum(axis=(1, 2, 3)) / weights.sum()
    return means if more is None else np.append(means, more)


def _smooth(volume: np.ndarray) -> np.ndarray:
    return fields.smooth(volume, subject.MAP_BLUR_FWHM_MM, subject.WORKING_GRID.voxel_size_mm)


def parcel_means(maps: np.ndarray, parcels: np.ndarray) -> np.ndarray:
    """People x parcels: mean of each map over the brain's voxels of a parcel."""
    index = np.where(brain_mask(Grid(len(parcels))), parcels, -1)
    return np.array([ndimage.mean(volume, index, range(parcels.max() + 1)) for volume in maps])


def fit_spread(heads: Heads, templates: Templates, *, stem: float | None = None) -> np.ndarray:
    """SD of each parcel's latent score: what the means of people vary more than those of a phantom without it."""
    parcels = _typical(templates, templates.parcels, 0)
    people, phantom = parcel_means(heads.grey_matter, parcels), parcel_means(make_maps(templates, SUBJECTS), parcels)
    variance = people.var(axis=0, ddof=1) - phantom.var(axis=0, ddof=1)
    row = templates.segmentation.names.index(STEM)
    mean = np.clip(phantom.mean(axis=0), 0.02, 0.98)
    pons = _pons(heads.grey_matter, stem)
    variance[row], mean[row] = pons.var(ddof=1), np.clip(pons.mean(), 0.02, 0.98)
    spread = np.sqrt(np.maximum(variance, 0)) / norm.pdf(norm.ppf(mean))
    return np.where(spread < SMALLEST_SPREAD, 0, np.minimum(spread, LARGEST_SPREAD))


def write_table(path: Path, segmentation: Segmentation) -> None:
    """Writes ``segmentation.tsv``; ``folding`` and ``warp_mm`` are constants of ``segmentation.py``."""
    header = ["parcel", "labels", "lobules", *(f"{t}_of_{c}" for t in TISSUES for c in CLASSES), "spread"]
    lines = ["\t".join(header)]
    for row, name in enumerate(segmentation.names):
        numbers = [*segmentation.weights[row].ravel(), segmentation.spread[row]]
        labels = ",".join(map(str, segmentation.labels[row]))
        lines.append("\t".join([name, labels, segmentation.lobules[row], *(f"{value:.3f}" for value in numbers)]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
