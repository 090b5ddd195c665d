"""`Detector.stream`: many pictures, one after another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np

from detector.errors import DetectorError
from detector.files.names import printable
from detector.pictures.reading import ImageSource
from detector.pictures.tensors import is_tensor
from proposals import ProposalError

Result = TypeVar("Result")


def results_in_order(
    function: Callable[[ImageSource], Result], sources: Iterable[Any], return_exceptions: bool
) -> Iterator[Result | DetectorError]:
    """Results of a function of one picture, each before the next picture is taken.

    An error is raised, or with `return_exceptions` takes the place of the result. Its message names
    the picture by its path or by its place, such as sources[3].
    """
    for place, source in enumerate(each_picture(sources)):
        result: Result | DetectorError
        try:
            if isinstance(source, (list, tuple)):
                raise DetectorError(
                    f"a {type(source).__name__} is no picture; yield pictures, or batches of them, "
                    "without labels"
                )
            result = function(source)
        except (DetectorError, ProposalError) as error:
            is_path = isinstance(source, (str, os.PathLike))
            name = printable(source) if is_path else f"sources[{place}]"
            message = str(error) if name in str(error) else f"{name}: {error}"
            result = DetectorError(message)
            if not return_exceptions:
                raise result from error
        yield result


def each_picture(sources: Iterable[Any]) -> Iterator[Any]:
    """The pictures of a collection; batches, such as a DataLoader's, are divided into theirs."""
    for source in sources:
        if _dimensions(source) == 4:
            yield from source
        else:
            yield source


def check_several(sources: object) -> None:
    """Raise DetectorError unless an object is a collection of pictures or a batch."""
    if isinstance(sources, (str, os.PathLike)) and os.path.isdir(sources):
        raise DetectorError(
            f"{printable(sources)}: a folder; pass the pictures in it, such as "
            'sorted(pathlib.Path(folder).glob("*.jpg"))'
        )
    is_picture = isinstance(sources, (str, bytes, bytearray)) or hasattr(sources, "read")
    if is_picture or _dimensions(sources) in (2, 3):
        raise DetectorError(
            f"a {type(sources).__name__} is one picture; call detector(picture), or pass a list"
        )
    if not isinstance(sources, Iterable) and _dimensions(sources) != 4:
        raise DetectorError(
            f"a {type(sources).__name__} is no collection of pictures; pass a list, an iterator or "
            "a batch (N, 3, H, W)"
        )


def _dimensions(source: Any) -> int:
    """Dimensions of an array or a tensor; 0 for other objects."""
    return source.ndim if isinstance(source, np.ndarray) or is_tensor(source) else 0
