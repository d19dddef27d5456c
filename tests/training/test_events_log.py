"""Events on disk: each once after a resume, half a line dropped, damage told in one line."""

import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.training.events_log import EventsLog, describe_events, read_events
from pcsa_jax.training.watch import Event


@pytest.fixture
def path(tmp_path):
    log = EventsLog(tmp_path / "events.jsonl", resume_step=0)
    assert not (tmp_path / "events.jsonl").exists(), "a training without events leaves no file"
    for step in (3, 6, 9):
        log.write(Event(step, "kind", f"at {step}."), epoch=step // 3)
    return tmp_path / "events.jsonl"


def steps(path):
    return [row["step"] for row in read_events(path)]


def test_events_are_read_back(path):
    assert read_events(path)[0] == {"step": 3, "epoch": 1, "event": "kind", "text": "at 3."}
    assert describe_events(read_events(path))[:2] == ("Epoch 2, step 3: at 3.", "Epoch 3, step 6: at 6.")
    assert read_events(path.with_name("none")) == []


def test_a_resume_drops_what_it_comes_to_again(path):
    EventsLog(path, resume_step=6).write(Event(8, "kind", "x"), epoch=2)
    assert steps(path) == [3, 6, 8]


@pytest.mark.parametrize(
    "half", [b'{"step": 11, "epo', b'{"step": 11, "epoch": 1, "event": "a", "text": "b"}', b"\xff"]
)
def test_half_a_line_of_a_killed_run_is_dropped(path, half):
    path.write_bytes(path.read_bytes() + half)
    assert steps(path) == [3, 6, 9]
    EventsLog(path, resume_step=9).write(Event(12, "kind", "x"), epoch=3)
    assert steps(path) == [3, 6, 9, 12]


@pytest.mark.parametrize(
    "line",
    [b"[]", b"", b"\xff\xfe", b'{"step": "3"}', b'{"step": true, "epoch": 1, "event": "a", "text": "b"}', b"nul"],
)
def test_damage_is_told(path, line):
    path.write_bytes(line + b"\n" + path.read_bytes())
    with pytest.raises(
        UserError, match=r"events.jsonl, line 1: expected one event \(step, epoch, event, text\), found"
    ):
        EventsLog(path, resume_step=9)


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    log = EventsLog(tmp_path / "gone" / "events.jsonl", resume_step=0)
    with pytest.raises(UserError, match=r"events.jsonl: could not be written \(No such file or directory\). Free some"):
        log.write(Event(1, "kind", "x"), epoch=0)
