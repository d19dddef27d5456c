"""Progress on long work: a bar with ETA on a terminal, a plain line now and then in a log file."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pcsa_jax.text import printable

LOG_INTERVAL_S = 30.0
"""Seconds between lines where there is no terminal to redraw."""


class PlainConsole(Console):
    """Prints text as it is, whoever wrote it: neither markup, nor emoji codes, nor what would steer the terminal.

    What is styled is styled by our own :class:`~rich.text.Text`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Every string on its way to the terminal, those in tables included."""
        return super().render_str(printable(text, keep="\n"), **options)


console = PlainConsole(stderr=True, soft_wrap=True)


class Report(Protocol):
    """Called with the work done, the work in all, and a few words on how it stands."""

    def __call__(self, done: int, total: int, status: str = "") -> None: ...


@contextmanager
def progress(description: str) -> Iterator[Report]:
    """Yields the function that reports progress of the work called ``description``."""
    if not console.is_terminal:
        yield _line_report(description)
        return
    words, status = (TextColumn(f"{{task.{name}}}", markup=False) for name in ("description", "fields[status]"))
    columns = (
        words, BarColumn(), MofNCompleteColumn(), status, TimeElapsedColumn(), TextColumn("ETA"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=False, speed_estimate_period=120) as bar:
        task = bar.add_task(printable(description), total=None, status="")

        def report(done: int, total: int, status: str = "") -> None:
            bar.update(task, completed=done, total=total, status=printable(status))

        yield report


def _line_report(description: str) -> Report:
    start = last = time.monotonic()
    begun: int | None = None
    pace: tuple[float, int] | None = None

    def report(done: int, total: int, status: str = "") -> None:
        nonlocal last, begun, pace
        now = time.monotonic()
        begun = done if begun is None else begun
        # The pace is measured after the first piece of work, which may hold a long compilation.
        pace = (now, done) if pace is None and done > begun else pace
        if done < total and now - last < LOG_INTERVAL_S:
            return
        last = now
        known = pace is not None and begun < pace[1] < done < total
        eta = f", {format_duration((now - pace[0]) * (total - done) / (done - pace[1]))} left" if known else ""
        console.print(f"{description} {done}/{total}, {format_duration(now - start)} so far{eta} {status}".rstrip())

    return report


def format_duration(seconds: float) -> str:
    """``75`` -> "1 min 15 s"."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
