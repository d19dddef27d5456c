"""What every reader does with damaged files: bits, words, cells, JSON values, headers and pieces changed at random.

  python -m benchmarks.fuzz [--minutes=1] [--seed=0] [--readers volumes headers tables ...]
  python -m benchmarks.fuzz --readers tables --first=17 --cases=1          one case again, by its number

Minutes are for each reader. A case (seed, reader, number) is one damaged file; what is read of it is compared with what
was read of the sound one. Readers run in a process of their own: one that dies or needs more than 60 s is a find too,
and the next process goes on behind it. Counts go to ``benchmarks/results/fuzz.json``; of finds that are alike the first
file is kept below ``--finds``.
"""

import argparse
import contextlib
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import outcomes
from benchmarks.outcomes import Find
from benchmarks.readers import READERS, Target, any_bytes, write_sound
from benchmarks.results import RESULTS

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "tests" / "studies" / "reproduction" / "tiny_rows.py"
LONGEST_S = 60
MOST_KEPT = 20
"""Files of one reader's finds."""


class Case(NamedTuple):
    """A damaged file: which, what stands in it, and of what kind it is."""

    path: Path
    content: bytes
    target: Target


def make_case(reader: str, number: int, seed: int, folder: Path) -> Case:
    """The case of a number; always the same for the same sound files."""
    rng = random.Random(f"{seed} {reader} {number}")
    target = rng.choice(READERS[reader])
    path = rng.choice(sorted(path for path in folder.glob(target.pattern) if path.is_file()))
    sound = path.read_bytes()
    ways = target.damages if target.damages_only else (any_bytes, *target.damages)
    with contextlib.suppress(ValueError):  # Orbax has JSON and other files: what does not fit is damaged as bytes
        return Case(path, rng.choice(ways)(sound, rng), target)
    return Case(path, any_bytes(sound, rng), target)


def judge(case: Case, folder: Path, expected: str) -> tuple[str, str]:
    """The outcome of reading a damaged file in its place, and what tells it; the sound file is put back."""
    from pcsa_jax.errors import UserError

    sound = case.path.read_bytes()
    try:
        case.path.write_bytes(case.content)
        found = case.target.read(folder, case.path)
    except outcomes.Noted as note:
        return outcomes.NOTED, str(note)
    except UserError as error:
        told = str(error)
        outcome = outcomes.TRACEBACK if "\n" in told or not told else outcomes.REFUSED
        return outcome, " ".join(told.split())[:300]
    except Exception as error:
        frame = next(
            (each for each in reversed(traceback.extract_tb(error.__traceback__)) if "/pcsa_jax/" in each.filename),
            traceback.extract_tb(error.__traceback__)[-1],
        )
        where = f"{Path(frame.filename).name}, {frame.name}"
        return outcomes.TRACEBACK, f"{type(error).__name__} in {where}: {' '.join(str(error).split())[:200]}"
    finally:
        case.path.write_bytes(sound)
    if found == expected:
        return outcomes.AS_WAS, ""
    where = case.path.relative_to(folder).parts[0]
    return (outcomes.CHANGED if case.target.is_vouched else outcomes.ACCEPTED), f"another content of {where}"


