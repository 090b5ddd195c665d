"""The linter's warnings: data that can be read but are probably mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eval.checking import check
from tests.eval.checking.checked import (
    ABSENT,
    RESULTS,
    TRUTH,
    changed,
    check_results,
    check_truth,
    errors,
    saved,
    warnings,
)
from tests.eval.made_formats import write

SMELLS: list[tuple[list[tuple[tuple[str | int, ...], Any]], str]] = [
    ([(("annotations", 0, "bbox"), [25, 2, 30, 20])], "annotations[0]: it reaches outside its"),
    ([(("annotations", 0, "bbox"), [30, 2, 0, 20])], "annotations[0]: a side is 0"),
    ([(("annotations", 1, "id"), 1)], "annotations[1]: id 1 is also used by truth.json: annota"),
    ([(("annotations", 1, "id"), 0)], "annotations[1]: id 0: pycocotools"),
    ([(("annotations", 1, "id"), ABSENT)], "annotations[1]: 1 annotation has no 'id'"),
    ([(("annotations", 1, "area"), ABSENT)], "no 'area'; width * height is assumed"),
    ([(("annotations", 1, "iscrowd"), ABSENT)], "no 'iscrowd'; 0 is assumed"),
    ([(("annotations", 1, "area"), -1)], "annotations[1]: area is -1; expected"),
    ([(("annotations", 2, "area"), 5000)], "annotations[2]: area is 5000, but the box covers 56"),
    ([(("annotations", 1, "category_id"), 1)], "categories[1]: class 'dog' has no object"),
    ([(("images", 1, "file_name"), "A.JPG")], "images[1]: file_name 'A.JPG' differs from 'a.jpg'"),
    ([(("images", 1, "file_name"), "a.jpg")], "images[1]: file_name 'a.jpg' is also used by"),
    ([(("categories", 1, "name"), " cat")], "categories[1]: name ' cat' differs from 'cat' only"),
    ([(("images", 1, "width"), 0)], "images[1]: size is 0 x 70"),
    ([(("images", 0, "id"), 2**53 + 1), *[(("annotations", k, "image_id"), 2**53 + 1)
      for k in (0, 1)]], "images[0]: id 9007199254740993 is above 2^53"),
    ([(("images", 1, "id"), "7"), (("annotations", 2, "image_id"), "7")],
     "images[0]: id 7 exists as a number and as text"),
    ([(("annotations", 1, k), TRUTH["annotations"][0][k]) for k in ("bbox", "category_id")],
     "annotations[1]: the same as truth.json: annotations[0]"),
    ([(("annotations", k, "bbox"), [0.1, 0.2, 0.5, 0.5]) for k in range(3)],
     "expected pixels, not fractions"),
    ([(("annotations", k, "bbox"), [30, 30, 39, 39]) for k in range(3)],
     "100 % of the boxes end far outside their image: bbox seems to be [x1, y1, x2, y2]"),
    ([(("annotations", k, "bbox"), [30, 30, 90, 90]) for k in range(3)],
     "do they start at the centre, are x and y swapped, or do the images have another size?"),
    ([(("annotations",), [])], "the list 'annotations' is empty"),
]  # fmt: skip


def test_files_of_lvis_have_no_crowds_and_state_every_list(tmp_path: Path) -> None:
    document = changed(
        TRUTH,
        *[(("images", k, "neg_category_ids"), []) for k in range(2)],
        (("images", 1, "not_exhaustive_category_ids"), [TRUTH["categories"][0]["id"], "zebra"]),
        *[(("annotations", k, "iscrowd"), ABSENT) for k in range(3)],
    )
    assert warnings(check_truth(tmp_path, document)) == [
        "truth.json: 1 of 2 images have no list 'not_exhaustive_category_ids', which is taken as "
        "empty (first: images[0])",
        "truth.json: ids in 'not_exhaustive_category_ids' that are not listed in 'categories', "
        "which are left out: 1 (first: images[1], 'zebra')",
    ]


@pytest.mark.parametrize(("changes", "expected"), SMELLS)
def test_what_can_be_read_but_smells(
    tmp_path: Path, changes: list[tuple[tuple[str | int, ...], Any]], expected: str
) -> None:
    findings = check_truth(tmp_path, changed(TRUTH, *changes))
    assert errors(findings) == []
    assert any(expected in line for line in warnings(findings)), warnings(findings)


def test_how_far_outside(tmp_path: Path) -> None:
    for width, kind in ((25.5, "box slightly outside its image"), (28, "box outside its image")):
        findings = check_truth(
            tmp_path, changed(TRUTH, (("annotations", 0, "bbox"), [25, 2, width, 20]))
        )
        assert kind in [finding.kind for finding in findings]


def test_a_border_that_was_rounded_is_no_fault(tmp_path: Path) -> None:
    """(25 + 25 / 2) / 50 px in fractions of six digits may end 0.000075 px beyond the image."""
    findings = check_truth(
        tmp_path, changed(TRUTH, (("annotations", 0, "bbox"), [25, 2, 25.000075, 20]))
    )
    assert not [f for f in findings if "outside" in f.kind]


def test_results_alone_give_no_warnings_about_boxes_outside(tmp_path: Path) -> None:
    alone = saved(tmp_path, "results.json", changed(RESULTS, ((0, "bbox"), [-3, 2, 30, 20])))
    assert warnings(check(alone)) == []
    empty = saved(tmp_path, "results.json", changed(RESULTS, ((0, "bbox"), [-3, 2, 0, 20])))
    assert warnings(check(empty))[0].endswith("(corners -3 2 -3 22)")


def test_repeated_boxes_come_in_file_order(tmp_path: Path) -> None:
    repeated = [RESULTS[0], RESULTS[1], RESULTS[1], RESULTS[0]]
    found = warnings(check_results(tmp_path, repeated))
    assert [line.split(";")[0].replace("results.json: ", "") for line in found[:2]] == [
        "record[2]: the same as record[1]",
        "record[3]: the same as record[0]",
    ]


def test_images_without_their_file(tmp_path: Path) -> None:
    assert warnings(check_truth(tmp_path, TRUTH)) == []
    write(tmp_path / "images" / "b.jpg", "")
    (line,) = warnings(check_truth(tmp_path, TRUTH))
    assert line == "truth.json: images[0]: no file 'a.jpg' in images/, where the others are"


def test_scores_that_smell(tmp_path: Path) -> None:
    equal = check_results(tmp_path, changed(RESULTS, ((0, "score"), 0.25)))
    assert "all scores are 0.25: AP depends only on the order" in warnings(equal)[0]
    outside = check_results(tmp_path, changed(RESULTS, ((0, "score"), 90)))
    assert warnings(outside)[0].startswith("results.json: record[0]: 1 score is outside 0 to 1")
    many = [dict(RESULTS[0], bbox=[1, 2, 3, k / 10], score=k % 4 / 4) for k in range(1, 102)]
    found = warnings(check_results(tmp_path, many))
    assert any("97 of 101 detections share their score" in line for line in found)
    assert any("1 image has more than 100 detections (this one 101)" in line for line in found)
    assert "no detection" in warnings(check_results(tmp_path, []))[0]


def test_negative_sides_of_results_are_warnings(tmp_path: Path) -> None:
    findings = check_results(tmp_path, changed(RESULTS, ((1, "bbox"), [9, 9, -3, 4])))
    assert errors(findings) == [] and "record[1]: a side is below 0" in warnings(findings)[0]


def test_results_with_ids_of_their_own(tmp_path: Path) -> None:
    own = {
        "images": [
            {"id": 100, "file_name": "some/folder/a.jpg"},
            {"id": 101, "file_name": "x.jpg"},
        ],
        "categories": [{"id": 5, "name": "dog"}],
        "annotations": [dict(RESULTS[0], image_id=100, category_id=5)],
    }
    assert [f.severity for f in check_results(tmp_path, own)] == ["note"]
    wrong = changed(own, (("annotations", 0, "image_id"), 101))
    error = errors(check_results(tmp_path, wrong))[0]
    assert "annotations[0]: image_id 101 is not listed" in error
    assert "; no image there has its file name 'x.jpg'; --skip-unlisted" in error
    two = changed(own, (("images", 1, "file_name"), "other/folder/a.jpg"))
    assert (
        "fits an image there that another name also fits" in errors(check_results(tmp_path, two))[0]
    )
    assert "--data" in check(saved(tmp_path, "own.json", own))[0].message
