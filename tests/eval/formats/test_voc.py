"""VOC folders: boxes as in the files, splits, classes, and a line for each kind of fault."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from eval import EvaluationError, read_dataset, read_detections
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
    assert note.startswith("no test.txt, val.txt or trainval.txt in ImageSets/Main: all")
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


def test_the_classes_of_a_label_map(tmp_path: Path) -> None:
    """As in CVAT's exports; the first line and the background are no classes."""
    root = write_voc(tmp_path, EXAMPLE)
    header = "# label:color_rgb:parts:actions\nbackground:0,0,0::\n"
    write(root / "labelmap.txt", f"{header}dog:1,2,3::\na: b:::\nairplane:::\ndomestic cat:::\n")
    dataset = read_voc(root)
    assert dataset.class_names == ("dog", "a: b", "airplane", "domestic cat")
    assert dataset.category_ids == (1, 2, 3, 4)
    write(root / "labelmap.txt", "airplane\ndog\n")
    with pytest.raises(EvaluationError, match=r"000002\.xml: object 1: name 'domestic cat'"):
        read_voc(root)
    write(root / "labelmap.txt", "dog:::\ndog:1,2,3::\n")
    with pytest.raises(EvaluationError, match=r"labelmap\.txt: class 'dog' is repeated; write"):
        read_voc(root)
    write(root / "labelmap.txt", "background:0,0,0::\n")
    with pytest.raises(EvaluationError, match=r"labelmap\.txt: names no class; write each class"):
        read_voc(root)


def test_a_list_that_is_no_default_is_not_denied(tmp_path: Path) -> None:
    root = write_voc(tmp_path, EXAMPLE, split="train")
    (note, *_) = read_voc(root).notes
    assert note.startswith("no test.txt, val.txt or trainval.txt in ImageSets/Main: all 3 XML")


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
    ("<difficult>1<", "<difficult>maybe<", "object 2: difficult is 'maybe'; expected 0 or 1"),
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


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        *(("Unspecified", False), ("False", False), ("true", True), (" 1 ", True)),
        *(("No", False), ("1.0", True)),
    ],
)
def test_difficult_as_other_programs_write_it(tmp_path: Path, text: str, flag: bool) -> None:
    content = xml(EXAMPLE[0], lambda label: CLASSES[label], 1)
    write(tmp_path / "a.xml", content.replace("<difficult>1<", f"<difficult>{text}<"))
    assert read_voc(tmp_path).all_truths.difficult.tolist() == [False, flag]


@pytest.mark.parametrize("size", ["<width/><height/>", "", "<width></width><height> </height>"])
def test_the_size_may_be_missing(tmp_path: Path, size: str) -> None:
    text = xml(EXAMPLE[0], lambda label: CLASSES[label], 1)
    write(tmp_path / "a.xml", text.replace("<width>50</width><height>40</height>", size))
    dataset = read_voc(tmp_path)
    assert dataset.images[0][2:] == (0, 0) and "1 image has no size" in dataset.notes[-1]


@pytest.mark.parametrize(
    ("declaration", "encoding", "name"),
    [
        ('<?xml version="1.0" encoding="gbk"?>', "gbk", "\u56fe"),
        ("<?xml version='1.0' encoding='GB2312' ?>\n", "gb2312", "\u56fe"),
        ("", "gbk", "\u72d7"),
        ("", "latin-1", "\xe9"),
        ('<?xml version="1.0" encoding="utf-8"?>', "latin-1", "\xe9"),
        ("", "utf-8", "a & b"),
    ],
)
def test_encodings_and_bare_ampersands(
    tmp_path: Path, declaration: str, encoding: str, name: str
) -> None:
    text = xml(EXAMPLE[0], lambda label: CLASSES[label], 1).replace("2008_000000", name)
    (tmp_path / "a.xml").write_bytes((declaration + text).encode(encoding))
    dataset = read_voc(tmp_path)
    assert dataset.images[0].file_name == f"{name}.jpg" and len(dataset.all_truths) == 2


def test_polygons_and_rotated_boxes_become_the_box_around_them(tmp_path: Path) -> None:
    shapes = [
        "<polygon><x1>11</x1><y1>21</y1><x2>30</x2><y2>25</y2><x3>15</x3><y3>40</y3></polygon>",
        "<polygon><pt><x>11</x><y>21</y></pt><pt><x>30</x><y>40</y></pt></polygon>",
        "<robndbox><cx>20</cx><cy>30</cy><w>20</w><h>20</h><angle>0</angle></robndbox>",
        "<robndbox><cx>20</cx><cy>30</cy><w>10</w><h>40</h><angle>1.5707963267948966</angle>"
        "</robndbox>",
    ]
    objects = "".join(f"<object><name>a</name>{shape}</object>" for shape in shapes)
    write(tmp_path / "a.xml", f"<annotation>{objects}</annotation>")
    dataset = read_voc(tmp_path)
    boxes = [[11, 21, 30, 40], [11, 21, 30, 40], [11, 21, 30, 40], [1, 26, 40, 35]]
    assert dataset.all_truths.boxes == pytest.approx(np.array(boxes))
    assert "4 polygons or rotated boxes: the box around each one counts" in dataset.notes


