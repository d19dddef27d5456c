"""Grey matter of thalamus and basal ganglia over the contrast of a scan, with and without the step that is theirs.

  python -m benchmarks.deep_grey DATA [--scans real 02 13] [--contrasts 0 0.25 -0.25]

DATA as for ``benchmarks.preprocessing``. A contrast of 0.25 moves the deep grey of the bias-corrected scan by a quarter
of the way from cortex to white matter, -0.25 as far to the other side. Means over AAL's regions are those of the map
as ``preprocess`` writes it, in MNI152 and smoothed to 8 mm; Dice is that of grey matter against the labels, on the
scan: deep grey; cortex, hippocampus and amygdala; all. Minutes a scan and contrast. Needs requirements-preprocess.txt.
"""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage

from benchmarks.phantom.heads import AAL_REGIONS
from benchmarks.preprocessing import dice, real_scan
from benchmarks.simulated_scans import CEREBELLAR_CORTEX, CEREBELLUM, CORTEX, GREY, simulate
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.preprocessing import anatomy as pipeline
from pcsa_jax.data.preprocessing.ants_images import to_ants
from pcsa_jax.data.preprocessing.brain_mask import brain_mask
from pcsa_jax.data.preprocessing.deep_grey import split_deep_grey
from pcsa_jax.data.preprocessing.registration import Registration, register, template, warp_to_grid
from pcsa_jax.data.preprocessing.t1 import open_t1
from pcsa_jax.data.preprocessing.tissues import Tissues, segment
from pcsa_jax.data.regions import aal_atlas
from pcsa_jax.data.volumes import Volume

if TYPE_CHECKING:
    from ants import ANTsImage

REGIONS = ("thalamus", "caudate", "putamen", "pallidum", "lower cerebellum")
DEEP = {"thalamus": (10, 49), "caudate": (11, 50), "putamen": (12, 51), "pallidum": (13, 52), "accumbens": (26, 58)}
DEEP_LABELS = tuple(label for labels in DEEP.values() for label in labels)
WHITE = (2, 41)
AROUND_MM = 4
"""Grey matter this near to the deep structures, and no other label's, counts as found there."""

EDGE_SD = 0.5
"""Of the Gaussian that softens the border of a change of contrast, in voxels."""


class Head(NamedTuple):
    """A bias-corrected brain, all on one grid.

    Attributes:
      labels: x y z, FreeSurfer's; 3 and 42 in all of the cortex.
    """

    brain: "ANTsImage"
    mask: "ANTsImage"
    labels: np.ndarray
    registration: Registration


def labelled(data: Path, name: str) -> tuple[nib.Nifti1Image, np.ndarray]:
    """The scan ("real", or an anatomy's number) and its labels in RAS voxel order."""
    if name != "real":
        scan = simulate(data / "anatomies" / f"training_seg_{name}.nii.gz", seed=int(name))
        return scan.t1, np.asarray(nib.as_closest_canonical(scan.labels).dataobj).astype(int)
    parcels = nib.as_closest_canonical(nib.load(data / "t1" / "visualqc_id001_aparc+aseg.mgz"))
    labels = np.asarray(parcels.dataobj).astype(int)
    cortex = (labels >= 1000) & (labels < 3000)
    return real_scan(data).image, np.where(cortex, np.where(labels < 2000, *CORTEX), labels)


def prepare(image: nib.Nifti1Image, labels: np.ndarray, folder: Path) -> Head:
    """The pipeline's steps before the segmentation."""
    nib.save(image, folder / "t1.nii.gz")
    head, _ = open_t1(folder / "t1.nii.gz", subject="T1")
    mask, _ = brain_mask(head, subject="T1")
    head, _ = pipeline.correct_bias(head, mask)
    affine = nib.as_closest_canonical(image).affine
    placed = to_ants(Volume(labels.astype(np.float32), affine))
    brain, only, placed = (pipeline._cropped(each, mask) for each in (head * mask, mask, placed))
    registration, _ = register(brain, folder=folder)
    return Head(brain, only, placed.numpy().round().astype(int), registration)


