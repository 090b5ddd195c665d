"""A data set that is written and read again has the same boxes, classes, names and flags."""

from __future__ import annotations

import contextlib
import io
import json
import string
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from eval import Dataset, EvaluationError, read_detections
from eval.datasets import ImageRecord, group_by_image
from eval.detections import DetectionTable
from eval.formats.coco_json import read_coco
from eval.formats.results.csv import read_csv_results
from eval.formats.results.yolo import read_yolo_results
from eval.formats.voc import read_voc
from eval.formats.writing import coco, csv, voc, yolo
from eval.formats.writing.labelled_image import LabelledImage, labelled_images
from eval.formats.yolo import read_yolo

NAMES = ("dog", "no", 'it\'s: a "cat" & <b>', "1", "Käse, 犬")  # YAML or XML could misread them
LETTERS = st.sampled_from(string.ascii_letters + string.digits + " _-'&é犬")
FILE_NAME = st.text(LETTERS, min_size=1, max_size=8).map(lambda text: f"p{text}p.png")
FOLDERS = st.lists(st.sampled_from(("a", "b c", "dé")), max_size=2)


@st.composite
def labelled(draw: st.DrawFn, *, scores: bool = False, longest: int = 60) -> list[LabelledImage]:
    """Pictures with different names, and boxes inside them with float32 corners."""
    names = draw(st.lists(st.tuples(FOLDERS, FILE_NAME), min_size=1, max_size=4))
    flat = {
        "_".join("_".join((*folders, name)).split()): (folders, name) for folders, name in names
    }
    bare = {name: (folders, name) for folders, name in flat.values()}
    return [
        draw(one_image("/".join((*parts, name)), scores, longest)) for parts, name in bare.values()
    ]


@st.composite
def one_image(draw: st.DrawFn, file_name: str, scores: bool, longest: int) -> LabelledImage:
    width, height = draw(st.integers(2, longest)), draw(st.integers(2, longest))
    count = draw(st.integers(0, 3))
    boxes = [(*draw(interval(width)), *draw(interval(height))) for _ in range(count)]
    bools = st.lists(st.booleans(), min_size=count, max_size=count)
    return LabelledImage(
        file_name, width, height,
        np.array(boxes, np.float64).reshape(-1, 4)[:, [0, 2, 1, 3]],
        draw(st.lists(st.integers(0, len(NAMES) - 1), min_size=count, max_size=count)),
        draw(st.lists(st.floats(0, 1), min_size=count, max_size=count)) if scores else None,
        difficult=None if scores else draw(bools),
        crowd=None if scores else draw(bools),
    )  # fmt: skip


@st.composite
def interval(draw: st.DrawFn, side: int) -> tuple[float, float]:
    """The ends of a box along one axis, at least a pixel apart: whole or float32 numbers."""
    if draw(st.booleans()):
        low = draw(st.integers(0, side - 1))
        return low, draw(st.integers(low + 1, side))
    low32 = draw(st.floats(0, side - 1, width=32))
    return low32, max(low32 + 1, draw(st.floats(low32, side, width=32)))


def save_pictures(images: Sequence[LabelledImage], folder: Path, place_of: object) -> None:
    for image in images:
        place = folder / place_of(image.file_name, "train")  # type: ignore[operator]
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("1", (image.width, image.height)).save(place)


def assert_same(dataset: Dataset, images: Sequence[LabelledImage], tolerance: float = 1e-6) -> None:
    """Sizes, boxes and class names of the images, in the same order."""
    assert [(i.width, i.height) for i in dataset.images] == [(i.width, i.height) for i in images]
    for row, image in enumerate(images):
        truths = dataset.truths(row)
        names = [dataset.class_names[label] for label in truths.labels]
        assert names == [NAMES[label] for label in image.labels]
        np.testing.assert_allclose(truths.boxes_xyxy, image.boxes_xyxy, rtol=0, atol=tolerance)