def test_continuous_corners_are_noted_and_can_be_chosen(tmp_path: Path) -> None:
    text = xml(EXAMPLE[0], lambda label: CLASSES[label], 1)
    write(tmp_path / "a.xml", text)
    assert not any("VoTT" in note for note in read_voc(tmp_path).notes)
    write(tmp_path / "a.xml", text.replace(">1<", ">0<").replace(">6<", ">5.5<"))
    dataset = read_voc(tmp_path)
    assert any(note.startswith("1 box has fractions of pixels") or note.startswith("1 box begins")
               for note in dataset.notes)  # fmt: skip
    assert dataset.all_truths.boxes_xyxy[0].tolist() == [-1, -1, 10, 10]
    chosen = read_dataset(tmp_path, corners="continuous")
    assert chosen.all_truths.boxes_xyxy[0].tolist() == [0, 0, 10, 10]
    assert chosen.all_truths.areas[0] == 100
    assert not any("VoTT" in note for note in chosen.notes)


@pytest.mark.parametrize(
    ("stem", "line"),
    [
        ("a", "a.jpg"), ("a", "JPEGImages/a.jpg"), ("my a", "my a"), ("my a", "my a.png"),
        ("my a", "my a -1"), ("a", "a  1"), ("a.b", "a.b"), ("a.b", "a.b.jpg"),
    ],
)  # fmt: skip
def test_lines_of_lists(tmp_path: Path, stem: str, line: str) -> None:
    for name in (stem, "other"):
        write(tmp_path / "Annotations" / f"{name}.xml", xml(EXAMPLE[0], lambda _: "cat", 1))
    write(tmp_path / "ImageSets" / "Main" / "test.txt", f"{line}\n")
    assert [image.id for image in read_voc(tmp_path).images] == [stem]


def test_annotations_and_images_in_subfolders(tmp_path: Path) -> None:
    write(tmp_path / "Annotations" / "x" / "a.xml", xml(EXAMPLE[0], lambda _: "cat", 1))
    save_blank(tmp_path / "JPEGImages" / "x" / "a.png", EXAMPLE[0])
    write(tmp_path / "ImageSets" / "Main" / "test.txt", "x/a\n")
    assert [image[:2] for image in read_dataset(tmp_path).images] == [("x/a", "x/a.png")]


def test_folders_of_roboflow_and_folders_above(tmp_path: Path) -> None:
    for part, picture in (("test", EXAMPLE[0]), ("train", EXAMPLE[2])):
        write(tmp_path / "r" / part / f"{picture.stem}.xml", xml(picture, lambda _: "cat", 1))
        save_blank(tmp_path / "r" / part / f"{picture.stem}.jpg", picture)
    dataset = read_dataset(tmp_path / "r")
    assert [image.id for image in dataset.images] == [EXAMPLE[0].stem]
    assert dataset.pictures == tmp_path / "r" / "test" and "folder test" in dataset.notes[0]
    assert [i.id for i in read_dataset(tmp_path / "r", split="train").images] == [EXAMPLE[2].stem]
    with pytest.raises(EvaluationError, match=r"no XML in val/; its splits are test, train"):
        read_dataset(tmp_path / "r", split="val")
    write_voc(tmp_path / "VOCdevkit" / "VOC2007", EXAMPLE)
    assert "read from VOC2007" in read_dataset(tmp_path / "VOCdevkit").notes[0]
    write_voc(tmp_path / "VOCdevkit" / "VOC2012", EXAMPLE)
    with pytest.raises(EvaluationError, match="several VOC data sets; name one: VOC2007, VOC2012"):
        read_dataset(tmp_path / "VOCdevkit")


def test_results_in_files_named_after_classes(tmp_path: Path) -> None:
    write(tmp_path / "Annotations" / "my a.xml", xml(EXAMPLE[0], lambda k: ("cat", "dog")[k], 1))
    dataset = read_dataset(tmp_path)
    write(tmp_path / "run" / "cat.txt", "my a .9 1 1 10 10\n")
    write(tmp_path / "run" / "yolo_dog.txt", "my a .8 6 7 50 40\nmy a .7 1 2 3 4\n")
    table = read_detections(tmp_path / "run", dataset)
    names = [dataset.class_names[label] for label in table.labels]
    assert names == ["cat", "dog", "dog"] and table.images.tolist() == [0, 0, 0]
    assert table.boxes.tolist() == [[1, 1, 10, 10], [6, 7, 50, 40], [1, 2, 3, 4]]


def test_the_folders_of_fiftyone(tmp_path: Path) -> None:
    for picture in EXAMPLE:
        write(tmp_path / "labels" / f"{picture.stem}.xml", xml(picture, lambda n: CLASSES[n], 1))
        save_blank(tmp_path / "data" / f"{picture.stem}.png", picture)
    dataset = read_dataset(tmp_path)
    assert dataset.images[0].file_name == "2008_000000.png"
    assert dataset.pictures == tmp_path / "data" and len(dataset.all_truths) == 3
