"""Kernels compiled by numba to one object file."""

from __future__ import annotations

import ast
import inspect
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rcnn_kernels.kernel import Kernel
from rcnn_kernels.machine import machine
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

Function = Callable[..., Any]
Namespaces = Sequence[dict[str, Any]]
# Two threads that compile would replace each other's helpers.
_LOCK = threading.Lock()


def compile_kernels(
    kernels: Mapping[str, Kernel],
    helpers: Mapping[Function, bool],
    namespaces: Namespaces,
    never: Callable[[int], str],
) -> bytes:
    """Object file, after a line with the number of undefined functions that it refers to.

    Parameters
    ----------
    kernels
        By the names that their machine code gets.
    helpers
        Functions that kernels call; True for those whose code is copied into the caller.
    namespaces
        The variables of all modules of kernels and helpers.
    never
        Gives the name for the undefined function with a number.
    """
    import llvmlite.binding as llvm  # type: ignore[import-untyped]
    import numba

    module = llvm.parse_assembly("")
    with _LOCK, _compiled(helpers, namespaces):
        for name, one in kernels.items():
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
        function.name = never(i)
    return f"{len(undefined)}\n".encode() + bytes(machine(llvm).emit_object(module))


@contextmanager
def _compiled(helpers: Mapping[Function, bool], namespaces: Namespaces) -> Iterator[None]:
    """Replace helpers by their compiled versions while kernels are compiled."""
    import numba

    fast = {
        plain: numba.njit(plain, **OPTIONS, forceinline=copied) for plain, copied in helpers.items()
    }
    fast[load_word] = compiled_load_word()
    # A helper appears in its own module and in modules that import it.
    places = [
        (namespace, plain)
        for namespace in namespaces
        for plain in fast
        if namespace.get(plain.__name__) is plain
    ]
    for namespace, plain in places:
        namespace[plain.__name__] = fast[plain]
    try:
        yield
    finally:
        for namespace, plain in places:
            namespace[plain.__name__] = plain


def _entry(one: Kernel) -> tuple[Any, Function]:
    """Signature and body of the C function, where an array is a pointer and its shape.

    The kernel's own statements follow those that make the arrays: compiling two functions, of which
    one calls the other, would take longer.
    """
    from numba import carray, from_dtype, types

    kernel = ast.parse(textwrap.dedent(inspect.getsource(one.function))).body[0]
    assert isinstance(kernel, ast.FunctionDef)
    types_, parameters, arrays = [], [], []
    for argument, (dtype, dimensions) in zip(kernel.args.args, one.arguments, strict=True):
        name = argument.arg
        parameters.append(name)
        if dimensions:
            types_ += [types.CPointer(from_dtype(dtype)), *[types.int64] * dimensions]
            sides = [f"{name}_side_{i}" for i in range(dimensions)]
            parameters += sides
            arrays.append(f"{name} = carray({name}, ({', '.join(sides)},))")
        else:
            types_.append(from_dtype(dtype))
    entry = ast.parse(f"def entry({', '.join(parameters)}): return 0")
    made = ast.parse("\n".join(arrays)).body
    own = [_Returning().visit(statement) for statement in kernel.body]
    function = entry.body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body[:0] = [*made, *own]
    names = {**one.function.__globals__, "carray": carray}
    code = compile(ast.fix_missing_locations(entry), inspect.getfile(one.function), "exec")
    exec(code, names)
    return types.int64(*types_), names["entry"]


class _Returning(ast.NodeTransformer):
    """Makes functions without a result return 0."""

    def visit_Return(self, node: ast.Return) -> ast.Return:
        return node if node.value else ast.copy_location(ast.Return(ast.Constant(0)), node)
