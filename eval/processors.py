"""How many threads an evaluation may use."""

from __future__ import annotations

import os

MOST = 16  # more have never been tried


def processors() -> int:
    """Processors this process may run on, or OMP_NUM_THREADS if that is fewer."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        count = os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(count, MOST, int(limit) if limit.isdecimal() else MOST))
