"""The machine that kernels are compiled for."""

from __future__ import annotations

import os
from typing import Any


def machine(llvm: Any) -> Any:
    """Target machine of llvmlite's binding layer, which optimises fully."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = processor(llvm)
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=3, jit=True
    )


def processor(llvm: Any) -> tuple[str, str]:
    """Name and features of the processor to compile for: this one, or that of numba's variables.

    Kernels of an image for containers must run on other processors than the one that built them.
    """
    name = os.environ.get("NUMBA_CPU_NAME")
    if not name:
        return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    return name, os.environ.get("NUMBA_CPU_FEATURES", "")
