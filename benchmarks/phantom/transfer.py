"""Two generators, trained on the former and on this phantom, on the grey-matter maps of real heads."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from benchmarks.phantom import measures, pictures, uptake
from benchmarks.phantom.heads import COARSE, at_coarse, at_six_mm, brain, read_heads, region_mean
from pcsa_jax.calls import load_generator
from pcsa_jax.data.normalisation import intensity_range
from pcsa_jax.data.phantom import fields
from pcsa_jax.model.metrics import psnr
from pcsa_jax.presentation.statistics import describe, resampling_weights

REGIONS = ("pons", "thalamus", "putamen", "caudate", "hippocampus", "cortex", "deep white matter", "occipital")
SEED = 0


def generated(generator: Path, maps: np.ndarray) -> np.ndarray:
    """PET (n x 32^3) of grey-matter maps (n x 64^3) by an exported generator or a run of 32^3."""
    load = load_generator(generator)
    return np.array([np.asarray(load(volume.astype(np.float32))) for volume in at_coarse(maps)])


def in_range(pet: np.ndarray) -> np.ndarray:
    """Volumes (n x 32^3) brought to 0 to 1 each, as the generators are trained."""
    return np.array([intensity_range(volume, "minmax", "PET").normalise(volume) for volume in pet])


def psnr_db(pet: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Per subject, in the brain, of volumes in [0, 1]; ``pet`` is clipped to them."""
    pairs = (jnp.asarray(volumes[..., None], jnp.float32) for volumes in (np.clip(pet, 0, 1), real))
    return np.asarray(psnr(*pairs, data_range=1.0, mask=jnp.asarray(brain())), float)


def compare(
    heads: Path, former: Path, present: Path, scan: np.ndarray | None, picture: Path | None = None
) -> dict[str, Any]:
    """Scores of both generators on the heads and on one measured T1, and their paired differences.

    Args:
      heads: cohort of ``benchmarks.real_anatomy``.
      former, present: exported generators, or runs.
      scan: grey-matter map (64^3) of a measured T1, or None.
      picture: PNG of what the generators make of ``scan``, or None.
    """
    people, measured = read_heads(heads, needs_pet=True), uptake.measured_template()
    if measured is None:
        raise FileNotFoundError(f"{uptake.TEMPLATE}: expected the measured FDG template, found nothing")
    maps, simulated = people.grey_matter, in_range(at_coarse(people.pet))
    template = fields.resample(measured, COARSE.size)
    weights, scores, regions, darkest, shown = resampling_weights(len(maps), SEED), {}, {}, {}, {}
    for name, generator in (("former", former), ("present", present)):
        pets = generated(generator, maps)
        scores[name] = {
            "PSNR against simulated uptake (dB)": psnr_db(pets, simulated),
            "correlation with simulated uptake": _correlations(pets, simulated),
            "correlation with the measured template": _correlations(pets, np.broadcast_to(template, pets.shape)),
        }
        if scan is not None:
            shown[f"PET, {name} phantom"] = pet = generated(generator, scan[None])[0]
            regions[name] = _regions(pet) | {"correlation with the template": measures.correlation(pet, template)}
        darkest[name] = float(min(region_mean(pet, "pons") / pet[brain()].mean() for pet in pets))
    if scan is not None and picture is not None:
        shown["measured template"] = template
        pictures.draw_scan(picture, at_six_mm(scan[None])[0], shown)
    difference = {key: scores["present"][key] - scores["former"][key] for key in scores["present"]}
    described = {
        name: {key: describe(values, weights) for key, values in part.items()}
        for name, part in (scores | {"present - former": difference}).items()
    }
    return {
        "heads": len(maps), "scores": described, "darkest pons": darkest,
        "measured T1": regions | {"template": _regions(template)},
    }  # fmt: skip


def _correlations(pets: np.ndarray, real: np.ndarray) -> np.ndarray:
    return np.array([measures.correlation(a, b) for a, b in zip(pets, real, strict=True)])


def _regions(pet: np.ndarray) -> dict[str, float]:
    mean = pet[brain()].mean()
    return {region: float(region_mean(pet, region) / mean) for region in REGIONS}
