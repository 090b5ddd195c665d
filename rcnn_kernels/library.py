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
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from rcnn_kernels import storage, words
from rcnn_kernels.words import compiled_load_word, load_word

# Python calls none of these functions, and compiling without wrappers is faster.
OPTIONS = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
UNWANTED = {
    "NRT_Allocate": "it allocates an array; pass one as an argument instead",
    "numba_attempt_nocopy_reshape": "write array.min() and the like as loops",
}
# Functions that numba's code calls to raise errors, which kernels never do
RAISING = ("NRT_", "Py", "numba_do_raise", "numba_gil_", "numba_runtime_", "numba_unpickle")
MATHEMATICS = ("sqrt", "sqrtf")  # in the C library, which every process has loaded
_FLOATS = {"float32": ctypes.c_float, "float64": ctypes.c_double}


class Kernel:
    """A compiled function; its first call loads its library, or compiles it if necessary.

    Parameters
    ----------
    function
        The function in Python.
    signature
        Types such as "f4[2] i8 f8 -> i8": C-contiguous arrays with their number of dimensions,
        numbers, and the result: an int64, or no result.
    load
        Function that loads the library; called once, before the first call.
    """

    def __init__(
        self, function: Callable[..., Any], signature: str, load: Callable[[], None]
    ) -> None:
        self.function, self.load = function, load
        words, _, result = signature.partition("->")
        self.arguments = [
            (np.dtype(word[:2]), int(word[3]) if "[" in word else 0) for word in words.split()
        ]
        self.has_result = bool(result)
        self.native: Callable[..., int] | None = None

    def __call__(self, *arguments: Any) -> int:
        """Run the machine code; Python's lock is released meanwhile."""
        if self.native is None:
            self.load()
        assert self.native is not None
        flat: list[Any] = []
        for (dtype, dimensions), argument in zip(self.arguments, arguments, strict=True):
            if dimensions:
                # Machine code does not check its arguments: a wrong array would corrupt memory.
                fits = argument.dtype == dtype and argument.ndim == dimensions
                if not (fits and argument.flags.c_contiguous):
                    raise TypeError(f"{self.function.__name__}: {dtype} x {dimensions} expected")
                flat += (argument.__array_interface__["data"][0], *argument.shape)
            else:
                flat.append(argument)
        return self.native(*flat)

    def link(self, address: int) -> None:
        """Connect the kernel with its machine code at an address."""
        types: list[Any] = []
        for dtype, dimensions in self.arguments:
            if dimensions:
                types += [ctypes.c_void_p, *[ctypes.c_int64] * dimensions]
            else:
                types.append(_FLOATS.get(dtype.name, ctypes.c_int64))
        self.native = ctypes.CFUNCTYPE(ctypes.c_int64, *types)(address)


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
    """

    def __init__(self, package: str, modules: tuple[str, ...], seconds: int) -> None:
        self.package, self.modules = package, modules
        self.notice = f"{package}: compiling kernels, once per machine (about {seconds} s) ..."
        self.not_kept = (
            f"{package}: the kernels cannot be kept, so that every start compiles them; "
            "set XDG_CACHE_HOME to a folder that can be written and has 1 MB free"
        )
        self._lock = threading.RLock()
        self._kernels: dict[str, Kernel] = {}
        self._helpers: list[Callable[..., Any]] = []
        self._engine: Any = None  # keeps the loaded code alive

    def kernel(self, signature: str) -> Callable[[Callable[..., Any]], Kernel]:
        """Decorator: make a function a kernel with these types (see Kernel)."""

        def register(function: Callable[..., Any]) -> Kernel:
            name = f"{function.__module__}.{function.__name__}"
            self._kernels[name] = Kernel(function, signature, self.load)
            return self._kernels[name]

        return register

    def helper(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: mark a function that kernels of its own or of importing modules call."""
        self._helpers.append(function)
        return function

    def load(self) -> None:
        """Load all kernels, once per process; other threads wait meanwhile.

        If the kernels must be compiled first, a notice appears on the standard error.
        """
        with self._lock:
            if self._engine is not None:
                return
            for name in self.modules:
                importlib.import_module(f"{self.package}.{name}")
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
        for name in self.modules:
            module = sys.modules[f"{self.package}.{name}"]
            digest.update(Path(inspect.getfile(module)).read_bytes())
        for path in (__file__, words.__file__):
            digest.update(Path(path).read_bytes())
        # find_spec locates numba without importing it.
        numba = find_spec("numba")
        if numba is not None and numba.origin is not None:
            digest.update(Path(numba.origin).with_name("_version.py").read_bytes())
        cpu = (llvm.get_process_triple(), *_processor(llvm))
        digest.update(repr((cpu, llvmlite.__version__, sys.version)).encode())
        return digest.hexdigest()[:24]

    def _compile(self) -> bytes:
        """Object file, after a line with the number of undefined functions that it refers to."""
        import llvmlite.binding as llvm
        import numba

        module = llvm.parse_assembly("")
        with self._helpers_compiled(numba.njit(**OPTIONS, forceinline=True)):
            for name, one in self._kernels.items():
                types, function = _entry(one)
                code = numba.cfunc(types, error_model="numpy")(function)
                part = llvm.parse_assembly(code.inspect_llvm())
                part.get_function(code.native_name).name = name
                module.link_in(part)
        undefined = [
            function
            for function in module.functions
            if function.is_declaration
            and not function.name.startswith("llvm.")
            and function.name not in MATHEMATICS
        ]
        for function in undefined:
            if function.name in UNWANTED or not function.name.startswith(RAISING):
                remedy = UNWANTED.get(function.name, "write it out, kernels call no libraries")
                raise RuntimeError(f"a kernel needs {function.name}: {remedy}")
        # The others would raise errors. New names keep them apart from numba's own functions.
        for i, function in enumerate(undefined):
            function.name = self._never(i)
        return f"{len(undefined)}\n".encode() + bytes(_machine(llvm).emit_object(module))

    @contextmanager
    def _helpers_compiled(self, compiler: Callable[..., Any]) -> Iterator[None]:
        """Replace helpers by their compiled versions while kernels are compiled."""
        modules = [vars(sys.modules[f"{self.package}.{name}"]) for name in self.modules]
        # A helper appears in its own module and in modules that import it.
        places = [
            (module, plain, fast)
            for plain, fast in [
                (load_word, compiled_load_word()),
                *((function, compiler(function)) for function in self._helpers),
            ]
            for module in modules
            if module.get(plain.__name__) is plain
        ]
        for module, plain, fast in places:
            module[plain.__name__] = fast
        try:
            yield
        finally:
            for module, plain, _ in places:
                module[plain.__name__] = plain

    def _link(self, content: bytes) -> None:
        import llvmlite.binding as llvm

        count, _, code = content.partition(b"\n")
        # The undefined functions are never called, but need an address.
        address = ctypes.cast(ctypes.pythonapi.Py_FatalError, ctypes.c_void_p).value
        for i in range(int(count)):
            llvm.add_symbol(self._never(i), address)
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(llvm))
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        for name, one in self._kernels.items():
            one.link(engine.get_function_address(name))
        self._engine = engine

    def _never(self, number: int) -> str:
        return f"{self.package}.never.{number}"


