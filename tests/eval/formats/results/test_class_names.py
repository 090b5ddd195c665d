"""Class names that are written otherwise, and class numbers whose names a file states."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval import EvaluationError, evaluate, read_detections
from eval.formats.results.class_names import labels_by_name
from tests.eval.formats.results.small import dataset, results
from tests.eval.made_formats import write

LIGHT = ("traffic light", "T-shirt")


@pytest.mark.parametrize(
    ("written", "known", "labels"),
    [
        (["Cat", "DOG"], ["cat", "dog"], [0, 1]),
        (["traffic_light", "t shirt"], LIGHT, [0, 1]),
        (["TrafficLight", "Tshirt"], LIGHT, [0, 1]),
        (["cat"], ["cat", "Cat"], [0]),  # an exact name is not in doubt
        (["CAT"], ["cat", "Cat"], [-1]),  # either class could be meant
        (["Cat", "cat"], ["cat"], [-1, 0]),  # two classes of the results must not become one
        (["CAT", "Cat"], ["cat"], [-1, -1]),
        (["cats"], ["cat"], [-1]),
        (["-"], ["_"], [-1]),
        (["cafe\u0301"], ["caf\u00e9"], [0]),
    ],
)
def test_names_are_matched_only_where_one_class_can_be_meant(
    written: list[str], known: Any, labels: list[int]
) -> None:
    found, notes = labels_by_name(written, known)
    assert list(found.values()) == labels
    matched = [n for n, label in zip(written, labels, strict=True) if label >= 0 and n not in known]
    assert len(notes) == (1 if matched and written != ["cafe\u0301"] else 0)


def in_json(names: tuple[str, str]) -> Any:
    document = {"categories": [{"id": i + 5, "name": n} for i, n in enumerate(names)]}
    return document | {"annotations": results(category_id=(5, 6))}


def in_csv(folder: Path, column: str, cells: tuple[Any, Any]) -> Path:
    rows = results(cell=cells)
    lines = [f"{r['image_id']},{r['cell']},{r['score']},{str(r['bbox'])[1:-1]}" for r in rows]
    return write(folder / "r.csv", f"image_id,{column},score,x,y,w,h\n" + "\n".join(lines))


def in_yolo(folder: Path, words: tuple[Any, Any]) -> Path:
    for number, name in ((1, "a"), (2, "b")):
        lines = []
        for r in results(cell=words):
            x, y, w, h = r["bbox"]
            box = f"{(x + w / 2) / 320} {(y + h / 2) / 240} {w / 320} {h / 240}"
            lines += [f"{r['cell']} {box} {r['score']}"] * (r["image_id"] == number)
        write(folder / "run" / f"{name}.txt", "\n".join(lines))
    return folder / "run"


def in_comp4(folder: Path, names: tuple[str, str]) -> Path:
    for name in names:
        lines = []
        for r in results(cell=names):
            x, y, w, h = r["bbox"]
            line = f"{'ab'[r['image_id'] - 1]} {r['score']} {x + 1} {y + 1} {x + w} {y + h}"
            lines += [line] * (r["cell"] == name)
        write(folder / "comp4" / f"comp4_det_test_{name}.txt", "\n".join(lines))
    return folder / "comp4"


@pytest.mark.parametrize("form", ["json", "csv", "yolo", "comp4"])
def test_every_format_matches_names_written_otherwise(tmp_path: Path, form: str) -> None:
    names = ("Traffic_Light", "t-shirt")
    source = {
        "json": lambda: in_json(names),
        "csv": lambda: in_csv(tmp_path, "class", names),
        "yolo": lambda: in_yolo(tmp_path, names),
        "comp4": lambda: in_comp4(tmp_path, names),
    }[form]()
    report = evaluate(source, dataset(LIGHT), "coco")
    assert report.map == 1
    assert any(
        "'Traffic_Light' is 'traffic light', 't-shirt' is 'T-shirt'" in n for n in report.notes
    )


def test_names_may_stand_in_the_records_of_json() -> None:
    for field in ("category_name", "class", "label"):
        report = evaluate(results(**{field: ("Cat", "dog")}), dataset(), "coco")
        assert report.map == 1
        assert (
            f"classes were read by the field {field!r}; 1 class name was matched" in report.notes[0]
        )
    report = evaluate(results(category_id=("cat", "dog")), dataset(), "coco")
    assert report.map == 1 and "by the field 'category_id', as names" in report.notes[0]
    # Numbers of the model, none of which is an id of the ground truth
    found = results(category_id=(70, 71), category_name=("cat", "dog"))
    assert evaluate(found, dataset(), "coco").map == 1


def test_names_that_contradict_ids_are_noted() -> None:
    found = results(category_id=(2, 1), category_name=("cat", "dog"))
    (note,) = read_detections(found, dataset()).notes
    assert note.startswith("category_name contradicts category_id in 3 of 3 detections, and")
    assert "the first has 'cat', but its category_id is that of 'dog'" in note
    same = results(category_id=(1, 2), category_name=("cat", "dog"))
    assert read_detections(same, dataset()).notes == ()
    unknown = results(category_id=(1, 2), category_name=("kitten", "puppy"))
    assert read_detections(unknown, dataset()).notes == ()


@pytest.mark.parametrize("form", ["list", "json", "array", "csv", "csv class", "yolo"])
def test_a_file_names_the_numbers_of_every_format(tmp_path: Path, form: str) -> None:
    names = write(tmp_path / "model.yaml", "names: [bird, Dog, cat]\n")
    found = results(category_id=(2, 1))
    rows = [[r["image_id"], *r["bbox"], r["score"], r["category_id"]] for r in found]
    source = {
        "list": lambda: found,
        "json": lambda: write(tmp_path / "found.json", json.dumps(found)),
        "array": lambda: np.array(rows),
        "csv": lambda: in_csv(tmp_path, "category_id", (2, 1)),
        "csv class": lambda: in_csv(tmp_path, "class", (2, 1)),
        "yolo": lambda: in_yolo(tmp_path, (2, 1)),
    }[form]()
    report = evaluate(source, dataset(), "coco", names=names)
    assert report.map == 1
    assert any("class numbers were read as those of model.yaml: " in n for n in report.notes)
    assert any("'Dog' is 'dog'" in n for n in report.notes)
    wrong = evaluate(source, dataset(), "coco")
    assert form == "yolo" or wrong.map == 0
    assert any("classes that are not in" in n for n in wrong.notes) or any(
        "exchange of classes" in note for note in wrong.notes
    )


def test_a_file_of_names_is_refused_where_results_name_their_classes(tmp_path: Path) -> None:
    names = write(tmp_path / "names.txt", "cat\ndog\n")
    with pytest.raises(EvaluationError, match="names its classes itself; leave the names out"):
        read_detections(in_json(("cat", "dog")), dataset(), names=names)
    other = write(tmp_path / "other.txt", "x\ny\nz\n")
    with pytest.raises(EvaluationError, match="none of the ground truth's, which are cat, dog"):
        read_detections(results(), dataset(), names=other)


def test_a_column_called_category_id_may_hold_names(tmp_path: Path) -> None:
    assert evaluate(in_csv(tmp_path, "category_id", ("cat", "dog")), dataset(), "coco").map == 1
