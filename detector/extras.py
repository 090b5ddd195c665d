"""The libraries that only an extra of the installation brings, and the error without them."""

from __future__ import annotations

from importlib.util import find_spec

from detector.errors import DetectorError

# The modules that `pip install ".[NAME]"` adds to `pip install .`
EXTRAS = {
    "detect": ("torch", "safetensors", "scipy", "matplotlib"),
    "train": ("tensorboard",),
    "openvino": ("openvino",),
    "heic": ("pillow_heif",),
    "export": ("onnx", "onnxruntime", "torchvision"),
    "ray": ("ray", "pyarrow", "fsspec"),
}


class MissingLibraryError(DetectorError, ImportError):
    """Work that needs a library which is not installed; the message names the extra."""


def require(extra: str, purpose: str) -> None:
    """Refuse work whose libraries are not installed; this imports none of them.

    Parameters
    ----------
    extra
        A key of `EXTRAS`.
    purpose
        What needs the libraries: the first words of the message.

    Raises
    ------
    MissingLibraryError
        A library of the extra is not installed.
    """
    missing = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if missing:
        *others, last = missing
        names = f"{', '.join(others)} and {last}" if others else last
        raise MissingLibraryError(
            f'{purpose} needs {names}; run pip install ".[{extra}]" in the clone of this program'
        )
