"""The linter: each fault by name and place, and an error exactly where reading fails."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import EvaluationError, checking, read_dataset
from eval.checking import Finding, check
from eval.detections import read_detections
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

TRUTH: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "a.jpg", "width": 50, "height": 40},
        {"id": "b", "file_name": "b.jpg", "width": 60, "height": 70},
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 18, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 30, 20], "area": 500.0,
         "iscrowd": 0},
        {"id": 2, "image_id": 7, "category_id": 18, "bbox": [0, 0, 4.5, 5], "area": 22.5,
         "iscrowd": 1},
        {"id": 3, "image_id": "b", "category_id": 1, "bbox": [5, 6, 7, 8], "area": 50,
         "iscrowd": 0},
    ],
}  # fmt: skip
RESULTS: list[dict[str, Any]] = [
    {"image_id": 7, "category_id": 1, "bbox": [1, 2, 30, 20], "score": 0.9},
    {"image_id": "b", "category_id": 18, "bbox": [0, 0, 4.5, 5], "score": 0.25},
]


def changed(document: Any, *changes: tuple[tuple[str | int, ...], Any]) -> Any:
    """A copy with other values at some places; ABSENT takes the key away."""
    document = copy.deepcopy(document)
    for path, value in changes:
        target = document
        for step in path[:-1]:
            target = target[step]
        if value is ABSENT:
            del target[path[-1]]
        else:
            target[path[-1]] = value
    return document


ABSENT = object()


def saved(folder: Path, name: str, document: Any) -> Path:
    return write(folder / name, document if isinstance(document, str) else json.dumps(document))


def check_truth(folder: Path, document: Any) -> list[Finding]:
    return check(saved(folder, "truth.json", document))


def check_results(folder: Path, document: Any) -> list[Finding]:
    truth = saved(folder, "truth.json", TRUTH)
    return check(saved(folder, "results.json", document), truth)


def errors(findings: list[Finding]) -> list[str]:
    return [str(finding) for finding in findings if finding.severity == "error"]


def warnings(findings: list[Finding]) -> list[str]:
    return [str(finding) for finding in findings if finding.severity == "warning"]


def test_good_files_have_no_faults(tmp_path: Path) -> None:
    for findings in (check_truth(tmp_path, TRUTH), check_results(tmp_path, RESULTS)):
        assert [finding.severity for finding in findings] == ["note"]
    (note,) = check_truth(tmp_path, TRUTH)
    assert note.message == "2 images, 2 classes, 3 objects"


TRUTH_FAULTS: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("images", 0, "id"), ABSENT, "images[0]: no 'id'; expected a whole number or a text"),
    (("images", 0, "id"), None, "images[0]: 'id' is None"),
    (("images", 0, "id"), True, "images[0]: 'id' is True"),
    (("images", 1, "id"), 7, "images[1]: id 7 is already that of images[0]"),
    (("images", 1, "file_name"), 3, "images[1]: 'file_name' is 3; expected text"),
    (("images", 1, "width"), 60.5, "images[1]: 'width' is 60.5; expected a whole number"),
    (("images", 1), "b.jpg", "images[1]: is 'b.jpg'; expected an object"),
    (("images",), ABSENT, "truth.json: no list 'images' at the top level"),
    (("categories",), {}, "truth.json: no list 'categories' at the top level"),
    (("categories", 1, "id"), 1, "categories[1]: id 1 is already that of categories[0]"),
    (("categories", 1, "name"), "cat", "categories[1]: name 'cat' is already that of"),
    (("annotations", 1, "image_id"), "7", "annotations[1]: image_id '7' is not listed in 'images'"),
    (("annotations", 1, "category_id"), 2, "annotations[1]: category_id 2 is not listed in 'cat"),
    (("annotations", 2, "category_id"), None, "annotations[2]: 'category_id' is None"),
    (("annotations", 0, "bbox"), [1, 2, 3], "annotations[0]: 'bbox' is [1, 2, 3]; expected [x, y"),
    (("annotations", 0, "bbox"), [1, 2, 3, 4, 5], "annotations[0]: 'bbox' is [1, 2, 3, 4, 5]"),
    (("annotations", 0, "bbox"), [1, 2, 3, "4"], "annotations[0]: 'bbox' is [1, 2, 3, '4']"),
    (("annotations", 0, "bbox"), [1, 2, -3, 4], "annotations[0]: 'bbox' is [1, 2, -3, 4]"),
    (("annotations", 0, "bbox"), ABSENT, "annotations[0]: no 'bbox'"),
    (("annotations", 0, "area"), None, "annotations[0]: 'area' is None; expected a finite number"),
    (("annotations", 0, "iscrowd"), 2, "annotations[0]: 'iscrowd' is 2; expected 0 or 1"),
    (("annotations", 0, "ignore"), "no", "annotations[0]: 'ignore' is 'no'; expected 0 or 1"),
    (("annotations", 2), None, "annotations[2]: is None; expected an object"),
]


@pytest.mark.parametrize(("path", "value", "said"), TRUTH_FAULTS)
def test_faults_of_ground_truth(
    tmp_path: Path, path: tuple[str | int, ...], value: Any, said: str
) -> None:
    found = errors(check_truth(tmp_path, changed(TRUTH, (path, value))))
    assert any(said in line for line in found), found
    assert all(line.startswith("truth.json") for line in found)


def test_every_fault_is_named_not_the_first_alone(tmp_path: Path) -> None:
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
    ((0, "image_id"), "7", "the ground truth's images; there it is a number: write it without"),
    ((0, "image_id"), "a.jpg", "that is a file name; its id is 7"),
    ((0, "image_id"), "x/a.jpg", "that is a file name; its id is 7"),
    ((0, "image_id"), "x/b", "without its folder, 'b', it is listed"),
    ((0, "image_id"), "c", "there ids look like 7; correct"),
    ((1, "score"), ABSENT, "record[1]: no 'score'; expected a finite number"),
    ((1, "score"), "0.5", "record[1]: 'score' is '0.5'; expected a finite number"),
    ((1, "score"), None, "record[1]: 'score' is None"),
    ((1, "bbox"), [1, 2, 3], "record[1]: 'bbox' is [1, 2, 3]"),
    ((1,), [], "record[1]: is []; expected an object"),
]


@pytest.mark.parametrize(("path", "value", "said"), RESULT_FAULTS)
def test_faults_of_results(
    tmp_path: Path, path: tuple[str | int, ...], value: Any, said: str
) -> None:
    found = errors(check_results(tmp_path, changed(RESULTS, (path, value))))
    assert len(found) == 1 and found[0].startswith("results.json: ") and said in found[0]


def test_unknown_categories_are_left_out_unless_all_are(tmp_path: Path) -> None:
    one = check_results(tmp_path, changed(RESULTS, ((0, "category_id"), 5)))
    assert errors(one) == [] and "category_id 5 is not listed" in warnings(one)[0]
    both = changed(RESULTS, ((0, "category_id"), 5), ((1, "category_id"), "1"))
    assert len(errors(check_results(tmp_path, both))) == 2


def test_category_ids_one_too_small(tmp_path: Path) -> None:
    small = changed(RESULTS, ((0, "category_id"), 0), ((1, "category_id"), 17))
    found = errors(check_results(tmp_path, small))
    assert len(found) == 2 and all(line.endswith("ids seem to be one too small") for line in found)
    other = changed(RESULTS, ((0, "category_id"), 0))  # 18 + 1 is none
    assert "one too small" not in warnings(check_results(tmp_path, other))[0]


def test_other_objects_than_results(tmp_path: Path) -> None:
    truth = read_dataset(saved(tmp_path, "truth.json", TRUTH))
    (line,) = errors(check(saved(tmp_path, "results.json", {"results": []}), truth))
    assert line.endswith("expected a list, or an object with 'annotations'; it has: results")


def test_nan_and_infinity_are_found_where_they_stand(tmp_path: Path) -> None:
    text = json.dumps(changed(RESULTS, ((0, "bbox"), [1, float("nan"), 3, 4])), indent=0)
    found = errors(check_results(tmp_path, text.replace("0.25", "-Infinity")))
    assert any("results.json: line 7: NaN at byte" in line for line in found)
    assert any("record[0]: 'bbox' is [1, nan, 3, 4]" in line for line in found)
    assert any("record[1]: 'score' is -inf" in line for line in found)
    for text in (json.dumps(RESULTS)[:-9], "hello", "[1, 2"):
        (line,) = errors(check_results(tmp_path, text))
        assert "not JSON, or cut short" in line
    assert errors(check_results(tmp_path, "")) == [
        "results.json: the file is empty; write it again"
    ]


SMELLS: list[tuple[list[tuple[tuple[str | int, ...], Any]], str]] = [
    ([(("annotations", 0, "bbox"), [25, 2, 30, 20])], "annotations[0]: it reaches outside its"),
    ([(("annotations", 0, "bbox"), [30, 2, 0, 20])], "annotations[0]: a side is 0"),
    ([(("annotations", 1, "id"), 1)], "annotations[1]: id 1 is also that of truth.json: annota"),
    ([(("annotations", 1, "id"), 0)], "annotations[1]: id 0: pycocotools"),
    ([(("annotations", 1, "id"), ABSENT)], "annotations[1]: 1 annotations have no 'id'"),
    ([(("annotations", 1, "area"), ABSENT)], "no 'area'; width * height is assumed"),
    ([(("annotations", 1, "iscrowd"), ABSENT)], "no 'iscrowd'; 0 is assumed"),
    ([(("annotations", 1, "area"), -1)], "annotations[1]: area is -1; expected"),
    ([(("annotations", 2, "area"), 5000)], "annotations[2]: area is 5000, but the box covers 56"),
    ([(("annotations", 1, "category_id"), 1)], "categories[1]: class 'dog' has no object"),
    ([(("images", 1, "file_name"), "A.JPG")], "images[1]: file_name 'A.JPG' differs from 'a.jpg'"),
    ([(("images", 1, "file_name"), "a.jpg")], "images[1]: file_name 'a.jpg' is also that of"),
    ([(("categories", 1, "name"), " cat")], "categories[1]: name ' cat' differs from 'cat' in"),
    ([(("images", 1, "width"), 0)], "images[1]: size is 0 x 70"),
    ([(("images", 0, "id"), 2**53 + 1), *[(("annotations", k, "image_id"), 2**53 + 1)
      for k in (0, 1)]], "images[0]: id 9007199254740993 is above 2^53"),
    ([(("images", 1, "id"), "7"), (("annotations", 2, "image_id"), "7")],
     "images[0]: id 7 is there as a number and as a text"),
    ([(("annotations", 1, k), TRUTH["annotations"][0][k]) for k in ("bbox", "category_id")],
     "annotations[1]: the same as truth.json: annotations[0]"),
    ([(("annotations", k, "bbox"), [0.1, 0.2, 0.5, 0.5]) for k in range(3)], "fractions?"),
    ([(("annotations", k, "bbox"), [30, 30, 39, 39]) for k in range(3)],
     "100% of the boxes end far outside their image: bbox seems to be [x1, y1, x2, y2]"),
    ([(("annotations", k, "bbox"), [30, 30, 90, 90]) for k in range(3)],
     "centres in place of corners, swapped x and y, or another picture size?"),
    ([(("annotations",), [])], "the list 'annotations' is empty"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), SMELLS)
def test_what_can_be_read_but_smells(
    tmp_path: Path, changes: list[tuple[tuple[str | int, ...], Any]], said: str
) -> None:
    findings = check_truth(tmp_path, changed(TRUTH, *changes))
    assert errors(findings) == []
    assert any(said in line for line in warnings(findings)), warnings(findings)


def test_how_far_outside(tmp_path: Path) -> None:
    for width, kind in ((25.5, "box slightly outside its image"), (28, "box outside its image")):
        findings = check_truth(
            tmp_path, changed(TRUTH, (("annotations", 0, "bbox"), [25, 2, width, 20]))
        )
        assert kind in [finding.kind for finding in findings]


def test_results_alone_say_nothing_of_the_outside(tmp_path: Path) -> None:
    alone = saved(tmp_path, "results.json", changed(RESULTS, ((0, "bbox"), [-3, 2, 30, 20])))
    assert warnings(check(alone)) == []
    empty = saved(tmp_path, "results.json", changed(RESULTS, ((0, "bbox"), [-3, 2, 0, 20])))
    assert warnings(check(empty))[0].endswith("(corners -3 2 -3 22)")


def test_repeated_boxes_come_in_file_order(tmp_path: Path) -> None:
    repeated = [RESULTS[0], RESULTS[1], RESULTS[1], RESULTS[0]]
    said = warnings(check_results(tmp_path, repeated))
    assert [line.split(";")[0].replace("results.json: ", "") for line in said[:2]] == [
        "record[2]: the same as record[1]",
        "record[3]: the same as record[0]",
    ]


def test_images_without_their_file(tmp_path: Path) -> None:
    assert warnings(check_truth(tmp_path, TRUTH)) == []
    write(tmp_path / "images" / "b.jpg", "")
    (line,) = warnings(check_truth(tmp_path, TRUTH))
    assert line == "truth.json: images[0]: no file 'a.jpg' in images/, where others are"


def test_scores_that_smell(tmp_path: Path) -> None:
    equal = check_results(tmp_path, changed(RESULTS, ((0, "score"), 0.25)))
    assert "all are 0.25: AP depends on the order" in warnings(equal)[0]
    outside = check_results(tmp_path, changed(RESULTS, ((0, "score"), 90)))
    assert warnings(outside)[0].startswith("results.json: record[0]: 1 scores lie outside 0 to 1")
    many = [dict(RESULTS[0], bbox=[1, 2, 3, k / 10], score=k % 4 / 4) for k in range(1, 102)]
    said = warnings(check_results(tmp_path, many))
    assert any("97 of 101 detections have the score of another of" in line for line in said)
    assert any("1 images have more than 100 detections (this one 101)" in line for line in said)
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
    assert "annotations[0]: image_id 101 is not listed" in errors(check_results(tmp_path, wrong))[0]
    assert "--data" in check(saved(tmp_path, "own.json", own))[0].message


# --- folders and text -----------------------------------------------------------------------


def test_folders_of_good_data(tmp_path: Path) -> None:
    for writer in (write_voc, write_ilsvrc, write_yolo):
        findings = check(writer(tmp_path / writer.__name__, EXAMPLE))
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
        "Annotations/c.xml: no such file, though its image is listed",
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
    assert any("left out: 7" in line for line in warnings(findings))
    assert any("sub.txt: line 3: the same as sub.txt: line 1" in w for w in warnings(findings))


def test_a_split(tmp_path: Path) -> None:
    root = write_ilsvrc(tmp_path, EXAMPLE, split="val2")
    assert check(root, split="val2")[-1].message.startswith("3 images")
    assert len(errors(check(root))) == 1
    path = write(tmp_path / "sub.txt", "11 1 .5 1 2 3 4\n")
    assert errors(check(path, root, "val2")) == []
    with pytest.raises(EvaluationError, match="a COCO JSON file has no splits"):
        check(saved(tmp_path, "truth.json", TRUTH), split="val")


def test_results_need_their_ground_truth(tmp_path: Path) -> None:
    path = write(tmp_path / "sub.txt", "11 1 .5 1 2 3 4\n")
    with pytest.raises(EvaluationError, match="these are results; name their ground truth"):
        check(path)
    (finding, *_) = check(tmp_path / "none.txt")
    assert finding.severity == "error" and "no such file" in finding.message


# --- agreement with the readers -------------------------------------------------------------

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, 7, 18, -1, 2**53 + 1, 2**63, 0.5, -0.5, 1e300, "7", "b", "cat", ""]),
    st.floats(),
    st.sampled_from([[], {}, [1, 2, 3], [1, 2, 3, 4], [1, 2, -3, 4], [1, 2, 3, 4, 5]]),
    st.lists(st.one_of(st.floats(), st.integers(-9, 99)), min_size=4, max_size=4),
    st.just(ABSENT),
)


def places(document: Any) -> list[tuple[str | int, ...]]:
    """Paths to everything in a document."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    found: list[tuple[str | int, ...]] = []
    for key, value in items:
        found.append((key,))
        if isinstance(value, dict | list):
            found += [(key, *rest) for rest in places(value)]
    return found


