"""VOC folders: boxes as in the files, splits, classes, and a line for each kind of fault."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from eval import EvaluationError, read_dataset
from eval.formats.voc import VOC_CLASSES, read_voc
from tests.eval.made_formats import (
    CLASSES,
    EXAMPLE,
    Picture,
    Thing,
    pictures,
    save_blank,
    write,
    write_voc,
    xml,
)


@given(pictures())
@settings(max_examples=40, deadline=None)
def test_what_was_written_is_read(made: list[Picture]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dataset = read_dataset(write_voc(Path(folder), made))
    assert [image.id for image in dataset.images] == [picture.stem for picture in made]
    assert [(i.width, i.height) for i in dataset.images] == [(p.width, p.height) for p in made]
    for row, picture in enumerate(made):
        truths = dataset.truths(row)
        assert [dataset.class_names[k] for k in truths.labels] == [
            CLASSES[thing.label] for thing in picture.things
        ]
        kept = [[t.xmin + 1, t.ymin + 1, t.xmax + 1, t.ymax + 1] for t in picture.things]
        assert truths.boxes.tolist() == kept and truths.layout == "inclusive1"
        assert truths.boxes_xyxy.tolist() == [
            [t.xmin, t.ymin, t.xmax + 1, t.ymax + 1] for t in picture.things
        ]
        assert truths.difficult.tolist() == [thing.difficult for thing in picture.things]
        areas = [(t.xmax - t.xmin + 1) * (t.ymax - t.ymin + 1) for t in picture.things]
        assert truths.areas.tolist() == areas


def test_the_folder_of_annotations_alone(tmp_path: Path) -> None:
    root = write_voc(tmp_path, EXAMPLE)
    (note, *_) = read_voc(root / "Annotations").notes
    assert note.startswith("no list in ImageSets/Main: all")
    assert note.endswith(f"the folder above: name {root.name} to read one list")


def test_the_devkits_classes_in_its_order(tmp_path: Path) -> None:
    image = Picture("a", 20, 20, [Thing(0, 1, 1, 2, 2), Thing(1, 1, 1, 2, 2)])
    write(tmp_path / "Annotations" / "a.xml", xml(image, lambda k: ("person", "aeroplane")[k], 1))
    dataset = read_voc(tmp_path)
    assert dataset.class_names == VOC_CLASSES and len(VOC_CLASSES) == 20
    assert dataset.category_ids == tuple(range(1, 21))
    assert dataset.all_truths.labels.tolist() == [14, 0]


def test_other_classes_are_sorted_or_given(tmp_path: Path) -> None:
    root = write_voc(tmp_path, EXAMPLE)
    assert read_voc(root).class_names == ("airplane", "dog", "domestic cat")
    dataset = read_voc(root, classes=["zebra", "domestic cat", "dog", "airplane"])
    assert dataset.all_truths.labels.tolist() == [3, 2, 1]
    assert dataset.category_ids == (1, 2, 3, 4)
    with pytest.raises(EvaluationError, match=r"000002\.xml: object 1: name 'domestic cat'"):
        read_voc(root, classes=["airplane", "dog"])


def test_the_split(tmp_path: Path) -> None:
    root = write_voc(tmp_path, EXAMPLE, split="trainval")
    assert "ImageSets/Main/trainval.txt" in read_voc(root).notes[0]
    write(root / "ImageSets" / "Main" / "val.txt", f"{EXAMPLE[2].stem}  1\n\n")
    assert [image.id for image in read_voc(root).images] == [EXAMPLE[2].stem]
    assert len(read_dataset(root, split="trainval")) == 3
    with pytest.raises(
        EvaluationError, match=r"no ImageSets/Main/train\.txt; existing lists: train"
    ):
        read_voc(root, split="train")


def test_a_folder_of_xml_alone(tmp_path: Path) -> None:
    for picture in EXAMPLE:
        write(tmp_path / f"{picture.stem}.xml", xml(picture, lambda label: CLASSES[label], 1))
    dataset = read_dataset(tmp_path)
    assert len(dataset) == 3 and "all 3 XML files" in dataset.notes[0]


def test_file_names_are_those_on_disk(tmp_path: Path) -> None:
    root = write_voc(tmp_path, EXAMPLE)
    save_blank(root / "JPEGImages" / f"{EXAMPLE[0].stem}.png", EXAMPLE[0])
    names = [image.file_name for image in read_voc(root).images]
    assert names == ["2008_000000.png", "2008_000001.jpg", "2008_000002.jpg"]


def test_fractions_are_kept(tmp_path: Path) -> None:
    text = xml(EXAMPLE[0], lambda label: CLASSES[label], 1)
    text = text.replace("<xmin>1<", "<xmin> 1.25\n<")
    write(tmp_path / "a.xml", text)
    assert read_voc(tmp_path).all_truths.boxes[0].tolist() == [1.25, 1, 10, 10]


FAULTS = [
    ("</annotation>", "", "not XML, or cut short"),
    ("annotation>", "html>", "the root element is <html>; expected <annotation>"),
    ("<name>airplane</name>", "", "object 1: no <name>"),
    ("<xmax>10</xmax>", "", "object 1: no <bndbox/xmax>; expected a number"),
    ("<xmax>10</xmax>", "<xmax>ten</xmax>", "object 1: bndbox/xmax is 'ten'"),
    ("<xmax>10</xmax>", "<xmax>nan</xmax>", "object 1: bndbox/xmax is 'nan'"),
    ("<xmax>10</xmax>", "<xmax>1_0</xmax>", "object 1: bndbox/xmax is '1_0'"),
    ("<xmax>10</xmax>", "<xmax>0</xmax>", "object 1: xmax 0 is below xmin 1"),
    ("<ymax>40</ymax>", "<ymax>6.5</ymax>", "object 2: ymax 6.5 is below ymin 7"),
    ("<difficult>1<", "<difficult>yes<", "object 2: difficult is 'yes'; expected 0 or 1"),
    ("<width>50<", "<width>wide<", "size/width is 'wide'"),
]


@pytest.mark.parametrize(("old", "new", "expected"), FAULTS)
def test_faults_name_file_object_and_field(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    root = write_voc(tmp_path, EXAMPLE)
    path = root / "Annotations" / f"{EXAMPLE[0].stem}.xml"
    assert old in path.read_text()
    write(path, path.read_text().replace(old, new))
    with pytest.raises(EvaluationError) as caught:
        read_voc(root)
    message = str(caught.value)
    assert message.startswith("Annotations/2008_000000.xml: ") and expected in message
    assert "\n" not in message


def test_lists_name_images_that_are_there_once(tmp_path: Path) -> None:
    root = write_voc(tmp_path, EXAMPLE)
    listed = root / "ImageSets" / "Main" / "test.txt"
    write(listed, "2008_000000\n2008_000009\n")
    with pytest.raises(
        EvaluationError, match=r"2008_000009\.xml: no such file, although its image"
    ):
        read_voc(root)
    write(listed, "2008_000000\n2008_000001\n2008_000000\n")
    with pytest.raises(EvaluationError, match=r"test\.txt: line 3: 2008_000000 is already on line"):
        read_voc(root)
    write(listed, "\n")
    with pytest.raises(EvaluationError, match="no image is listed"):
        read_voc(root)


def test_odd_boxes_and_sizes_are_noted(tmp_path: Path) -> None:
    wide = Picture("a", 20, 20, [Thing(0, 5, 5, 30, 10), Thing(0, 5, 5, 19, 19)])
    sizeless = xml(wide._replace(stem="b"), lambda label: CLASSES[label], 1)
    write(tmp_path / "a.xml", xml(wide, lambda label: CLASSES[label], 1))
    write(tmp_path / "b.xml", sizeless.replace("size>", "measure>"))
    notes = read_voc(tmp_path).notes
    assert "1 image has no size in the annotation (first: b.jpg)" in notes
    assert "1 box reaches outside the image (first: a.jpg)" in notes


def test_voc20_is_the_same_as_its_coco_json() -> None:
    folder = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "voc20"
    if not folder.is_dir():
        pytest.skip("voc20 is not here")
    dataset = read_dataset(folder, split="test")
    other = read_dataset(folder / "instances_test.json")
    assert dataset.class_names == other.class_names
    assert [i.file_name for i in dataset.images] == [i.file_name for i in other.images]
    assert np.array_equal(dataset.all_truths.boxes_xyxy, other.all_truths.boxes_xyxy)
    assert np.array_equal(dataset.all_truths.labels, other.all_truths.labels)
    assert np.array_equal(dataset.all_truths.difficult, other.all_truths.difficult)
