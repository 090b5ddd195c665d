"""Compiled kernels: numba compiles a package's kernels once per machine; later processes load them.

With numba's own cache, the first call waits more than half a second for numba's import. Here the
machine code of a package is one object file, which llvmlite loads in milliseconds. Kernels are
functions of arrays and numbers that neither allocate memory nor raise errors, so their machine code
does not depend on numba.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import inspect
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rcnn_kernels import storage
from rcnn_kernels.kernel import Kernel
from rcnn_kernels.machine import machine, processor

Function = Callable[..., Any]
# Modules of this package that determine the machine code
OWN = ("compiling", "kernel", "library", "machine", "words")
# By the name of the module: its helpers, and whether their code is copied into their callers
_HELPERS: dict[str, dict[Function, bool]] = {}


def helper(function: Function) -> Function:
    """Decorator: mark a function that kernels call; its code is copied into them."""
    _HELPERS.setdefault(function.__module__, {})[function] = True
    return function


def subroutine(function: Function) -> Function:
    """Decorator: as `helper`, for a long function; it is compiled once and called.

    Copies of a function that is called in many places take long to compile.
    """
    _HELPERS.setdefault(function.__module__, {})[function] = False
    return function


class Library:
    """The kernels of one package.

    Parameters
    ----------
    package
        Name of the package.
    modules
        Names of the package's modules that contain kernels or helpers.
    seconds
        Approximate time of compiling, for the notice.
    others
        Full names of modules outside the package whose helpers or constants the kernels use.
    """

    def __init__(
        self, package: str, modules: tuple[str, ...], seconds: int, others: tuple[str, ...] = ()
    ) -> None:
        self.package = package
        self.modules = (*(f"{package}.{name}" for name in modules), *others)
        self.notice = f"{package}: compiling kernels, once per machine (about {seconds} s) ..."
        self.not_kept = (
            f"{package}: the kernels cannot be kept, so that every start compiles them; "
            "set XDG_CACHE_HOME to a folder that can be written and has 1 MB free"
        )
        self._lock = threading.RLock()
        self._kernels: dict[str, Kernel] = {}
        self._engine: Any = None  # keeps the loaded code alive

    def kernel(self, signature: str) -> Callable[[Function], Kernel]:
        """Decorator: make a function a kernel with these types (see Kernel)."""

        def register(function: Function) -> Kernel:
            name = f"{function.__module__}.{function.__name__}"
            self._kernels[name] = Kernel(function, signature, self.load)
            return self._kernels[name]

        return register

    def load(self) -> None:
        """Load all kernels, once per process; other threads wait meanwhile.

        If the kernels must be compiled first, a notice appears on the standard error.
        """
        with self._lock:
            if self._engine is not None:
                return
            for module in self.modules:
                importlib.import_module(module)
            name = f"{self.package}-{self._fingerprint()}.o"
            content = storage.find(name)
            if content is None:
                print(self.notice, file=sys.stderr, flush=True)
                content = self._compile()
                if not storage.write(name, content):
                    print(self.not_kept, file=sys.stderr, flush=True)
            self._link(content)

    def _fingerprint(self) -> str:
        """Hash everything the machine code depends on."""
        import llvmlite  # type: ignore[import-untyped]
        import llvmlite.binding as llvm  # type: ignore[import-untyped]

        digest = hashlib.sha256()
        files = [inspect.getfile(sys.modules[name]) for name in self.modules]
        own = [Path(__file__).with_name(f"{name}.py") for name in OWN]
        for path in (*map(Path, files), *own):
            digest.update(path.read_bytes())
        # find_spec locates numba without importing it.
        numba = find_spec("numba")
        if numba is not None and numba.origin is not None:
            digest.update(Path(numba.origin).with_name("_version.py").read_bytes())
        cpu = (llvm.get_process_triple(), *processor(llvm))
        digest.update(repr((cpu, llvmlite.__version__, sys.version)).encode())
        return digest.hexdigest()[:24]

    def _compile(self) -> bytes:
        from rcnn_kernels.compiling import compile_kernels

        helpers = {}
        for name in self.modules:
            helpers.update(_HELPERS.get(name, {}))
        namespaces = [vars(sys.modules[name]) for name in self.modules]
        return compile_kernels(self._kernels, helpers, namespaces, self._never)

    def _link(self, content: bytes) -> None:
        import llvmlite.binding as llvm

        count, _, code = content.partition(b"\n")
        # The undefined functions are never called, but need an address.
        address = ctypes.cast(ctypes.pythonapi.Py_FatalError, ctypes.c_void_p).value
        for i in range(int(count)):
            llvm.add_symbol(self._never(i), address)
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine(llvm))
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        for name, one in self._kernels.items():
            one.link(engine.get_function_address(name))
        self._engine = engine

    def _never(self, number: int) -> str:
        return f"{self.package}.never.{number}"
