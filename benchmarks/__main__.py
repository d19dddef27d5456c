"""Measures this software beside its peers and keeps the figures.

Examples:
  python -m benchmarks                      every CPU figure of docs/benchmarks.md, in 10 to 15 minutes on two cores
  python -m benchmarks step ssim            some of them
  python -m benchmarks --full               with the built-in cohort of 684 subjects too, some minutes more
  python -m benchmarks --list               names and times
  python -m benchmarks page                 rewrite the tables of docs/benchmarks.md from the kept figures
  python -m benchmarks gpu --out=runs/gpu   everything that needs a GPU, in one command of less than ten minutes

The figures go to benchmarks/results/cpu.json after each benchmark; `page` puts them on the page.
"""

import argparse
import sys
import time
from pathlib import Path

from benchmarks import page
from benchmarks.gpu import command as gpu
from benchmarks.results import RESULTS, write_section
from benchmarks.suite import SUITE
from benchmarks.table import markdown


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *SUITE], help=f"some of: {', '.join(SUITE)}")
    parser.add_argument("--full", action="store_true", help="with the benchmarks that are left out for their length")
    parser.add_argument("--list", action="store_true", help="print names and times, measure nothing")
    parser.add_argument(
        "--out", type=Path, default=RESULTS / "cpu.json", metavar="FILE", help="figures (benchmarks/results/cpu.json)"
    )
    return parser


def main(argv: list[str]) -> int:
    if argv[:1] == ["gpu"]:
        return gpu.main(argv[1:])
    if argv[:1] == ["page"]:
        return page.main(argv[1:])
    arguments = make_parser().parse_args(argv)
    default = [name for name, benchmark in SUITE.items() if benchmark.is_default or arguments.full]
    if arguments.list:
        for name, benchmark in SUITE.items():
            print(f"{name:12} about {benchmark.minutes:g} min  {benchmark.title}")
        return 0
    start, failed = time.monotonic(), False

    def say(text: str) -> None:
        print(f"[{time.monotonic() - start:5.0f} s] {text}", file=sys.stderr, flush=True)

    for name in arguments.names or default:
        try:
            rows = SUITE[name].measure(say)
        except Exception as error:  # one benchmark must not take the others with it
            say(f"{name} failed: {type(error).__name__}: {error}")
            failed = True
            continue
        write_section(arguments.out, name, f"python -m benchmarks {name}", rows)
        print(f"\n## {SUITE[name].title}\n\n{markdown(rows)}\n", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
