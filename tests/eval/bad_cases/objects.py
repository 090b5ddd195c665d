"""Bad detections and options as Python objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from eval import read_dataset
from eval.protocols.options import Options
from eval.reading import read_detections
from tests.eval.bad_cases.truth import annotation
from tests.eval.bad_inputs import (
    NOTHING,
    RESULTS,
    RIGHT,
    TRUTH,
    Case,
    Inputs,
    figures,
    files,
    objects,
)

# Without the first cat, whose id is 0: false, false, true.
ID_0 = figures((34 / 3 / 101, 0, 0))


class Frame:
    """A DataFrame as a program without pandas sees it."""

    def __repr__(self) -> str:
        return "   image_id\n0         1"

    def __iter__(self) -> Any:
        return iter(["image_id"])


def numpy_records(kind: type, box: Callable[[list[float]], Any]) -> list[dict[str, Any]]:
    """The results with NumPy's numbers and boxes."""
    return [
        {"image_id": np.int64(one["image_id"]), "category_id": np.int32(one["category_id"]),
         "bbox": box(one["bbox"]), "score": kind(one["score"])}
        for one in RESULTS
    ]  # fmt: skip


def with_box(box: Any) -> list[dict[str, Any]]:
    """The results with another box in the second record."""
    return [RESULTS[0], {**RESULTS[1], "bbox": box}, *RESULTS[2:]]


def with_score(score: Any) -> list[dict[str, Any]]:
    """The results with another score in the second record."""
    return [RESULTS[0], {**RESULTS[1], "score": score}, *RESULTS[2:]]


def arrays(**changes: Callable[[np.ndarray], Any]) -> Callable[[Path], Inputs]:
    """The results as a DetectionTable, after changes to its arrays."""

    def make(folder: Path) -> Inputs:
        inputs = files(folder)
        table = read_detections(RESULTS, read_dataset(inputs.truth))
        made: dict[str, Any] = {name: change(getattr(table, name)) for name, change in
                                changes.items()}  # fmt: skip
        return inputs._replace(detections=replace(table, **made))

    return make


