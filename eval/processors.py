"""How many threads an evaluation may use."""

from __future__ import annotations

import os

MOST = 16  # no measurement exists for more threads


def processors() -> int:
    """The number of processors available to this process, at most OMP_NUM_THREADS."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # some systems lack it
        count = os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(count, MOST, int(limit) if limit.isdecimal() else MOST))
