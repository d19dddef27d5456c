"""Contenders taking turns."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from benchmarks.contender import Contender, ContenderError
from benchmarks.results import Spread

Say = Callable[[str], None]


class Entry(NamedTuple):
    """One contender of a duel.

    Attributes:
      target, options, timeout_s: see :class:`~benchmarks.contender.Contender`.
      most: repetitions it gets at most (slow ones get fewer).
    """

    target: str
    options: Mapping[str, Any]
    timeout_s: float = 300
    most: int = 1000


class Duel(NamedTuple):
    """What came out.

    Attributes:
      times: seconds of each contender that took part.
      facts: what each said of itself, its last answer included.
      failures: why the others did not take part.
    """

    times: dict[str, Spread]
    facts: dict[str, dict[str, Any]]
    failures: dict[str, str]

    def note(self) -> str:
        """The failures in words."""
        return "; ".join(f"{name}: {why}" for name, why in self.failures.items())


def duel(entries: Mapping[str, Entry], *, repetitions: int, say: Say) -> Duel:
    """Prepares the contenders one after the other, then lets them run in turns, ``repetitions`` times each."""
    seconds: dict[str, list[float]] = {}
    facts: dict[str, dict[str, Any]] = {}
    failures: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        ready: dict[str, Contender] = {}
        for name, entry in entries.items():
            say(f"preparing {name}")
            try:
                contender = Contender(entry.target, dict(entry.options), timeout_s=entry.timeout_s)
            except ContenderError as error:
                failures[name] = str(error)
                say(f"{name} takes no part: {error}")
                continue
            ready[name], facts[name] = stack.enter_context(contender), contender.facts
        for repetition in range(repetitions):
            for name, contender in list(ready.items()):
                if repetition >= entries[name].most:
                    continue
                try:
                    answer = contender.run()
                except ContenderError as error:
                    failures[name] = str(error)
                    del ready[name]
                    continue
                seconds.setdefault(name, []).append(answer["seconds"])
                facts[name] = facts[name] | answer
            say(f"round {repetition + 1} of {repetitions}")
    return Duel({name: Spread.of(values) for name, values in seconds.items()}, facts, failures)
