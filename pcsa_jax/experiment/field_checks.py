"""What a config field may hold: (what is expected, in words; the test)."""

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

Check = tuple[str, Callable[[Any], bool]]

MOST_WHOLE, MOST_SEED = 2**31 - 1, 2**63 - 1
"""What steps and sizes are counted in has 32 bits, what seeds random numbers 64."""


MOST_LAYERS = 100
"""Of one kind in a network: a config that somebody else has written may not keep a reader busy for ever."""


def number(low: float, high: float = math.inf, *, open_low: bool = False) -> Check:
    """A finite number between ``low`` and ``high``."""
    bound = f"{'>' if open_low else '>='} {low:g}" + (f" and <= {high:g}" if high < math.inf else "")
    return (
        f"a finite number {bound}",
        lambda value: (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and (value > low if open_low else value >= low)
            and value <= min(high, sys.float_info.max)  # a whole number may be larger than any float
        ),
    )


def millimetres_or(unknown: float) -> Check:
    """Millimetres, or the number that stands for nobody's word."""
    text, fits = number(0)
    return (
        f"{text} (mm), or {unknown:g}",
        lambda value: fits(value) or (not isinstance(value, bool) and value == unknown),
    )


def whole(low: int, most: int = MOST_WHOLE) -> Check:
    """A whole number of at least ``low``."""
    return (
        f"a whole number >= {low} and <= {most}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= most,
    )


def choice(*names: str) -> Check:
    """One of some names."""
    return f"one of {', '.join(names)}", lambda value: value in names


def subset(*names: str) -> Check:
    """A tuple of some names, each at most once."""
    return (
        f"a tuple of names among {', '.join(names)}, each once at most",
        lambda value: (
            isinstance(value, tuple) and all(item in names for item in value) and len(set(value)) == len(value)
        ),
    )


def wholes(low: int, *, at_least: int = 0) -> Check:
    """A tuple of whole numbers."""
    text, fits = whole(low)
    return (
        f"a tuple of {'at least one of ' if at_least else ''}{text.removeprefix('a ')}",
        lambda value: isinstance(value, tuple) and len(value) >= at_least and all(fits(item) for item in value),
    )


def is_stages(value: Any) -> bool:
    """Whether ``value`` holds two stages of (odd kernel size, channels) branches."""

    def is_branch(branch: Any) -> bool:
        return (
            isinstance(branch, tuple)
            and len(branch) == 2
            and all(whole(1)[1](item) for item in branch)
            and branch[0] % 2 == 1
        )

    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(stage, tuple) and 1 <= len(stage) <= MOST_LAYERS for stage in value)
        and all(is_branch(branch) for stage in value for branch in stage)
    )


ANYTHING: Check = ("anything", lambda value: True)
FLAG: Check = ("True or False", lambda value: isinstance(value, bool))
PATH: Check = ("a path or nothing", lambda value: isinstance(value, str))
NAME: Check = ("a name", lambda value: isinstance(value, str) and bool(value))
FRACTION: Check = ("a number > 0 and < 1", lambda value: isinstance(value, float) and 0 < value < 1)
STAGES: Check = ("two tuples of (odd kernel size, channels) pairs", is_stages)
ODD: Check = ("an odd whole number >= 1", lambda value: whole(1)[1](value) and value % 2 == 1)
SEED: Check = whole(0, MOST_SEED)
SIZE: Check = ("a multiple of 16, at least 16", lambda value: whole(16)[1](value) and value % 16 == 0)


def count(most: int) -> Check:
    """A whole number from 0 to ``most``."""
    return f"a whole number from 0 to {most}", whole(0, most)[1]


def levels(most: int) -> Check:
    """Channels of one to ``most`` layers that each halve the volume: 16 voxels cannot be halved more often than 4."""
    numbers = {4: "four", 5: "five"}
    return (
        f"a tuple of one to {numbers[most]} whole numbers >= 1",
        lambda value: wholes(1, at_least=1)[1](value) and len(value) <= most,
    )


OPTIMIZER: dict[str, Check] = {
    "learning_rate": number(0, 1, open_low=True),
    "b1": number(0, 0.999999),
    "b2": number(0, 0.999999999),
    "schedule": choice("constant", "cosine", "one_cycle"),
    "gradient_clip": number(0),
}
"""Of :func:`pcsa_jax.model.optimizer.adam`."""


def prefixed(group: str, checks: Mapping[str, Check]) -> dict[str, Check]:
    """The checks of a group's fields under their full names."""
    return {f"{group}.{name}": check for name, check in checks.items()}
