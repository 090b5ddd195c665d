"""Classes that Ray Data runs as actors: batches of pictures -> detections, proposals, features.

They work without Ray too: an object is a function of a batch.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
import pyarrow as pa

from detector.batch.content import content_of
from detector.batch.schema import DETECTIONS, FEATURES, PROPOSALS, Row, table_of
from detector.errors import DetectorError
from detector.extras import require
from detector.files.names import printable
from proposals import ProposalError
from proposals.threads import limit_threads

if TYPE_CHECKING:
    from detector.pipeline import Detector

Batch: TypeAlias = "dict[str, np.ndarray] | pa.Table"


class PictureActor:
    """What the classes below share: the detector, its threads, and pictures that fail.

    Parameters
    ----------
    detector
        What `Detector.load` takes, a recipe's name, a weights file or a run folder; or a Detector.
    column
        The column of the pictures: paths, fsspec URLs, bytes of files or RGB arrays (H, W, 3).
    device
        Where the networks run, as in `Detector.load`.
    engine
        What computes the networks, as in `Detector.load`; a Detector keeps its own.
    threads
        Threads of this process; None is the CPUs that Ray reserved for the actor, and outside Ray
        as many as the libraries choose.
    """

    schema: ClassVar[pa.Schema]

    def __init__(
        self,
        detector: str | Path | Detector = "pair",
        *,
        column: str = "image",
        device: str | None = None,
        engine: str = "auto",
        threads: int | None = None,
    ) -> None:
        require("detect", type(self).__name__)
        use_threads(_reserved_by_ray() if threads is None else threads)
        from detector.pipeline import Detector

        if isinstance(detector, (str, os.PathLike)):
            detector = Detector.load(detector, device=device, engine=engine)
        self.detector, self.column = detector, column

    def __call__(self, batch: Batch) -> pa.Table:
        """The batch with the columns of `schema`; pictures that are no text are left out.

        Raises
        ------
        DetectorError
            The batch has no column of that name.
        """
        names = batch.column_names if isinstance(batch, pa.Table) else [*batch]
        if self.column not in names:
            raise DetectorError(
                f"the batch has no column {self.column!r} but {', '.join(names)}; name that of the "
                "pictures, column=NAME"
            )
        values = {name: _values(batch[name]) for name in names}
        results = table_of([self.row(*given) for given in self._arguments(values)], self.schema)
        kept = [n for n in names if n not in self.schema.names and not self._is_picture(n, values)]
        columns = [batch[n] if isinstance(batch, pa.Table) else pa.array(values[n]) for n in kept]
        return pa.table([*columns, *results.columns], names=[*kept, *self.schema.names])

    def row(self, picture: Any, *more: Any) -> Row:
        """The results of one picture, or the reason why it has none."""
        try:
            return self.compute(content_of(picture), *more)
        except (DetectorError, ProposalError) as error:
            return {"failure": _reason(error, picture)}
        except Exception as error:  # one odd picture must not stop a run over millions
            reason = " ".join(str(error).split())
            return {"failure": f"unexpected {type(error).__name__}: {reason:.300}"}

    def compute(self, picture: Any, *more: Any) -> Row:
        """The results of one picture."""
        raise NotImplementedError

    def _arguments(self, values: dict[str, list[Any]]) -> Any:
        return zip(values[self.column])

    def _is_picture(self, name: str, values: dict[str, list[Any]]) -> bool:
        return name == self.column and not all(isinstance(value, str) for value in values[name])


class DetectPictures(PictureActor):
    """Detects objects: the columns height, width, boxes_xyxy, scores, classes and failure.

    Parameters
    ----------
    detector, column, device, engine, threads
        See PictureActor.
    options
        preset, threshold, max_detections and agnostic_nms of `Detector.__call__`. The preset is
        "evaluate" if none is given: all detections that raise mAP.
    """

    schema = DETECTIONS

    def __init__(
        self,
        detector: str | Path | Detector = "pair",
        *,
        column: str = "image",
        device: str | None = None,
        engine: str = "auto",
        threads: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(detector, column=column, device=device, engine=engine, threads=threads)
        self.options = {"preset": "evaluate", **options}

    def compute(self, picture: Any, *more: Any) -> Row:
        found = self.detector(picture, **self.options)
        names = np.array(found.class_names, np.str_)
        return {
            "height": found.image_size[0],
            "width": found.image_size[1],
            "boxes_xyxy": found.boxes_xyxy,
            "scores": found.scores,
            "classes": names[found.labels],
        }


class ProposeBoxes(PictureActor):
    """Proposes boxes: the columns height, width, boxes_xyxy, scores, sources and failure."""

    schema = PROPOSALS

    def compute(self, picture: Any, *more: Any) -> Row:
        from detector.pictures.reading import read_scaled

        scaled = read_scaled(picture)
        found = self.detector.proposer.propose(scaled.pixels)
        return {
            "height": scaled.size[0],
            "width": scaled.size[1],
            "boxes_xyxy": scaled.to_photograph(found.boxes_xyxy),
            "scores": np.asarray(found.scores, np.float32),
            "sources": found.source,
        }


class RegionFeatures(PictureActor):
    """R-CNN's features of boxes: the columns height, width, boxes_xyxy, features and failure.

    Parameters
    ----------
    detector, column, device, engine, threads
        See PictureActor.
    boxes
        The column of the boxes, (N, 4) xyxy in pixels of each picture; None takes the proposals.
    """

    schema = FEATURES

    def __init__(
        self,
        detector: str | Path | Detector = "pair",
        *,
        boxes: str | None = None,
        column: str = "image",
        device: str | None = None,
        engine: str = "auto",
        threads: int | None = None,
    ) -> None:
        super().__init__(detector, column=column, device=device, engine=engine, threads=threads)
        self.boxes = boxes

    def _arguments(self, values: dict[str, list[Any]]) -> Any:
        if self.boxes is None:
            return super()._arguments(values)
        return zip(values[self.column], values[self.boxes], strict=True)

    def compute(self, picture: Any, *more: Any) -> Row:
        from detector.pictures.reading import read_scaled

        scaled = read_scaled(picture)
        boxes = as_array(more[0]) if more else None
        boxes, features = self.detector.features(scaled, boxes)
        return {
            "height": scaled.size[0],
            "width": scaled.size[1],
            "boxes_xyxy": boxes,
            "features": features,
        }


def use_threads(threads: int | None) -> None:
    """Limit the threads of this process: of torch, OpenCV and the proposals. None changes none."""
    if threads is None:
        return
    import cv2
    import torch

    limit_threads(threads)
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)


def as_array(boxes: Any) -> np.ndarray:
    """Boxes of a batch's cell, a list of lists or an array of arrays."""
    return np.array([np.asarray(box, np.float32) for box in boxes], np.float32).reshape(-1, 4)


def _reserved_by_ray() -> int | None:
    """The CPUs that Ray reserved for the actor that this process is; None outside an actor."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return None
    context = ray.get_runtime_context()
    if context.get_actor_id() is None:
        return None
    return max(1, int(context.get_assigned_resources().get("CPU", 1)))


def _values(column: Any) -> list[Any]:
    """The values of a column of a batch."""
    return column.to_pylist() if hasattr(column, "to_pylist") else list(column)


def _reason(error: Exception, picture: Any) -> str:
    """The message of an error without the picture's name, which has a column of its own."""
    name = printable(picture) if isinstance(picture, str) else ""
    return re.sub(rf"^(?:{re.escape(name)}|<\d+ bytes>): ", "", str(error))
