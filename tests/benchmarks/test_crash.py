"""The harness that kills commands: it kills where it says, sees what differs, and tells finds from what must be."""

import json
import os
import random
import signal
import sys
from pathlib import Path

import pytest

from benchmarks import crash, outcomes
from benchmarks.crash import Crashes, Kill, Work
from pcsa_jax.data.threads import count_cores

WRITER = """
import sys, pathlib
folder = pathlib.Path(sys.argv[1])
from benchmarks.crash import die_at
counter = die_at(folder, int(sys.argv[2]), float(sys.argv[3]))
folder.mkdir(exist_ok=True)
for number in range(3):
    (folder / f"{number}.tmp").write_text("whole")
    (folder / f"{number}.tmp").rename(folder / f"{number}.txt")
    (folder / f"{number}.txt").read_text()
print(f"changes: {next(counter) - 1}")
"""
"""Seven changes: a folder made, and three times a file written and renamed."""


@pytest.fixture
def writer(monkeypatch):
    """A command that writes three files, in place of ours."""
    real = crash.subprocess.Popen

    def replace(script=WRITER):
        def popen(words, **options):
            if "--child" not in words:  # Python's platform module asks uname
                return real(words, **options)
            folder, change, after_ms = words[words.index("--child") + 1 :][:3]
            return real([sys.executable, "-c", script, folder, change, after_ms], **options)

        monkeypatch.setattr(crash.subprocess, "Popen", popen)
        return Work(["write"], "--out=")

    return replace


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (1, None), (2, []), (3, ["0.tmp"]), (4, ["0.txt"]), (7, ["0.txt", "1.txt", "2.tmp"]),
        (0, ["0.txt", "1.txt", "2.txt"]),
    ],
)  # fmt: skip
def test_it_dies_at_the_change_that_is_asked_for(writer, tmp_path, change, left):
    ended = crash.start(writer(), tmp_path / "out", Kill(change=change))
    assert ended.status == (-signal.SIGKILL if change else 0)
    assert (sorted(os.listdir(tmp_path / "out")) if left is not None else None) == left
    assert change or ended.output == "changes: 7\n"


def test_a_kill_by_the_clock_and_one_that_hangs(writer, tmp_path):
    work = writer("import time; time.sleep(60)")
    assert crash.start(work, tmp_path, Kill(seconds=0.2)).status == -signal.SIGKILL
    assert crash.start(work, tmp_path, longest_s=0.2).status is None


def tried(work, tmp_path, monkeypatch, *, changes):
    """One folder killed at these changes, then let go."""
    (tmp_path / "work").mkdir()
    crashes = Crashes("write", work, tmp_path / "work", tmp_path / "finds", seed=0)
    kills = iter([Kill(change=change) for change in changes])
    monkeypatch.setattr(crashes, "_next_kill", lambda number: next(kills))
    crashes.kill_one_folder(len(changes))
    return crashes


def test_a_command_that_goes_on_ends_as_if_nobody_had_killed_it(writer, tmp_path, monkeypatch):
    crashes = tried(writer(), tmp_path, monkeypatch, changes=[4, 1, 3])
    assert crashes.found == [outcomes.RESUMED, outcomes.AS_WAS, outcomes.RESUMED]
    assert crashes.in_saves == 3 and crashes.finds == []


@pytest.mark.parametrize(
    ("instead", "outcome", "told"),
    [
        ("folder.joinpath('0.txt').write_text('half')", outcomes.CHANGED, "1 files differ: 0.txt"),
        (
            "sys.exit('write: error: expected an empty folder, found others')",
            outcomes.REFUSED,
            "write: error: expected",
        ),
        ("raise FileExistsError('x')", outcomes.TRACEBACK, "FileExistsError: x"),
        ("import os; os.abort()", outcomes.DIED, "signal 6"),
    ],
)
def test_what_does_not_go_on_is_a_find_and_kept(writer, tmp_path, monkeypatch, instead, outcome, told):
    script = WRITER.replace("folder.mkdir", "was = folder.exists()\nfolder.mkdir")
    script = script.replace("print(", f"if was:\n    {instead}\nprint(")
    crashes = tried(writer(script), tmp_path, monkeypatch, changes=[4])
    assert crashes.found == [outcome]
    (find,) = crashes.finds
    assert find.told.startswith(told)
    assert os.listdir(find.file) == ["0.txt"]
    assert "pcsa_jax write --out=" in (Path(find.file).parent / "command.txt").read_text()


