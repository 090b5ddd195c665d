"""LVISEval against the lvis package, and where it is missing against the protocol for boxes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval import EvaluationError, evaluate, read_dataset
from eval.pycocotools import COCO, LVISEval
from tests.eval.protocols.test_lvis import HITS, found, lvis_package, problems, truth
from tests.eval.pycocotools.problems import MANY


def ours(document: Any, detections: Any, kind: str, most: int = 300) -> LVISEval:
    evaluation = LVISEval(copy.deepcopy(document), copy.deepcopy(detections), kind)
    evaluation.params.maxDets = [most]
    evaluation.run()
    return evaluation


@MANY
@given(problem=problems())
def test_figures_of_boxes_are_those_of_the_protocol(problem: Any) -> None:
    document, detections = problem
    report = evaluate(detections, read_dataset(document), "lvis")
    expected = {name: -1.0 if np.isnan(v) else v for name, v in report.stats.items()}
    assert ours(document, detections, "bbox").get_results() == expected


@st.composite
def mask_problems(draw: Any) -> Any:
    """Objects with polygons; detections with masks alone, or with boxes beside them."""
    from pycocotools import mask

    document, detections = draw(problems())
    for image in document["images"]:
        image["width"], image["height"] = 40, 30
    for annotation in document["annotations"]:
        x, y, w, h = annotation["bbox"]
        annotation["segmentation"] = [[x, y, x + w, y, x + w, y + h + 1, x, y + h + 1]]
    with_boxes = draw(st.booleans())
    for detection in detections:
        x, y, w, h = detection["bbox"]
        pixels = np.zeros((30, 40), dtype=np.uint8, order="F")
        pixels[int(y) : int(y + h) + 1, int(x) : int(x + w) + 1] = 1
        shape = mask.encode(pixels)
        detection["segmentation"] = {**shape, "counts": shape["counts"].decode()}
        if not with_boxes:
            del detection["bbox"]
    return document, detections


@MANY
@given(problem=mask_problems(), most=st.sampled_from([300, 3]))
def test_figures_of_masks_are_those_of_the_package(
    tmp_path_factory: pytest.TempPathFactory, problem: Any, most: int
) -> None:
    document, detections = problem
    with lvis_package() as package:
        path = tmp_path_factory.mktemp("truth") / "truth.json"
        path.write_text(json.dumps(document))
        ground = package.LVIS(str(path))
        results = package.LVISResults(ground, copy.deepcopy(detections), max_dets=most)
        reference = package.LVISEval(ground, results, "segm")
        reference.params.max_dets = most
        reference.run()
    evaluation = ours(document, detections, "segm", most)
    assert evaluation.get_results() == {n: float(v) for n, v in reference.results.items()}
    for name in ("precision", "recall"):
        np.testing.assert_array_equal(evaluation.eval[name][..., 0], reference.eval[name])


def test_masks_count_where_boxes_are_equal() -> None:
    # Half of the box is the object; the detection covers all of the box: an IoU of 0.5.
    document, detections = truth(), copy.deepcopy(HITS)
    for annotation in document["annotations"]:
        x, y, w, h = annotation["bbox"]
        annotation["segmentation"] = [[x, y, x + w, y, x + w, y + h / 2, x, y + h / 2]]
    results = ours(document, detections, "segm").get_results()
    assert results["AP50"] == pytest.approx(1) and results["AP75"] == 0
    assert results["AP"] == pytest.approx(0.1)
    boxes = ours(document, detections, "bbox").get_results()
    assert boxes["AP"] == pytest.approx(1) and boxes["APr"] == -1


def test_files_objects_and_the_printed_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = tmp_path / "truth.json", tmp_path / "results.json"
    for path, content in zip(paths, (truth(), [*HITS, found(1, 3, [0, 0, 9, 9], 1)]), strict=True):
        path.write_text(json.dumps(content))
    ground = COCO(paths[0])
    for given_truth, results in (paths, (ground, ground.loadRes(paths[1]))):
        evaluation = LVISEval(given_truth, results, "bbox")
        evaluation.run()
        capsys.readouterr()
        evaluation.print_results()
        lines = capsys.readouterr().out.splitlines()
        begin = " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=300 catIds="
        assert lines[0] == f"{begin}all] = 1.000" and lines[8] == f"{begin}  f] = 1.000"
        assert lines[1].startswith(" Average Precision  (AP) @[ IoU=0.50      |")
        assert lines[10].startswith(" Average Recall     (AR) @[ IoU=0.50:0.95 | area=     s |")
        assert len(lines) == 13


def test_what_is_no_file_of_lvis_is_refused() -> None:
    document = truth()
    del document["images"][1]["not_exhaustive_category_ids"]
    with pytest.raises(EvaluationError, match="image 2 has no 'not_exhaustive_category_ids'"):
        LVISEval(document, copy.deepcopy(HITS))
    with pytest.raises(EvaluationError, match="iou_type 'keypoints': expected 'bbox' or 'segm'"):
        LVISEval(truth(), copy.deepcopy(HITS), "keypoints")
