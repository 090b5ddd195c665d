"""Threads: how many to use, and a map over them that keeps the order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
LOOK_AHEAD = 2  # items per thread that are in work or finished and not yet taken


_limit: list[int] = []  # the most threads of this process; empty if nothing limits them


def limit_threads(threads: int) -> None:
    """Make `processors` return at most this number, where several processes share a machine."""
    _limit[:] = [threads]


def processors() -> int:
    """Number of processors that this process may run on."""
    # The affinity mask respects containers and `taskset`, but not every system has it.
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min([found or 1, *_limit])


def map_in_order(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """Apply a function by several threads; unlike a pool's `map`, it takes `items` as needed."""
    if threads == 1:  # without a second thread, an interruption takes effect at once
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= LOOK_AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # also if the caller stops early
        pool.shutdown(cancel_futures=True)
