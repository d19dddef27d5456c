"""A static page that runs an ONNX file in the browser of whoever opens it, as one folder for any host.

The page's own files are in ``templates/browser``; nothing is built, npm's packages are copied as they come.
"""

import base64
import json
import math
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from pcsa_jax.data import phantom_mark, placement, synthetic_mark
from pcsa_jax.data.files import new_folder, write_json
from pcsa_jax.data.fingerprints import file_hash
from pcsa_jax.data.given_map import prepare_given
from pcsa_jax.data.grid import AFFINE_TOLERANCE_MM, Grid
from pcsa_jax.data.judgements import LEAST_GREY_MATTER, PROBABILITY_TOLERANCE
from pcsa_jax.data.mni152 import MIN_COVERAGE
from pcsa_jax.data.synthetic_mark import SyntheticMark
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.systems import SYSTEMS
from pcsa_jax.publishing.onnx_card import read_onnx_card

SOURCE = Path(__file__).parent / "templates" / "browser"
PAGE = (
    "index.html", "style.css", "icon.svg",
    "app.js", "map_file.js", "pet_file.js", "grids.js", "placement.js", "planes.js", "errors.js", "worker.js",
)  # fmt: skip
"""What is copied from :data:`SOURCE`; the rest there is npm's."""

PACKAGES = {
    "onnxruntime-web": {
        "dist/ort.wasm.min.mjs": "ort", "dist/ort-wasm-simd-threaded.mjs": "ort",
        "dist/ort-wasm-simd-threaded.wasm": "ort",
    },
    "nifti-reader-js": {
        f"dist/{name}.js": "nifti" for name in ("nifti", "nifti1", "nifti2", "nifti-extension", "utilities")
    },
    "fflate": {"esm/browser.js": "fflate"},
}  # fmt: skip
"""npm's package -> file in it -> folder below ``packages/`` of the page."""

MODEL, CARD, EXAMPLE = "model.onnx", "model.json", "example.nii.gz"


def write_browser_page(model: Path, packages: Path, out: Path, *, example: Path | None = None) -> dict[str, Any]:
    """Gathers the page of a model into ``out``, whole or not at all.

    Args:
      model: file of ``python -m pcsa_jax onnx``.
      packages: npm's ``node_modules`` with :data:`PACKAGES`.
      out: folder to write; must not exist.
      example: grey-matter map of a phantom on the model's grid, offered on the page.

    Returns:
      What the page knows of the model.

    Raises:
      UserError: if the model, a package or the example cannot be used, or ``out`` exists or cannot be written.
    """
    if out.exists():
        raise UserError(f"--out {out}: expected a new folder, found something there. Choose another name.")
    card = read_onnx_card(model)
    check_packages(packages)
    if example is not None:
        check_example(example, Grid(card["grid"]["shape"][0]))
    told = describe_page(card, example) | {"file_sha256": file_hash(model)}
    try:
        with new_folder(out) as partial:
            _fill(partial, model, packages, example)
            write_json(partial / CARD, told)
    except OSError as error:
        raise UserError(f"--out {out}: could not be written ({error.strerror}). Choose another place.") from error
    return told


def _fill(folder: Path, model: Path, packages: Path, example: Path | None) -> None:
    for name in PAGE:
        shutil.copyfile(SOURCE / name, folder / name)
    for package, files in PACKAGES.items():
        for name, place in files.items():
            (folder / "packages" / place).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(packages / package / name, folder / "packages" / place / Path(name).name)
    shutil.copyfile(model, folder / MODEL)
    if example is not None:
        shutil.copyfile(example, folder / EXAMPLE)


