"""Quick stand-ins for pairs of volumes, so that evaluation is tested without a cohort or a network."""

import dataclasses

import numpy as np
import pandas as pd
from rich.console import Console
from scipy import ndimage

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.regions import brain_mask, region_masks
from pcsa_jax.evaluation.context import ReportContext
from pcsa_jax.evaluation.summary import ALL_METRICS
from pcsa_jax.evaluation.terminal import summary_table

GRID = Grid(32)


@dataclasses.dataclass(frozen=True)
class FakePairs:
    participant_ids: tuple[str, ...]
    session_ids: tuple[str, ...]
    diagnoses: tuple[str, ...]
    mri: np.ndarray
    pet: np.ndarray
    predictable: np.ndarray | None = None
    predictable_own: np.ndarray | None = None
    ages: tuple[float | None, ...] = ()
    sexes: tuple[str | None, ...] = ()


def fake_pairs(n, *, first=1, predictable=True):
    """Smooth brains whose uptake follows grey matter, is lower in AD, and has a part that no MRI tells."""
    rng = np.random.default_rng(first)
    brain = ndimage.gaussian_filter(brain_mask(GRID).astype(np.float32), 0.8)
    target = ndimage.gaussian_filter(region_masks(GRID)["posterior_cingulate_precuneus"].astype(np.float32), 0.8)
    diagnoses = tuple("AD" if i % 3 == 0 else "CN" for i in range(n))

    def smooth(scale):
        noise = np.stack([ndimage.gaussian_filter(rng.normal(size=GRID.shape), 3) for _ in range(n)])
        return (scale * noise / noise.std() * brain).astype(np.float32)

    mri = np.clip(0.5 * brain + smooth(0.1), 0, 1).astype(np.float32)
    loss = np.array([0.2 if d == "AD" else 0.0 for d in diagnoses], np.float32).reshape(-1, 1, 1, 1)
    known = np.clip(0.2 * brain + 0.8 * mri - loss * target, 0, 1).astype(np.float32)
    pet = np.clip(known + smooth(0.03), 0, 1).astype(np.float32)
    ids = tuple(f"sub-{first + i:03d}" for i in range(n))
    own = known / known.max(axis=(1, 2, 3), keepdims=True)
    unknown = {"ages": (None,) * n, "sexes": (None,) * n}
    return FakePairs(ids, ("",) * n, diagnoses, mri, pet, *((known, own) if predictable else ()), **unknown)


def report_context(**changes):
    values = {
        "cohort": "test cohort",
        "is_phantom": True,
        "config": {"row": "pcsa", "precision": "float32", "batch_size": 4, "seed": 0, "loss": {"l1": 1.0}},
        "environment": {"devices": ["cpu"], "packages": {"jax": "0.0"}},
        "split_counts": {"train": {"AD": 3, "CN": 6}, "test": {"AD": 2, "CN": 4}},
        "step": 100,
        "checkpoint": "latest",
        "wall_time_s": 61.0,
    }
    return ReportContext(**values | changes)


def score_rows(values, *, diagnoses=None, session_ids=None, participant_ids=None):
    """Rows of ``subjects.tsv`` in which every metric of a predictor has the values given for it."""
    frames = []
    for predictor, column in values.items():
        n = len(column)
        frames.append(
            pd.DataFrame({
                "participant_id": participant_ids or [f"sub-{i}" for i in range(n)],
                "session_id": session_ids or [""] * n,
                "diagnosis": diagnoses or ["CN"] * n,
                "predictor": predictor,
                **{metric: column for metric in ALL_METRICS},
            })
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def printed(summary, table=summary_table):
    """What a terminal of eighty columns shows."""
    console = Console(width=80)
    with console.capture() as capture:
        console.print(table(summary))
    return capture.get()
