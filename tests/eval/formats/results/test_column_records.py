"""Results with unlisted images, other ids or class names: compiled code reads what records say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval import Dataset, EvaluationError, read_dataset
from eval.formats.compiled import json_results
from eval.formats.results import coco
from tests.eval.made_formats import write

CLASSES = ["cat", "Dog", "Käfer"]
BOX = {"bbox": [1, 2, 3, 4], "score": 0.5}
QUICK = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def data(image_ids: list[Any]) -> Dataset:
    names = [f"x/{i:04d}.jpg" for i in range(1, len(image_ids) + 1)]
    pairs = zip(image_ids, names, strict=True)
    return read_dataset(
        {
            "images": [{"id": identity, "file_name": name} for identity, name in pairs],
            "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)],
            "annotations": [],
        }
    )


NUMBERS = data([1, 2, 3])
TEXTS = data(["0001", "b", "Straße"])
IMAGE_IDS = st.sampled_from(
    [1, 2, 3, 3, 7, -9, "1", "0001", "0001.jpg", "b", "Straße", "elsewhere"]
)
CATEGORY_IDS = st.sampled_from([1, 2, 3, 0, 99, [], None, True, 2.0, "cat", "dog", "none", 'a"\\'])
NAMES = st.sampled_from(["cat", "dog", "Dog", "Käfer", "zebra", None, 5])
FILES = st.sampled_from(["x/0001.jpg", "0002.jpg", "0003", "elsewhere.jpg", None])
RECORDS = st.fixed_dictionaries(
    {"image_id": IMAGE_IDS},
    optional={
        "category_id": CATEGORY_IDS, "category_name": NAMES, "label": NAMES, "file_name": FILES,
    },
)  # fmt: skip


def outcome(read: Any) -> Any:
    try:
        table = read()
    except EvaluationError as error:
        return str(error)
    columns = (table.images, table.labels, table.boxes, table.scores)
    return [column.tolist() for column in columns], table.notes


@QUICK
@given(
    st.lists(RECORDS, min_size=1, max_size=6), st.sampled_from([NUMBERS, TEXTS]), st.booleans(),
    st.booleans(), st.booleans(), st.sets(st.sampled_from(["category_id", "label"])),
)  # fmt: skip
def test_columns_and_records_have_one_meaning(
    tmp_path: Path,
    found: list[dict[str, Any]],
    dataset: Dataset,
    skip: bool,
    escaped: bool,
    in_object: bool,
    dropped: set[str],
) -> None:
    records = [
        {**{k: v for k, v in record.items() if k not in dropped}, **BOX}
        for record in [*found, *found[:2]]
    ]
    content: Any = {"annotations": records} if in_object else records
    path = write(tmp_path / "found.json", json.dumps(content, ensure_ascii=escaped))
    plain = outcome(lambda: coco.from_document(content, dataset, path.name, skip_unlisted=skip))
    read = outcome(lambda: coco.read_coco_results(path, dataset, skip_unlisted=skip))
    assert read == plain


def many(fields: Any, count: int = 5000) -> list[dict[str, Any]]:
    return [{**fields(i), "bbox": [i, 2, 3, 4], "score": i / count} for i in range(count)]


COMMON = {
    "images of the whole data set": lambda i: {"image_id": i % 50, "category_id": i % 3 + 1},
    "classes of the whole data set": lambda i: {"image_id": i % 3 + 1, "category_id": i % 80},
    "class names": lambda i: {"image_id": i % 3 + 1, "category_name": [*CLASSES, "cow"][i % 4]},
    "class names in another field": lambda i: {"image_id": i % 3 + 1, "label": CLASSES[i % 3]},
    "class names as ids": lambda i: {"image_id": i % 3 + 1, "category_id": CLASSES[i % 3].upper()},
    "stems as image ids": lambda i: {"image_id": f"{i % 3 + 1:04d}", "category_id": i % 3 + 1},
}


@pytest.mark.parametrize("in_object", [False, True])
@pytest.mark.parametrize("kind", COMMON)
def test_common_results_need_no_reader_record_by_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, in_object: bool
) -> None:
    monkeypatch.setattr(json_results, "PIECE", 2000)
    monkeypatch.setattr(json_results, "SMALLEST_PART", 10_000)
    monkeypatch.setattr(json_results, "processors", lambda: 3)
    records = many(COMMON[kind])
    content = {"annotations": records, "info": {}} if in_object else records
    path = write(tmp_path / "found.json", json.dumps(content))
    plain = outcome(lambda: coco.from_document(content, NUMBERS, path.name, skip_unlisted=True))

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("read record by record")

    monkeypatch.setattr(coco, "from_document", refuse)
    table = coco.read_coco_results(path, NUMBERS, skip_unlisted=True)
    assert outcome(lambda: table) == plain
    assert len(table)


def test_the_first_of_the_left_out_is_named_by_its_place_in_the_file(tmp_path: Path) -> None:
    records = [*many(lambda i: {"image_id": 1, "category_id": 1}, 100)]
    records[70]["image_id"] = records[80]["image_id"] = 999
    path = write(tmp_path / "found.json", json.dumps(records))
    (note,) = coco.read_coco_results(path, NUMBERS, skip_unlisted=True).notes
    assert note == (
        "left out 2 detections of 1 image that the ground truth does not list: 999 "
        "(first: found.json: record[70])"
    )