def test_times_are_no_difference_and_values_are(tmp_path):
    rows = [{"step": 1, "loss": 0.5, "volumes_per_s": 3.25}, {"step": 1, "loss": 0.5, "volumes_per_s": 9}]
    found = []
    for number, text in enumerate([*map(json.dumps, rows), json.dumps(rows[0] | {"loss": 0.25})]):
        folder = tmp_path / str(number)
        (folder / "checkpoints" / "3" / "meta").mkdir(parents=True)
        (folder / "checkpoints" / "3" / "meta" / "metadata").write_text('{"sha256": "a", "train_seconds": 7.5}')
        (folder / "checkpoints" / "3" / "data").write_bytes(random.randbytes(9))
        (folder / ".lock").write_text(str(number))
        (folder / "metrics.jsonl").write_text(text)
        (folder / "page.md").write_text(f"| 4 | {number} min {number} s |")
        found.append(crash.content(folder))
    assert sorted(found[0]) == ["checkpoints/3/meta/metadata", "metrics.jsonl", "page.md"]
    assert crash.differing(found[0], found[1]) == ""
    assert crash.differing(found[0], found[2]) == "1 files differ: metrics.jsonl"


def test_counts_are_printed_and_kept_beside_those_of_other_works(writer, tmp_path, monkeypatch, capsys):
    work, results = writer(), tmp_path / "crash.json"
    results.write_text('{"train": {"counts": {"as was": 7}}, "synthesize": {"counts": {"as was": 5}}}')
    monkeypatch.setattr(crash, "works", lambda folder, names, raw: (folder / "train").mkdir() or {"train": work})
    # None by the clock: it comes too late for so short a command again and again, on some machines for minutes.
    draw = Crashes._next_kill
    monkeypatch.setattr(Crashes, "_next_kill", lambda crashes, number: draw(crashes, 2 * number))
    assert crash.main(["--kills=3", "--works", "train", f"--finds={tmp_path}", f"--results={results}"]) == 0
    found = json.loads(results.read_text())
    assert sum(found["train"]["counts"].values()) == 3 and found["train"]["finds"] == []
    assert found["train"]["command"].endswith("--kills=3 --seed=0 --works train")
    assert found["synthesize"] == {"counts": {"as was": 5}}
    assert "| train | 3 |" in capsys.readouterr().out


def test_preprocess_is_tried_if_there_are_scans_to_try_it_on(tmp_path, capsys):
    with pytest.raises(SystemExit):
        crash.main(["--works", "preprocess"])
    assert "preprocess: expected --raw=DIR and an environment with" in capsys.readouterr().err
    (found,) = crash.works(tmp_path, ["preprocess"], tmp_path).values()
    assert found.of(tmp_path / "out") == ["preprocess", str(tmp_path), f"--jobs={count_cores()}", str(tmp_path / "out")]
    assert os.listdir(tmp_path) == [], "no cohort is made and nothing is trained for it"


@pytest.mark.slow
def test_a_real_command_is_killed_and_goes_on(exported, cohort, tmp_path):
    work = Work(["synthesize", f"--generator={exported}", str(cohort)], "--out=")
    crashes = Crashes("synthesize", work, tmp_path, tmp_path / "finds", seed=0)
    crashes.kill_one_folder(2)
    assert set(crashes.found) <= {outcomes.AS_WAS, outcomes.RESUMED}
    assert crashes.finds == []
