"""CVAT for images 1.1."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from eval import EvaluationError, read_dataset
from eval.checking.linter import check
from tests.eval.made_formats import write

META = """<version>1.1</version><meta><task><labels>
<label><name>dog</name><type>any</type><attributes/></label>
<label><name>cat</name><type>rectangle</type></label>
<label><name>indoor</name><type>tag</type></label>
<label><name>knee</name><type>points</type><parent>dog</parent></label>
</labels></task></meta>"""


def cvat(path: Path, images: str, meta: str = META) -> Path:
    return write(
        path, f'<?xml version="1.0" encoding="utf-8"?><annotations>{meta}{images}</annotations>'
    )


def image(content: str, name: str = "a.jpg", more: str = "") -> str:
    return f'<image id="0" name="{name}" width="320" height="240" {more}>{content}</image>'


def box(xtl: float, ytl: float, xbr: float, ybr: float, more: str = "", inside: str = "") -> str:
    corners = f'xtl="{xtl}" ytl="{ytl}" xbr="{xbr}" ybr="{ybr}"'
    return f'<box label="cat" source="manual" occluded="0" {corners} {more}>{inside}</box>'


SHAPES = {
    "box": (box(10, 20.5, 110, 70), (10, 20.5, 100, 49.5)),
    "turned by 90 degrees": (box(10, 20, 110, 60, 'rotation="90.0"'), (40, -10, 40, 100)),
    "turned by 45 degrees": (
        box(0, 0, 100, 100, 'rotation="45"'),
        (50 - 50 * math.sqrt(2), 50 - 50 * math.sqrt(2), 100 * math.sqrt(2), 100 * math.sqrt(2)),
    ),
    "polygon": (
        '<polygon label="cat" points="10.0,20.0;110.5,30.0;60.0,90.0"></polygon>',
        (10, 20, 100.5, 70),
    ),
    "mask": (
        '<mask label="cat" rle="1,2" left="7" top="9" width="30" height="20"/>',
        (7, 9, 30, 20),
    ),
    "mask whose pixels do not fill its rectangle": (  # rows 5 to 7, columns 6 to 9, of 60 x 50
        '<mask label="cat" rle="256, 4, 46, 4, 46, 4, 2640" left="1" top="2" width="50" '
        'height="60"/>',
        (7, 7, 4, 3),
    ),
    "ellipse": ('<ellipse label="cat" cx="50" cy="40" rx="20" ry="10"/>', (30, 30, 40, 20)),
    "ellipse turned by 90 degrees": (
        '<ellipse label="cat" cx="50" cy="40" rx="20" ry="10" rotation="90"/>',
        (40, 20, 20, 40),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_box_around_each_shape(tmp_path: Path, shape: str) -> None:
    element, expected = SHAPES[shape]
    dataset = read_dataset(cvat(tmp_path / "annotations.xml", image(element)))
    assert dataset.truths(0).boxes_xywh.tolist() == [pytest.approx(expected)]
    assert any("the box around each one counts" in note for note in dataset.notes) == (
        shape != "box"
    )


def test_classes_are_the_labels_in_their_order(tmp_path: Path) -> None:
    dataset = read_dataset(cvat(tmp_path / "a.xml", image(box(1, 2, 3, 4)) + image("", "b.jpg")))
    assert dataset.class_names == ("dog", "cat") and dataset.category_ids == (1, 2)
    assert [tuple(one) for one in dataset.images] == [
        ("a", "a.jpg", 240, 320),
        ("b", "b.jpg", 240, 320),
    ]
    assert dataset.all_truths.labels.tolist() == [1] and dataset.notes == ()


def test_flags_and_what_has_no_box(tmp_path: Path) -> None:
    marked = box(0, 0, 9, 9, inside='<attribute name="difficult">true</attribute>')
    crowd = box(0, 0, 9, 9, inside='<attribute name="is_crowd">1</attribute>')
    lines = '<polyline points="1,2;3,4"/><tag label="indoor"/><points label="cat" points="1,2"/>'
    dataset = read_dataset(cvat(tmp_path / "a.xml", image(marked + crowd + lines)))
    assert dataset.all_truths.difficult.tolist() == [True, False]
    assert dataset.all_truths.crowd.tolist() == [False, True]
    assert dataset.notes == ("left out 3 objects without a box: 1 points, 1 polyline, 1 tag",)


def test_a_subset_of_a_project(tmp_path: Path) -> None:
    both = image(box(1, 2, 3, 4), "a.jpg", 'subset="train"') + image("", "b.jpg", 'subset="val"')
    path = cvat(tmp_path / "a.xml", both)
    assert len(read_dataset(path)) == 2
    assert [one.id for one in read_dataset(path, split="val").images] == ["b"]
    with pytest.raises(EvaluationError, match="no subset 'test'; its subsets are train, val"):
        read_dataset(path, split="test")


def test_an_unpacked_export_has_its_pictures(tmp_path: Path) -> None:
    cvat(tmp_path / "annotations.xml", image(box(1, 2, 3, 4), "in/a.png"))
    picture = tmp_path / "images" / "in" / "a.png"
    picture.parent.mkdir(parents=True)
    Image.new("L", (320, 240)).save(picture)
    dataset = read_dataset(tmp_path)
    assert dataset.pictures == tmp_path / "images" and dataset.images[0].file_name == "in/a.png"


def test_datumaro_names_files_after_the_subsets(tmp_path: Path) -> None:
    cvat(tmp_path / "val.xml", image(box(1, 2, 3, 4)))
    assert [one.id for one in read_dataset(tmp_path).images] == ["a"]
    cvat(tmp_path / "train.xml", image("", "b.jpg"))
    assert [one.id for one in read_dataset(tmp_path, split="train").images] == ["b"]
    with pytest.raises(EvaluationError, match="holds the splits train, val; name one with --split"):
        read_dataset(tmp_path)
    with pytest.raises(EvaluationError, match="no split 'test'; its splits are train, val"):
        read_dataset(tmp_path, split="test")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("<track id='0' label='cat'/>", "CVAT's XML of a video, .* 'CVAT for images 1.1'"),
        (
            image("<box label='cat' xtl='1' ytl='2' xbr='x' ybr='4'/>"),
            "a.jpg: object 1: the box is",
        ),
        (image("<box label='cat' ytl='2' xbr='3' ybr='4'/>"), "a.jpg: object 1: the box is not 4"),
        (image(box(5, 2, 3, 4)), "a.xml: a.jpg: object 1: the corners are 5, 2, 3, 4; expected"),
        (image("<box xtl='1' ytl='2' xbr='3' ybr='4'/>"), "a.jpg: object 1: no class; name it"),
        (image("<polygon label='cat' points='1,2;3'/>"), "a.jpg: object 1: the box is not 4"),
        (image("") + image(""), "a.jpg: the picture is listed twice"),
        (image("", ""), "picture 1: a picture has no file name"),
        ("<image id='0'", "a.xml: not XML, or cut short"),
    ],
)
def test_faults(tmp_path: Path, images: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        read_dataset(cvat(tmp_path / "a.xml", images))


def test_the_checker_lists_all_faults(tmp_path: Path) -> None:
    path = cvat(tmp_path / "a.xml", image(box(5, 2, 3, 4) + box(9, 2, 3, 4) + box(1, 2, 3, 4)))
    assert [one.kind for one in check(path) if one.severity == "error"] == [
        "corners in the wrong order",
    ] * 2


def test_entities_do_not_swell(tmp_path: Path) -> None:
    """The levels would make 10 billion letters; a document from elsewhere is not opened."""
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 100}">' for n in range(1, 6))
    bomb = f'<!DOCTYPE a [<!ENTITY l0 "x">{levels}]><annotations><image name="&l5;"/></annotations>'
    other = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><annotations>&x;</annotations>'
    tracemalloc.start()
    for text in (bomb, other):
        with pytest.raises(EvaluationError, match=r"a\.xml: declares entities"):
            read_dataset(write(tmp_path / "a.xml", text))
    assert tracemalloc.get_traced_memory()[1] < 30e6
    tracemalloc.stop()


def test_large_files_need_little_memory(tmp_path: Path) -> None:
    boxes = box(1, 2, 3, 4) * 200
    path = cvat(tmp_path / "a.xml", "".join(image(boxes, f"{n}.jpg") for n in range(100)))
    tracemalloc.start()
    dataset = read_dataset(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(dataset.all_truths) == 20_000 and most < 4 * path.stat().st_size


NUMBERS = st.floats(0, 1000, allow_nan=False)


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=4), max_size=4))
def test_any_boxes(
    tmp_path_factory: pytest.TempPathFactory, found: list[list[tuple[float, ...]]]
) -> None:
    images = "".join(
        image("".join(box(x, y, x + w, y + h) for x, y, w, h in boxes), f"{number}.jpg")
        for number, boxes in enumerate(found)
    )
    dataset = read_dataset(cvat(tmp_path_factory.mktemp("any") / "a.xml", images))
    expected = [[x, y, x + w - x, y + h - y] for boxes in found for x, y, w, h in boxes]
    assert dataset.all_truths.boxes.tolist() == expected
    assert [len(dataset.truths(row)) for row in range(len(found))] == [len(one) for one in found]
