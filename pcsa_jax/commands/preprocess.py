"""Bring raw T1w scans and FDG-PET (BIDS) to the network's grid: GM maps and PET in MNI152, 8 mm FWHM, 64x64x64.

Examples:
  python -m pcsa_jax preprocess data/raw data/cohort
  python -m pcsa_jax preprocess data/raw data/cohort --participants 01 02 --jobs=4
  python -m pcsa_jax preprocess data/raw data/cohort --run=1 --pet-window=30:60

A visit needs a T1w scan; FDG-PET is taken where there is one. Needs pip install antspyx deepbet
(the README says how to do without 4.5 GB of CUDA).
OUT_DIR can be given to train.py as data.root. The same command goes on where a stopped one ended: finished visits
are skipped. Visits that fail are listed in OUT_DIR/failures.tsv (exit status 1); the others are not affected.
Look at OUT_DIR/preprocessing.html afterwards: one picture for each visit. Visits with suspicious numbers are told at
the end (exit status 1) until OUT_DIR/quality.tsv says what you decide. docs/preprocessing.md has the details.
"""

import argparse

from pcsa_jax.machine.home import user_path

MOST_SHOWN = 20
"""Suspicious visits on the console; quality.tsv has all of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("raw", type=user_path, metavar="BIDS_DIR", help="raw BIDS data set; nothing is written there")
    parser.add_argument("out", type=user_path, metavar="OUT_DIR", help="folder for the cohort, new or to be continued")
    parser.add_argument("--participants", nargs="+", metavar="ID", help="which to take, e.g. 01 02 (all)")
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="visits at a time, about 3 GB of memory each (one for every 4 cores)"
    )
    parser.add_argument("--remove-cerebellum", action="store_true", help="grey matter without the cerebellum's")
    parser.add_argument("--mask-pet", action="store_true", help="remove uptake outside the brain before smoothing")
    parser.add_argument(
        "--pet-window", type=_window, metavar="START:END", help="minutes after the injection of the PET frames to use"
    )
    several = parser.add_argument_group("visits with several scans of a kind")
    several.add_argument("--run", metavar="LABEL", help="take the scans named run-LABEL")
    several.add_argument("--acq", metavar="LABEL", help="take the scans named acq-LABEL")
    several.add_argument("--rec", metavar="LABEL", help="take the scans named rec-LABEL")


def _window(text: str) -> tuple[float, float]:
    """``30:60`` -> (30.0, 60.0)."""
    start, separator, end = text.partition(":")
    try:
        low, high = float(start), float(end)
    except ValueError:
        low = high = 0.0
    if not separator or not 0 <= low < high < float("inf"):
        raise argparse.ArgumentTypeError(f"expected two times in minutes like 30:60, found {text!r}")
    return low, high


def run(arguments: argparse.Namespace) -> int:
    from pcsa_jax.data.preprocessing.settings import Settings
    from pcsa_jax.data.preprocessing.steps import PACKAGES, load_extra
    from pcsa_jax.errors import UserError
    from pcsa_jax.machine.progress import console
    from pcsa_jax.preprocessing.driver import preprocess

    for module in PACKAGES:
        load_extra(module)
    settings = Settings(
        remove_cerebellum=arguments.remove_cerebellum, mask_pet=arguments.mask_pet,
        pet_window_min=arguments.pet_window,
    )  # fmt: skip
    choices = {name: getattr(arguments, name) for name in ("run", "acq", "rec") if getattr(arguments, name)}
    try:
        result = preprocess(
            arguments.raw, arguments.out, settings,
            participants=arguments.participants, choices=choices, jobs=arguments.jobs,
        )  # fmt: skip
    except OSError as error:
        raise UserError(
            f"OUT_DIR {arguments.out}: could not be written ({error.strerror}). Choose a folder with space."
        ) from error
    for note in result.notes:
        console.print(note)
    for failure in result.failures:
        console.print(f"{failure.name} failed: {failure.reason}")
    table = arguments.out / "quality.tsv"
    for visit in result.suspicious[:MOST_SHOWN]:
        console.print(f"{visit.name} is suspicious: {visit.describe()}")
    if result.suspicious[MOST_SHOWN:]:
        console.print(f"... and {len(result.suspicious) - MOST_SHOWN} more in {table}")
    console.print(
        f"{result.num_done} preprocessed, {result.num_skipped} finished before, {len(result.failures)} failed"
        + (f" ({arguments.out / 'failures.tsv'})" if result.failures else "")
        + (f", {len(result.suspicious)} suspicious" if result.suspicious else "")
    )
    decide = f", then write yes (take it) or no (leave it out) for each suspicious visit under accepted in {table}"
    console.print(f"Look at {result.page}" + (decide if result.suspicious else ""))
    return 1 if result.failures or result.suspicious else 0
