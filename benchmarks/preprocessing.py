"""How well and how fast a raw T1 becomes a grey-matter map: against known labels, and against itself in other poses.

``python -m benchmarks.preprocessing DATA [--scans real 02 ...] [--out FILE.json]``. DATA is a folder with ``t1/`` (one
real T1 with FreeSurfer's brain mask and labels) and ``anatomies/`` (label volumes); docs/preprocessing.md has the
figures.
"""

import argparse
import dataclasses
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np

from benchmarks.simulated_scans import GREY, Pose, simulate
from pcsa_jax.data.files import write_json
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.preprocessing import anatomy as pipeline
from pcsa_jax.data.preprocessing import t1 as opening
from pcsa_jax.data.preprocessing.ants_images import to_ants
from pcsa_jax.data.preprocessing.registration import template, warp_to_grid
from pcsa_jax.data.volumes import Volume

STEPS = ("open_t1", "brain_mask", "correct_bias", "register", "segment", "split_deep_grey")
POSES = {
    "": Pose(),
    "again": Pose(),
    "las": Pose(axes="LAS"),
    "oblique": Pose(tilt_degrees=(12.0, -9.0, 7.0)),
    "turned": Pose((10.0, -8.0, 12.0), (12.0, -7.0, 9.0), voxel_mm=(1.2, 1.0, 1.0), axes="PIL"),
}
DEFAULT_SCANS = ("real", "real-again", "02", "02-again", "02-las", "02-oblique", "02-turned", "13", "08")


class Scan(NamedTuple):
    """A head, and what is true of it: arrays in RAS voxel order."""

    image: nib.Nifti1Image
    brain: np.ndarray
    grey: np.ndarray


def real_scan(data: Path) -> Scan:
    """The real T1. FreeSurfer's cortex, deep grey and cerebellar cortex are its grey matter."""
    image, brain, labels = (
        nib.as_closest_canonical(nib.load(data / "t1" / f"visualqc_id001_{name}.mgz"))
        for name in ("orig", "brainmask", "aparc+aseg")
    )
    labels = np.asarray(labels.dataobj)
    grey = ((labels >= 1000) & (labels < 3000)) | np.isin(labels, GREY)
    scan = nib.Nifti1Image(np.asarray(image.dataobj, np.float32), image.affine)
    return Scan(scan, np.asarray(brain.dataobj) > 0, grey)


def simulated_scan(data: Path, name: str, voxel_mm: float) -> Scan:
    """An anatomy ("02") in a pose of :data:`POSES` ("02-las"), its voxels ``voxel_mm`` times as large."""
    number, _, pose_name = name.partition("-")
    pose = POSES[pose_name]
    pose = dataclasses.replace(pose, voxel_mm=tuple(voxel_mm * size for size in pose.voxel_mm))
    scan = simulate(data / "anatomies" / f"training_seg_{number}.nii.gz", t1_pose=pose, seed=int(number))
    labels, brain = (np.asarray(nib.as_closest_canonical(x).dataobj) for x in (scan.labels, scan.brain))
    return Scan(scan.t1, brain > 0, np.isin(labels, GREY))


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Overlap of two sets of voxels, 0 to 1."""
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def measure(scan: Scan, folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Figures of one scan, and its grey matter and the true one on MNI152 grids."""
    path = folder / "t1.nii.gz"
    nib.save(scan.image, path)
    seconds: dict[str, float] = {}
    originals = {name: getattr(pipeline, name) for name in STEPS}
    for name, function in originals.items():
        setattr(pipeline, name, _timed(function, name, seconds))
    start, processor_start = time.perf_counter(), time.process_time()
    try:
        found = pipeline.prepare_anatomy(path, folder=folder)
    finally:
        for name, function in originals.items():
            setattr(pipeline, name, function)
    seconds["total"] = time.perf_counter() - start
    seconds["total_processor"] = time.process_time() - processor_start
    grey, white, csf = (x.numpy() for x in (found.grey_matter, found.white_matter, found.csf))
    hard = (grey > white) & (grey > csf)
    affine = nib.as_closest_canonical(scan.image).affine
    maps = {
        "smooth": warp_to_grid(found.grey_matter, found.to_mni, Grid(64)),
        "sharp": warp_to_grid(found.grey_matter, found.to_mni, Grid(96), fwhm_mm=0),
        "truth": warp_to_grid(to_ants(Volume(scan.grey.astype(np.float32), affine)), found.to_mni, Grid(64)),
    }
    figures = {
        "brain_dice": dice(found.brain_mask.numpy() > 0, scan.brain),
        "grey_dice": dice(hard, scan.grey),
        "grey_ml": float(grey.sum() * np.prod(found.grey_matter.spacing) / 1e3),
        "mni_correlation_with_true_grey": correlation(maps["smooth"], maps["truth"]),
        "mni_correlation_with_template": correlation(
            maps["smooth"], warp_to_grid(template("grey_matter"), (), Grid(64))
        ),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }
    return figures, maps


def _timed(function, name, seconds):
    def timed(*args, **kwargs):
        start = time.perf_counter()
        result = function(*args, **kwargs)
        seconds[name] = time.perf_counter() - start
        return result

    return timed


def compare(maps: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> dict[str, float]:
    """One head twice: how alike its grey matter is in MNI152."""
    return {
        "correlation_8mm": correlation(maps["smooth"], reference["smooth"]),
        "correlation_sharp": correlation(maps["sharp"], reference["sharp"]),
        "dice_sharp": dice(maps["sharp"] > 0.5, reference["sharp"] > 0.5),
        "largest_difference_8mm": float(np.abs(maps["smooth"] - reference["smooth"]).max()),
    }


def results(data: Path, names: tuple[str, ...], voxel_mm: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, figures) of each scan; a head's other poses are compared with its first scan."""
    first: dict[str, dict[str, np.ndarray]] = {}
    for name in names:
        head = name.partition("-")[0]
        scan = real_scan(data) if head == "real" else simulated_scan(data, name, voxel_mm)
        with tempfile.TemporaryDirectory() as folder:
            figures, maps = measure(scan, Path(folder))
        if head in first:
            figures["against_first_pose"] = compare(maps, first[head])
        first.setdefault(head, maps)
        yield name, figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--scans", nargs="+", default=DEFAULT_SCANS)
    parser.add_argument("--voxel-mm", type=float, default=1.0, help="2: simulated scans at 2 mm, eight times as fast")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    opening.VOXEL_SIZES_MM = (opening.VOXEL_SIZES_MM[0], opening.VOXEL_SIZES_MM[1] * arguments.voxel_mm)
    collected = {}
    for name, figures in results(arguments.data, tuple(arguments.scans), arguments.voxel_mm):
        collected[name] = figures
        print(name, json.dumps(figures), flush=True)
        if arguments.out:
            write_json(arguments.out, collected)


if __name__ == "__main__":
    main()
