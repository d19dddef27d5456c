"""The record: one JSON object a row, each step once after a kill and a resume."""

import json
import math

import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.training.metrics_log import MetricsLog, read_metrics


def open_log(folder, resume_step=0):
    return MetricsLog(folder / "metrics.jsonl", folder / "tensorboard", resume_step=resume_step)


def rows(folder):
    def refuse(name):
        raise AssertionError(name)

    return [json.loads(line, parse_constant=refuse) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def killed(tmp_path):
    """A record of steps 1 to 6 whose process was killed while it wrote the seventh."""
    with open_log(tmp_path) as log:
        for step in range(1, 7):
            log.write(step, (step - 1) // 2, {"generator/total": 1 / step})
            if step == 4:
                log.write(step, 1, {"validation/mae_brain": 0.5})
    with (tmp_path / "metrics.jsonl").open("a") as stream:
        stream.write('{"step": 7, "epoch": 3, "generator/to')
    return tmp_path


def test_a_row_is_on_disk_at_once(tmp_path):
    with open_log(tmp_path) as log:
        log.write(3, 1, {"generator/l1": 0.25})
        assert rows(tmp_path) == [{"step": 3, "epoch": 1, "generator/l1": 0.25}]
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))


def test_a_resume_drops_what_no_checkpoint_holds(killed):
    with open_log(killed, resume_step=4) as log:
        assert [(row["step"], len(row)) for row in rows(killed)] == [(1, 3), (2, 3), (3, 3), (4, 3), (4, 3)]
        log.write(5, 2, {"generator/total": 0.2})
    assert [row["step"] for row in rows(killed)] == [1, 2, 3, 4, 4, 5]
    assert rows(killed)[4]["validation/mae_brain"] == 0.5


def test_half_a_line_goes_even_if_its_step_is_kept(killed):
    with open_log(killed, resume_step=100) as log:
        log.write(7, 3, {"generator/total": 0.1})
    assert [row["step"] for row in rows(killed)][-3:] == [5, 6, 7]


def test_a_last_line_without_its_end_is_kept_if_it_is_whole(killed):
    path = killed / "metrics.jsonl"
    path.write_text('{"step": 1, "epoch": 0}\n{"step": 2, "epoch": 0}')
    with open_log(killed, resume_step=2) as log:
        log.write(3, 1, {})
    assert [row["step"] for row in rows(killed)] == [1, 2, 3]


def test_a_start_from_the_beginning_drops_all(killed):
    open_log(killed).__exit__(None, None, None)
    assert rows(killed) == []


def test_the_record_never_holds_nan(tmp_path):
    with open_log(tmp_path) as log:
        log.write(1, 0, {"validation/psnr_brain_db": math.inf, "generator/l1": math.nan, "generator/total": 1.0})
    assert rows(tmp_path) == [
        {"step": 1, "epoch": 0, "validation/psnr_brain_db": None, "generator/l1": None, "generator/total": 1.0}
    ]


DAMAGED = {
    b'{"st': "no JSON",
    b"[]": "a list",
    b"7": "a whole number",
    b'{"epoch": 1}': "no step",
    b'{"step": null, "epoch": 1}': "null as step in place of a whole number",
    b'{"step": "2", "epoch": 1}': "text as step in place of a whole number",
    b'{"step": 2.0}': "a number as step in place of a whole number",
    b'{"step": -1}': "step -1",
    b'{"step": 99999999999999999999}': "step 99999999999999999999",
    b'{"step": 2, "epoch": "x"}': "text as epoch in place of a whole number",
    b'{"step": 2, "generator/l1": "x"}': "'generator/l1' that is no number",
    b'{"step": 2, "generator/l1": {}}': "'generator/l1' that is no number",
    b'{"step": 2, "generator/l1": NaN}': "'generator/l1' that is no number",
    b'{"step": 2, "step": 3}': "the key 'step' twice, with two values",
    b"[" * 100_000: "more than 64 levels of nesting",
    b'{"step": ' + b"2" * 400 + b"}": "a number of 400 digits",
    b"\xff\xfe": "bytes that are not UTF-8 (at 0)",
    b"\0\0\0": "no JSON",
}
"""Lines that are no rows, and how they are told."""


