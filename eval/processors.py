"""What an evaluation takes of the process: its threads, and pauses of the garbage collector."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 16  # no measurement exists for more threads


def processors() -> int:
    """The number of processors available to this process, at most OMP_NUM_THREADS."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # some systems lack it
        count = os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(count, MOST, int(limit) if limit.isdecimal() else MOST))


@contextmanager
def collection_paused() -> Iterator[None]:
    """Make no search for garbage inside: it would visit a file's millions of records each time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
