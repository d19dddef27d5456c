"""Progress where there is no terminal: a line now and then, with an honest time left."""

import io

import pytest
from rich.table import Table

from pcsa_jax.machine import progress


@pytest.fixture
def lines(monkeypatch):
    """Reports work at given seconds and returns the lines printed."""

    def lines(events):
        clock, printed = iter([0.0, *(second for second, *_ in events)]), []
        monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
        monkeypatch.setattr(progress.console, "print", printed.append)
        report = progress._line_report("Work")
        for _, done in events:
            report(done, 100)
        return printed

    return lines


def test_the_first_piece_of_work_does_not_count(lines):
    # 100 s of compilation, then 1 s a piece.
    assert lines([(0, 0), (100, 1), (140, 41), (199, 100)]) == [
        "Work 1/100, 1 min 40 s so far",
        "Work 41/100, 2 min 20 s so far, 59 s left",
        "Work 100/100, 3 min 19 s so far",
    ]


def test_lines_are_rare(lines):
    assert len(lines([(0, 0), *((second, second) for second in range(1, 101))])) == 4


def test_resumed_work_is_not_counted_as_done_now(lines):
    assert lines([(0, 50), (1, 51), (41, 91)])[-1] == "Work 91/100, 41 s so far, 9 s left"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (75, "1 min 15 s"), (3600, "1 h 00 min"), (90061, "25 h 01 min")]
)
def test_durations(seconds, text):
    assert progress.format_duration(seconds) == text


NAMES = ["[red] study", "[/x] o", "[bold]", "[[a]", ":warning: :x:", "[link=file:///x]y[/link]"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_no_markup(capsys, name):
    progress.console.print(f"Wrote /data/{name}/out")
    assert capsys.readouterr().err == f"Wrote /data/{name}/out\n"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        *((name, name) for name in NAMES),
        ("\x1b[2Ja", r"\x1b[2Ja"),
        ("a\rb\t\u202e", r"a\rb\t\u202e"),
        ("\udcff", r"\udcff"),
    ],
)
@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_name_in_a_line_a_table_or_a_bar_is_what_it_is(monkeypatch, name, shown, is_terminal):
    console = progress.PlainConsole(file=io.StringIO(), width=200, force_terminal=is_terminal, color_system=None)
    monkeypatch.setattr(progress, "console", console)
    table = Table(name, title=f"title {name}", caption=f"caption {name}")
    table.add_row(f"cell {name}")
    console.print(f"line {name}")
    console.print(table)
    with progress.progress(f"work on {name}") as report:
        report(1, 1, f"status {name}")
    written = console.file.getvalue()
    for word in ("line", "title", "caption", "cell", "work on", "status"):
        assert f"{word} {shown}" in written