def row(step, **values):
    return json.dumps({"step": step, "epoch": 0, **values}).encode() + b"\n"


@pytest.mark.parametrize(("line", "told"), DAMAGED.items(), ids=DAMAGED.values())
@pytest.mark.parametrize("place", ["among", "last"])
def test_a_damaged_line_is_kept_and_told_and_no_row_is_lost(tmp_path, capsys, line, told, place):
    log = tmp_path / "metrics.jsonl"
    after = row(3) + row(9) if place == "among" else b""
    log.write_bytes(row(1) + line + b"\n" + after)
    assert [found["step"] for found in read_metrics(log)] == [1, *([3, 9] if after else [])]
    where = f"warning: {log}: 1 damaged line"
    said = capsys.readouterr().err
    assert said.startswith(f"{where}, no rows left out of tables and figures (line 2: {told}")
    assert said.count("\n") == 1
    with open_log(tmp_path, resume_step=4) as opened:
        opened.write(5, 1, {})
    assert capsys.readouterr().err.startswith(f"{where}, kept (line 2: {told}")
    assert log.read_bytes() == row(1) + line + b"\n" + (row(3) if after else b"") + b'{"step": 5, "epoch": 1}\n'


def test_rows_out_of_place_are_kept_and_told_and_read_by_their_steps(tmp_path, capsys):
    log = tmp_path / "metrics.jsonl"
    # A validation's row has the step of the training's row before it: that is no step twice.
    lines = [row(1, a=1), row(3, a=1), row(3, b=1), row(2, a=1), row(3, a=2), row(4, a=1), row(4)]
    log.write_bytes(b"".join(lines))
    assert [found["step"] for found in read_metrics(log)] == [1, 2, 3, 3, 3, 4, 4]
    told = "(line 4: step 2 after 3; line 5: step 3 again; line 7: step 4 again)"
    assert capsys.readouterr().err.endswith(f"3 damaged lines, no rows left out of tables and figures {told}\n")
    with open_log(tmp_path, resume_step=4):
        assert capsys.readouterr().err.endswith(f"3 damaged lines, kept {told}\n")
    assert log.read_bytes() == b"".join(lines)


def test_many_damaged_lines_are_one_note(tmp_path, capsys):
    log = tmp_path / "metrics.jsonl"
    log.write_bytes(b"[]\n" * 30 + row(1))
    assert len(read_metrics(log)) == 1
    said = capsys.readouterr().err
    assert "30 damaged lines" in said and said.count("line 5: ") == 1 and said.endswith("; and 25 more)\n")


@pytest.mark.parametrize("rest", [b'{"step": 2', b'{"step": 2, "epoch": 0, "generator/l1": "\xc3', b"\0\0\0"])
def test_an_unfinished_last_line_is_cut_and_not_told(tmp_path, capsys, rest):
    log = tmp_path / "metrics.jsonl"
    log.write_bytes(row(1) + rest)
    assert [found["step"] for found in read_metrics(log)] == [1]
    with open_log(tmp_path, resume_step=2):
        pass
    assert log.read_bytes() == row(1)
    assert capsys.readouterr().err == ""


def test_a_record_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "metrics.jsonl").mkdir()
    for use in (lambda: read_metrics(tmp_path / "metrics.jsonl"), lambda: open_log(tmp_path)):
        with pytest.raises(UserError, match=r"metrics.jsonl: expected the run's record, found Is a directory\. Rest"):
            use()


def test_a_record_that_is_no_file_is_refused(tmp_path, put_odd):
    found = put_odd(tmp_path / "metrics.jsonl")
    with pytest.raises(UserError, match=f"metrics.jsonl: expected a plain file, found {found}"):
        open_log(tmp_path)
