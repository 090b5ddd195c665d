"""Detections as records, tables and other libraries' types."""

from __future__ import annotations

import builtins
import json
import sys
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detector import Detections, DetectorError

NAMES = ("cat", "dog")
FOUND = Detections(
    [[1.25, 2, 11.5, 22], [0, 0, 50, 40]], [0.75, 0.5], [1, 0], NAMES, (40, 50), (17, 18)
)
NOTHING = FOUND[[]]


def test_records_have_plain_values_in_pixels() -> None:
    records = FOUND.to_records()
    assert records[0] == {
        "name": "dog", "label": 1, "score": 0.75, "x1": 1.25, "y1": 2.0, "x2": 11.5, "y2": 22.0
    }  # fmt: skip
    assert json.loads(json.dumps(records)) == records and len(records) == 2
    assert NOTHING.to_records() == []


def test_a_data_frame_has_the_columns_of_the_records() -> None:
    pandas = pytest.importorskip("pandas")
    frame = FOUND.to_pandas()
    assert frame.to_dict("records") == FOUND.to_records()
    assert frame.groupby("name")["score"].max().to_dict() == {"cat": 0.5, "dog": 0.75}
    empty = NOTHING.to_pandas()
    assert list(empty.columns) == list(frame.columns) and len(empty) == 0
    assert (empty.dtypes == frame.dtypes).all()
    assert isinstance(pandas.concat([frame, empty]), pandas.DataFrame)
    frame.loc[0, "x1"] = 9.0
    assert FOUND.boxes_xyxy[0, 0] == 1.25


def test_supervision_reads_classes_and_names() -> None:
    supervision = pytest.importorskip("supervision")
    found = FOUND.to_supervision()
    assert isinstance(found, supervision.Detections)
    assert found.xyxy.tolist() == FOUND.boxes_xyxy.tolist()
    assert found.class_id.tolist() == [1, 0] and found.confidence.tolist() == [0.75, 0.5]
    assert found["class_name"].tolist() == ["dog", "cat"]
    assert found[found["class_name"] == "cat"].area.tolist() == [2000.0]
    labelled = supervision.LabelAnnotator().annotate(np.zeros((40, 50, 3), np.uint8), found)
    assert labelled.any()
    together = supervision.Detections.merge([found, NOTHING.to_supervision()])
    assert len(together) == 2 and len(NOTHING.to_supervision()) == 0
    found.xyxy[:] = 0
    assert FOUND.boxes_xyxy.any()


def coco_score(results: list[dict[str, Any]]) -> float:
    """pycocotools' AP of one image, in which category 2 is [1.25, 2, 11.5, 22] and 1 the rest."""
    truth = COCO()
    objects = [(2, [1.25, 2, 10.25, 20]), (1, [0, 0, 50, 40])]
    truth.dataset = {
        "images": [{"id": 1, "width": 50, "height": 40}],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {"id": k, "image_id": 1, "category_id": category, "bbox": bbox, "iscrowd": 0,
             "area": bbox[2] * bbox[3]}
            for k, (category, bbox) in enumerate(objects, 1)
        ],
    }  # fmt: skip
    truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return float(evaluation.stats[0])


def test_torchvision_s_dictionary_has_background_as_label_zero() -> None:
    """torchvision's reference code passes these labels to pycocotools as category ids 1..K."""
    torch = pytest.importorskip("torch")
    found = FOUND.to_torch()
    assert {name: tensor.dtype for name, tensor in found.items()} == {
        "boxes": torch.float32, "labels": torch.int64, "scores": torch.float32
    }  # fmt: skip
    assert found["labels"].tolist() == [2, 1]
    results = [
        {"image_id": 1, "category_id": int(label), "bbox": [x1, y1, x2 - x1, y2 - y1], "score": s}
        for (x1, y1, x2, y2), label, s in zip(
            found["boxes"].tolist(), found["labels"], found["scores"].tolist(), strict=True
        )
    ]
    assert coco_score(results) == pytest.approx(1)
    shifted = [{**result, "category_id": result["category_id"] - 1} for result in results]
    assert coco_score(shifted) < 0.1  # what labels from 0 would give
    found["boxes"].zero_()
    assert FOUND.boxes_xyxy.any()
    assert NOTHING.to_torch()["boxes"].shape == (0, 4)


def test_torchvision_draws_and_suppresses_from_the_dictionary() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    from torchvision.ops import batched_nms
    from torchvision.utils import draw_bounding_boxes

    found = FOUND.to_torch()
    assert batched_nms(found["boxes"], found["scores"], found["labels"], 0.5).tolist() == [0, 1]
    picture = torch.zeros((3, 40, 50), dtype=torch.uint8)
    assert draw_bounding_boxes(picture, found["boxes"]).any()


def test_yolo_and_voc_are_texts_of_one_picture() -> None:
    # centre (25, 20) of 50 x 40, then the box of 10.25 x 20 around (6.375, 12)
    assert FOUND.to_yolo() == "1 0.1275 0.3 0.205 0.5 0.75\n0 0.5 0.5 1 1 0.5\n"
    root = ElementTree.fromstring(FOUND.to_voc("cat.jpg"))
    assert root.findtext("filename") == "cat.jpg"
    assert [name.text for name in root.iterfind("object/name")] == ["dog", "cat"]
    assert [side.text for side in root.find("object/bndbox") or ()] == ["2.25", "3", "11.5", "22"]
    assert NOTHING.to_yolo() == ""


def test_a_labelled_image_is_what_writers_take() -> None:
    image = FOUND.to_labelled_image("cat.jpg")
    assert (image.file_name, image.width, image.height) == ("cat.jpg", 50, 40)
    assert image.boxes_xyxy.dtype == np.float64 and image.labels.tolist() == [1, 0]
    assert image.scores is not None and image.scores.tolist() == [0.75, 0.5]


@pytest.mark.parametrize("library", ["pandas", "supervision", "torch"])
def test_a_missing_library_is_named_with_its_remedy(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        DetectorError, match=f"^to_{library} needs {library}; run pip install {library}$"
    ):
        getattr(FOUND, f"to_{library}")()


def test_an_error_inside_a_library_is_not_taken_for_its_absence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def fail(name: str, *rest: Any) -> Any:
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'numpy.gone'", name="numpy.gone")
        return real(name, *rest)

    monkeypatch.setattr("importlib.import_module", fail)
    with pytest.raises(ModuleNotFoundError, match="gone"):
        FOUND.to_pandas()
