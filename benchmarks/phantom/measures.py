"""Rows of the page that holds the phantom against people: each from maps on the 32^3 grid, in the brain."""

import numpy as np

from benchmarks.phantom.heads import COARSE, at_six_mm, brain, region_mean

BANDS = (0.01, 0.02, 0.03, 0.04, 0.06)
"""Edges of the bands of spatial frequency, cycles/mm; the last band ends at the grid's own limit."""

GREY_REGIONS = (
    "pons", "thalamus", "putamen", "pallidum", "caudate", "hippocampus", "cortex", "deep white matter",
    "lower cerebellum",
)  # fmt: skip


def deviation_spectrum(maps: np.ndarray) -> np.ndarray:
    """Power of the deviations from the mean of ``maps`` (people x 32^3) in each band: summed over it and the grid.

    Unbiased in the number of people. The sum over bands is the summed variance of the brain's voxels.
    """
    count = len(maps)
    deviation = (maps - maps.mean(axis=0)) * brain() * np.sqrt(count / (count - 1))
    power = np.mean([np.abs(np.fft.fftn(d)) ** 2 for d in deviation], axis=0) / COARSE.size**3
    axes = [np.fft.fftfreq(COARSE.size, COARSE.voxel_size_mm)] * 3
    frequency = np.sqrt(sum(f**2 for f in np.meshgrid(*axes, indexing="ij")))
    band = np.digitize(frequency, BANDS)
    return np.array([power[band == k].sum() for k in range(len(BANDS) + 1)])


def nearest_distance(maps: np.ndarray, training: np.ndarray) -> float:
    """Mean over people of the squared distance to the nearest training map, in the brain; both n x 32^3."""
    first, second = maps[:, brain()], training[:, brain()]
    squared = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None] - 2 * first @ second.T
    return float(squared.min(axis=1).mean())


def voxel_sd(maps: np.ndarray) -> float:
    """SD over people, mean over the brain's voxels."""
    return float(maps[:, brain()].std(axis=0, ddof=1).mean())


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of two volumes on the 32^3 grid, over the brain's voxels."""
    return float(np.corrcoef(first[brain()], second[brain()])[0, 1])


def region_means_of(volume: np.ndarray) -> dict[str, float]:
    """Regional means of one map on the 32^3 grid."""
    return {f"GM map: {region}": region_mean(volume, region) for region in GREY_REGIONS}


def grey_rows(grey_matter: np.ndarray) -> dict[str, float]:
    """Regional means, spread and spectrum of maps (people x 64^3)."""
    maps = at_six_mm(grey_matter)
    mean = maps.mean(axis=0)
    rows = region_means_of(mean)
    rows["GM map: SD over people"] = voxel_sd(maps)
    names = ["below .01", ".01-.02", ".02-.03", ".03-.04", ".04-.06", "above .06"]
    power = deviation_spectrum(maps)
    return rows | {f"deviations, {n} cycles/mm": float(p) for n, p in zip(names, power, strict=True)}


def pet_rows(pet: np.ndarray, grey_matter: np.ndarray | None, template: np.ndarray | None) -> dict[str, float]:
    """Ratios to the brain's mean and correlations of PET (people x 32^3).

    Args:
      pet: of people, or of a template alone.
      grey_matter: the maps of the same people, or None.
      template: the measured FDG template on the same grid, or None.
    """
    relative = pet / pet[:, brain()].mean(axis=1)[:, None, None, None]
    mean = relative.mean(axis=0)
    white = region_mean(mean, "deep white matter")
    rows = {
        "FDG: deep white matter": white,
        "FDG: pons": region_mean(mean, "pons"),
        "FDG: cortex over deep white matter": region_mean(mean, "cortex") / white,
        "FDG: caudate": region_mean(mean, "caudate"),
        "FDG: occipital": region_mean(mean, "occipital"),
    }
    if grey_matter is not None:
        own = [correlation(p, g) for p, g in zip(relative, grey_matter, strict=True)]
        rows["FDG: correlation with the own GM map"] = float(np.mean(own))
    if template is not None:
        each = [correlation(p, template) for p in relative]
        rows["FDG: correlation with the measured template, one CN subject"] = float(np.mean(each))
        rows["FDG: correlation with the measured template, mean of CN"] = correlation(mean, template)
    return rows
