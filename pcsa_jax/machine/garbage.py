"""How often Python looks for garbage while programs are traced."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (100_000, 20, 20)
"""Thresholds of ``gc.set_threshold``; Python's own first one is 700 objects."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Fewer searches for garbage inside; afterwards as before.

    Imports and the tracing of a training step make millions of objects, most of which stay: looking through all of them
    again and again is a tenth of a warm start.
    """
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
