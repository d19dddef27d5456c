"""SSIM and the scores of an evaluation against scikit-image and NumPy."""

from typing import Any

import numpy as np

from benchmarks.contender import Program
from benchmarks.duel import Entry, Say, duel
from benchmarks.results import Row
from benchmarks.workload import volumes

SUBJECTS = 8


def measure_ssim(say: Say) -> list[Row]:
    """SSIM of one pair at 64^3, warm; scikit-image's with the same settings, equal to 1e-5."""
    entries = {
        "ours": Entry("benchmarks.similarity:ours_ssim", {}),
        "scikit-image": Entry("benchmarks.similarity:scikit_ssim", {}),
    }
    found = duel(entries, repetitions=15, say=say)
    times = dict(found.times)
    note = found.note()
    if len(times) == 2:
        difference = abs(found.facts["ours"]["value"] - found.facts["scikit-image"]["value"])
        note = f"the two values differ by {difference:.0e}" + ("" if difference <= 1e-5 else ": **more than 1e-5**")
    return [Row("SSIM of one 64^3 pair, warm", "s", times.pop("ours", None), times, target=0.1, note=note)]


def measure_scoring(say: Say) -> list[Row]:
    """The scores of ``evaluate.py`` (six a subject) for some subjects at 64^3."""
    entries = {
        "ours": Entry("benchmarks.similarity:ours_scores", {}),
        "NumPy and scikit-image": Entry("benchmarks.similarity:scikit_scores", {}, most=3),
    }
    found = duel(entries, repetitions=7, say=say)
    times = dict(found.times)
    name = f"MAE, PSNR, SSIM of {SUBJECTS} subjects at 64^3, whole and in the brain"
    return [Row(name, "s", times.pop("ours", None), times, note=found.note())]


def _pair() -> tuple[np.ndarray, np.ndarray]:
    mri, pet = volumes(1, 64)
    return np.clip(pet + 0.1 * (mri - 0.5), 0, 1).astype(np.float32), pet


def _subjects() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predicted and real PET, and the brain."""
    from pcsa_jax.data.grid import Grid
    from pcsa_jax.data.regions import brain_mask

    mri, pet = (v[..., 0] for v in volumes(SUBJECTS, 64))
    return np.clip(pet + 0.1 * (mri - 0.5), 0, 1), pet, brain_mask(Grid(64))


def ours_ssim() -> Program:
    import jax

    from pcsa_jax.model.ssim import ssim

    run = jax.jit(lambda fake, pet: ssim(fake, pet, data_range=1.0))
    fake, pet = (jax.numpy.asarray(v) for v in _pair())
    return Program(lambda: {"value": float(run(fake, pet)[0])}, {})


def _scikit(fake: np.ndarray, pet: np.ndarray, **options: Any) -> Any:
    from skimage.metrics import structural_similarity

    return structural_similarity(
        fake, pet, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, **options
    )


def scikit_ssim() -> Program:
    fake, pet = (v[0, ..., 0] for v in _pair())
    return Program(lambda: {"value": float(_scikit(fake, pet))}, {})


def ours_scores() -> Program:
    from pcsa_jax.evaluation.scoring import score

    predicted, pet, mask = _subjects()
    return Program(lambda: score(predicted, pet, mask), {})


def scikit_scores() -> Program:
    predicted, pet, mask = _subjects()

    def call() -> None:
        for fake, real in zip(predicted, pet, strict=True):
            error = fake - real
            ssim, image = _scikit(fake, real, full=True)
            _ = [np.abs(error).mean(), np.abs(error[mask]).mean(), ssim, image[mask].mean()]
            _ += [10 * np.log10(1 / np.square(part).mean()) for part in (error, error[mask])]

    return Program(call, {})
