"""The detector: photographs -> objects with class, score and box.

    from detector import Detector
    detections = Detector.load()("street.jpg")

Torch, which `pip install ".[detect]"` brings, is imported when `Detector` is first used. The other
names need no torch.
"""

from typing import TYPE_CHECKING, Any

from detector.errors import DetectorError
from detector.extras import require
from detector.siblings import use_own_siblings
from detector.version import __version__

if TYPE_CHECKING:
    from detector.pictures.reading import read_image
    from detector.pipeline import Detector
    from detector.results import Detection, Detections

__all__ = [
    "Detection",
    "Detections",
    "Detector",
    "DetectorError",
    "__version__",
    "read_image",
]

use_own_siblings()


def __getattr__(name: str) -> Any:
    """Import the heavy parts on first use."""
    import importlib

    homes = {
        "Detector": "detector.pipeline",
        "Detection": "detector.results",
        "Detections": "detector.results",
        "read_image": "detector.pictures.reading",
    }
    if name == "Detector":
        require("detect", "detector.Detector")
    if name in homes:
        return getattr(importlib.import_module(homes[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
