"""Detections: validation, indexing, conversion and drawing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from detector.errors import DetectorError
from detector.pictures.drawing import class_colours, draw_detections
from detector.pictures.writing import save_picture
from detector.results import Detection, Detections
from eval.formats.writing.coco import coco_dataset

NAMES = ("cat", "dog")


def make(**changes: Any) -> Detections:
    values: dict[str, Any] = {
        "boxes_xyxy": [[1.25, 2, 11.5, 22], [0, 0, 50, 40], [30.5, 10, 49, 39.5]],
        "scores": [0.98, 0.5, 0.126],
        "labels": [0, 1, 0],
        "class_names": NAMES,
        "image_size": (40, 50),
        "image": np.full((40, 50, 3), 128, dtype=np.uint8),
    }
    return Detections(**{**values, **changes})


EMPTY: dict[str, Any] = {"boxes_xyxy": [], "scores": [], "labels": []}


def test_dtypes_and_defaults() -> None:
    found = make()
    assert found.boxes_xyxy.dtype == np.float32 and found.boxes_xyxy.shape == (3, 4)
    assert found.scores.dtype == np.float32 and found.labels.dtype == np.int64
    assert found.category_ids == (1, 2) and len(found) == 3
    nothing = make(**EMPTY)
    assert nothing.boxes_xyxy.shape == (0, 4) and len(nothing) == 0 and list(nothing) == []
    assert nothing.labels.dtype == np.int64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boxes_xyxy": [[1, 2, 3]] * 3}, r"\(3, 3\); expected float32 \(N, 4\)"),
        ({"scores": [0.5]}, "3 boxes_xyxy, 1 scores, 3 labels"),
        ({"scores": [[0.5]] * 3}, r"expected float32 \(N,\)"),
        ({"labels": [0, 1, 2]}, "0..2; expected 0..1"),
        ({"labels": [0, -1, 1]}, "-1..1"),
        ({"labels": [0.0, 1.0, 1.0]}, "labels is float64"),
        ({"labels": ["cat", "dog", "cat"]}, "labels is <U3"),
        ({"scores": [0.5, float("nan"), 0.1]}, "NaN"),
        ({"boxes_xyxy": [[0, 0, 9, 9], [5, 5, 4, 9], [0, 0, 1, 1]]}, r"boxes_xyxy\[1\]"),
        ({"image_size": (41, 50)}, r"\(40, 50, 3\); expected uint8 \(41, 50, 3\)"),
        ({"image": np.zeros((40, 50, 3))}, "float64"),
        ({"image": [[0, 0, 0]]}, "image is a list"),
        ({"image_size": (0, 50), "image": None}, "above 0"),
        ({"category_ids": (1, 2, 3)}, "3 category_ids for 2"),
    ],
)
def test_inconsistent_values_are_rejected(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        make(**changes)


def test_indexing_and_iterating() -> None:
    found = make(category_ids=(17, 18))
    first = found[0]
    assert isinstance(first, Detection) and first.name == "cat" and first.label == 0
    assert first.box_xyxy == (1.25, 2.0, 11.5, 22.0) and first.score == pytest.approx(0.98)
    assert found[-1] == found[np.int64(2)] and [item.name for item in found] == [
        "cat",
        "dog",
        "cat",
    ]
    cats = found[found.labels == 0]
    for same in (
        cats,
        found[[0, 2]],
        found[::2],
        found[np.array([0, 2])],
        found[[True, False, True]],
    ):
        assert same == cats and same.image is found.image and same.category_ids == (17, 18)
    assert len(found[[]]) == 0 and len(found[np.zeros(3, bool)]) == 0
    assert len(found.above(0.5)) == 2 and len(found.above(0.99)) == 0
    with pytest.raises(IndexError):
        found[3]


def test_each_class_has_a_lowest_score_of_its_own() -> None:
    found = make()
    scores = dict(zip(found.labels.tolist(), found.scores.tolist(), strict=False))
    assert found.above({}) == found and found.above({"cat": 0.0}) == found
    without_cats = found.above({"Cat": 1.0})
    assert without_cats.labels.tolist() == [1] and without_cats.scores[0] == scores.get(1)
    with pytest.raises(DetectorError, match="class 'dgo': no such class"):
        found.above({"dgo": 0.5})
    with pytest.raises(DetectorError, match="threshold of 'cat' is 2; scores are 0 to 1"):
        found.above({"cat": 2})


def test_classes_are_chosen_by_name() -> None:
    found = make(category_ids=(17, 18))
    assert found.with_classes("cat") == found[[0, 2]]
    assert found.with_classes("dog", "cat") == found
    assert found.with_classes("dog").class_names == NAMES  # so that labels keep their meaning
    assert len(make(**EMPTY).with_classes("dog")) == 0
    with pytest.raises(DetectorError, match=r"'dgo'.*did you mean 'dog'"):
        found.with_classes("cat", "dgo")
    with pytest.raises(DetectorError, match=r'names no class; write with_classes\("cat"'):
        found.with_classes()


def test_equality_and_text() -> None:
    assert make() == make(image=None) and make() != make(scores=[0.9, 0.5, 0.1])
    assert make() != make(category_ids=(3, 4)) and make() != 3
    assert repr(make()) == "3 detections: cat 0.98, dog 0.50, cat 0.13"
    assert repr(make()[:1]) == "1 detection: cat 0.98" and repr(make(**EMPTY)) == "0 detections"
    many = make(boxes_xyxy=[[0, 0, 1, 1]] * 9, scores=[1.0] * 9, labels=[0] * 9)
    assert repr(many).endswith("cat 1.00, 3 more") and "array" not in repr(many)


def test_coco_records() -> None:
    records = make(category_ids=(17, 18)).to_coco(image_id=7)
    assert records[0] == {
        "image_id": 7,
        "category_id": 17,
        "bbox": [1.25, 2.0, 10.25, 20.0],
        "score": 0.98,
    }
    assert [record["category_id"] for record in records] == [17, 18, 17]
    assert json.loads(json.dumps(records)) == records
    assert make(**EMPTY).to_coco(1) == []


def test_records_and_files_of_coco_hold_the_same_boxes() -> None:
    # Of corners 4.5004 and 33.3998 the rounded difference is 28.899, that of rounded corners 28.9.
    found = make(boxes_xyxy=[[0, 4.5004, 8, 33.3998]], scores=[0.5], labels=[0])
    (record,) = found.to_coco(1)
    (row,) = coco_dataset([found.to_labelled_image("a.jpg")], NAMES, [1, 2])["annotations"]
    assert record["bbox"] == row["bbox"] == [0, 4.5, 8, 28.9]


def test_dict_holds_everything_but_the_picture() -> None:
    found = make()
    content = json.loads(json.dumps(found.to_dict()))
    size = (content.pop("height"), content.pop("width"))
    assert Detections(**content, image_size=size) == found


def test_crops_stay_inside_and_are_copies() -> None:
    image = np.arange(40 * 50 * 3, dtype=np.uint32).astype(np.uint8).reshape(40, 50, 3)
    boxes = [[1.25, 2, 11.5, 22], [-5, -5, 3, 3], [60, 60, 70, 70], [7, 7, 7, 7]]
    found = make(image=image, boxes_xyxy=boxes, scores=[0.5] * 4, labels=[0] * 4)
    crops = found.crops()
    assert [crop.shape[:2] for crop in crops] == [(20, 11), (3, 3), (1, 1), (1, 1)]
    np.testing.assert_array_equal(crops[0], image[2:22, 1:12])
    crops[0][:] = 0
    assert image[2, 1:12].any()


def test_pictures_need_an_image() -> None:
    bare = make(image=None)
    for use in (bare.draw, bare.crops):
        with pytest.raises(DetectorError, match="read_image"):
            use()
    assert dataclasses.replace(bare, image=make().image).draw().size


@pytest.mark.parametrize("suffix", [".jpg", ".PNG", ".webp", ".bmp", ".tif"])
def test_save_writes_whole_files(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"ünï{suffix}"
    make().save(target)
    assert [file.name for file in tmp_path.iterdir()] == [target.name]
    with Image.open(target) as image:
        assert image.mode == "RGB" and image.size == (400, 320)


def test_save_reports_why_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DetectorError, match=r"'.pdf'.*\.png"):
        make().save(tmp_path / "out.pdf")
    with pytest.raises(DetectorError, match="cannot be written"):
        make().save(tmp_path / "none" / "out.png")

    def break_off(self: Image.Image, path: Path, **options: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    (tmp_path / "out.png").write_bytes(b"old, drawn by detect")
    monkeypatch.setattr(Image.Image, "save", break_off)
    with pytest.raises(DetectorError, match=r"No space left on device\); free some space"):
        save_picture(np.zeros((4, 4, 3), np.uint8), tmp_path / "out.png")
    assert [file.name for file in tmp_path.iterdir()] == ["out.png"]
    assert (tmp_path / "out.png").read_bytes() == b"old, drawn by detect"


def test_a_photograph_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(b"photograph")
    with pytest.raises(DetectorError, match=r"cat\.jpg: was not drawn by `detect`"):
        save_picture(np.zeros((4, 4, 3), np.uint8), tmp_path / "cat.jpg")
    assert (tmp_path / "cat.jpg").read_bytes() == b"photograph"


def test_a_file_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    target = tmp_path / ("n" * 251 + ".png")
    save_picture(image, target)
    assert [file.name for file in tmp_path.iterdir()] == [target.name]
    with pytest.raises(DetectorError, match="give the photograph a shorter name"):
        save_picture(image, tmp_path / ("n" * 252 + ".png"))


@pytest.mark.parametrize(("suffix", "longest"), [(".jpg", 65500), (".webp", 16383)])
def test_a_side_longer_than_the_format_holds_is_refused(
    suffix: str, longest: int, tmp_path: Path
) -> None:
    save_picture(np.zeros((1, longest, 3), np.uint8), tmp_path / f"widest{suffix}")
    target = tmp_path / f"wider{suffix}"
    with pytest.raises(DetectorError, match=rf"{longest + 1} x 1 pixels, but .* at most {longest}"):
        save_picture(np.zeros((1, longest + 1, 3), np.uint8), target)
    assert not target.exists()


def test_a_temporary_file_that_cannot_be_deleted_hides_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Image.Image, "save", fail)
    monkeypatch.setattr(Path, "unlink", fail)
    with pytest.raises(DetectorError, match="cannot be written"):
        save_picture(np.zeros((4, 4, 3), np.uint8), tmp_path / "out.png")


def test_small_pictures_are_enlarged_and_the_original_is_not_modified() -> None:
    for size, expected in (
        ((48, 64), (336, 448)),
        ((399, 100), (798, 200)),
        ((400, 90), (400, 90)),
    ):
        image = np.full((*size, 3), 90, dtype=np.uint8)
        found = make(image=image, image_size=size)
        assert found.draw().shape == (*expected, 3)
        assert (image == 90).all()
        np.testing.assert_array_equal(make(**EMPTY, image=image, image_size=size).draw(), 90)


@pytest.mark.parametrize("ground", [0, 128, 255])
def test_frames_and_labels_are_visible_on_any_background(ground: int) -> None:
    image = np.full((500, 500, 3), ground, dtype=np.uint8)
    boxes = [[100, 100, 300, 300]]
    found = make(boxes_xyxy=boxes, scores=[0.9], labels=[1], image_size=(500, 500), image=image)
    drawn = draw_detections(image, found.boxes_xyxy, found.scores, found.labels, NAMES)
    row = drawn[200].astype(int)
    assert np.abs(row[98:104] - ground).max() > 100 and np.abs(row[296:302] - ground).max() > 100
    assert (row[110:290] == ground).all() and (drawn[400:] == ground).all()
    colour = np.array(class_colours(NAMES)[1])
    label = drawn[80:100, 100:160]
    assert (label == colour).all(axis=2).mean() > 0.4
    contrast = np.abs(label.astype(int) - colour).sum(axis=2)
    assert contrast.max() > 200


def test_labels_stay_inside_and_apart() -> None:
    from PIL import ImageFont

    from detector.pictures.labels import place_labels

    generator = np.random.default_rng(3)
    origins = generator.uniform(-20, 480, (60, 2))
    boxes = np.hstack([origins, origins + generator.uniform(0, 120, (60, 2))])
    frames = np.rint(boxes).astype(int)
    font = ImageFont.load_default(14)
    assert isinstance(font, ImageFont.FreeTypeFont)
    labels = place_labels(frames, ["cat"] * 60, np.linspace(1, 0, 60).tolist(), font, 2, (500, 500))
    assert labels[0].text == "cat 1.00" and len(labels) > 40
    covered = np.zeros((500, 500), dtype=int)
    for label in labels:
        x1, y1, x2, y2 = label.place
        assert 0 <= x1 < x2 <= 500 and 0 <= y1 < y2 <= 500
        assert covered[y1:y2, x1:x2].mean() <= 0.11
        covered[y1:y2, x1:x2] = 1


def test_a_label_moves_away_from_a_better_one_before_it_is_shortened() -> None:
    from PIL import ImageFont

    from detector.pictures.labels import place_labels

    boxes = np.array([[100, 100, 300, 300]] * 3)
    font = ImageFont.load_default(14)
    assert isinstance(font, ImageFont.FreeTypeFont)
    labels = place_labels(boxes, ["cat"] * 3, [0.98, 0.5, 0.126], font, 2, (400, 400))
    assert [label.text for label in labels] == ["cat 0.98", "cat 0.50", "cat 0.13"]
    assert labels[0].place[3] == 100 and len({label.place for label in labels}) == 3


def test_long_and_foreign_names_are_drawn() -> None:
    names = ("a name that goes on and on " * 5, "кошка", "猫")
    image = np.zeros((420, 300, 3), dtype=np.uint8)
    found = make(class_names=names, labels=[0, 1, 2], image_size=(420, 300), image=image)
    assert found.draw().shape == (420, 300, 3)


@given(st.lists(st.text(min_size=1), unique=True, max_size=90))
@settings(max_examples=40, deadline=None)
def test_every_class_has_its_own_colour(names: list[str]) -> None:
    colours = class_colours(names)
    assert len(set(colours)) == len(names)
    assert colours == class_colours(names)
