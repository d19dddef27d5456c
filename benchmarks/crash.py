"""What is left of a command that is killed (SIGKILL) at any moment, and whether the same command still ends the same.

  python -m benchmarks.crash [--kills=100] [--seed=0] [--works train reproduce synthesize] [--minutes=60] [--raw=DIR]

Real processes and tiny networks. Half of the kills come at a random moment, half at a random change of a file in the
command's folder (a file opened for writing, renamed, removed) or up to 30 ms after it, which is where saves are. A
folder is killed up to eight times, then the command runs to its end: every file must be that of a run which nobody
killed, times left out. ``preprocess`` is killed too if ``--raw`` names a raw data set (BIDS; a few small scans) and its
extra is installed. Counts go to ``benchmarks/results/crash.json``, where those of works that are not tried stay; what
fails is kept below ``--finds``, as it was before the start that failed.
"""

import argparse
import contextlib
import hashlib
import importlib.util
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import outcomes
from benchmarks.outcomes import Find
from benchmarks.results import RESULTS
from pcsa_jax.data.threads import count_cores

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "tests" / "studies" / "reproduction" / "two_rows.py"
"""Every row at 16^3 with two channels, and a set of two rows for Fig. 3: seconds a start."""

EPOCHS = 4
MOST_KILLS = 8
"""Of one folder, before the command may end."""

LATEST_MS = 30
LONGEST_S, LONGEST_TIMES, REFERENCE_S = 300, 5, 3600
"""A start hangs after so long, or after so many times as long as one that nobody killed, which may take an hour."""
CHANGES = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "shutil.rmtree"}
"""Python's audit events that change what a folder holds."""

TIMES = re.compile(rb'"(volumes_per_s|data_wait_fraction|train_seconds|meta_sha256)": [^,}\n]+|(\b\d+ (s|min|h)\b ?)+')
"""What differs between any two runs, in the files that tell it."""

TELLING = {".json", ".jsonl", ".md", ".html", ".tsv", ""}
UNCOMPARED = re.compile(r"tensorboard/|\.lock$|checkpoints/\d+/(?!meta/metadata$)|(^|/)\.[^/]*\.tmp(/|$)|-tmp")
"""Not compared: event files, Orbax's own files (the hash of the state is in meta), and what a kill leaves half done."""


class Work(NamedTuple):
    """A command that is killed: its words but for the folder that it writes, and the option that names that."""

    words: Sequence[str]
    option: str

    def of(self, folder: Path) -> list[str]:
        return [*self.words, f"{self.option}{folder}"]


class Kill(NamedTuple):
    """When: after seconds, or (``change`` above 0) at a change of the folder and so many milliseconds after it."""

    seconds: float = 0
    change: int = 0
    after_ms: float = 0


NEVER = Kill()


class Ended(NamedTuple):
    """How a process ended: status (None: it hung), its output and errors, and how long it ran."""

    status: int | None
    output: str
    errors: str
    seconds: float


def die_at(folder: Path, change: int, after_ms: float) -> itertools.count:
    """Has this process end itself with SIGKILL at its ``change``-th change in ``folder`` (0: never); the counter."""
    counter, place = itertools.count(1), os.fspath(folder)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in CHANGES or not isinstance(arguments[0], str | os.PathLike):
            return
        is_reading = event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        path = os.fspath(arguments[0])
        if is_reading or not isinstance(path, str) or not path.startswith(place) or path.endswith(".lock"):
            return
        if next(counter) == change:
            end = threading.Timer(after_ms / 1000, os.kill, (os.getpid(), signal.SIGKILL))
            end.start() if after_ms else end.function(*end.args)

    sys.addaudithook(hook)
    return counter


def child(words: Sequence[str]) -> int:
    """The process that is killed: ``FOLDER CHANGE AFTER_MS COMMAND...``; tells how many changes it made."""
    from pcsa_jax.commands import run_command

    folder, change, after_ms, command, *rest = words
    counter = die_at(Path(folder), int(change), float(after_ms))
    status = run_command(command, rest, prog=f"pcsa_jax {command}")
    print(f"changes: {next(counter) - 1}")
    return status


