"""What a segmentation sees of the average anatomy: the table of parcels, and the tissue maps that it makes."""

import csv
import dataclasses
import functools
import importlib.resources
import re

import numpy as np
from scipy import ndimage

from pcsa_jax.data.regions import aal_atlas

CLASSES = ("grey", "bright", "white", "csf", "near")
"""Of the template: its grey matter, the same times how bright its T1 is, its white matter, its CSF, and its grey matter
blurred, which tells white matter close to the cortex from deep one.
"""

TISSUES = ("grey", "csf")
"""Of the segmentation; the rest of the brain is white matter."""

BRIGHT_FROM, BRIGHT_TO = 0.55, 0.85
"""T1 intensity of the template (its maximum is 1) that counts as 0 and as 1: dark cortex, white matter."""

FOLDING = 0.4
"""SD of the latent field that makes folds differ from person to person (``folding.py``); ``docs/phantom.md``."""

WARP_MM = 0.6
"""SD along each axis, of either scale, of what registration leaves of the shape (``subject.py``)."""

NEAR_VOXELS = 1.7
"""SD of the blur of ``near`` in voxels of 2 mm: 8 mm FWHM."""


@dataclasses.dataclass(frozen=True)
class Segmentation:
    """One row a parcel, left and right together, in the order of ``segmentation.tsv``, and two numbers for all.

    Source: grey-matter and CSF maps that ``preprocess`` makes of T1-weighted images; made by
    ``python -m benchmarks.phantom_calibration fit``; ``docs/phantom.md`` says of which.

    Attributes:
      names: ``precuneus``, ``cerebellum 8``, ...
      labels: Desikan-Killiany labels of the parcel.
      lobules: how the names of its AAL regions begin; empty but in the cerebellum.
      weights: n x :data:`TISSUES` x :data:`CLASSES`, the part of each class of the template that the segmentation
        takes for the tissue.
      spread: n, in [0, 1): the part of the latent SD that one score of the person has in the parcel; 0: folds decide.
      folding: SD of the latent field that makes folds differ, in [0, 1).
      warp_mm: SD along each axis of either scale of the deformation that registration leaves.
    """

    names: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]
    lobules: tuple[str, ...]
    weights: np.ndarray
    spread: np.ndarray
    folding: float = FOLDING
    warp_mm: float = WARP_MM

    def __len__(self) -> int:
        return len(self.names)


@functools.cache
def load_segmentation() -> Segmentation:
    """Reads ``segmentation.tsv``, which comes with the package."""
    text = importlib.resources.files(__package__).joinpath("segmentation.tsv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    weights = [[[float(row[f"{tissue}_of_{name}"]) for name in CLASSES] for tissue in TISSUES] for row in rows]
    return Segmentation(
        names=tuple(row["parcel"] for row in rows),
        labels=tuple(tuple(int(label) for label in row["labels"].split(",")) for row in rows),
        lobules=tuple(row["lobules"] for row in rows),
        weights=np.array(weights),
        spread=np.array([float(row["spread"]) for row in rows]),
    )


def parcel_map(atlas: np.ndarray, affine: np.ndarray, segmentation: Segmentation) -> np.ndarray:
    """Index of each voxel's nearest parcel; in the cerebellum, of its nearest lobule.

    Args:
      atlas: Desikan-Killiany labels x y z.
      affine: voxel to MNI152 (mm), 4x4.
    """
    first_of_label = np.full(max(atlas.max(), max(map(max, segmentation.labels))) + 1, -1, np.int16)
    for row, labels in enumerate(segmentation.labels):
        first_of_label[[label for label in labels if first_of_label[label] < 0]] = row
    parcels = _nearest(first_of_label[atlas])
    lobules = _nearest(_lobules(atlas.shape, affine, segmentation))
    in_cerebellum = np.isin(parcels, [row for row, lobule in enumerate(segmentation.lobules) if lobule])
    return np.where(in_cerebellum, lobules, parcels)


def _nearest(index: np.ndarray) -> np.ndarray:
    """``index`` with every -1 replaced by the nearest voxel that is not."""
    where = ndimage.distance_transform_edt(index < 0, return_distances=False, return_indices=True)
    return index[tuple(where)]


def _lobules(shape: tuple[int, ...], affine: np.ndarray, segmentation: Segmentation) -> np.ndarray:
    """Row of each voxel's cerebellar lobule by AAL, -1 elsewhere."""
    aal, aal_affine, label_of_name = aal_atlas()
    row_of_label = np.full(int(aal.max()) + 1, -1, np.int16)
    for row, lobules in enumerate(segmentation.lobules):
        pattern = re.compile(rf"{lobules}(_[LR]|_\d.*)?")
        wanted = [int(label) for name, label in label_of_name.items() if lobules and pattern.fullmatch(name)]
        row_of_label[wanted] = row
    to_aal = np.linalg.inv(aal_affine) @ affine
    labels = ndimage.affine_transform(
        aal.astype(np.int16), to_aal[:3, :3], to_aal[:3, 3], output_shape=shape, order=0
    )  # fmt: skip
    return row_of_label[labels]


def template_classes(grey: np.ndarray, white: np.ndarray, csf: np.ndarray, t1: np.ndarray) -> np.ndarray:
    """:data:`CLASSES` of the template, stacked: what the weights of the table are applied to.

    Args:
      grey, white, csf: fractions of the template, in [0, 1].
      t1: its T1, maximum 1.
    """
    bright = np.clip((t1 - BRIGHT_FROM) / (BRIGHT_TO - BRIGHT_FROM), 0, 1)
    return np.stack([grey, grey * bright, white, csf, ndimage.gaussian_filter(grey, NEAR_VOXELS)])


def seen_tissues(classes: np.ndarray, parcels: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Grey matter and CSF as the segmentation shows them, on average over people: together at most the brain.

    Args:
      classes: :data:`CLASSES` of the template, 5 x X x Y x Z.
      parcels: index of each voxel's parcel.
      weights: parcels x :data:`TISSUES` x :data:`CLASSES`.
    """
    grey, csf = (
        np.clip(sum(weights[:, tissue, k][parcels] * classes[k] for k in range(len(CLASSES))), 0, 1)
        for tissue in range(len(TISSUES))
    )
    brain = classes[0] + classes[2] + classes[3]
    shrink = np.minimum(brain / np.maximum(grey + csf, 1e-6), 1)
    return grey * shrink, csf * shrink
