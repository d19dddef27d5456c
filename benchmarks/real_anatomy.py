"""Writes a cohort of real anatomies: grey-matter maps as ``preprocess`` makes them, and simulated uptake.

  python -m benchmarks.real_anatomy --anatomies=DIR --out=DIR [--size=64]
  python evaluate.py --workdir=runs/demo --cohort=DIR --out=DIR

Every ``*.nii.gz`` of the folder is a FreeSurfer-like label volume of one head. A T1 with contrast, texture, bias
field and noise is painted from it (``simulated_scans.py``) and goes through the preprocessing's own skull stripping,
bias correction, registration and segmentation, two minutes a head. The PET is the built-in cohort's uptake model on the
tissues of the labels, deep grey and brain stem included, whatever the segmentation saw: a phantom's metabolism in a
real brain. Beside each GM map lies the map of CSF, from which ``benchmarks.phantom_calibration`` learns. Needs
requirements-preprocess.txt.
"""

import argparse
import tempfile
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage

from benchmarks.phantom.heads import csf_path
from benchmarks.simulated_scans import CSF, GREY, WHITE, simulate
from pcsa_jax.data import files, layout
from pcsa_jax.data.grid import SPACE, Grid
from pcsa_jax.data.phantom import fields
from pcsa_jax.data.phantom.regions import Regions, load_regions
from pcsa_jax.data.phantom.subject import (
    SMOOTHING_FWHM_MM,
    WORKING_GRID,
    Anatomy,
    make_pet,
    template_index,
    world_coordinates,
)  # fmt: skip
from pcsa_jax.data.phantom.templates import Templates, load_templates
from pcsa_jax.data.phantom.traits import Traits, diagnosis, draw_traits
from pcsa_jax.data.phantom_mark import SIDECAR_KEY
from pcsa_jax.machine.progress import console, progress

SEED = 1
"""Of the uptake; the built-in cohort has 0, so nobody's metabolism is in both."""

STEM = (16, 28, 60)
"""Brain stem and ventral diencephalon: painted as white matter, whose uptake they have not."""

SAMPLES_PER_VOXEL = 3
"""Along each axis of the 3 mm grid: labels are carried there at 1 mm and counted, which keeps fractions true."""

WARNING = "Real anatomy, SIMULATED uptake: no person's metabolism was measured."


class Head(NamedTuple):
    """One head in MNI152.

    Attributes:
      grey_matter: as ``preprocess`` gives it, smoothed to 8 mm, on the 3 mm grid.
      csf: of the same segmentation, averaged to the 3 mm grid and smoothed to 8 mm there.
      labels: of the anatomy, carried by the same registration, on a grid of 1 mm.
    """

    grey_matter: np.ndarray
    csf: np.ndarray
    labels: np.ndarray


def number_of(path: Path) -> str:
    """The digits in a file's name: they name the head and seed its T1."""
    return "".join(c for c in path.name.split(".")[0] if c.isdigit())


