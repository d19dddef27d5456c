"""Work on subjects by several threads, whose results do not depend on how many there are."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def count_cores() -> int:
    """Cores that this process may use: a container or a job of a cluster is seldom given all of a machine's."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """What ``function`` makes of each item, in their order; no more than two a core are made before they are taken."""
    cores = count_cores()
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * cores:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
