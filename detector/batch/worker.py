"""The actor of `detect batch`: it loads its detector once, and detects in the pictures it gets."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from detector.batch.actors import DetectPictures, use_threads
from detector.batch.schema import IMAGE, Row
from detector.batch.sources import Picture
from detector.evaluation.run import detector_settings
from detector.version import __version__

LIBRARIES = ("torch", "numpy", "cv2", "pyarrow")  # their versions may change last digits


class Description(NamedTuple):
    """An actor's detector and machine."""

    settings: dict[str, Any]  # everything about the detector that decides its results
    classes: tuple[str, ...]
    category_ids: tuple[int | str, ...]
    versions: dict[str, str]  # of libraries; and the threads, which may change last digits too
    host: str


class Worker:
    """An actor.

    Parameters
    ----------
    load
        Loads the detector on a device, None for the default.
    options
        Of the detection; see DetectPictures.
    threads
        Of this process.
    device
        Passed to `load`.
    """

    def __init__(
        self,
        load: Callable[[str | None], Any],
        options: dict[str, Any],
        threads: int,
        device: str | None,
    ) -> None:
        self._load, self._options = load, options
        self._threads, self._device = threads, device
        self._detect: DetectPictures | None = None

    def describe(self) -> Description:
        """Load the detector and describe it."""
        use_threads(self._threads)
        detector = self._load(self._device)
        self._detect = DetectPictures(detector, threads=self._threads, **self._options)
        versions = {name: import_module(name).__version__ for name in LIBRARIES}
        if detector.engine == "openvino":
            from detector.networks.engine import engine_version

            versions["openvino"] = engine_version()
        return Description(
            settings=detector_settings(detector),
            classes=tuple(detector.info.class_names),
            category_ids=tuple(detector.info.category_ids),
            versions={**versions, "detect": __version__, "threads": str(self._threads)},
            host=platform.node(),
        )

    def detect(self, pictures: Sequence[Picture]) -> list[Row]:
        """The results of pictures, a row each."""
        assert self._detect is not None  # a crew lets every actor describe itself first
        return [{IMAGE.name: name, **self._detect.row(content)} for name, content in pictures]
