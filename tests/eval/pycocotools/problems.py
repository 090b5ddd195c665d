"""Random problems, and both programs' evaluations of them."""

from __future__ import annotations

import contextlib
import copy
import io
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

COORDINATES = st.one_of(st.integers(0, 12), st.floats(0, 12, width=32), st.floats(0, 1000))
SIDES = st.one_of(st.integers(0, 9), st.floats(0.25, 9, width=16), st.floats(1e-9, 400))
BOXES = st.tuples(COORDINATES, COORDINATES, SIDES, SIDES).map(list)
SCORES = st.one_of(st.sampled_from([0, 0.25, 0.5, 0.5, 1]), st.floats(-2, 2), st.just(-0.0))
AREAS = st.one_of(st.sampled_from([0, 1024, 1024.0, 9216, 1e10, 2e10]), SIDES)

MANY = settings(
    max_examples=80,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
Problem = tuple[dict[str, Any], list[dict[str, Any]]]


@st.composite
def box_problems(draw: Any) -> Problem:
    """Objects, and detections of which many overlap them."""
    images = draw(st.lists(st.integers(0, 50), min_size=1, max_size=4, unique=True))
    categories = draw(st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True))
    cells = {"image_id": st.sampled_from(images), "category_id": st.sampled_from(categories)}
    crowd = st.sampled_from([0, 0, 0, 1])
    objects = st.fixed_dictionaries({**cells, "bbox": BOXES, "area": AREAS, "iscrowd": crowd})
    annotations = draw(st.lists(objects, max_size=12))
    # pycocotools counts an object with id 0 as missed, and the last of several with one id.
    ids = st.permutations(range(1, 13)) | st.lists(st.integers(0, 5), min_size=12, max_size=12)
    annotations = [{"id": n, **a} for n, a in zip(draw(ids), annotations, strict=False)]
    free = st.fixed_dictionaries({**cells, "bbox": BOXES, "score": SCORES})
    detections = draw(st.lists(free, min_size=1, max_size=10))
    for annotation in annotations:
        for _ in range(draw(st.integers(0, 3))):
            shift = draw(st.sampled_from([0, 0, 0.125, 1]))
            x, y, w, h = annotation["bbox"]
            near = {key: annotation[key] for key in ("image_id", "category_id")}
            detections.append({**near, "bbox": [x + shift, y, w, h], "score": draw(SCORES)})
    truth = {
        "images": [{"id": i, "width": 640, "height": 480} for i in images],
        "categories": [{"id": i, "name": str(i)} for i in categories],
        "annotations": annotations,
    }
    return truth, draw(st.permutations(detections))


@st.composite
def mask_problems(draw: Any) -> Problem:
    """Objects as polygons or uncompressed masks; detections as boxes or compressed masks."""
    from pycocotools import mask

    truth, detections = draw(box_problems())
    for image in truth["images"]:
        image["width"], image["height"] = 20, 10
    for annotation in truth["annotations"]:
        x, y, w, h = (min(side, 30) for side in annotation["bbox"])
        annotation["segmentation"] = [[x, y, x + w, y, x + w, y + h + 1]]
        if draw(st.booleans()):
            annotation["segmentation"].append([0, 0, 3.5, 0, 3.5, 4, 1, 6.25])
        if draw(st.booleans()):
            first = draw(st.integers(0, 150))
            annotation["segmentation"] = {"size": [10, 20], "counts": [first, 50, 150 - first]}
    own = st.lists(st.floats(-4, 24), min_size=6, max_size=12)
    for detection in detections:  # polygons are read beside boxes
        if draw(st.booleans()):
            detection["segmentation"] = [draw(own)]
    if draw(st.booleans()):
        for detection in detections:
            x, y, w, h = (min(side, 30) for side in detection.pop("bbox"))
            box = np.zeros((10, 20), dtype=np.uint8, order="F")
            box[int(y) : int(y + h) + 1, int(x) : int(x + w) + 1] = 1
            detection["segmentation"] = mask.encode(box)
    return truth, detections