def _entry(one: Kernel) -> tuple[Any, Callable[..., Any]]:
    """Signature and body of the C function, where an array is a pointer and its shape."""
    from numba import carray, from_dtype, njit, types

    types_, parameters, arguments = [], [], []
    for i, (dtype, dimensions) in enumerate(one.arguments):
        sides = [f"side_{i}_{j}" for j in range(dimensions)]
        parameters += [f"argument_{i}", *sides]
        if dimensions:
            types_ += [types.CPointer(from_dtype(dtype)), *[types.int64] * dimensions]
            arguments.append(f"carray(argument_{i}, ({', '.join(sides)},))")
        else:
            types_.append(from_dtype(dtype))
            arguments.append(f"argument_{i}")
    call = f"function({', '.join(arguments)})"
    body = f"return {call}" if one.has_result else f"{call}; return 0"
    code = f"def entry({', '.join(parameters)}):\n    {body}\n"
    names = {"carray": carray, "function": njit(one.function, **OPTIONS)}
    exec(code, names)
    return types.int64(*types_), names["entry"]


def _machine(llvm: Any) -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = _processor(llvm)
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=3, jit=True
    )


def _processor(llvm: Any) -> tuple[str, str]:
    """Name and features of the processor to compile for: this one, or that of numba's variables.

    Kernels of an image for containers must run on other processors than the one that built them.
    """
    name = os.environ.get("NUMBA_CPU_NAME")
    if not name:
        return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    return name, os.environ.get("NUMBA_CPU_FEATURES", "")
