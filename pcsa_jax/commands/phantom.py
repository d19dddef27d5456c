"""Write the built-in cohort: paired grey-matter maps and FDG-PET made from the MNI152 templates. A phantom.

Examples:
  python -m pcsa_jax phantom --out=data/phantom                         the paper's numbers: 356 pairs, 328 MRI only
  python -m pcsa_jax phantom --out=data/small --pairs=40 --mri-only=10 --size=32
  python -m pcsa_jax phantom --out=data/others --pairs=40 --mri-only=0 --first=1001        other people
"""

import argparse

from pcsa_jax.machine.home import user_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", required=True, type=user_path, metavar="DIR", help="folder to write; must not hold anything"
    )
    parser.add_argument("--pairs", type=int, default=356, metavar="N", help="subjects with MRI and PET (356)")
    parser.add_argument("--mri-only", type=int, default=328, metavar="N", help="subjects with MRI only (328)")
    parser.add_argument("--size", type=int, default=64, metavar="N", help="voxels along each axis (64)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the cohort (0)")
    parser.add_argument(
        "--first",
        type=int,
        default=1,
        metavar="N",
        help="of the first subject; other numbers are other people (1)",
    )
    parser.add_argument("--jobs", type=int, default=None, metavar="N", help="processes (all cores)")


def run(arguments: argparse.Namespace) -> int:
    import pcsa_jax
    from pcsa_jax.machine.progress import console

    pcsa_jax.phantom(
        arguments.out, pairs=arguments.pairs, mri_only=arguments.mri_only, size=arguments.size, seed=arguments.seed,
        first=arguments.first, jobs=arguments.jobs,
    )  # fmt: skip
    console.print(f"Wrote {arguments.pairs} pairs and {arguments.mri_only} MRI-only subjects to {arguments.out}")
    return 0
