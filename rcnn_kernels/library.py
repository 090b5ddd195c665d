"""Compiled kernels: numba compiles a package's once per machine, later processes only load them.

numba's own cache still needs all of numba in memory, more than half a second before the first
call. Here its machine code is kept as one object file a package, which llvmlite loads in
milliseconds. A kernel is a function of arrays and numbers that allocates nothing and raises
nothing, so its code needs nothing of numba.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import inspect
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

# Nothing is called from Python: without the wrappers for it compiling is quicker.
OPTIONS = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
UNWANTED = {
    "NRT_Allocate": "it allocates an array; hand it one instead",
    "numba_attempt_nocopy_reshape": "write array.min() and the like as loops",
}
# What numba's code calls where an error is raised, which kernels never do
RAISING = ("NRT_", "Py", "numba_do_raise", "numba_gil_", "numba_runtime_", "numba_unpickle")
MATHEMATICS = ("sqrt", "sqrtf")  # of the C library, which every process holds
_FLOATS = {"float32": ctypes.c_float, "float64": ctypes.c_double}


class Kernel:
    """A compiled function; loaded, or else compiled with all of its library, when first called.

    Parameters
    ----------
    function
        Its Python.
    signature
        Types as in "f4[2] i8 f8 -> i8": arrays with their number of dimensions (C-contiguous),
        numbers, and the result, an int64 or none.
    load
        Called once, before the first call.
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
        """Run it; the interpreter lock is released meanwhile."""
        if self.native is None:
            self.load()
        assert self.native is not None
        flat: list[Any] = []
        for (dtype, dimensions), argument in zip(self.arguments, arguments, strict=True):
            if dimensions:
                # Machine code cannot check; a wrong array here would corrupt memory.
                fits = argument.dtype == dtype and argument.ndim == dimensions
                if not (fits and argument.flags.c_contiguous):
                    raise TypeError(f"{self.function.__name__}: {dtype} x {dimensions} expected")
                flat += (argument.__array_interface__["data"][0], *argument.shape)
            else:
                flat.append(argument)
        return self.native(*flat)

    def link(self, address: int) -> None:
        """Take the address of the machine code."""
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
        Its name.
    modules
        Those of its modules that hold kernels or helpers.
    seconds
        About how long compiling takes, for the notice.
    """

    def __init__(self, package: str, modules: tuple[str, ...], seconds: int) -> None:
        self.package, self.modules = package, modules
        self.notice = f"{package}: compiling kernels, once per machine (about {seconds} s) ..."
        self._lock = threading.RLock()
        self._kernels: dict[str, Kernel] = {}
        self._helpers: list[Callable[..., Any]] = []
        self._engine: Any = None  # keeps the loaded code alive

    def kernel(self, signature: str) -> Callable[[Callable[..., Any]], Kernel]:
        """Make a function a kernel of these types (see Kernel)."""

        def register(function: Callable[..., Any]) -> Kernel:
            name = f"{function.__module__}.{function.__name__}"
            self._kernels[name] = Kernel(function, signature, self.load)
            return self._kernels[name]

        return register

    def helper(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Mark a function that kernels call, of its own module or of one that imports it."""
        self._helpers.append(function)
        return function

    def load(self) -> None:
        """Load all kernels, once per process; other threads wait for it.

        If they have to be compiled first, one line on the standard error tells so.
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
                storage.write(name, content)
            self._link(content)

    def _fingerprint(self) -> str:
        """Hash all that the machine code depends on."""
        import llvmlite  # type: ignore[import-untyped]
        import llvmlite.binding as llvm  # type: ignore[import-untyped]

        digest = hashlib.sha256()
        for name in self.modules:
            module = sys.modules[f"{self.package}.{name}"]
            digest.update(Path(inspect.getfile(module)).read_bytes())
        for path in (__file__, words.__file__):
            digest.update(Path(path).read_bytes())
        # Where numba lies is found without importing it.
        numba = find_spec("numba")
        if numba is not None and numba.origin is not None:
            digest.update(Path(numba.origin).with_name("_version.py").read_bytes())
        cpu = (llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features())
        digest.update(repr((cpu, llvmlite.__version__, sys.version)).encode())
        return digest.hexdigest()[:24]

    def _compile(self) -> bytes:
        """How many functions are called from outside, as a line of text, then the object file."""
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
        outside = [
            function
            for function in module.functions
            if function.is_declaration
            and not function.name.startswith("llvm.")
            and function.name not in MATHEMATICS
        ]
        for function in outside:
            if function.name in UNWANTED or not function.name.startswith(RAISING):
                remedy = UNWANTED.get(function.name, "write it out, kernels have no libraries")
                raise RuntimeError(f"a kernel needs {function.name}: {remedy}")
        # The rest would raise errors. Names of our own, so that numba's stay numba's.
        for i, function in enumerate(outside):
            function.name = self._never(i)
        return f"{len(outside)}\n".encode() + bytes(_machine(llvm).emit_object(module))

    @contextmanager
    def _helpers_compiled(self, compiler: Callable[..., Any]) -> Iterator[None]:
        """Let kernels find compiled helpers under the names of the plain ones."""
        modules = [vars(sys.modules[f"{self.package}.{name}"]) for name in self.modules]
        # A helper stands in its own module and in those that import it.
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
        # They are never reached, but must have an address.
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
    """Signature and body of the C function: each array comes as a pointer and its sides."""
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
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(),
        opt=3, jit=True,
    )  # fmt: skip
