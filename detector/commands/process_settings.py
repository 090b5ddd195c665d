"""What a process fetched or compiled once is kept for the next time."""

from __future__ import annotations

import ctypes
import os
import sys

# glibc's malloc.h; the values are chosen so that nothing goes back before the process ends
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
NEVER, AHEAD = 2**31 - 1, 64 * 2**20  # bytes
COMPILED = 8192  # layers at one size each; a full store is slow, for the oldest is looked for


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


def keep_compiled_layers() -> None:
    """Let oneDNN keep what it compiles for each layer and size of input.

    It keeps 1,024 by default. GoogLeNet's 57 convolutions, forwards and backwards, at the dozens of
    sizes of a training recipe are more, and it would compile without end. Only before the first
    layer runs; what the user has set stays.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(COMPILED))