def start(work: Work, folder: Path, kill: Kill = NEVER, *, longest_s: float = LONGEST_S) -> Ended:
    """Runs the command on ``folder`` until it ends or is killed, and with it all processes that it has started."""
    own = ["-m", "benchmarks.crash", "--child", folder, kill.change, kill.after_ms, *work.of(folder)]
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, *map(str, own)], cwd=ROOT, stdout=output, stderr=errors, start_new_session=True
        )
        try:
            status = process.wait(kill.seconds or longest_s)
        except subprocess.TimeoutExpired:
            status = -signal.SIGKILL if kill.seconds else None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        seconds = time.monotonic() - begin
        for stream in (output, errors):
            stream.seek(0)
        return Ended(status, output.read(), errors.read(), seconds)


def content(folder: Path) -> dict[str, str]:
    """Every file that the command answers for -> SHA-256 of its content without times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not UNCOMPARED.search(name):
            raw = path.read_bytes()
            found[name] = hashlib.sha256(TIMES.sub(b"", raw) if path.suffix in TELLING else raw).hexdigest()
    return found


def listing(folder: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change of all that lies in a folder, but for its lock."""
    paths = [path for path in folder.rglob("*") if path.name != ".lock"]
    return sorted((str(path), path.lstat().st_size, path.lstat().st_mtime_ns) for path in paths)


def differing(found: dict[str, str], expected: dict[str, str]) -> str:
    """The first files that tell two results apart, in words; "" if nothing does."""
    names = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    return f"{len(names)} files differ: {', '.join(names[:4])}" if names else ""


class Crashes:
    """The kills of one work, with what came of each.

    Args:
      work: what is killed.
      folder: for its results.
      finds: for what fails.
    """

    def __init__(self, name: str, work: Work, folder: Path, finds: Path, seed: int):
        self.name, self.work, self._folder, self._finds = name, work, folder, finds
        self._random = random.Random(f"{seed} {name}")
        whole = start(work, folder / "reference", longest_s=REFERENCE_S)
        if whole.status != 0:
            raise SystemExit(f"{name}: expected a run to compare with, found {whole.errors.strip()[-600:]}")
        self._expected, self._seconds = content(folder / "reference"), whole.seconds
        self._longest_s = max(LONGEST_S, LONGEST_TIMES * whole.seconds)
        self._changes = int(whole.output.strip().rsplit(" ", 1)[-1])
        self._folders = itertools.count(1)
        self.found: list[str] = []
        self.finds: list[Find] = []
        self.in_saves, self.seconds = 0, 0.0

    def kill_one_folder(self, most: int) -> None:
        """Kills the command up to ``most`` times in a new folder, lets it end, and judges."""
        number, begin = next(self._folders), time.monotonic()
        folder, before = self._folder / f"run{number}", self._folder / f"before{number}"
        kills: list[str] = []
        while True:
            kill = self._next_kill(len(self.found) + len(kills)) if len(kills) < most else NEVER
            shutil.rmtree(before, ignore_errors=True)
            if folder.exists():
                shutil.copytree(folder, before, symlinks=True)
            there = listing(folder)
            ended = start(self.work, folder, kill, longest_s=self._longest_s)
            if ended.status != -signal.SIGKILL or kill == NEVER:
                break
            self.in_saves += bool(kill.change)
            kills.append(outcomes.AS_WAS if listing(folder) == there else outcomes.RESUMED)
        self._judge(kills, ended, folder, before)
        for place in (folder, before):
            shutil.rmtree(place, ignore_errors=True)
        self.seconds += time.monotonic() - begin

    def _next_kill(self, number: int) -> Kill:
        # Drawn alike for both kinds: the sequence does not depend on how fast the machine is.
        part, after_ms = self._random.random(), self._random.choice((0, self._random.uniform(0, LATEST_MS)))
        if number % 2:
            return Kill(seconds=0.3 + part * self._seconds)
        return Kill(change=1 + int(part * self._changes), after_ms=round(after_ms, 1))

    def _judge(self, kills: list[str], ended: Ended, folder: Path, before: Path) -> None:
        outcome, told = (outcomes.HANG, "") if ended.status is None else outcomes.of_exit(ended.status, ended.errors)
        if outcome == outcomes.RESUMED and (told := differing(content(folder), self._expected)):
            outcome = outcomes.CHANGED
        if outcome == outcomes.RESUMED:
            self.found += kills
            return
        self.found += [outcome] * len(kills)
        find = Find(outcome, ["-m", "pcsa_jax", *self.work.of(before)], told)
        self.finds.append(outcomes.keep(find, before, self._finds / f"{self.name}-{before.name}"))


