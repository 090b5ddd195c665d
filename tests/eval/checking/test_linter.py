"""The linter reports each fault with its place, in COCO JSON, folders and text files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval import EvaluationError, read_dataset
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
from tests.eval.made_formats import (
    EXAMPLE,
    Picture,
    Thing,
    save_blank,
    write,
    write_ilsvrc,
    write_voc,
    write_yolo,
)


def test_good_files_have_no_faults(tmp_path: Path) -> None:
    for findings in (check_truth(tmp_path, TRUTH), check_results(tmp_path, RESULTS)):
        assert [finding.severity for finding in findings] == ["note"]
    (note,) = check_truth(tmp_path, TRUTH)
    assert note.message == "2 images, 2 classes, 3 objects"


TRUTH_FAULTS: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("images", 0, "id"), ABSENT, "images[0]: no 'id'; expected a whole number or a text"),
    (("images", 0, "id"), None, "images[0]: 'id' is None"),
    (("images", 0, "id"), True, "images[0]: 'id' is True"),
    (("images", 1, "id"), 7, "images[1]: id 7 is already used by images[0]"),
    (("images", 1, "file_name"), [], "images[1]: 'file_name' is []; expected text"),
    (("images", 1, "width"), 60.5, "images[1]: 'width' is 60.5; expected a whole number"),
    (("images", 1), "b.jpg", "images[1]: is 'b.jpg'; expected an object"),
    (("images",), ABSENT, "truth.json: no list 'images' at the top level"),
    (("categories",), {}, "truth.json: no list 'categories' at the top level"),
    (("categories", 1, "id"), 1, "categories[1]: id 1 is already used by categories[0]"),
    (("categories", 1, "name"), True, "categories[1]: 'name' is True; expected text"),
    (("annotations", 1, "image_id"), "7", "annotations[1]: image_id '7' is not listed in 'images'"),
    (
        ("annotations", 1, "category_id"),
        "1",
        "annotations[1]: category_id '1' is not listed in 'cat",
    ),
    (("annotations", 2, "category_id"), None, "annotations[2]: 'category_id' is None"),
    (("annotations", 0, "bbox"), [1, 2, 3], "annotations[0]: 'bbox' is [1, 2, 3]; expected [x, y"),
    (("annotations", 0, "bbox"), [1, 2, 3, 4, 5], "annotations[0]: 'bbox' is [1, 2, 3, 4, 5]"),
    (("annotations", 0, "bbox"), [1, 2, 3, "4"], "annotations[0]: 'bbox' is [1, 2, 3, '4']"),
    (("annotations", 0, "bbox"), [1, 2, -3, 4], "annotations[0]: 'bbox' is [1, 2, -3, 4]"),
    (("annotations", 0, "bbox"), ABSENT, "annotations[0]: no 'bbox'"),
    (("annotations", 0, "area"), "9", "annotations[0]: 'area' is '9'; expected a finite number"),
    (("annotations", 0, "iscrowd"), 2, "annotations[0]: 'iscrowd' is 2; expected 0 or 1"),
    (("annotations", 0, "ignore"), "no", "annotations[0]: 'ignore' is 'no'; expected 0 or 1"),
    (("annotations", 2), None, "annotations[2]: is None; expected an object"),
]


@pytest.mark.parametrize(("path", "value", "expected"), TRUTH_FAULTS)
def test_faults_of_ground_truth(
    tmp_path: Path, path: tuple[str | int, ...], value: Any, expected: str
) -> None:
    found = errors(check_truth(tmp_path, changed(TRUTH, (path, value))))
    assert any(expected in line for line in found), found
    assert all(line.startswith("truth.json") for line in found)


def test_every_fault_is_reported_not_only_the_first(tmp_path: Path) -> None:
    faults = [
        fault for fault in TRUTH_FAULTS if fault[0][0] == "annotations" and len(fault[0]) == 3
    ]
    records = []
    for (_, row, field), value, _ in faults:
        records.append(changed(TRUTH["annotations"][row], ((field,), value)))  # type: ignore
    found = errors(check_truth(tmp_path, {**TRUTH, "annotations": records}))
    places = [line.split(": ")[1] for line in found]
    assert places == sorted(places, key=places.index) and set(places) == {
        f"annotations[{row}]" for row in range(len(records))
    }


RESULT_FAULTS: list[tuple[tuple[str | int, ...], Any, str]] = [
    ((0, "image_id"), 8, "record[0]: image_id 8 is not listed in the ground truth's images"),
    (
        (0, "image_id"),
        "7",
        "the ground truth's images; the ground truth has it as a number: remove the quotation "
        "marks",
    ),
    ((0, "image_id"), "a.jpg", "this is a file name; the id of that image is 7"),
    ((0, "image_id"), "x/a.jpg", "this is a file name; the id of that image is 7"),
    ((0, "image_id"), "x/b", "'b', without the folder, is listed"),
    ((0, "image_id"), "c", "its ids look like 7; correct"),
    ((1, "score"), ABSENT, "record[1]: no 'score'; expected a finite number"),
    ((1, "score"), "0.5", "record[1]: 'score' is '0.5'; expected a finite number"),
    ((1, "score"), None, "record[1]: 'score' is None"),
    ((1, "bbox"), [1, 2, 3], "record[1]: 'bbox' is [1, 2, 3]"),
    ((1,), [], "record[1]: is []; expected an object"),
]


@pytest.mark.parametrize(("path", "value", "expected"), RESULT_FAULTS)
def test_faults_of_results(
    tmp_path: Path, path: tuple[str | int, ...], value: Any, expected: str
) -> None:
    found = errors(check_results(tmp_path, changed(RESULTS, (path, value))))
    assert len(found) == 1 and found[0].startswith("results.json: ") and expected in found[0]


def test_unknown_categories_are_left_out_unless_all_are(tmp_path: Path) -> None:
    one = check_results(tmp_path, changed(RESULTS, ((0, "category_id"), 5)))
    assert errors(one) == [] and "category_id 5 is not listed" in warnings(one)[0]
    both = changed(RESULTS, ((0, "category_id"), 5), ((1, "category_id"), "1"))
    assert len(errors(check_results(tmp_path, both))) == 2


def test_category_ids_one_too_small(tmp_path: Path) -> None:
    small = changed(RESULTS, ((0, "category_id"), 0), ((1, "category_id"), 17))
    found = errors(check_results(tmp_path, small))
    assert len(found) == 2 and all(line.endswith("are they counted from 0?") for line in found)
    other = changed(RESULTS, ((0, "category_id"), 0))  # 18 + 1 is no id
    assert "one too small" not in warnings(check_results(tmp_path, other))[0]


def test_other_objects_than_results(tmp_path: Path) -> None:
    truth = read_dataset(saved(tmp_path, "truth.json", TRUTH))
    (line,) = errors(check(saved(tmp_path, "results.json", {"results": []}), truth))
    assert line.endswith("expected a list, or an object with 'annotations'; it has: results")


def test_nan_and_infinity_are_reported_with_their_place(tmp_path: Path) -> None:
    text = json.dumps(changed(RESULTS, ((0, "bbox"), [1, float("nan"), 3, 4])), indent=0)
    findings = check_results(tmp_path, text.replace("0.25", "-Infinity"))
    found = errors(findings)
    assert any(
        finding.severity == "warning"
        and finding.where == "results.json: line 7"
        and "NaN at byte" in finding.message
        for finding in findings
    )
    assert any("record[0]: 'bbox' is [1, nan, 3, 4]" in line for line in found)
    assert any("record[1]: 'score' is -inf" in line for line in found)
    for text in (json.dumps(RESULTS)[:-9], "hello", "[1, 2"):
        (line,) = errors(check_results(tmp_path, text))
        assert "not JSON, or cut short" in line
    assert errors(check_results(tmp_path, "")) == [
        "results.json: the file is empty; write it again"
    ]


# --- folders and text -----------------------------------------------------------------------


def test_folders_of_good_data(tmp_path: Path) -> None:
    pixels = {
        write_voc: "pixels from 1, the last one included",
        write_ilsvrc: "pixels from 0, the last one included",
        write_yolo: "continuous from 0",
    }
    for writer, meaning in pixels.items():
        findings = check(writer(tmp_path / writer.__name__, EXAMPLE))
        assert findings[-1].message.endswith(f"; boxes are {meaning}")
        assert {finding.severity for finding in findings} == {"note"}
        assert "3 images, 3 classes, 3 objects" in findings[-1].message


def test_all_faults_of_a_voc_folder(tmp_path: Path) -> None:
    root = write_voc(tmp_path, EXAMPLE)
    path = root / "Annotations" / f"{EXAMPLE[0].stem}.xml"
    text = path.read_text().replace("<xmax>10<", "<xmax>x<").replace("<name>dog</name>", "")
    write(path, text)
    write(root / "Annotations" / f"{EXAMPLE[1].stem}.xml", "<annotation>")
    write(root / "ImageSets" / "Main" / "test.txt", "2008_000000\n2008_000001\nc\nc\n")
    assert [line.split(";")[0].split(" (")[0] for line in errors(check(root))] == [
        "test.txt: line 4: c is already on line 3",
        "Annotations/2008_000000.xml: object 1: bndbox/xmax is 'x'",
        "Annotations/2008_000000.xml: object 2: no <name>",
        "Annotations/2008_000001.xml: not XML, or cut short",
        "Annotations/c.xml: no such file, although its image is listed",
    ]


def test_odd_boxes_of_a_folder(tmp_path: Path) -> None:
    made = [Picture("a", 30, 30, [Thing(0, 1, 1, 29, 29), Thing(0, 9, 9, 30, 9)])]
    root = write_voc(tmp_path, made)
    save_blank(root / "JPEGImages" / "other.png", made[0])
    (line,) = warnings(check(root))
    assert "a.jpg: object 2: it reaches outside its image (corners 9 9 31 10; image 30x30)" in line


def test_all_faults_of_text_results(tmp_path: Path) -> None:
    root = write_ilsvrc(tmp_path, EXAMPLE)
    good, text = "11 1 .5 1 2 3 4\n", "11 1 .5 1 2 3\n12 1 .5 1 2 3 4\n11 1 x 1 2 nan 4\n"
    found = errors(check(write(tmp_path / "sub.txt", good + text + good), root))
    assert [line.split(": ")[1] for line in found] == ["line 2", "line 4", "line 4", "line 3"]
    findings = check(write(tmp_path / "sub.txt", good + "11 7 .5 1 2 3 4\n" + good), root)
    assert errors(findings) == []
    assert any("ground truth: 7" in line for line in warnings(findings))
    assert any("sub.txt: line 3: the same as sub.txt: line 1" in w for w in warnings(findings))


def test_a_split(tmp_path: Path) -> None:
    root = write_ilsvrc(tmp_path, EXAMPLE, split="val2")
    assert check(root, split="val2")[-1].message.startswith("3 images")
    assert len(errors(check(root))) == 1
    path = write(tmp_path / "sub.txt", "11 1 .5 1 2 3 4\n")
    assert errors(check(path, root, "val2")) == []
    with pytest.raises(EvaluationError, match="COCO JSON has no splits"):
        check(saved(tmp_path, "truth.json", TRUTH), split="val")


def test_results_need_their_ground_truth(tmp_path: Path) -> None:
    path = write(tmp_path / "sub.txt", "11 1 .5 1 2 3 4\n")
    with pytest.raises(EvaluationError, match="these are results; name their ground truth"):
        check(path)
    (finding, *_) = check(tmp_path / "none.txt")
    assert finding.severity == "error" and "no such file" in finding.message
