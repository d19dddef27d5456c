"""Pairs whose maps are normalised like real ones, so that a planted lesion rescales nothing."""

import dataclasses
import functools

import numpy as np

from pcsa_jax.studies.disease.fold import assess_pairs
from tests.evaluation.evaluation_data import GRID, fake_pairs

FRONTAL = (16, 28, 16)
"""A voxel outside of every lesion."""


def normalised_pairs(n, *, first=1, **kwargs):
    pairs = fake_pairs(n, first=first, **kwargs)
    mri = np.clip(0.9 * pairs.mri, 0, 0.95).astype(np.float32)
    mri[(slice(None), *FRONTAL)] = 1
    mri[:, 0, 0, 0] = 0
    return dataclasses.replace(pairs, mri=mri)


@functools.cache
def parts():
    """Twelve training and nine test pairs, a third of them AD; not to be changed."""
    return normalised_pairs(12, first=100), normalised_pairs(9)


@functools.cache
def following():
    """Findings of a generator that multiplies the MRI."""
    return assess_pairs(*parts(), lambda mri: 0.8 * mri, GRID, step=7)


def generator_of(volumes, mri):
    """A generator that knows the answer of each unchanged map, and of a lesioned one gives the nearest map's."""

    def generate(maps):
        nearest = [int(np.argmin(((mri - one) ** 2).sum(axis=(1, 2, 3)))) for one in maps]
        return volumes[nearest]

    return generate
