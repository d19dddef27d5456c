"""Holds the built-in cohort against real heads and measured PET, and fits it to them.

  python -m benchmarks.phantom_calibration report
      who is in the cohort: uptake, atrophy, predictors; draws docs/images/phantom.png
  python -m benchmarks.phantom_calibration page --heads=DIR
      docs/phantom_check.md: before, after and real, with halves of the heads held out (8 minutes)
  python -m benchmarks.phantom_calibration transfer --heads=DIR --former=FILE --present=FILE
      two generators on the heads, and on a measured T1
  python -m benchmarks.phantom_calibration fit --heads=DIR
      segmentation.tsv, from maps of grey matter and CSF
  python -m benchmarks.phantom_calibration uptake
      column uptake of regions.tsv, after a fit

``--heads`` is a cohort of 64^3 volumes with ``*_label-GM_probseg.nii.gz`` and ``*_label-CSF_probseg.nii.gz``; one is
written by ``python -m benchmarks.real_anatomy``. A fit to the maps of CAT12 or SPM imitates those.
The comparison with the measured FDG template needs ``../shared/data`` and is left out without it.
"""

import argparse
import datetime
import sys
from pathlib import Path

import numpy as np
from nibabel.filebasedimages import ImageFileError

from benchmarks.phantom import check, page, pictures, segmentation_fit, transfer, uptake
from benchmarks.phantom.heads import read_heads, read_map
from benchmarks.results import RESULTS, describe_machine, read_results
from pcsa_jax.data.files import write_json
from pcsa_jax.data.phantom import regions, segmentation, subject, templates
from pcsa_jax.data.phantom.roster import PHANTOM_VERSION
from pcsa_jax.data.phantom.subject import make_subject
from pcsa_jax.data.phantom.traits import participant_id
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
DOCS, FIGURES = ROOT / "docs", RESULTS / "phantom.json"
TABLE = Path(segmentation.__file__).with_name("segmentation.tsv")
SHOWN, FEWEST = 4, 12
"""Subjects in the picture of maps, and those that a report needs to hold AD against CN."""


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.phantom_calibration", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True)
    report = commands.add_parser("report", help="print uptake, atrophy and predictors; draw docs/images/phantom.png")
    report.add_argument("--subjects", type=int, default=120, metavar="N")
    report.add_argument("--picture", type=Path, default=DOCS / "images/phantom.png", metavar="FILE")
    making = commands.add_parser("page", help="measure before, after and real, and write docs/phantom_check.md")
    making.add_argument("--heads", type=Path, metavar="DIR", help="maps of real heads; needed but for --redraw")
    making.add_argument("--before", type=Path, metavar="DIR", help="120 pairs at 64^3 of a former version")
    making.add_argument(
        "--scan", type=Path, metavar="FILE", help="GM map of a measured T1 by preprocess, for the picture"
    )
    making.add_argument("--redraw", action="store_true", help="write the page from the kept figures alone")
    moving = commands.add_parser("transfer", help="score a generator of a former phantom and one of this")
    moving.add_argument("--heads", type=Path, required=True, metavar="DIR", help="cohort of real heads")
    moving.add_argument("--former", type=Path, required=True, metavar="FILE", help="exported generator, or a run")
    moving.add_argument("--present", type=Path, required=True, metavar="FILE", help="exported generator, or a run")
    moving.add_argument(
        "--out", type=Path, metavar="FILE", help="figures to write; without it the kept ones and the page's picture"
    )
    moving.add_argument("--scan", type=Path, metavar="FILE", help="GM map of a measured T1 by preprocess")
    fit = commands.add_parser("fit", help="rewrite segmentation.tsv")
    fit.add_argument("--heads", type=Path, required=True, metavar="DIR", help="maps of grey matter and CSF")
    fit.add_argument(
        "--stem", type=float, metavar="MEAN", help="mean in the pons of one more head; the package's own table: 0.52"
    )
    fit.add_argument("--out", type=Path, default=TABLE, metavar="FILE", help="table to write (the package's own)")
    commands.add_parser("uptake", help="rewrite the column uptake of regions.tsv")
    return parser


def run_fit(heads: Path, stem: float | None, out: Path) -> None:
    found = segmentation_fit.fit(read_heads(heads, needs_csf=True), stem=stem)
    segmentation_fit.write_table(out, found)
    print(f"wrote {out}; set in segmentation.py: FOLDING = {found.folding}, WARP_MM = {found.warp_mm}; then run uptake")


