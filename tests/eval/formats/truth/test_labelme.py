"""labelme's JSON files."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import EvaluationError, read_dataset
from tests.eval.made_formats import Picture, save_blank, write


def shape(
    kind: str, *points: tuple[float, float], label: str = "cat", **more: Any
) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "shape_type": kind,
        "flags": {},
        **more,
    }


def labelme(path: Path, *shapes: Any, **more: Any) -> Path:
    sides = {"imageHeight": 240, "imageWidth": 320}
    document = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": f"{path.stem}.jpg"}
    return write(path, json.dumps({**document, "imageData": None, **sides, **more}))


@pytest.mark.parametrize(
    ("kind", "points", "expected"),
    [
        ("rectangle", ((10, 20), (110, 70)), (10, 20, 100, 50)),
        ("rectangle", ((110, 20), (10, 70)), (10, 20, 100, 50)),
        ("rectangle", ((110, 70), (10, 20)), (10, 20, 100, 50)),
        ("rectangle", ((10, 20), (110, 20), (110, 70), (10, 70)), (10, 20, 100, 50)),  # AnyLabeling
        ("polygon", ((10, 20), (60.5, 70), (30, 5)), (10, 5, 50.5, 65)),
        ("circle", ((50, 60), (53, 64)), (45, 55, 10, 10)),
    ],
)
def test_the_box_around_each_shape(
    tmp_path: Path, kind: str, points: Any, expected: tuple[float, ...]
) -> None:
    dataset = read_dataset(labelme(tmp_path / "a.json", shape(kind, *points)))
    assert dataset.all_truths.boxes.tolist() == [list(expected)]
    assert dataset.images == (("a", "a.jpg", 240, 320),) and dataset.notes == ()


def test_a_folder(tmp_path: Path) -> None:
    labelme(tmp_path / "b.json", shape("rectangle", (0, 0), (9, 9), label="dog"))
    labelme(tmp_path / "in" / "a.json", shape("point", (1, 2)), imagePath="..\\pictures\\a.jpg")
    labelme(tmp_path / "c.json", shape("rectangle", (0, 0), (9, 9), flags={"difficult": True}))
    write(tmp_path / "results.json", "[]")
    dataset = read_dataset(tmp_path)
    assert [one.file_name for one in dataset.images] == ["b.jpg", "c.jpg", "in/a.jpg"]
    assert dataset.class_names == ("cat", "dog")
    assert dataset.all_truths.difficult.tolist() == [False, True]
    assert dataset.notes == (
        "left out 1 JSON file that labelme did not write",
        "left out 1 object without a box: 1 point",
    )


def test_classes_are_those_of_the_list(tmp_path: Path) -> None:
    write(tmp_path / "labels.txt", "__ignore__\n_background_\ndog\ncat\n")
    labelme(tmp_path / "b.json", shape("rectangle", (0, 0), (9, 9)))
    assert read_dataset(tmp_path).class_names == ("dog", "cat")


def test_sizes_come_from_the_picture_if_they_are_missing(tmp_path: Path) -> None:
    labelme(tmp_path / "a.json", imageHeight=None, imageWidth=None, imagePath="a.png")
    save_blank(tmp_path / "a.png", Picture("a", 50, 40, []))
    assert read_dataset(tmp_path).images[0][2:] == (40, 50)


def test_embedded_pictures_cost_little_memory(tmp_path: Path) -> None:
    for number in range(10):
        labelme(tmp_path / f"{number}.json", imageData="A" * 2_000_000)
    tracemalloc.start()
    dataset = read_dataset(tmp_path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(dataset) == 10 and most < 8_000_000


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([shape("rectangle", (1, 2))], "a.json: object 1: the box is not 4 finite numbers"),
        ([shape("rectangle", (1, 2), ("x", 2))], "a.json: object 1: the box is not 4"),  # type: ignore[arg-type]
        ([shape("rectangle", (1, 2), (3, 4), label="")], "a.json: object 1: no class"),
        ([7], "a.json: object 1: is no JSON object"),
    ],
)
def test_faults(tmp_path: Path, shapes: Any, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        read_dataset(labelme(tmp_path / "a.json", *shapes))


def test_objects_that_are_no_list(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", '{"shapes": 7, "imagePath": "a.jpg"}')
    with pytest.raises(EvaluationError, match=r"a\.json: no list 'shapes'"):
        read_dataset(path)


POINTS = st.tuples(st.floats(0, 500), st.floats(0, 500))


@settings(deadline=None)
@given(st.lists(POINTS, min_size=3, max_size=9), st.randoms())
def test_the_order_of_points_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[float, float]], random: Any
) -> None:
    folder = tmp_path_factory.mktemp("any")
    labelme(folder / "a.json", shape("polygon", *points))
    random.shuffle(points)
    labelme(folder / "b.json", shape("polygon", *points))
    one, other = read_dataset(folder).all_truths.boxes_xyxy
    assert (one == other).all()
    assert np.allclose(one, [*np.min(points, axis=0), *np.max(points, axis=0)])
