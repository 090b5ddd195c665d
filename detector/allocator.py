"""Memory that tensors leave behind is kept for the next ones."""

from __future__ import annotations

import ctypes
import sys

# glibc's malloc.h; the values are chosen so that nothing goes back before the process ends
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
NEVER, AHEAD = 2**31 - 1, 64 * 2**20  # bytes


def keep_freed_memory() -> None:
    """Let glibc hand freed blocks to the next caller, and not back to the system.

    By default every block over 128 kB, so every tensor, is fetched from the system anew and
    zeroed page by page. For a whole process, so a command calls this and the library does not.
    Where the C library is another, nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl has none
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, NEVER)
    mallopt(M_TOP_PAD, AHEAD)
