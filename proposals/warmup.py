"""Compiled kernels: numba compiles them once per machine, later processes only load them.

numba's own cache still needs all of numba in memory, more than half a second before the first
call. Here its machine code is kept as one object file, which llvmlite loads in milliseconds.
A kernel is a function of arrays and numbers that allocates nothing and raises nothing, so its
code needs nothing of numba.
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
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

NOTICE = "proposals: compiling kernels, once per machine (about 10 s) ..."
NEVER = "proposals.never.{}"
# All that hold kernels or helpers.
MODULES = ("filters", "edges", "joining", "finishing", "features", "similarity", "grouping")
# Nothing is called from Python: without the wrappers for it compiling is quicker.
OPTIONS = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

_lock = threading.RLock()
_kernels: dict[str, Kernel] = {}
_helpers: list[Callable[..., Any]] = []
_engines: list[Any] = []  # keep the loaded code alive


class Kernel:
    """A compiled function; loaded, or else compiled with all others, when first called."""

    def __init__(self, function: Callable[..., Any], signature: str) -> None:
        self.function = function
        # (dtype, dimensions) each, e.g. "f4[2]" for a C-contiguous (H, W) float32 array.
        words, _, result = signature.partition("->")
        self.arguments = [
            (np.dtype(word[:2]), int(word[3]) if "[" in word else 0) for word in words.split()
        ]
        self.has_result = bool(result)
        self.native: Callable[..., int] | None = None

    def __call__(self, *arguments: Any) -> int:
        """Run it; the interpreter lock is released meanwhile."""
        if self.native is None:
            load_kernels()
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
                types.append(ctypes.c_float if dtype == np.float32 else ctypes.c_int64)
        self.native = ctypes.CFUNCTYPE(ctypes.c_int64, *types)(address)


def kernel(signature: str) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a function a kernel; types as in "f4[2] i8 -> i8", the result an int64 or none."""

    def register(function: Callable[..., Any]) -> Kernel:
        name = f"{function.__module__}.{function.__name__}"
        _kernels[name] = Kernel(function, signature)
        return _kernels[name]

    return register


def helper(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that kernels call, of its own module or of one that imports it."""
    _helpers.append(function)
    return function


def load_kernels() -> None:
    """Load all kernels, once per process; other threads wait for it.

    If they have to be compiled first, one line on the standard error tells so.
    """
    with _lock:
        if _engines:
            return
        for name in MODULES:
            importlib.import_module(f"proposals.{name}")
        name = f"kernels-{_fingerprint()}.o"
        content = next(filter(None, (_read(folder / name) for folder in _folders())), None)
        if content is None:
            print(NOTICE, file=sys.stderr, flush=True)
            content = _compile()
            _write(name, content)
        _link(content)


def _fingerprint() -> str:
    """Hash all that the machine code depends on."""
    import llvmlite  # type: ignore[import-untyped]
    import llvmlite.binding as llvm  # type: ignore[import-untyped]

    digest = hashlib.sha256()
    for name in (*MODULES, "warmup"):
        digest.update(Path(inspect.getfile(sys.modules[f"proposals.{name}"])).read_bytes())
    # Where numba lies is found without importing it.
    numba = find_spec("numba")
    if numba is not None and numba.origin is not None:
        digest.update(Path(numba.origin).with_name("_version.py").read_bytes())
    cpu = (llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features())
    digest.update(repr((cpu, llvmlite.__version__, sys.version)).encode())
    return digest.hexdigest()[:24]


def _folders() -> Iterator[Path]:
    """Where the object file may lie, the first choice first."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(os.environ["NUMBA_CACHE_DIR"])
        return
    yield Path(__file__).parent / "__pycache__"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    yield Path(base) / "googlenet-rcnn" / "kernels"


def _read(path: Path) -> bytes | None:
    """Content of an entry, None if there is none or it is damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, content = data[:32], data[32:]
    return content if hashlib.sha256(content).digest() == digest else None


def _write(name: str, content: bytes) -> None:
    """Keep an entry in the first folder that takes it; without one, every process compiles."""
    for folder in _folders():
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            # Renamed when complete, so that no other process reads half of it.
            temporary = folder / f".{name}.{os.getpid()}"
            temporary.write_bytes(hashlib.sha256(content).digest() + content)
            os.replace(temporary, folder / name)
            return


def _compile() -> bytes:
    """How many functions are called from outside, as a line of text, then the object file."""
    import llvmlite.binding as llvm
    import numba

    module = llvm.parse_assembly("")
    with _helpers_compiled(numba.njit(**OPTIONS)):
        for name, one in _kernels.items():
            types, function = _entry(one)
            code = numba.cfunc(types, error_model="numpy")(function)
            part = llvm.parse_assembly(code.inspect_llvm())
            part.get_function(code.native_name).name = name
            module.link_in(part)
    outside = [f for f in module.functions if f.is_declaration and not f.name.startswith("llvm.")]
    if any(function.name == "NRT_Allocate" for function in outside):
        raise RuntimeError("a kernel allocates an array; hand it one instead")
    # The rest would raise errors. Names of our own, so that numba's stay numba's.
    for i, function in enumerate(outside):
        function.name = NEVER.format(i)
    return f"{len(outside)}\n".encode() + bytes(_machine(llvm).emit_object(module))


@contextmanager
def _helpers_compiled(compiler: Callable[..., Any]) -> Iterator[None]:
    """Let kernels find compiled helpers under the names of the plain ones."""
    modules = [vars(sys.modules[f"proposals.{name}"]) for name in MODULES]
    # A helper stands in its own module and in those that import it.
    places = [
        (module, plain, fast)
        for plain, fast in [(function, compiler(function)) for function in _helpers]
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


def _link(content: bytes) -> None:
    import llvmlite.binding as llvm

    count, _, code = content.partition(b"\n")
    # They are never reached, but must have an address.
    address = ctypes.cast(ctypes.pythonapi.Py_FatalError, ctypes.c_void_p).value
    for i in range(int(count)):
        llvm.add_symbol(NEVER.format(i), address)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(llvm))
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    for name, one in _kernels.items():
        one.link(engine.get_function_address(name))
    _engines.append(engine)