def put(position: int, value: Any) -> Callable[[np.ndarray], np.ndarray]:
    """A copy of an array with another value."""

    def change(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[position] = value
        return array

    return change


def coco(**options: Any) -> Callable[[Path], Inputs]:
    """Options of the COCO protocol, whose constructor may refuse them."""
    return lambda folder: files(folder)._replace(
        options={"protocol": "coco", "options": Options(**options)}
    )


def under(**options: Any) -> Callable[[Path], Inputs]:
    """Options of `evaluate`."""
    return lambda folder: files(folder)._replace(options=options)


def official(truth: Any = TRUTH, results: Any = RESULTS) -> Callable[[Path], Inputs]:
    """With the quirks of the official program."""
    return lambda folder: files(folder, truth, results)._replace(options={"official": True})


def truth_with_id_0() -> Any:
    changed = {**TRUTH, "annotations": [dict(one) for one in TRUTH["annotations"]]}
    annotation(0, id=0)(changed)
    return changed


def other_dataset(dataset: Any) -> Callable[[Path], Inputs]:
    """Something that is no path as ground truth."""
    return lambda folder: files(folder)._replace(truth=dataset)


ONLY_COCO = {"coco": RIGHT["coco"]}

CASES = [
    Case("NumPy's numbers, boxes as arrays", objects(numpy_records(np.float32, np.array)),
         RIGHT),
    Case("boxes as tuples of float32", objects(
         numpy_records(np.float64, lambda box: tuple(np.array(box, np.float32)))), RIGHT),
    Case("records in a tuple", objects(tuple(RESULTS)), RIGHT),
    Case("score numpy.nan", objects(with_score(np.float32("nan"))),
         "detections: record[1]: 'score' is np.float32(nan); expected a finite number"),
    Case("score numpy.inf", objects(with_score(np.inf)), "record[1]: 'score' is inf"),
    Case("score numpy.bool", objects(with_score(np.True_)), "record[1]: 'score' is np.True_"),
    Case("score an array of one", objects(with_score(np.array([0.8]))),
         "record[1]: 'score' is array([0.8])"),
    Case("score complex", objects(with_score(0.8 + 0j)), "record[1]: 'score' is (0.8+0j)"),
    Case("box with None", objects(with_box([1, 2, None, 4])), "record[1]: 'bbox' is [1, 2, None"),
    Case("box a matrix, whose text has two lines", objects(with_box(np.zeros((2, 2)))),
         "record[1]: 'bbox' is array([[0., 0.], [0., 0.]])"),
    Case("box a matrix of four rows", objects(with_box(np.zeros((4, 2)))), "record[1]: 'bbox' is"),
    Case("box an array without dimensions", objects(with_box(np.array(5.0))),
         "record[1]: 'bbox' is array(5.)"),
    Case("box a text of four letters", objects(with_box("1234")), "record[1]: 'bbox' is '1234'"),
    Case("box with a whole number of 400 digits", objects(with_box([0, 0, 10**399, 1])),
         "record[1]: 'bbox' is [0, 0, 1000"),
    Case("a generator", objects(one for one in RESULTS),
         "or an object with 'annotations'; got generator"),
    Case("a DataFrame", objects(Frame()), "or an object with 'annotations'; got Frame"),
    Case("a list of DataFrames", objects([Frame()]), "record[0] is    image_id 0         1"),
    Case("None", objects(None), "or an object with 'annotations'; got NoneType"),
    Case("JSON as bytes", objects(b"[]"), "or an object with 'annotations'; got bytes"),
    Case("JSON as text, where a path belongs", objects("[]"), "[]: no such file"),
    Case("a path with a NUL", objects("results\0.json"), "results\\x00.json: no such file"),
    Case("a path of 300 letters", objects("a" * 300 + ".json"), "cannot be read (File name"),
    Case("an array in the order of pycocotools' loadRes", objects(np.array(
        [[one["image_id"], *one["bbox"], one["score"], one["category_id"]] for one in RESULTS]
    )), RIGHT),
    Case("an array of six columns", objects(np.zeros((3, 6))),
         "an array of shape (3, 6) and dtype float64; expected (N, 7) numbers"),
    Case("DetectionTable of float32 boxes and int64 indices", arrays(
         boxes=lambda a: a.astype(np.float32), images=lambda a: a.astype(np.int64),
         labels=lambda a: a.astype(np.uint8), scores=lambda a: a.astype(np.float32)), RIGHT),
    Case("DetectionTable of arrays that are not contiguous", arrays(
         boxes=np.asfortranarray, scores=lambda a: np.stack([a, a], axis=1)[:, 0]), RIGHT),
    Case("DetectionTable of lists", arrays(
         boxes=lambda a: a.tolist(), scores=lambda a: a.tolist()),
         "boxes: expected an array; got list"),
    Case("DetectionTable with fewer scores than boxes", arrays(scores=lambda a: a[:3]),
         "detections: scores of shape (3,); expected (4,), one for each box"),
    Case("DetectionTable with boxes (4, N)", arrays(boxes=lambda a: a.T[:, :3]),
         "boxes of shape (4, 3)"),
    Case("DetectionTable with boxes of 5 columns", arrays(boxes=lambda a: np.zeros((4, 5))),
         "boxes of shape (4, 5)"),
    Case("DetectionTable with indices as fractions", arrays(images=lambda a: a + 0.5),
         "images of dtype float64"),
    Case("DetectionTable with texts as scores", arrays(scores=lambda a: a.astype(str)),
         "scores of dtype"),
    Case("DetectionTable with image index 2 of 2", arrays(images=put(3, 2)),
         "detections: images[3] is 2; expected at least 0 and below 2"),
    Case("DetectionTable with image index -1", arrays(images=put(3, -1)),
         "detections: images[3] is -1; expected at least 0 and below 2"),
    Case("DetectionTable with label 2 of 2", arrays(labels=put(0, 2)),
         "detections: labels[0] is 2; expected at least 0 and below 2"),
    Case("DetectionTable with score NaN", arrays(scores=put(1, np.nan)),
         "detections: scores[1] is nan; expected finite"),
    Case("DetectionTable with an infinite box", arrays(boxes=put(1, np.inf)),
         "detections: boxes[1] is [inf, inf"),
    Case("DetectionTable of an unknown layout", arrays(layout=lambda _: "cxcywh"),
         "layout 'cxcywh' is unknown; expected one of xywh"),
    Case("DetectionTable without rows", arrays(boxes=lambda a: a[:0], scores=lambda a: a[:0],
         images=lambda a: a[:0], labels=lambda a: a[:0]), NOTHING,
         notes=("there are no detections",)),
    Case("a dictionary as ground truth", other_dataset(TRUTH), RIGHT),
    Case("a list as ground truth", other_dataset([TRUTH]),
         "expected the path of a file or folder, or a dictionary; got list"),
    Case("maxDets [1, 10, 300]", coco(max_detections=(1, 10, 300)), ONLY_COCO,
         pycocotools="silently wrong, -1.0000"),
    Case("maxDets (300, 1, 10, 10)", coco(max_detections=(300, 1, 10, 10)), ONLY_COCO),
    Case("maxDets ()", coco(max_detections=()), "max_detections (): expected whole numbers"),
    Case("maxDets (0, 10)", coco(max_detections=(0, 10)), "max_detections (0, 10)"),
    Case("maxDets (1.5, 10)", coco(max_detections=(1.5, 10)), "max_detections (1.5, 10)"),
    Case("maxDets 100, not in a tuple", coco(max_detections=100), ONLY_COCO),
    Case('maxDets ("1", 10)', coco(max_detections=("1", 10)), "max_detections ('1', 10)"),
    Case("IoU threshold 1.5", coco(iou_thresholds=np.array([0.5, 1.5])),
         "iou_thresholds: expected numbers from 0 to 1", pycocotools="treated as 1 - 1e-10"),
    Case("IoU threshold -0.5", coco(iou_thresholds=np.array([-0.5])),
         "iou_thresholds: expected numbers from 0 to 1"),
    Case("IoU threshold NaN", coco(iou_thresholds=np.array([np.nan])), "iou_thresholds: expected"),
    Case("IoU threshold 0", coco(iou_thresholds=np.array([0.0])),
         # The false cat of the second image matches the cat there without touching it.
         {"coco": 1.0}, notes=("IoU threshold 0",),
         pycocotools="1.0000: boxes that do not touch match, without a message"),
    Case("IoU thresholds falling", coco(iou_thresholds=np.array([0.9, 0.5])),
         "iou_thresholds: expected one or more rising numbers"),
    Case("IoU thresholds as texts", coco(iou_thresholds=["a"]), "iou_thresholds: expected"),
    Case("IoU thresholds none", coco(iou_thresholds=[]), "iou_thresholds: expected one or more"),
    Case("recall threshold NaN", coco(recall_thresholds=[np.nan]), "recall_thresholds: expected"),
    Case("recall threshold 2", coco(recall_thresholds=[0.5, 2]),
         "recall_thresholds: expected numbers from 0 to 1, which recall reaches"),
    Case("maxDets 10^30", coco(max_detections=10**30), "expected whole numbers from 1, of 64 bits"),
    Case("all classes as one: a text", coco(class_agnostic="no"),
         "class_agnostic 'no': expected True or False"),
    Case("no areas", coco(areas={}), "areas: expected one or more ranges"),
    Case("area range NaN", coco(areas={"all": (0, np.nan)}), "areas: 'all' is (0, nan)"),
    Case("area range that ends before it begins", coco(areas={"all": (9, 4)}),
         "areas: 'all' is (9, 4)"),
    Case("area range of one number", coco(areas={"all": 9}), "areas: 'all' is 9"),
    Case("areas without `all`", coco(areas={"large": (9216, 1e10)}), ONLY_COCO),
    Case("COCO's options under VOC", under(protocol="voc", options=Options(max_detections=10)),
         "max_detections: the protocol 'voc' has none; leave it out, or choose 'coco'"),
    Case("several IoU thresholds under VOC",
         under(protocol="voc", options=Options(iou_thresholds=(0.5, 0.75))),
         "iou_thresholds 0.5, 0.75: the protocol 'voc' has one IoU threshold, above 0"),
    Case("IoU threshold 0 under ILSVRC",
         under(protocol="ilsvrc", options=Options(iou_thresholds=0)),
         "iou_thresholds 0: the protocol 'ilsvrc' has one IoU threshold, above 0"),
    Case("official VOC, all classes as one",
         under(protocol="voc", official=True, options=Options(class_agnostic=True)),
         "the official program of 'voc' cannot take all classes as one"),
    Case("the protocol of LVIS for other data", under(protocol="lvis"),
         "no image has 'neg_category_ids' and 'not_exhaustive_category_ids', which the protocol"),
    Case("unknown protocol", under(protocol="COCO"),
         "protocol 'COCO' is unknown; choose from 'voc', 'voc2007', 'coco', 'ilsvrc'"),
    Case("official, empty list", official(results=[]), {"voc": 0.0},
         notes=("there are no detections",)),
    Case("official COCO, empty list", lambda folder: official(results=[])(folder)._replace(
         options={"official": True, "protocol": "coco"}),
         "no detections: pycocotools stops with an IndexError",
         pycocotools="stops with an error (IndexError)"),
    Case("official COCO, annotation id 0", official(truth_with_id_0()), {"coco": ID_0["coco"]},
         notes=("1 annotation with id 0 counted as missed", "an annotation has id 0"),
         pycocotools="0.556: that object counts as missed"),
]  # fmt: skip