@settings(max_examples=60, deadline=None)
@given(images=labelled())
def test_coco(images: list[LabelledImage]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        notes = coco.write_coco(images, NAMES, range(3, 8), root)
        dataset = read_coco(root / "annotations" / "instances_train.json")
        assert_same(dataset, images)
        assert [i.file_name for i in dataset.images] == [i.file_name for i in images]
        assert dataset.class_names == NAMES and dataset.category_ids == (3, 4, 5, 6, 7)
        for row, image in enumerate(images):
            assert (dataset.truths(row).difficult == image.difficult).all()
            assert (dataset.truths(row).crowd == image.crowd).all()
        difficult = sum(int((i.difficult & ~i.crowd).sum()) for i in images)
        assert [int(note.rpartition(": ")[2]) for note in notes] == [difficult] * bool(difficult)


def without_crowds(image: LabelledImage) -> LabelledImage:
    """What YOLO holds of an image: no crowds, no object twice, the name that its picture gets."""
    name, kept = image.file_name.replace("/", "_"), np.flatnonzero(~image.crowd)
    lines = np.column_stack([image.labels, image.boxes_xyxy])[kept]
    # Fractions with 12 digits do not tell boxes apart that differ by less; the reader drops one.
    kept = kept[np.sort(np.unique(lines.round(9), axis=0, return_index=True)[1])]
    boxes, labels = image.boxes_xyxy[kept], image.labels[kept]
    return LabelledImage(name, image.width, image.height, boxes, labels)


@settings(max_examples=60, deadline=None)
@given(images=labelled())
def test_yolo(images: list[LabelledImage]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        yolo.write_yolo(images, NAMES, root)
        save_pictures(images, root, yolo.picture_path)
        dataset = read_yolo(root, "train")
        kept = [without_crowds(image) for image in images]
        kept.sort(key=lambda image: image.file_name)
        assert_same(dataset, kept)
        assert [i.file_name for i in dataset.images] == [i.file_name for i in kept]
        assert dataset.class_names == NAMES


@settings(max_examples=60, deadline=None)
@given(images=labelled())
def test_voc(images: list[LabelledImage]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        voc.write_voc(images, NAMES, root)
        dataset = read_voc(root, "train")
        assert_same(dataset, images)
        names = ["_".join(i.file_name.replace("/", "_").split()) for i in images]
        assert [i.file_name for i in dataset.images] == names
        for row, image in enumerate(images):
            flags = image.difficult | image.crowd
            assert (dataset.truths(row).difficult == flags).all()


def data_set(images: Sequence[LabelledImage]) -> Dataset:
    """The data set without objects that detections refer to; ids unlike any file name."""
    records = [ImageRecord(900 + k, i.file_name, i.height, i.width) for k, i in enumerate(images)]
    empty = coco.coco_dataset([], NAMES, range(5))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "truth.json")
        path.write_text(json.dumps(empty))
        truths = read_coco(path).all_truths
    return group_by_image(records, NAMES, range(5), truths, np.empty(0, np.int64))


@settings(max_examples=60, deadline=None)
@given(images=labelled(scores=True, longest=9000))
def test_detections(images: list[LabelledImage]) -> None:
    dataset = data_set(images)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        yolo.write_yolo_results(images, NAMES, root)
        csv.write_csv(images, NAMES, root / "found.csv")
        coco.write_coco_results(images, NAMES, range(5), root)
        tables = [read_yolo_results(root, dataset), read_csv_results(root / "found.csv", dataset),
                  read_detections(root / "detections.json", dataset)]  # fmt: skip
    for table in tables:
        order = np.argsort(table.images, kind="stable")
        assert (table.images[order] == np.repeat(range(len(images)), [*map(len, images)])).all()
        boxes = np.concatenate([image.boxes_xyxy for image in images])
        np.testing.assert_allclose(table.boxes_xyxy[order], boxes, rtol=0, atol=2e-6)
        assert (table.scores[order] == np.concatenate([i.scores for i in images])).all()
        assert (table.labels[order] == np.concatenate([i.labels for i in images])).all()


@given(side=st.integers(1, 100_000), ends=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
def test_yolo_returns_float32_boxes_to_the_last_bit(side: int, ends: list[float]) -> None:
    low, high = np.float32(side * ends[0]), np.float32(side * ends[1])
    line = yolo.yolo_lines(LabelledImage("a.jpg", side, side, [[low, low, high, high]], [0]))
    _, centre, _, extent, _ = map(float, line.split())
    assert centre * side - extent * side / 2 == pytest.approx(low, abs=1e-6)
    if low > 4:
        assert np.float32(centre * side - extent * side / 2) == low
        assert np.float32(centre * side + extent * side / 2) == high


def test_detections_of_an_image_keep_their_order() -> None:
    """Ties are broken by the order in the file; a sort that is not stable would change it."""
    dataset = data_set([LabelledImage(f"{k}.jpg", 9, 9, [], []) for k in range(2)])
    rows = np.arange(200)
    table = DetectionTable(rows % 2, rows * 0, np.zeros((200, 4)), rows / 200.0)
    for number, image in enumerate(labelled_images(dataset, table)):
        assert image.scores is not None
        assert image.scores.tolist() == (rows[rows % 2 == number] / 200).tolist()


@settings(max_examples=20, deadline=None)
@given(images=labelled())
def test_supervision_reads_the_same_boxes_in_each_format(images: list[LabelledImage]) -> None:
    datasets = pytest.importorskip("supervision").DetectionDataset
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        roots = [Path(folder, name) for name in ("coco", "yolo", "voc")]
        kept = [replace(i, boxes_xyxy=i.boxes_xyxy[~i.crowd], labels=i.labels[~i.crowd],
                        difficult=None, crowd=None, areas=None) for i in images]  # fmt: skip
        coco.write_coco(kept, NAMES, range(5), roots[0])
        yolo.write_yolo(kept, NAMES, roots[1])
        voc.write_voc(kept, NAMES, roots[2])
        for root, of in zip(roots, (coco, yolo, voc), strict=True):
            save_pictures(kept, root, of.picture_path)
        read = [
            datasets.from_coco(f"{roots[0]}/train", f"{roots[0]}/annotations/instances_train.json"),
            datasets.from_yolo(
                f"{roots[1]}/images/train", f"{roots[1]}/labels/train", f"{roots[1]}/data.yaml"
            ),
            datasets.from_pascal_voc(f"{roots[2]}/JPEGImages", f"{roots[2]}/Annotations"),
        ]
        for dataset, root, of in zip(read, roots, (coco, yolo, voc), strict=True):
            for image in kept:
                found = dataset.annotations[str(root / of.picture_path(image.file_name, "train"))]
                names = [dataset.classes[label] for label in found.class_id]
                assert names == [NAMES[label] for label in image.labels]
                boxes = np.reshape(found.xyxy, (-1, 4))
                np.testing.assert_allclose(boxes, image.boxes_xyxy, rtol=0, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(images=labelled())
def test_pycocotools_opens_the_file(images: list[LabelledImage]) -> None:
    pycocotools = pytest.importorskip("pycocotools.coco")
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        coco.write_coco(images, NAMES, range(3, 8), Path(folder))
        opened = pycocotools.COCO(str(Path(folder, "annotations", "instances_train.json")))
    assert opened.getImgIds() == list(range(1, len(images) + 1))
    for number, image in enumerate(images, 1):
        found = opened.loadAnns(opened.getAnnIds(imgIds=[number]))
        x, y, width, height = np.array([a["bbox"] for a in found]).reshape(-1, 4).T
        corners = np.stack([x, y, x + width, y + height], axis=1)
        np.testing.assert_allclose(corners, image.boxes_xyxy, rtol=0, atol=1e-5)
        assert [a["iscrowd"] for a in found] == image.crowd.astype(int).tolist()


@pytest.mark.parametrize("write", [yolo.write_yolo, voc.write_voc])
def test_pictures_that_differ_in_their_suffix_are_refused(write: object, tmp_path: Path) -> None:
    images = [LabelledImage(name, 9, 9, [], []) for name in ("a/1.jpg", "a_1.png")]
    with pytest.raises(EvaluationError, match=r"^a_1\.png: .*, and a_1\.jpg would have the same"):
        write(images, NAMES, tmp_path)  # type: ignore[operator]
    if write is voc.write_voc:
        voc.write_voc(images[:1], NAMES, tmp_path, "train")
        with pytest.raises(EvaluationError, match="would have the same file"):
            voc.write_voc(images[1:], NAMES, tmp_path, "val")


@pytest.mark.parametrize("name", ["", " dog", "dog\n", "a\nb"])
def test_lists_of_classes_refuse_names_that_a_line_does_not_hold(name: str, tmp_path: Path) -> None:
    for write in (yolo.write_yolo_results, voc.write_voc):
        with pytest.raises(EvaluationError, match="rename the class"):
            write([], ["dog", name], tmp_path)


def test_fractions_in_a_written_voc_folder_are_not_taken_for_continuous_corners(
    tmp_path: Path,
) -> None:
    image = LabelledImage("a.jpg", 20, 20, [[0.5, 1.25, 9.5, 12]], [0])
    voc.write_voc([image], NAMES, tmp_path)
    assert not any("continuous" in note for note in read_voc(tmp_path, "train").notes)
    (tmp_path / "labelmap.txt").unlink()
    assert any("continuous" in note for note in read_voc(tmp_path, "train").notes)