def describe_page(card: dict[str, Any], example: Path | None) -> dict[str, Any]:
    """The model's card, and what of Python's rules the page's script keeps to: limits and marks, each said once."""
    training = card["training"]
    marks = {
        name: SyntheticMark((card["sha256"],), training["is_phantom"], is_of_phantom)
        for name, is_of_phantom in (("person", False), ("phantom", True))
    }
    return {
        **card,
        "file": MODEL,
        "label": SYSTEMS[card["system"]].label if card["system"] in SYSTEMS else card["system"],
        "limits": {
            "affine_tolerance_mm": AFFINE_TOLERANCE_MM,
            "probability_tolerance": PROBABILITY_TOLERANCE,
            "least_grey_matter": LEAST_GREY_MATTER,
            "min_coverage": MIN_COVERAGE,
            "min_correlation": placement.MIN_CORRELATION,
            "min_whole": placement.MIN_WHOLE,
            "whole_margin": placement.WHOLE_MARGIN,
            "phantom_descrip": phantom_mark.HEADER_TEXT,
            "synthetic_descrip": synthetic_mark.DESCRIPTION,
            "synthetic_intent": synthetic_mark.INTENT,
            "synthetic_signature": synthetic_mark.SIGNATURE.decode(),
        },
        "references": _references(card["grid"]["shape"][0]),
        "marks": {"intent": synthetic_mark.INTENT}
        | {name: {"descrip": mark.descrip, "comment": mark.comment.decode()} for name, mark in marks.items()},
        "example": None if example is None else {"file": EXAMPLE, "name": example.name},
    }


def _references(size: int) -> dict[str, Any]:
    """The templates that a map is compared with, one byte a block: of the model's voxels, or of several together."""
    compared = math.gcd(size, placement.COMPARED.size)
    templates = {}
    for name, blocks in placement.tissue_blocks().items():
        width = len(blocks) // compared
        means = blocks.reshape(*(n for _ in range(3) for n in (compared, width))).mean(axis=(1, 3, 5))
        templates[name] = base64.b64encode(np.rint(255 * means / means.max()).astype(np.uint8).tobytes()).decode(
            "ascii"
        )
    return {"size": compared, "templates": templates}


def versions() -> dict[str, str]:
    """The packages of npm that the page is written for: name -> version."""
    return json.loads((SOURCE / "package.json").read_text(encoding="utf-8"))["dependencies"]


def check_packages(packages: Path) -> None:
    """Raises UserError unless ``packages`` holds what the page needs, in the versions that it is written for."""
    install = "npm install --ignore-scripts " + " ".join(f"{name}@{version}" for name, version in versions().items())
    for package, files in PACKAGES.items():
        missing = next((name for name in files if not (packages / package / name).is_file()), None)
        if missing is not None:
            raise UserError(
                f"--packages {packages}: expected npm's packages there, found no {package}/{missing}. Install them "
                f"where you are: {install} (npm comes with Node.js), or name another node_modules."
            )
    for package, version in versions().items():
        found = _version(packages / package / "package.json")
        if found != version:
            raise UserError(
                f"--packages {packages}: expected {package} {version}, found {found}. Install what the page was tested "
                f"with: {install}"
            )


def _version(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return "one without a version"


def check_example(example: Path, grid: Grid) -> None:
    """Raises UserError unless ``example`` is a phantom's map on the model's grid: a person's has no place on a page."""
    try:
        image = nib.load(example)
        np.asarray(image.dataobj)
    except (OSError, ImageFileError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"--example {example}: expected a grey-matter map, found none ({reason}).") from error
    if not phantom_mark.is_marked(example):
        raise UserError(
            f"--example {example}: expected a phantom's map, found one without its mark. A person's map has no place "
            "on a page; python -m pcsa_jax phantom makes one of nobody."
        )
    if image.shape != grid.shape or not np.allclose(image.affine, grid.affine, atol=AFFINE_TOLERANCE_MM):
        raise UserError(
            f"--example {example}: expected {grid.size}^3 voxels on the model's grid, found {image.shape}. Make one "
            f"with python -m pcsa_jax phantom --size={grid.size}."
        )
    prepare_given(example, grid, "minmax")  # as the page will: no synthetic PET, no noise, no NaN