def with_contrast(head: Head, contrast: float) -> Head:
    """The head with its deep grey so much nearer to white matter, in parts of the distance between the tissues."""
    values, inside = head.brain.numpy(), head.mask.numpy() > 0
    cortex, white = (np.median(values[np.isin(head.labels, tissue) & inside]) for tissue in (CORTEX, WHITE))
    deep = ndimage.gaussian_filter(np.isin(head.labels, DEEP_LABELS).astype(np.float32), EDGE_SD)
    moved = values + contrast * (white - cortex) * deep * (values > 0)
    return head._replace(brain=head.brain.new_image_like(moved.astype(np.float32)))


def region_means(volume: np.ndarray, grid: Grid) -> dict[str, float]:
    """Means over AAL's regions of a volume on ``grid``."""
    labels, affine, label_of_name = aal_atlas()
    to_aal = np.linalg.inv(affine) @ grid.affine
    at = ndimage.affine_transform(
        labels.astype(np.int16), to_aal[:3, :3], to_aal[:3, 3], output_shape=grid.shape, order=0
    )
    wanted = {
        region: [label for name, label in label_of_name.items() if name.startswith(AAL_REGIONS[region])]
        for region in REGIONS
    }
    return {region: float(volume[np.isin(at, labels)].mean()) for region, labels in wanted.items()}


def overlaps(tissues: Tissues, labels: np.ndarray) -> dict[str, float]:
    """Dice of grey matter: all of it, in and around the deep structures, and that of the cerebrum elsewhere."""
    csf, grey, white = (image.numpy() for image in tissues)
    found = (grey > white) & (grey > csf)
    deep = np.isin(labels, DEEP_LABELS)
    others = np.isin(labels, tuple(set(GREY) - set(DEEP_LABELS)))
    around = (ndimage.distance_transform_edt(~deep) <= AROUND_MM) & ~others
    cerebrum = ~around & ~np.isin(labels, (*CEREBELLUM, *CEREBELLAR_CORTEX))
    return {
        "deep grey": dice(found & around, deep),
        "cortex": dice(found & cerebrum, others & cerebrum),
        "all grey": dice(found, np.isin(labels, GREY)),
    }


def measure(head: Head, tissues: Tissues) -> dict[str, float]:
    grey = warp_to_grid(tissues.grey_matter, head.registration.to_mni, Grid(64))
    return region_means(grey, Grid(64)) | overlaps(tissues, head.labels)


def row(name: str, contrast: str, what: str, figures: dict[str, float]) -> str:
    return " | ".join([f"| {name}", contrast, what, *(f"{value:.2f}" for value in figures.values())]) + " |"


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="folder with t1/ and anatomies/")
    parser.add_argument("--scans", nargs="+", default=["real", "02", "13"], metavar="SCAN", help="real, or numbers")
    parser.add_argument("--contrasts", nargs="+", type=float, default=[0.0, 0.25, -0.25], metavar="X")
    return parser


def main() -> None:
    arguments = make_parser().parse_args()
    template_grey = warp_to_grid(template("grey_matter"), (), Grid(64))
    print(row("MNI152", "", "", region_means(template_grey, Grid(64))))
    for name in arguments.scans:
        with tempfile.TemporaryDirectory() as folder:
            head = prepare(*labelled(arguments.data, name), Path(folder))
            truth = head.brain.new_image_like(np.isin(head.labels, GREY).astype(np.float32))
            carried = warp_to_grid(truth, head.registration.to_mni, Grid(64))
            print(row(name, "", "its labels", region_means(carried, Grid(64))), flush=True)
            for contrast in arguments.contrasts:
                seen = with_contrast(head, contrast)
                tissues, _ = segment(seen.brain, seen.mask, seen.registration, folder=Path(folder))
                print(row(name, f"{contrast:+g}", "without", measure(seen, tissues)), flush=True)
                tissues, _ = split_deep_grey(seen.brain, tissues, seen.registration)
                print(row(name, f"{contrast:+g}", "with", measure(seen, tissues)), flush=True)


if __name__ == "__main__":
    main()
