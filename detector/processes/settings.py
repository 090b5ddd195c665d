"""Settings of a whole process: memory and compiled layers are reused, warnings become lines.

Termination becomes an interruption.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from detector.console import notify
from detector.errors import DetectorWarning

# Parameters of mallopt in glibc's malloc.h, with values that return nothing before the process ends
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
NEVER, AHEAD = 2**31 - 1, 64 * 2**20  # bytes
COMPILED = 8192  # layers at one input size each


def keep_freed_memory() -> None:
    """Make glibc reuse freed blocks instead of returning them to the system.

    By default glibc requests every block over 128 kB, which is every tensor, from the system, which
    zeroes it page by page. The setting concerns a whole process, so the command calls this and the
    library does not. Other C libraries are not affected.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl lacks it
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, NEVER)
    mallopt(M_TOP_PAD, AHEAD)


def keep_compiled_layers() -> None:
    """Raise the number of compiled layers that oneDNN caches, unless the user has set it.

    The default is 1,024. GoogLeNet's 57 convolutions, forwards and backwards, at the dozens of
    input sizes of a training recipe are more, and would be compiled again and again; a cache that
    is full is slow besides, since it searches for its oldest entry. The setting takes effect only
    before the first layer runs.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(COMPILED))


@contextmanager
def warnings_as_messages() -> Iterator[None]:
    """Print each DetectorWarning once and as one line; Python would add a line of code."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", DetectorWarning)
        show = warnings.showwarning

        def notify_or_show(message: Any, category: type[Warning], *where: Any) -> None:
            if issubclass(category, DetectorWarning):
                notify(str(message))
            else:
                show(message, category, *where)

        warnings.showwarning = notify_or_show  # type: ignore[assignment]
        yield


@contextmanager
def termination_as_interruption() -> Iterator[None]:
    """Raise KeyboardInterrupt when the process is terminated, so that finished work is written.

    `docker stop`, batch systems and closed terminals terminate a process. A signal that is ignored,
    as under nohup, stays ignored.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():  # others cannot set handlers
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