def child(reader: str, first: int, cases: int, seed: int, folder: Path) -> None:
    """Tells a line of JSON for each case: its number before it, then what came of it."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)  # warnings of damaged checkpoints by the thousand
    expected: dict[tuple[Path, Target], str] = {}
    for number in range(first, first + cases):
        case = make_case(reader, number, seed, folder)
        key = (case.path, case.target)
        if key not in expected:
            expected[key] = case.target.read(folder, case.path)
        print(json.dumps([number]), file=out)
        outcome, told = judge(case, folder, expected[key])
        print(json.dumps([number, outcome, told, str(case.path.relative_to(folder))]), file=out)


def answers(words: Sequence[str], deadline: float) -> Iterator[list[Any]]:
    """What a child tells until ``deadline``, and at last ``[number, DIED or HANG, why]`` if it ends so."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.fuzz", *words], cwd=ROOT, stdout=subprocess.PIPE)
    begun, buffer = 0, b""
    try:
        while time.monotonic() < deadline:
            if not select.select([process.stdout], [], [], LONGEST_S)[0]:
                yield [begun, outcomes.HANG, f"more than {LONGEST_S} s", ""]
                return
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                if process.wait() != 0:
                    yield [begun, outcomes.DIED, f"status {process.returncode}", ""]
                return
            *lines, buffer = (buffer + data).split(b"\n")
            for line in map(json.loads, lines):
                begun = line[0]
                if len(line) > 1:
                    yield line
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


class Fuzzed(NamedTuple):
    """What came of one reader's cases: outcomes, and the first of the finds that are alike."""

    outcomes: list[str]
    finds: list[Find]


def fuzz(reader: str, sound: Path, arguments: argparse.Namespace) -> Fuzzed:
    """Tries one reader, in a copy of the sound files."""
    found, finds, alike = [], [], set()
    deadline, number = time.monotonic() + 60 * arguments.minutes, arguments.first
    last = arguments.first + arguments.cases
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "sound"
        while number < last and time.monotonic() < deadline:
            shutil.rmtree(folder, ignore_errors=True)  # a child that died has left its damaged file there
            shutil.copytree(sound, folder)
            words = [reader, number, last - number, arguments.seed, folder]
            for number, outcome, told, _ in answers(["--child", *map(str, words)], deadline):
                found.append(outcome)
                kind = (outcome, told.split(":")[0])
                if outcome in outcomes.FINDS and kind not in alike and len(finds) < MOST_KEPT:
                    alike.add(kind)
                    finds.append(keep(reader, number, arguments.seed, sound, Path(arguments.finds), (outcome, told)))
            number += 1
    return Fuzzed(found, finds)


def keep(reader: str, number: int, seed: int, sound: Path, finds: Path, what: tuple[str, str]) -> Find:
    """The find with its damaged file kept."""
    case = make_case(reader, number, seed, sound)
    words = ["-m", "benchmarks.fuzz", f"--seed={seed}", f"--first={number}", "--cases=1", "--readers", reader]
    with tempfile.TemporaryDirectory() as scratch:
        damaged = Path(scratch) / case.path.name
        damaged.write_bytes(case.content)
        return outcomes.keep(Find(what[0], words, what[1]), damaged, finds / f"{reader}-{seed}-{number}")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1, metavar="M", help="for each reader, at most (1)")
    parser.add_argument("--cases", type=int, default=10**6, metavar="N", help="for each reader, at most")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first case (0)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the damage (0)")
    parser.add_argument("--readers", nargs="+", choices=READERS, default=list(READERS), help="(all)")
    parser.add_argument("--finds", type=Path, default=ROOT / "runs" / "fuzz", metavar="DIR", help="(runs/fuzz)")
    parser.add_argument("--results", type=Path, default=RESULTS / "fuzz.json", metavar="FILE", help="of the counts")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = make_parser().parse_args(argv)
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        write_sound(Path(scratch), CONFIG)
        for reader in arguments.readers:
            found = fuzz(reader, Path(scratch), arguments)
            rows[reader] = {"counts": outcomes.count(found.outcomes), "finds": found.finds}
            print(f"{reader}: {rows[reader]['counts']}", flush=True)
    command = f"python -m benchmarks.fuzz --minutes={arguments.minutes:g} --seed={arguments.seed}"
    outcomes.write(arguments.results, command, rows, seed=arguments.seed)
    return outcomes.tell(rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        reader, first, cases, seed, folder = sys.argv[2:]
        child(reader, int(first), int(cases), int(seed), Path(folder))
        sys.exit(0)
    sys.exit(main())
