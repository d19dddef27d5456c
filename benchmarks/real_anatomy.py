"""Writes a cohort of real anatomies with simulated uptake, to see whether a trained model transfers to it.

  python -m benchmarks.real_anatomy --anatomies=DIR --out=DIR [--size=64]
  python evaluate.py --workdir=runs/demo --cohort=DIR --out=DIR

Every ``*.nii.gz`` of the folder is a FreeSurfer-like label volume of one head. Its tissues are carried to MNI152 by a
registration (the preprocessing's own) of a T1 painted from the labels; the grey-matter map is the labels', smoothed to
8 mm, and the PET is the built-in cohort's uptake model on these tissues: a phantom's metabolism in a real brain. Needs
requirements-preprocess.txt.
"""

import argparse
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from benchmarks.simulated_scans import CSF, FIRST_LABEL_OUTSIDE, GREY, T1_VALUES, WHITE
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
from pcsa_jax.data.preprocessing.ants_images import to_ants
from pcsa_jax.data.preprocessing.registration import register, warp_to_grid
from pcsa_jax.data.volumes import Volume
from pcsa_jax.machine.progress import console, progress

SEED = 1
"""Of the uptake; the built-in cohort has 0, so nobody's metabolism is in both."""

SAMPLES_PER_VOXEL = 3
"""Along each axis of the 3 mm grid: tissues are carried there at 1 mm and averaged, which keeps fractions true."""

WARNING = "Real anatomy, SIMULATED uptake: no person's metabolism was measured."


def tissues(path: Path) -> list[np.ndarray]:
    """Grey matter, white matter and CSF of a label volume, as fractions of the voxels of the 3 mm MNI152 grid."""
    image = nib.as_closest_canonical(nib.load(path))
    labels = np.asarray(image.dataobj).astype(int)
    inside = (labels > 0) & (labels < FIRST_LABEL_OUTSIDE)
    low, high = np.argwhere(inside).min(axis=0) - 5, np.argwhere(inside).max(axis=0) + 6
    box = tuple(slice(max(a, 0), b) for a, b in zip(low, high, strict=True))
    labels, inside, affine = labels[box], inside[box], image.slicer[box].affine
    values = np.zeros(max(labels.max(), max(T1_VALUES)) + 1, np.float32)
    values[list(T1_VALUES)] = list(T1_VALUES.values())
    painted = ndimage.gaussian_filter(values[labels] * inside, 0.5)
    fine = Grid(WORKING_GRID.size * SAMPLES_PER_VOXEL)
    with tempfile.TemporaryDirectory() as folder:
        found, _ = register(to_ants(Volume(painted, affine)), folder=Path(folder))
        carried = [
            warp_to_grid(to_ants(Volume(np.isin(labels, tissue), affine)), found.to_mni, fine, fwhm_mm=0)
            for tissue in (GREY, WHITE, CSF)
        ]
    n, s = WORKING_GRID.size, SAMPLES_PER_VOXEL
    return [np.clip(v.reshape(n, s, n, s, n, s).mean(axis=(1, 3, 5)), 0, 1) for v in carried]


def anatomy_of(grey: np.ndarray, white: np.ndarray, csf: np.ndarray, templates: Templates) -> Anatomy:
    """The phantom's view of real tissues: regions are the atlas' where registration has put them."""
    index = template_index(templates, world_coordinates())

    def nearest(volume: np.ndarray) -> np.ndarray:
        return ndimage.map_coordinates(volume, index, order=0, mode="nearest")

    return Anatomy(
        grey_matter=grey, white_matter=white, csf=csf, labels=nearest(templates.labels), core=nearest(templates.core),
        white_core=nearest(templates.white_core), ventricle_ml=float("nan"), smallest_jacobian=float("nan"),
    )  # fmt: skip


def uptake_traits(count: int, regions: Regions) -> list[Traits]:
    """Metabolic traits of ``count`` CN subjects: the anatomies come without a diagnosis, most look healthy."""
    numbers = (number for number in range(1, 10 * count) if diagnosis(number) == "CN")
    return [draw_traits(number, SEED, regions) for number, _ in zip(numbers, range(count), strict=False)]


def write_subject(root: Path, participant_id: str, anatomy: Anatomy, traits: Traits, *, size: int) -> None:
    """The GM map, the PET and its predictable part, as the built-in cohort has them."""
    grey = fields.smooth(anatomy.grey_matter, SMOOTHING_FWHM_MM, WORKING_GRID.voxel_size_mm)
    pet, predictable = make_pet(anatomy, traits, SEED)
    volumes = {
        layout.mri_path(root, participant_id, size=size): grey,
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
    templates = load_templates()
    people = uptake_traits(len(paths), load_regions())
    rows = []
    with progress("Anatomies") as report:
        for done, (path, traits) in enumerate(zip(paths, people, strict=True), start=1):
            participant_id = "sub-" + "".join(c for c in path.name.split(".")[0] if c.isdigit())
            anatomy = anatomy_of(*tissues(path), templates)
            write_subject(arguments.out, participant_id, anatomy, traits, size=arguments.size)
            rows.append((participant_id, "CN", "n/a", "n/a"))
            report(done, len(paths))
    description = {"Name": f"Real anatomies. {WARNING}", "BIDSVersion": "1.11.1", "DatasetType": "derivative"}
    table = "".join("\t".join(row) + "\n" for row in [layout.PARTICIPANT_COLUMNS, *rows])
    files.write_text(arguments.out / "participants.tsv", table)
    files.write_json(arguments.out / "dataset_description.json", description)
    console.print(
        f"Wrote {len(rows)} subjects to {arguments.out}. The diagnosis is that of the uptake, not a person's."
    )


if __name__ == "__main__":
    main()