@st.composite
def keypoint_problems(draw: Any) -> Problem:
    """Persons of 17 points, some of them invisible, and detections near them."""
    truth, _ = draw(box_problems())
    place = st.one_of(st.integers(0, 60), st.floats(0, 60))
    detections = []
    for annotation in truth["annotations"]:
        visible = draw(st.sampled_from([(0,), (0, 1, 2), (2,)]))
        points = draw(st.lists(place, min_size=34, max_size=34))
        flags = draw(st.lists(st.sampled_from(visible), min_size=17, max_size=17))
        triples = zip(points[::2], points[1::2], flags, strict=True)
        annotation["keypoints"] = [number for triple in triples for number in triple]
        annotation["num_keypoints"] = sum(flag > 0 for flag in flags)
        for shift in draw(st.lists(st.sampled_from([0, 0.5, 3]), max_size=3)):
            near = {key: annotation[key] for key in ("image_id", "category_id")}
            moved = [number + shift for number in annotation["keypoints"]]
            detections.append({**near, "keypoints": moved, "score": draw(SCORES)})
    if not detections:
        cell = {"image_id": truth["images"][0]["id"], "category_id": truth["categories"][0]["id"]}
        detections.append({**cell, "keypoints": [1.0, 2, 2] * 17, "score": 0.5})
    return truth, detections


SIGMAS = st.lists(st.floats(0.005, 3), min_size=17, max_size=17).map(np.array)


@st.composite
def choices(draw: Any) -> dict[str, Any]:
    """Unusual parameters: unsorted thresholds, any limits and ranges, no categories, any ids."""
    bounds = st.lists(st.sampled_from([0, 4, 9.5, 1024, 9216, 1e10]), min_size=2, max_size=2)
    return {
        "iouThrs": np.array(draw(st.lists(st.floats(0, 1), min_size=1, max_size=9))),
        "recThrs": np.array(draw(st.lists(st.floats(-0.1, 1.1), min_size=1, max_size=9))),
        "maxDets": draw(st.lists(st.integers(1, 6) | st.just(100), min_size=3, max_size=4)),
        "areaRng": [sorted(draw(bounds)) for _ in range(4)],
        "useCats": draw(st.sampled_from([0, 1])),
        # An object stays free after a match with a detection whose id is not positive.
        "first_id": draw(st.sampled_from([1, 1, 0, -4])),
    }


def evaluated(
    coco: Any, cocoeval: Any, problem: Problem, kind: str, parameters: dict[str, Any]
) -> tuple[Any, str]:
    """COCOeval after all three steps, and the table that it prints."""
    parameters = dict(parameters)
    first_id = parameters.pop("first_id", 1)
    truth, detections = copy.deepcopy(problem)
    with contextlib.redirect_stdout(io.StringIO()):
        ground = coco()
        ground.dataset = truth
        ground.createIndex()
        results = ground.loadRes(detections)
        for number, one in enumerate(results.dataset["annotations"], start=first_id):
            one["id"] = number
        results.createIndex()
        found = cocoeval(ground, results, kind)
        for name, value in copy.deepcopy(parameters).items():
            setattr(found.params, name, value)
        found.evaluate()
        found.accumulate()
    with contextlib.redirect_stdout(io.StringIO()) as table:
        found.summarize()
    return found, table.getvalue()


def assert_identical(
    problem: Problem, kind: str, parameters: dict[str, Any] | None = None
) -> tuple[Any, Any]:
    """Compare all figures, arrays and matches; returns our COCOeval and pycocotools'."""
    from pycocotools import coco as official
    from pycocotools.cocoeval import COCOeval as OfficialCOCOeval

    from eval.pycocotools import COCO, COCOeval

    ours, table = evaluated(COCO, COCOeval, problem, kind, parameters or {})
    reference, expected = evaluated(
        official.COCO, OfficialCOCOeval, problem, kind, parameters or {}
    )
    assert table == expected
    assert [float(one).hex() for one in ours.stats] == [float(v).hex() for v in reference.stats]
    assert ours.eval["counts"] == reference.eval["counts"]
    for name in ("precision", "recall", "scores"):
        assert same(ours.eval[name], reference.eval[name]), name
    assert same(ours.evalImgs, reference.evalImgs)
    assert ours.ious.keys() == reference.ious.keys()
    for cell, ious in reference.ious.items():
        assert same(ours.ious[cell], ious), cell
    return ours, reference


def same(a: Any, b: Any) -> bool:
    """Equal in every key, type of number and bit; zeros without elements have any type."""
    if isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in b)
    if isinstance(b, np.ndarray):
        alike = isinstance(a, np.ndarray) and a.shape == b.shape
        return alike and (
            not b.size or (a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True))
        )
    if isinstance(b, list):
        return isinstance(a, list) and len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)
