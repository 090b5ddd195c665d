"""The first use in a process: load the compiled kernels, or compile them and say so."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from numba.core import event

NOTICE = "proposals: compiling kernels, once per machine (about 15 s) ..."

_lock = threading.Lock()
_done = threading.Event()


class _Announcer(event.Listener):  # type: ignore[misc]  # numba is untyped
    """Prints one line when the first kernel is compiled, none when all come from the cache."""

    def __init__(self) -> None:
        self.has_announced = False

    def on_start(self, event: event.Event) -> None:
        if not self.has_announced:
            self.has_announced = True
            print(NOTICE, file=sys.stderr, flush=True)

    def on_end(self, event: event.Event) -> None:
        """Nothing to say."""


def warm_up_once(run_all_kernels: Callable[[], object]) -> None:
    """Call ``run_all_kernels`` the first time in this process; other threads wait for it.

    If it has to compile, one line on the standard error tells so.
    """
    if _done.is_set():
        return
    with _lock:
        if not _done.is_set():
            with event.install_listener("numba:compile", _Announcer()):
                run_all_kernels()
            _done.set()
