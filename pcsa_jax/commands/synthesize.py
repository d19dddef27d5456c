"""Make synthetic FDG-PET of grey-matter maps or raw T1w scans, on each input's own grid.

Examples:
  python -m pcsa_jax synthesize --generator=runs/demo --out=synthetic sub-01_space-MNI152NLin6Asym_label-GM_probseg.nii.gz
  python -m pcsa_jax synthesize --generator=demo.safetensors --out=synthetic --png data/phantom
  python -m pcsa_jax synthesize --generator=demo.safetensors --out=synthetic --pages --convention=radiological data/phantom
  python -m pcsa_jax synthesize --generator=demo.safetensors --out=synthetic --pages --intervals --zmap data/phantom
  python -m pcsa_jax synthesize --generator=runs/fold0 --generator=runs/fold1 --out=synthetic cohort

A run folder gives its best checkpoint. Several generators give the mean and a map of the voxel-wise SD.
An input is a NIfTI file or a cohort: a folder or a manifest.tsv; its subjects without PET are among them.
Writes BIDS derivatives, OUT/sub-X[/ses-Y]/pet/*_desc-synthetic_pet.nii.gz with sidecars; the same command goes on
where it was stopped. docs/synthesize.md has the details.
"""  # noqa: E501 (a command line)

import argparse
import math

from pcsa_jax.commands.viewing import add_viewing
from pcsa_jax.machine.home import user_path


def _millimetres(word: str) -> float:
    value = float(word)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(word)
    return value


_millimetres.__name__ = "number of millimetres"  # as argparse's message names it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs", nargs="+", type=user_path, metavar="INPUT", help="NIfTI file, cohort folder or manifest"
    )
    parser.add_argument(
        "--generator", "--checkpoint", required=True, action="append", type=user_path, metavar="DIR_OR_FILE",
        help="run folder, published folder or exported file; several for mean and SD (former spelling: --checkpoint)",
    )  # fmt: skip
    parser.add_argument(
        "--out", required=True, type=user_path, metavar="DIR", help="folder to write, outside of the inputs"
    )
    parser.add_argument(
        "--fwhm-mm", type=_millimetres, metavar="MM",
        help="what the maps have been smoothed with (default: what the cohort or a sidecar says, else 8 on this "
        "software's grids and 0 on others); the rest up to 8 mm is made up for",
    )  # fmt: skip
    parser.add_argument("--raw", action="store_true", help="files are raw T1w scans (files named *_T1w always are)")
    parser.add_argument("--png", action="store_true", help="a picture of each: OUT/figures/*.png")
    parser.add_argument(
        "--pages", action="store_true", help="a page to read for each, beside it (*_page.html), and OUT/index.html"
    )
    add_viewing(parser)
    parser.add_argument("--intervals", action="store_true", help="the ends of each voxel's interval (docs/trust.md)")
    parser.add_argument("--zmap", action="store_true", help="deviation from cognitively normal people (docs/trust.md)")
    parser.add_argument(
        "--refuse-outside", action="store_true", help="a map unlike those trained on is a bad input, not a warning"
    )
    parser.add_argument(
        "--calibration", type=user_path, metavar="FILE", help="of several generators, by calibrate RUN ... --out=FILE"
    )
    parser.add_argument("--skip-bad", action="store_true", help="leave bad inputs out (OUT/skipped.tsv) and go on")
    parser.add_argument("--overwrite", action="store_true", help="replace outputs of other inputs or generators")


def run(arguments: argparse.Namespace) -> int:
    import pcsa_jax
    from pcsa_jax.machine.progress import console

    outcome = pcsa_jax.synthesize(
        arguments.inputs, arguments.generator, arguments.out, fwhm_mm=arguments.fwhm_mm, are_raw=arguments.raw,
        panels=arguments.png, pages=arguments.pages, convention=arguments.convention, colours=arguments.colours,
        intervals=arguments.intervals, zmaps=arguments.zmap, refuse_outside=arguments.refuse_outside,
        calibration=arguments.calibration, overwrite=arguments.overwrite, skip_bad=arguments.skip_bad,
    )  # fmt: skip
    before = f", {outcome.finished} were finished before" if outcome.finished else ""
    left_out = f", {outcome.skipped} left out (skipped.tsv)" if outcome.skipped else ""
    console.print(f"Wrote synthetic PET of {outcome.written} inputs to {arguments.out}{before}{left_out}")
    index = arguments.out / "index.html"
    if arguments.pages and index.exists():
        console.print(f"Pages to read: {index}")
    return 0 if outcome.signal_number is None else 128 + outcome.signal_number