def preprocessed(path: Path) -> Head:
    """Paints a T1 of the label volume and takes it through the preprocessing."""
    from pcsa_jax.data.preprocessing.anatomy import prepare_anatomy
    from pcsa_jax.data.preprocessing.ants_images import grid_image, to_ants
    from pcsa_jax.data.preprocessing.registration import warp_to_grid
    from pcsa_jax.data.preprocessing.steps import load_extra
    from pcsa_jax.data.volumes import Volume

    scan = simulate(path, seed=int(number_of(path)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        nib.save(scan.t1, folder / "t1.nii.gz")
        found = prepare_anatomy(folder / "t1.nii.gz", folder=folder)
        grey = warp_to_grid(found.grey_matter, found.to_mni, WORKING_GRID)
        csf = warp_to_grid(found.csf, found.to_mni, Grid(WORKING_GRID.size * SAMPLES_PER_VOXEL), fwhm_mm=0)
        image = nib.as_closest_canonical(scan.labels)
        labels = load_extra("ants").apply_transforms(
            fixed=grid_image(Grid(WORKING_GRID.size * SAMPLES_PER_VOXEL)),
            moving=to_ants(Volume(np.asarray(image.dataobj, np.float32), image.affine)),
            transformlist=list(found.to_mni), interpolator="nearestNeighbor",
        )  # fmt: skip
    csf = fields.smooth(_block_means(csf), SMOOTHING_FWHM_MM, WORKING_GRID.voxel_size_mm)
    return Head(grey, csf, labels.numpy().astype(np.int16))


def _block_means(volume: np.ndarray) -> np.ndarray:
    """Means over the voxels of 1 mm in each voxel of the 3 mm grid."""
    n, s = WORKING_GRID.size, SAMPLES_PER_VOXEL
    return volume.reshape(n, s, n, s, n, s).mean(axis=(1, 3, 5))


def anatomy_of(head: Head, templates: Templates) -> Anatomy:
    """The phantom's view of a head: tissues of its labels, regions of the atlas where registration has put them."""
    index = template_index(templates, world_coordinates())

    def nearest(volume: np.ndarray) -> np.ndarray:
        return ndimage.map_coordinates(volume, index, order=0, mode="nearest")

    surface = ndimage.map_coordinates(templates.surface, index, order=1, mode="nearest")

    def fraction(labels: tuple[int, ...]) -> np.ndarray:
        return _block_means(np.isin(head.labels, labels))

    return Anatomy(
        grey_matter=fraction(GREY + STEM), white_matter=fraction(tuple(set(WHITE) - set(STEM))), csf=fraction(CSF),
        seen_grey_matter=head.grey_matter, surface=surface,
        labels=nearest(templates.labels), core=nearest(templates.core),
        white_core=nearest(templates.white_core), ventricle_ml=float("nan"), smallest_jacobian=float("nan"),
    )  # fmt: skip


def uptake_traits(count: int, regions: Regions) -> list[Traits]:
    """Metabolic traits of ``count`` CN subjects: the anatomies come without a diagnosis, most look healthy."""
    numbers = (number for number in range(1, 10 * count) if diagnosis(number) == "CN")
    return [draw_traits(number, SEED, regions) for number, _ in zip(numbers, range(count), strict=False)]


def write_subject(
    root: Path, participant_id: str, head: Head, traits: Traits, templates: Templates, *, size: int
) -> None:
    """The maps of grey matter and CSF, the PET and its predictable part, as the built-in cohort has them."""
    pet, predictable = make_pet(anatomy_of(head, templates), traits, SEED)
    mri = layout.mri_path(root, participant_id, size=size)
    volumes = {
        mri: head.grey_matter,
        csf_path(mri): head.csf,
        layout.pet_path(root, participant_id, size=size): pet,
        layout.pet_path(root, participant_id, size=size, desc="predictable"): predictable,
    }
    for path, volume in volumes.items():
        sampled = np.clip(fields.resample(volume, size), 0, None)
        files.write_volume(path, np.where(sampled < 1e-3, 0, sampled), Grid(size).affine)
        is_pet = path.parent.name == "pet"
        sidecar = {SIDECAR_KEY: is_pet, "Description": WARNING, "SkullStripped": True, "SpatialReference": SPACE}
        files.write_json(layout.sidecar(path), sidecar | {"SmoothingFWHM": SMOOTHING_FWHM_MM})


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anatomies", type=Path, required=True, metavar="DIR", help="label volumes, *.nii.gz")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="cohort to write; must be new")
    parser.add_argument("--size", type=int, default=64, metavar="N", help="voxels along each axis (64)")
    return parser


def main() -> None:
    parser = make_parser()
    arguments = parser.parse_args()
    paths = sorted(arguments.anatomies.glob("*.nii.gz"))
    if not paths or arguments.out.exists():
        parser.error("--anatomies must hold *.nii.gz files, and --out must not exist yet")
    numbers = [number_of(path) for path in paths]
    if not all(numbers) or len(set(numbers)) < len(numbers):
        parser.error(f"--anatomies: expected a number of its own in each file's name, found {sorted(numbers)}")
    templates = load_templates()
    people = uptake_traits(len(paths), load_regions())
    rows = []
    with progress("Anatomies") as report:
        for done, (path, traits) in enumerate(zip(paths, people, strict=True), start=1):
            participant_id = f"sub-{number_of(path)}"
            write_subject(arguments.out, participant_id, preprocessed(path), traits, templates, size=arguments.size)
            rows.append((participant_id, "CN", "n/a", "n/a"))
            report(done, len(paths))
    write_tables(arguments.out, rows)
    console.print(
        f"Wrote {len(rows)} subjects to {arguments.out}. The diagnosis is that of the uptake, not a person's."
    )


def write_tables(root: Path, rows: list[tuple[str, ...]]) -> None:
    """The cohort's description and its participants."""
    description = {"Name": f"Real anatomies. {WARNING}", "BIDSVersion": "1.11.1", "DatasetType": "derivative"}
    table = "".join("\t".join(row) + "\n" for row in [layout.PARTICIPANT_COLUMNS, *rows])
    files.write_text(root / "participants.tsv", table)
    files.write_json(root / "dataset_description.json", description)


if __name__ == "__main__":
    main()
