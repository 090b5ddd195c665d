"""The first use in a process: load the compiled kernels, or compile them and say so."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Loading from numba's disk cache takes well under this; compiling takes longer.
SECONDS_BEFORE_NOTICE = 1.5
NOTICE = "proposals: compiling kernels, once per machine (about 15 s) ..."

_lock = threading.Lock()
_done = threading.Event()


def warm_up_once(run_all_kernels: Callable[[], object]) -> None:
    """Call ``run_all_kernels`` the first time in this process; other threads wait for it.

    If it takes long, one line on the standard error tells why.
    """
    if _done.is_set():
        return
    with _lock:
        if not _done.is_set():
            with _notice_if_slow():
                run_all_kernels()
            _done.set()


@contextmanager
def _notice_if_slow() -> Iterator[None]:
    timer = threading.Timer(SECONDS_BEFORE_NOTICE, _print_notice)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _print_notice() -> None:
    print(NOTICE, file=sys.stderr, flush=True)