def mutated(document: Any) -> st.SearchStrategy[Any]:
    change = st.tuples(st.sampled_from(places(document)), VALUES)
    return st.lists(change, min_size=1, max_size=2).map(lambda chosen: _changed(document, chosen))


def _changed(document: Any, changes: list[tuple[tuple[str | int, ...], Any]]) -> Any:
    for change in changes:
        try:
            document = changed(document, change)
        except (KeyError, IndexError, TypeError):
            continue  # the first change took the second's place away
    return document


def refuses(read: Callable[[], Any]) -> bool:
    try:
        read()
    except EvaluationError:
        return True
    return False


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the reader's last word: the linter itself must find what readers refuse."""
    monkeypatch.setattr(checking, "_ask_reader", lambda read, findings: None)


@pytest.mark.usefixtures("alone")
@given(document=mutated(TRUTH))
@settings(max_examples=300, deadline=None)
def test_an_error_exactly_where_ground_truth_is_refused(document: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = saved(Path(folder), "truth.json", document)
        assert bool(errors(check(path))) == refuses(lambda: read_dataset(path))


@pytest.mark.usefixtures("alone")
@given(document=mutated(RESULTS))
@settings(max_examples=300, deadline=None)
def test_an_error_exactly_where_results_are_refused(document: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        truth = read_dataset(saved(Path(folder), "truth.json", TRUTH))
        path = saved(Path(folder), "results.json", document)
        assert bool(errors(check(path, truth))) == refuses(lambda: read_detections(path, truth))


@pytest.mark.usefixtures("alone")
@given(cut=st.integers(0, 400), which=st.sampled_from([TRUTH, RESULTS]))
@settings(max_examples=60, deadline=None)
def test_an_error_exactly_where_a_file_is_cut_short(cut: int, which: Any) -> None:
    text = json.dumps(which)
    with tempfile.TemporaryDirectory() as folder:
        truth = read_dataset(saved(Path(folder), "truth.json", TRUTH))
        path = saved(Path(folder), "cut.json", text[: len(text) - cut])
        if which is TRUTH:
            assert bool(errors(check(path))) == refuses(lambda: read_dataset(path))
        else:
            assert bool(errors(check(path, truth))) == refuses(lambda: read_detections(path, truth))


@given(
    text=st.sampled_from(["1", "x", "", "nan", "-5", "<a>", "</object>", "person", "1e3", "0"]),
    row=st.integers(0, 30),
)
@settings(max_examples=100, deadline=None)
def test_an_error_exactly_where_a_folder_is_refused(text: str, row: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = write_voc(Path(folder), EXAMPLE)
        path = root / "Annotations" / f"{EXAMPLE[0].stem}.xml"
        pieces = path.read_text().split(">")
        place = row % (len(pieces) - 1)
        pieces[place] = text + "<" + pieces[place].partition("<")[2]
        write(path, ">".join(pieces))
        assert bool(errors(check(root))) == refuses(lambda: read_dataset(root))
