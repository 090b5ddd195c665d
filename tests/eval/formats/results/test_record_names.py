"""Names in the records of JSON results that contradict their ids, wherever in the file they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval import read_dataset, read_detections
from eval.formats.results.coco import from_document
from tests.eval.made_formats import write

IMAGES = 40
NAMES = [f"x/Bild_{i:03d}_ä.jpg" for i in range(IMAGES)]


def data() -> Any:
    return read_dataset(
        {
            "images": [{"id": i, "file_name": name} for i, name in enumerate(NAMES)],
            "categories": [{"id": i, "name": name} for i, name in enumerate(["cat", "Käfer"])],
            "annotations": [],
        }
    )


def forms(name: str) -> tuple[str, str, str]:
    """A file name with its folder, without it, and without suffix."""
    return name, Path(name).name, Path(name).stem


def records(count: int = 3000) -> list[dict[str, Any]]:
    return [
        {
            "image_id": i % IMAGES,
            "file_name": forms(NAMES[i % IMAGES])[i % 3],
            "category_id": i % 2,
            "category_name": ["cat", "Käfer"][i % 2],
            "bbox": [1, 2, 3, 4],
            "score": 0.5,
        }
        for i in range(count)
    ]


def both_notes(folder: Path, found: Any, *, escaped: bool) -> tuple[str, ...]:
    """The notes of the compiled reader, which must be those of the reader record by record."""
    path = write(folder / "found.json", json.dumps(found, ensure_ascii=escaped))
    notes = read_detections(path, data()).notes
    assert notes == from_document(found, data(), path.name).notes
    return notes


@pytest.mark.parametrize("escaped", [True, False])
def test_names_of_the_same_image_and_class_are_no_contradiction(
    tmp_path: Path, escaped: bool
) -> None:
    assert both_notes(tmp_path, records(), escaped=escaped) == ()
    unknown = [{**record, "file_name": "elsewhere.jpg"} for record in records()]
    assert both_notes(tmp_path, unknown, escaped=escaped) == ()
    assert (
        both_notes(tmp_path, [{**r, "file_name": None} for r in records()], escaped=escaped) == ()
    )


@pytest.mark.parametrize("escaped", [True, False])
@pytest.mark.parametrize("row", [0, 1500, 2999])
def test_one_contradiction_anywhere_in_the_file_is_noted(
    tmp_path: Path, row: int, escaped: bool
) -> None:
    found = records()
    found[row]["file_name"] = NAMES[(row + 1) % IMAGES]
    (note,) = both_notes(tmp_path, found, escaped=escaped)
    own = NAMES[row % IMAGES]
    assert note.startswith("file_name contradicts image_id in 1 of 3,000 detections, and image_id")
    assert f"has '{found[row]['file_name']}', but its image_id is that of '{own}'; correct" in note
    found = records()
    found[row]["category_name"] = ["Käfer", "cat"][row % 2]
    (note,) = both_notes(tmp_path, found, escaped=escaped)
    assert note.startswith("category_name contradicts category_id in 1 of 3,000 detections")


def test_class_names_in_another_case_contradict_too(tmp_path: Path) -> None:
    found = [{**record, "category_name": "CAT"} for record in records()]
    (note,) = both_notes(tmp_path, found, escaped=True)
    assert note.startswith("category_name contradicts category_id in 1500 of 3,000 detections")


def test_large_files_are_read_in_parts_with_their_names(tmp_path: Path) -> None:
    found = records(25_000)  # 3 MB, several pieces and threads
    found[-1]["file_name"] = NAMES[0]
    (note,) = both_notes(tmp_path, found, escaped=False)
    assert "in 1 of 25,000 detections" in note


def test_a_field_that_merely_contains_the_name_of_another_is_none(tmp_path: Path) -> None:
    found = [{**record, "my_file_name": NAMES[7], "file_name_2": NAMES[8]} for record in records()]
    assert both_notes(tmp_path, found, escaped=True) == ()