WORKS, PREPROCESS = ("train", "reproduce", "synthesize"), "preprocess"


def works(folder: Path, names: Sequence[str], raw: Path | None) -> dict[str, Work]:
    """The commands of these names: on a small phantom cohort in ``folder``, and ``preprocess`` on ``raw``."""
    # One thread a visit: with several a registration does not give the same bits twice.
    found = {PREPROCESS: Work([PREPROCESS, str(raw), f"--jobs={count_cores()}"], "")}
    if set(names) & set(WORKS):
        found |= _phantom_works(folder)
    return {name: found[name] for name in names}


def _phantom_works(folder: Path) -> dict[str, Work]:
    import pcsa_jax

    cohort, trained, exported = folder / "cohort", folder / "trained", folder / "generator.safetensors"
    pcsa_jax.phantom(cohort, pairs=12, mri_only=2, size=16, jobs=1)
    training = [f"--config={ROWS}", f"--cohort={cohort}"]
    train = Work(["train", *training, f"--config.num_epochs={EPOCHS}", "--config.log_every_steps=1"], "--workdir=")
    start(train, trained)
    pcsa_jax.export(trained, exported)
    return {
        "train": train,
        "reproduce": Work(["reproduce", "fig3", *training, "--folds=2", "--config.num_epochs=1"], "--out="),
        "synthesize": Work(["synthesize", f"--generator={exported}", str(cohort)], "--out="),
    }


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, metavar="N", help="in all (100)")
    parser.add_argument("--minutes", type=float, default=60, metavar="M", help="after which no folder is begun (60)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the moments (0)")
    names = (*WORKS, PREPROCESS)
    parser.add_argument("--works", nargs="+", choices=names, help="(all; preprocess if --raw says on what)")
    parser.add_argument("--raw", type=Path, metavar="DIR", help="raw data set (BIDS) for preprocess")
    parser.add_argument("--finds", type=Path, default=ROOT / "runs" / "crash", metavar="DIR", help="(runs/crash)")
    parser.add_argument("--results", type=Path, default=RESULTS / "crash.json", metavar="FILE", help="of the counts")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser()
    arguments = parser.parse_args(argv)
    names = arguments.works or [*WORKS, *([PREPROCESS] if arguments.raw else [])]
    if PREPROCESS in names and (arguments.raw is None or not importlib.util.find_spec("ants")):
        parser.error(
            "preprocess: expected --raw=DIR and an environment with requirements-preprocess.txt, as the README"
        )
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        tried = [
            Crashes(name, work, Path(scratch) / name, arguments.finds, arguments.seed)
            for name, work in works(Path(scratch), names, arguments.raw and arguments.raw.absolute()).items()
        ]
        while (left := arguments.kills - sum(len(each.found) for each in tried)) > 0:
            if time.monotonic() - begin > 60 * arguments.minutes:
                break
            each = min(tried, key=lambda each: each.seconds)  # as much time for each
            each.kill_one_folder(min(left, MOST_KILLS))
            print(f"{each.name}: {outcomes.count(each.found)}", flush=True)
    rows = {
        each.name: {"in saves": each.in_saves, "counts": outcomes.count(each.found), "finds": each.finds}
        for each in tried
    }
    words = f"python -m benchmarks.crash --kills={arguments.kills} --seed={arguments.seed}"
    words += f" --works {' '.join(arguments.works)}" if arguments.works else ""
    outcomes.write(
        arguments.results, words, rows, seed=arguments.seed, minutes=round((time.monotonic() - begin) / 60, 1)
    )
    return outcomes.tell(rows)


if __name__ == "__main__":
    sys.exit(child(sys.argv[2:]) if sys.argv[1:2] == ["--child"] else main())
