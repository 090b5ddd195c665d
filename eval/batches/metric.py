"""Mean average precision of a detector that is evaluated batch by batch."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TypeAlias

from eval.batches.arrays import BOX_FORMATS, Fields
from eval.batches.classes import Classes
from eval.batches.images import BatchImage, Prediction, read_batch
from eval.batches.tables import dataset_of, detections_of
from eval.datasets import Dataset, Identity
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.evaluate import check_protocol, evaluate
from eval.protocols.options import Options
from eval.protocols.report import Report
from eval.ranking import rising

# The id of an image, or for an image without id its evaluator and its number there.
_Key: TypeAlias = "Identity | tuple[str, int]"

REPEATED = (
    "update every image once (torch's DistributedSampler repeats images to fill the last batch)"
)


class MeanAveragePrecision:
    """Collects predictions and targets in memory, and evaluates all of them together.

    The result depends neither on the order of the batches nor on how the images were divided
    between merged evaluators, if targets have an `image_id`: images are evaluated in rising order
    of their ids. Without ids they are evaluated in the order of the updates, merged ones last. The
    order matters only where detections of different images have equal scores.

    An evaluator can be pickled, and thus sent from one process to another.

    Parameters
    ----------
    class_names
        The names of the classes whose labels are first_label, first_label + 1, ..., or a dict of
        names by label. By default every label that occurs is a class, as in torchmetrics.
    first_label
        The label of the first of class_names: 1 where 0 stands for the background.
    box_format
        What the numbers of a box mean, in pixels: "xyxy" [x1, y1, x2, y2], "xywh" [x1, y1, width,
        height] or "cxcywh" [center x, center y, width, height].
    protocol, options
        As for evaluate, except for "lvis", which needs fields that targets do not have.

    Raises
    ------
    EvaluationError
        A parameter has another value.
    """

    def __init__(
        self,
        class_names: Sequence[str] | Mapping[int, str] | None = None,
        *,
        first_label: int = 0,
        box_format: str = "xyxy",
        protocol: str = "coco",
        options: Options | None = None,
    ) -> None:
        if box_format not in BOX_FORMATS:
            known = ", ".join(map(repr, BOX_FORMATS))
            raise EvaluationError(f"box_format {box_format!r} is unknown; choose from {known}")
        check_protocol(protocol, options)
        if protocol == "lvis":
            raise EvaluationError(
                "protocol 'lvis': targets do not state which classes their image was checked for; "
                "evaluate results against the JSON file of LVIS with eval.evaluate"
            )
        self.protocol = protocol
        self.options = options
        self.box_format = box_format
        self._classes = Classes.of(class_names, first_label)
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        self._images: dict[_Key, BatchImage] = {}
        self._batches = 0
        self._token = ""

    def update(self, predictions: Sequence[Prediction], targets: Sequence[Fields]) -> None:
        """Add the images of one batch.

        Fields may be NumPy arrays, lists, or torch's tensors of any type and device.

        Parameters
        ----------
        predictions
            For each image a dict with boxes (N, 4), scores (N,) and labels (N,), or Detections of
            this project's detector. Classes of Detections are matched by name.
        targets
            For each image a dict with boxes (M, 4) and labels (M,). Optional are iscrowd, difficult
            and ignore (M,), area (M,) in pixels^2, by default that of the box, and image_id, a
            whole number or a text. Either all targets have an image_id, or none.

        Raises
        ------
        EvaluationError
            The message names batch, image and field, counted from 0: a shape, a length, a label or
            a number is wrong, or the image was already added. No image of the batch is then added.
        """
        where = f"batch {self._batches}"
        self._batches += 1
        images = read_batch(predictions, targets, self._classes, self.box_format, where)
        if not self._token:  # not before, so that copies of an empty evaluator differ
            self._token = uuid.uuid4().hex
        first = len(self._images)
        keys: list[_Key] = [
            (self._token, first + number) if image.identity is None else image.identity
            for number, image in enumerate(images)
        ]
        self._add(keys, images, where)

    def merge(self, other: MeanAveragePrecision) -> None:
        """Add the images of another evaluator, which stays as it is.

        Raises
        ------
        EvaluationError
            The evaluators have different classes, or one image is in both. Nothing is then added.
        """
        if not isinstance(other, MeanAveragePrecision):
            raise EvaluationError(
                f"merge: expected a MeanAveragePrecision; got {type(other).__name__}"
            )
        if other._classes != self._classes:
            raise EvaluationError("merge: the evaluators have different class_names or labels")
        self._add(list(other._images), other._images.values(), "merge")

    def compute(self) -> Report:
        """Evaluate all images so far; more may be added afterwards.

        Raises
        ------
        EvaluationError
            There is no image.
        """
        return evaluate(self.detections, self.dataset, self.protocol, options=self.options)

    @property
    def dataset(self) -> Dataset:
        """All targets so far, for functions that take a data set, such as eval.why.explain."""
        ids, images = self._ordered()
        return dataset_of(ids, images, self._classes)

    @property
    def detections(self) -> DetectionTable:
        """All predictions so far."""
        return detections_of(self._ordered()[1], self._classes)

    def _add(self, keys: Sequence[_Key], images: Iterable[BatchImage], where: str) -> None:
        """Add images, or none of them if one was added before."""
        named = {isinstance(key, tuple) for key in (*keys, *islice(self._images, 1))}
        if len(named) > 1:
            raise EvaluationError(
                f"{where}: some targets have an image_id and others have none; give all of them one"
            )
        seen: set[_Key] = set()
        for key in keys:
            if key in self._images or key in seen:
                what = "an image" if isinstance(key, tuple) else f"image_id {key!r:.60}"
                raise EvaluationError(f"{where}: {what} was added before; {REPEATED}")
            seen.add(key)
        self._images.update(zip(keys, images, strict=True))

    def _ordered(self) -> tuple[list[Identity], list[BatchImage]]:
        """The ids of all images, numbers from 0 if there are none, and the images, by rising id."""
        if not self._images:
            raise EvaluationError("there is no image yet; call update first")
        ids = [number if isinstance(key, tuple) else key for number, key in enumerate(self._images)]
        images = list(self._images.values())
        order = rising(ids).tolist()
        return [ids[row] for row in order], [images[row] for row in order]
