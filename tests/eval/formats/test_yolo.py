"""YOLO folders: pixels from fractions, the layouts in use, names, faults."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from eval import EvaluationError, read_dataset
from eval.formats.folders.yolo_folders import splits_of
from eval.formats.yolo import read_yolo
from tests.eval.made_formats import (
    CLASSES,
    EXAMPLE,
    Picture,
    pictures,
    save_blank,
    write,
    write_yolo,
)


@given(pictures())
@settings(max_examples=40, deadline=None)
def test_what_was_written_is_read(made: list[Picture]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dataset = read_dataset(write_yolo(Path(folder), made))
    assert dataset.class_names == CLASSES and dataset.category_ids == (0, 1, 2)
    assert [image[:4] for image in dataset.images] == [
        (p.stem, f"{p.stem}.png", p.height, p.width) for p in made
    ]
    for row, picture in enumerate(made):
        truths = dataset.truths(row)
        things = dict.fromkeys(t._replace(difficult=False) for t in picture.things)  # lines once
        assert truths.labels.tolist() == [thing.label for thing in things]
        pixels = [[t.xmin, t.ymin, t.xmax + 1, t.ymax + 1] for t in things]
        assert truths.boxes_xyxy == pytest.approx(np.array(pixels).reshape(-1, 4), abs=1e-9)


def test_a_box_by_hand(tmp_path: Path) -> None:
    save_blank(tmp_path / "images" / "a.png", Picture("a", 200, 100, []))
    write(tmp_path / "labels" / "a.txt", "1 .5 0.5 .25 0.5\n")
    write(tmp_path / "labels" / "classes.txt", "cat\ndog\n")
    dataset = read_dataset(tmp_path)
    assert dataset.all_truths.boxes.tolist() == [[75, 25, 50, 50]]
    assert dataset.all_truths.areas.tolist() == [2500]
    assert dataset.class_names == ("cat", "dog")


@pytest.mark.parametrize("pattern", ["images/{}", "{}/images"])
def test_splits(tmp_path: Path, pattern: str) -> None:
    for split, stem in (("train", "a"), ("val", "b")):
        folder = tmp_path / pattern.format(split)
        save_blank(folder / f"{stem}.png", Picture(stem, 10, 10, []))
        labels = tmp_path / pattern.format(split).replace("images", "labels")
        write(labels / f"{stem}.txt", "0 .5 .5 1 1\n")
    write(tmp_path / "data.yaml", "names: [cat]\n")
    dataset = read_dataset(tmp_path / "data.yaml")
    assert [image.id for image in dataset.images] == ["b"] and "split val" in dataset.notes[0]
    assert [image.id for image in read_dataset(tmp_path, split="train").images] == ["a"]
    with pytest.raises(EvaluationError, match="neither images/test and labels/test"):
        read_dataset(tmp_path, split="test")


def write_part(pictures: Path, labels: Path, stem: str) -> None:
    save_blank(pictures / f"{stem}.png", Picture(stem, 10, 10, []))
    write(labels / f"{stem}.txt", "0 .5 .5 1 1\n")


def stems(path: Path, split: str | None = None) -> list[str]:
    return [str(image.id) for image in read_dataset(path, split=split).images]


def test_parts_are_where_data_yaml_says(tmp_path: Path) -> None:
    write_part(tmp_path / "images" / "train", tmp_path / "labels" / "train", "a")
    write_part(tmp_path / "images" / "holdout", tmp_path / "labels" / "holdout", "b")
    write_part(tmp_path / "both", tmp_path / "both", "c")
    yaml = write(
        tmp_path / "data.yaml",
        "names: [cat]\ntrain: images/train/\nval: ./images/holdout\ntest: # none\n",
    )
    for path in (tmp_path, yaml):
        assert stems(path) == stems(path, "val") == ["b"]
        assert stems(path, "train") == ["a"]
    write(yaml, "names: [cat]\ntrain: images/train\nval: [images/holdout]\n")
    assert stems(tmp_path) == ["b"]
    write(yaml, "names: [cat]\ntrain: images/train\nval: both\n")
    assert stems(tmp_path) == ["c"] and splits_of(yaml) == ("val", "train")


@pytest.mark.parametrize("name", ["../ds", "absolute"])
def test_path_is_relative_to_data_yaml(tmp_path: Path, name: str) -> None:
    root = tmp_path / "ds"
    for part, stem in (("train", "a"), ("holdout", "b")):
        write_part(root / "images" / part, root / "labels" / part, stem)
    text = f"path: {root if name == 'absolute' else name}\nnames: [cat]\nval: images/holdout\n"
    yaml = write(tmp_path / "configs" / "data.yaml", text)
    dataset = read_dataset(yaml)
    assert [image.id for image in dataset.images] == ["b"] and dataset.source == "ds"
    assert stems(yaml, "train") == ["a"]  # missing in data.yaml, but in the usual place
    assert stems(yaml.parent) == ["b"]


def test_entries_without_folders_fall_back_to_the_usual_layout(tmp_path: Path) -> None:
    for part, stem in (("train", "a"), ("valid", "b")):
        write_part(tmp_path / part / "images", tmp_path / part / "labels", stem)
    text = "path: /not/there\nnames: [cat]\ntrain: ../train/images\nval: ../valid/images\n"
    yaml = write(tmp_path / "data.yaml", text + "test: ../test/images\n")  # as Roboflow writes
    assert stems(yaml) == stems(yaml, "val") == stems(yaml, "valid") == ["b"]
    assert stems(yaml, "train") == ["a"]
    with pytest.raises(
        EvaluationError, match=r"data\.yaml: test is '\.\./test/images', but images"
    ):
        read_dataset(yaml, split="test")
    write(yaml, "names: [cat]\ntrain: train\nval: pictures/val\n")
    assert stems(yaml, "train") == ["a"] and stems(yaml) == ["b"]


def test_training_images_do_not_replace_a_missing_split(tmp_path: Path) -> None:
    write_part(tmp_path / "images" / "train", tmp_path / "labels" / "train", "a")
    yaml = write(tmp_path / "data.yaml", "names: [cat]\ntrain: images/train\nval: images/vla\n")
    with pytest.raises(EvaluationError) as caught:
        read_dataset(yaml)
    assert str(caught.value) == (
        "data.yaml: val is 'images/vla', but images and labels are not there; correct it, or name "
        "another split: --split train"
    )
    assert stems(yaml, "train") == ["a"]


@pytest.mark.parametrize(
    "entry", ["val.txt", "[images/one, images/two]", "[first.txt, images/two]", "lists/val.txt"]
)
def test_lists_of_folders_and_text_files_of_images(tmp_path: Path, entry: str) -> None:
    for part, stem in (("one", "a"), ("two", "b"), ("train", "c")):
        write_part(tmp_path / "images" / part, tmp_path / "labels" / part, stem)
    write(tmp_path / "val.txt", "./images/one/a.png\nimages/two/b.png\n")
    write(tmp_path / "first.txt", "/elsewhere/data/images/one/a.png\n")
    write(tmp_path / "lists" / "val.txt", "images\\one\\a.png\n../images/two/b.png\n")
    text = f"names: [cat]\ntrain: images/train\nval: {entry}\n"
    yaml = write(tmp_path / "data.yaml", text)
    dataset = read_dataset(yaml)
    assert [image.id for image in dataset.images] == ["a", "b"]
    assert dataset.all_truths.boxes.tolist() == [[0, 0, 10, 10]] * 2
    assert dataset.pictures is not None
    assert all((dataset.pictures / image.file_name).is_file() for image in dataset.images)
    assert stems(yaml, "train") == ["c"] and splits_of(yaml) == ("val", "train")


def test_a_list_names_what_is_missing(tmp_path: Path) -> None:
    write_part(tmp_path / "images" / "one", tmp_path / "labels" / "one", "a")
    yaml = write(tmp_path / "data.yaml", "names: [cat]\nval: [images/one, images/tow]\n")
    with pytest.raises(EvaluationError, match=r"data\.yaml: val lists 'images/tow', but images"):
        read_dataset(yaml)
    write(tmp_path / "val.txt", "images/one/a.png\nimages/one/b.png\n")
    write(yaml, "names: [cat]\nval: val.txt\n")
    with pytest.raises(EvaluationError) as caught:
        read_dataset(yaml)
    assert str(caught.value).startswith(
        "val.txt: line 2: no image images/one/b.png (1 of 2 are missing)"
    )


def test_images_and_labels_in_subfolders(tmp_path: Path) -> None:
    write_part(tmp_path / "images" / "val" / "x", tmp_path / "labels" / "val" / "x", "a")
    write_part(tmp_path / "images" / "val" / "y", tmp_path / "labels" / "val" / "y", "a")
    write_part(tmp_path / "images" / "val", tmp_path / "labels" / "val", "b")
    write(tmp_path / "images" / "val" / "._b.png", "of a Mac")
    write(tmp_path / "data.yaml", "names: [cat]\nval: images/val\n")
    dataset = read_dataset(tmp_path)
    assert [image[:2] for image in dataset.images] == [
        ("b", "b.png"), ("x/a", "x/a.png"), ("y/a", "y/a.png"),
    ]  # fmt: skip
    assert len(dataset.all_truths) == 3
    write(tmp_path / "labels" / "val" / "z" / "c.txt", "0 .5 .5 1 1\n")
    with pytest.raises(EvaluationError, match=r"c\.txt: no image c\.jpg"):
        read_dataset(tmp_path)


def test_results_beside_images_in_one_folder_are_no_labels(tmp_path: Path) -> None:
    write_part(tmp_path, tmp_path, "a")
    write(tmp_path / "run" / "b.txt", "0 .5 .5 1 1 .9\n")
    write(tmp_path / "README.txt", "made by hand\n")
    write(tmp_path / "classes.txt", "cat\n")
    assert stems(tmp_path) == ["a"]


def test_a_split_of_any_name_and_a_folder_of_any_name(tmp_path: Path) -> None:
    write_part(tmp_path / "images" / "mini", tmp_path / "labels" / "mini", "a")
    write_part(tmp_path / "tiny" / "imgs", tmp_path / "tiny" / "labels", "b")
    write(tmp_path / "data.yaml", "names: [cat]\nminival: images/mini\ntinyval: tiny/imgs\n")
    assert stems(tmp_path, "minival") == ["a"] and stems(tmp_path, "tinyval") == ["b"]
    (tmp_path / "images").rename(tmp_path / "pictures")
    with pytest.raises(EvaluationError, match="one of its splits with --split: tinyval"):
        read_dataset(tmp_path)


def test_folders_of_darknet_and_cvat(tmp_path: Path) -> None:
    write_part(tmp_path / "obj_train_data", tmp_path / "obj_train_data", "a")
    write(tmp_path / "obj.names", "cat\ndog\n")
    write(tmp_path / "train.txt", "data/obj_train_data/a.png\n")
    dataset = read_dataset(tmp_path)
    assert [image.id for image in dataset.images] == ["a"] and len(dataset.all_truths) == 1
    write(tmp_path / "obj.data", "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n")
    assert stems(tmp_path) == stems(tmp_path / "obj.data") == ["a"]
    assert dataset.class_names == ("cat", "dog")


def test_polygons_and_rotated_boxes_become_the_box_around_them(tmp_path: Path) -> None:
    save_blank(tmp_path / "images" / "a.png", Picture("a", 100, 100, []))
    lines = "0 .5 .1 .9 .5 .5 .9 .1 .5\n1 .2 .2 .4 .2 .3 .6\n0 .5 .5 .2 .2\n"
    write(tmp_path / "labels" / "a.txt", lines)
    write(tmp_path / "classes.txt", "cat\ndog\n")
    dataset = read_dataset(tmp_path)
    boxes = [[10, 10, 80, 80], [20, 20, 20, 40], [40, 40, 20, 20]]
    assert dataset.all_truths.boxes == pytest.approx(np.array(boxes))
    assert dataset.notes == ("2 polygons: the box around each one counts",)


def test_keypoints_behind_the_box_are_passed_over(tmp_path: Path) -> None:
    save_blank(tmp_path / "images" / "a.png", Picture("a", 100, 100, []))
    write(tmp_path / "labels" / "a.txt", "0 .5 .5 .2 .2 .1 .1 .9 .9\n")
    write(tmp_path / "data.yaml", "names: [cat]\nkpt_shape: [2, 2]\n")
    assert read_dataset(tmp_path).all_truths.boxes == pytest.approx(np.array([[40, 40, 20, 20]]))


def test_the_second_of_two_equal_lines_is_left_out(tmp_path: Path) -> None:
    save_blank(tmp_path / "images" / "a.png", Picture("a", 10, 10, []))
    write(tmp_path / "labels" / "a.txt", "0 .5 .5 1 1\n0 .5 .5 .5 .5\n0 .5 .5 1 1\n")
    write(tmp_path / "classes.txt", "cat\n")
    dataset = read_dataset(tmp_path)
    assert dataset.all_truths.boxes.tolist() == [[0, 0, 10, 10], [2.5, 2.5, 5, 5]]
    assert dataset.notes == ("left out 1 line that repeats another line of its file",)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("nc: 3", ("class_0", "class_1", "class_2")),
        ("names: {'0': a, '2': c, '1': b}", ("a", "b", "c")),
        ("names: [a, b, a]", ("a", "b", "a (2)")),
        ("names: [1, 2, 3]", ("1", "2", "3")),
    ],
)
def test_names_that_have_to_be_made(tmp_path: Path, text: str, names: tuple[str, ...]) -> None:
    root = write_yolo(tmp_path, EXAMPLE)
    write(root / "data.yaml", text)
    assert read_yolo(root).class_names == names


def test_pictures_and_text_in_one_folder(tmp_path: Path) -> None:
    save_blank(tmp_path / "a.png", Picture("a", 10, 10, []))
    write(tmp_path / "a.txt", "2 .5 .5 1 1\n")
    write(tmp_path / "classes.txt", "x\ny\nz\n")
    assert read_dataset(tmp_path).all_truths.labels.tolist() == [2]


def test_without_names_classes_are_numbers(tmp_path: Path) -> None:
    root = write_yolo(tmp_path, EXAMPLE)
    (root / "data.yaml").unlink()
    dataset = read_yolo(root)
    assert (
        dataset.class_names == ("0", "1", "2")
        and "numbers serve as class names" in dataset.notes[0]
    )


def test_turned_photographs_have_the_size_they_are_shown_in(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "images").mkdir()
    Image.new("L", (40, 20)).save(tmp_path / "images" / "a.jpg", exif=exif)
    write(tmp_path / "labels" / "a.txt", "0 .5 .5 .5 .5\n")
    write(tmp_path / "classes.txt", "cat\n")
    dataset = read_dataset(tmp_path)
    assert dataset.images[0][2:] == (40, 20)
    assert dataset.all_truths.boxes.tolist() == [[5, 10, 10, 20]]


FAULTS = [
    ("0 .5 .5 .5\n", "line 1: 4 columns; expected 5: class cx cy w h"),
    ("0 .5 .5 .5 .5\n0 .1 .1 .2 .1 .2 .2 .3\n", "line 2: 8 columns"),
    ("0 .1 .1 .2 .1 .2 x\n", "line 1: 7 columns"),
    ("\n0 .5 x .5 .5\n", "line 2: cy is 'x'; expected a finite number"),
    ("0 .5 .5 .5 inf\n", "line 1: h is 'inf'"),
    ("3 .5 .5 .5 .5\n", "line 1: class is 3; expected a whole number from 0 to 2"),
    ("-1 .5 .5 .5 .5\n", "line 1: class is -1"),
    ("0.5 .5 .5 .5 .5\n", "line 1: class is 0.5"),
    ("0 20 20 10 10\n", "line 1: box is 20 20 10 10; expected cx cy w h in fractions"),
    ("0 .5 .5 -.5 .5\n", "line 1: box is 0.5 0.5 -0.5 0.5"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_faults_name_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    root = write_yolo(tmp_path, EXAMPLE)
    write(root / "labels" / f"{EXAMPLE[1].stem}.txt", text)
    with pytest.raises(EvaluationError) as caught:
        read_yolo(root)
    assert str(caught.value).startswith("2008_000001.txt: ") and message in str(caught.value)


def test_faults_of_the_pictures(tmp_path: Path) -> None:
    root = write_yolo(tmp_path, EXAMPLE)
    picture = root / "images" / f"{EXAMPLE[0].stem}.png"
    content = picture.read_bytes()
    picture.unlink()
    with pytest.raises(EvaluationError, match=r"2008_000000\.txt: no image 2008_000000\.jpg"):
        read_yolo(root)
    picture.write_bytes(content[:10])
    with pytest.raises(EvaluationError, match=r"2008_000000\.png: the image cannot be read"):
        read_yolo(root)
    picture.write_bytes(content)
    picture.with_suffix(".bmp").write_bytes(content)
    with pytest.raises(EvaluationError, match="same name as"):
        read_yolo(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: [a, b", "not YAML"),
        ("nc: three", "'names' is None"),
        ("names: {1: a, 2: b}", "mapping from the numbers 0, 1, ..."),
    ],
)
def test_faults_of_the_names(tmp_path: Path, text: str, message: str) -> None:
    root = write_yolo(tmp_path, EXAMPLE)
    write(root / "data.yaml", text)
    with pytest.raises(EvaluationError) as caught:
        read_yolo(root)
    assert str(caught.value).startswith("data.yaml: ") and message in str(caught.value)
    assert "\n" not in str(caught.value)