def run_report(count: int, picture: Path) -> None:
    if count < FEWEST:
        raise ValueError(f"--subjects: expected {FEWEST} or more, found {count}")
    subjects = [make_subject(number) for number in range(1, count + 1)]
    anatomies = [subject.make_anatomy(s.traits, 0, templates.load_templates()) for s in subjects]
    mris, pets, predictables = (np.array([getattr(s, key) for s in subjects]) for key in ("mri", "pet", "predictable"))
    is_ad = np.array([s.traits.diagnosis == "AD" for s in subjects])
    uptake.report_uptake(pets, is_ad, [s.traits for s in subjects], anatomies)
    uptake.report_anatomy(mris, is_ad, anatomies)
    uptake.predictors(mris, pets, predictables)
    measured = uptake.measured_template()
    if measured is not None:
        inside = brain_mask(subject.WORKING_GRID)
        measured = measured * pets[~is_ad].mean(axis=0)[inside].mean() / measured[inside].mean()
    pictures.draw(picture, mris, pets, is_ad, measured)


def run_transfer(heads: Path, former: Path, present: Path, scan: Path | None, out: Path | None) -> None:
    found = transfer.compare(
        heads,
        former,
        present,
        None if scan is None else read_map(scan),
        None if out else DOCS / "images/transfer_t1.png",
    )
    today = datetime.date.today().isoformat()
    command = "python -m benchmarks.phantom_calibration transfer --heads=DIR --former=FILE --present=FILE --scan=FILE"
    kept = {"command": command, "date": today, "version": PHANTOM_VERSION, "machine": describe_machine(), **found}
    write_json(out or FIGURES.with_name("phantom_transfer.json"), kept)
    for name, scores in found["scores"].items():
        for score, part in scores.items():
            low, high = part["ci95"]
            print(f"{name}, {score}: {part['mean']:.3f} (95 % CI {low:.3f} to {high:.3f})")
    for name in ("darkest pons", "measured T1"):
        print(name, found[name])


def run_page(heads: Path, before: Path | None, scan: Path | None) -> None:
    real = read_heads(heads, needs_csf=True)
    measured = None if scan is None else read_map(scan)
    rows = check.measure(real, before, measured, lambda text: print(text, file=sys.stderr, flush=True))
    kept = {
        "command": "python -m benchmarks.phantom_calibration page --heads=DIR --before=DIR --scan=FILE",
        "date": datetime.date.today().isoformat(),
        "machine": describe_machine(),
        "version": PHANTOM_VERSION,
        "heads": len(real.names),
        "rows": rows,
    }
    write_json(FIGURES, kept)
    shown = np.array([make_subject(number, with_pet=False).mri for number in range(1, SHOWN + 1)])
    maps = [("phantom", shown), ("real heads", real.grey_matter[:: max(1, len(real.names) // SHOWN)][:SHOWN])]
    titles = [
        [participant_id(n) for n in range(1, SHOWN + 1)],
        list(real.names[:: max(1, len(real.names) // SHOWN)][:SHOWN]),
    ]
    if measured is not None:
        maps.append(("measured T1", measured[None]))
        titles.append(["a measured T1"])
    pictures.draw_maps(DOCS / "images/phantom_maps.png", maps, titles)


def main(argv: list[str]) -> int:
    arguments = make_parser().parse_args(argv)
    try:
        run(arguments)
    except (FileNotFoundError, ValueError, UserError, ImageFileError) as error:
        print(f"phantom_calibration: {error}", file=sys.stderr)
        return 1
    return 0


def run(arguments: argparse.Namespace) -> None:
    if arguments.command == "fit":
        run_fit(arguments.heads, arguments.stem, arguments.out)
    elif arguments.command == "uptake":
        uptake.fit_uptake(24)
        print(f"wrote {Path(regions.__file__).with_name('regions.tsv')}")
    elif arguments.command == "transfer":
        run_transfer(arguments.heads, arguments.former, arguments.present, arguments.scan, arguments.out)
    elif arguments.command == "report":
        run_report(arguments.subjects, arguments.picture)
    else:
        if not arguments.redraw and arguments.heads is None:
            raise ValueError("page: expected --heads=DIR or --redraw, found neither")
        if not arguments.redraw:
            run_page(arguments.heads, arguments.before, arguments.scan)
        (DOCS / "phantom_check.md").write_text(page.rendered(read_results(FIGURES)), encoding="utf-8")
        print(f"wrote {DOCS / 'phantom_check.md'}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
