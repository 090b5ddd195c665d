"""Tables of ground truth: named columns, TensorFlow's and RetinaNet's."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import EvaluationError, read_dataset
from tests.eval.made_formats import Picture, save_blank, write

BOX = [10.0, 20.0, 100.0, 50.0]


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("filename,width,height,class,xmin,ymin,xmax,ymax", "a.jpg,320,240,cat,10,20,110,70"),
        ("image,class,x,y,w,h,width,height", "a.jpg,cat,10,20,100,50,320,240"),
        ("image,label,x,y,width,height,image_width,image_height", "a.jpg,cat,10,20,100,50,320,240"),
        ("file_name;class name;x1;y1;x2;y2;img_width;img_height", "a.jpg;cat;10;20;110;70;320;240"),
        ("image\tclass\tcx\tcy\tw\th\twidth\theight", "a.jpg\tcat\t60\t45\t100\t50\t320\t240"),
        (
            "image,class,xmin,ymin,width,height,image_width,image_height",
            "a.jpg,cat,10,20,100,50,320,240",
        ),
        (
            "image,label_name,bbox_x,bbox_y,bbox_width,bbox_height,img_width,img_height",
            "a.jpg,cat,10,20,100,50,320,240",
        ),
        ("image,label,xtl,ytl,xbr,ybr,width,height", "a.jpg,cat,10,20,110,70,320,240"),
        ("image,class,bbox,width,height", 'a.jpg,cat,"[10, 20, 100, 50]",320,240'),
        ("image,class,xmin,ymin,xmax,ymax,width,height", "a.jpg,cat,.125,.25,.625,.5,320,240"),
    ],
)
def test_the_columns_are_found_by_their_names(tmp_path: Path, header: str, cells: str) -> None:
    dataset = read_dataset(write(tmp_path / "truth.csv", f"{header}\n{cells}\n"))
    expected = [40.0, 60.0, 160.0, 60.0] if ".125" in cells else BOX
    assert dataset.all_truths.boxes.tolist() == [expected]
    assert dataset.images == (("a", "a.jpg", *((240, 320) if "320" in cells else (0, 0))),)
    assert dataset.class_names == ("cat",) and dataset.category_ids == (1,)
    assert dataset.notes[0].startswith("read as: image from 'file") or "'image'" in dataset.notes[0]


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
def test_the_encodings_of_spreadsheets_are_read(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("image;class;x;y;w;h\nä.jpg;cat;10;20;100;50\n", encoding=mark)
    dataset = read_dataset(path)
    assert dataset.images[0].file_name == "ä.jpg" and dataset.all_truths.boxes.tolist() == [BOX]


def test_sides_of_the_picture_are_none_of_the_box(tmp_path: Path) -> None:
    save_blank(tmp_path / "a.jpg", Picture("a", 320, 240, []))
    path = write(tmp_path / "truth.csv", "image,class,x,y,width,height\na.jpg,cat,10,20,320,240\n")
    with pytest.raises(EvaluationError, match="width and height are the sides of the picture in"):
        read_dataset(path)
    path = write(tmp_path / "truth.csv", "image,class,x,y,width,height\na.jpg,cat,0,0,320,240\n")
    assert read_dataset(path).all_truths.boxes.tolist() == [[0, 0, 320, 240]]


def test_rows_of_one_picture_need_not_be_together(tmp_path: Path) -> None:
    rows = "a.jpg,dog,1,2,3,4,0\nb.jpg,cat,1,2,3,4,1\na.jpg,cat,5,6,7,9,0\nc.jpg,,,,,,\n"
    dataset = read_dataset(
        write(tmp_path / "truth.csv", f"filename,class,xmin,ymin,xmax,ymax,difficult\n{rows}")
    )
    assert [len(dataset.truths(row)) for row in range(3)] == [2, 1, 0]
    assert dataset.truths(0).labels.tolist() == [1, 0]
    assert dataset.all_truths.difficult.tolist() == [False, False, True]
    assert "1 line without a box: pictures without objects" in dataset.notes


def test_retinanet(tmp_path: Path) -> None:
    rows = ("1.jpg,837,346,981,456,cow", "2.jpg,215,312,279,391,cat", "3.jpg,,,,,")
    path = write(tmp_path / "a.csv", "".join(f"/data/img_{row}\n" for row in rows))
    dataset = read_dataset(path)
    assert [(one.id, one.file_name) for one in dataset.images] == [
        (f"img_{number}", f"img_{number}.jpg") for number in (1, 2, 3)
    ]
    assert dataset.all_truths.boxes_xyxy.tolist() == [[837, 346, 981, 456], [215, 312, 279, 391]]
    assert dataset.class_names == ("cat", "cow")
    write(tmp_path / "classes.csv", "cow,0\ncat,1\nbird,2\n")
    assert read_dataset(path).class_names == ("cow", "cat", "bird")
    write(tmp_path / "classes.csv", "cow\n")
    with pytest.raises(EvaluationError, match="expected NAME,NUMBER on each line"):
        read_dataset(path)


def test_numbers_of_images_and_classes_are_their_ids(tmp_path: Path) -> None:
    rows = "17,8,1,2,3,4\n4.0,3.0,1,2,3,4\n"
    path = write(tmp_path / "truth.csv", f"image_id,category_id,x1,y1,x2,y2\n{rows}")
    dataset = read_dataset(path)
    assert [(one.id, one.file_name) for one in dataset.images] == [(17, "17.jpg"), (4, "4.jpg")]
    assert dataset.category_ids == (3, 8) and dataset.class_names == ("3", "8")
    assert dataset.all_truths.labels.tolist() == [1, 0]


def test_classes_may_have_names_and_numbers(tmp_path: Path) -> None:
    header = "image,class,class_id,x1,y1,x2,y2"
    path = write(tmp_path / "truth.csv", f"{header}\na.jpg,cat,7,1,2,3,4\na.jpg,dog,2,1,2,3,4\n")
    dataset = read_dataset(path)
    assert dataset.class_names == ("dog", "cat") and dataset.category_ids == (2, 7)
    write(path, f"{header}\na.jpg,cat,7,1,2,3,4\na.jpg,dog,7,1,2,3,4\n")  # one number for both
    assert read_dataset(path).category_ids == (1, 2)


def test_pictures_give_sizes_and_suffixes(tmp_path: Path) -> None:
    save_blank(tmp_path / "images" / "a.png", Picture("a", 200, 100, []))
    path = write(tmp_path / "truth.csv", "image_id,class,x1,y1,x2,y2\na,cat,.1,.2,.5,1\n")
    dataset = read_dataset(path)
    assert dataset.images == (("a", "a.png", 100, 200),)
    assert dataset.pictures == tmp_path / "images"
    assert dataset.all_truths.boxes_xyxy.tolist() == [[20, 20, 100, 100]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,xmin,ymin,xmax,ymax\n", "truth.csv: line 1: no column for class"),
        ("image,class,xmin,ymin,xmax\n", r"no column for box \(x, y, width, height or xmin"),
        ("image,class,x1,y1,x2,y2\na.jpg,cat,1,2,3\n", "line 2: 5 columns; the first line has 6"),
        ("image,class,x1,y1,x2,y2\na.jpg,cat,1,2,3,x\n", "line 2: the box is not 4 finite numbers"),
        ("image,class,x1,y1,x2,y2\na.jpg,cat,9,2,3,4\n", "line 2: the corners are 9, 2, 3, 4; exp"),
        ("image,class,x1,y1,x2,y2\na.jpg,,1,2,3,4\n", "line 2: no class; name it"),
        ("image,class,x1,y1,x2,y2\na.jpg,cat,0,0,.5,.5\n", "a.jpg: boxes are fractions of the pic"),
        ("1,2,3,4,5,6\n", "line 1: expected the names of the columns"),
        ("", "no column for image, class, box"),
    ],
)
def test_faults(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        read_dataset(write(tmp_path / "truth.csv", text))


def test_other_suffixes(tmp_path: Path) -> None:
    path = write(tmp_path / "truth.txt", "image,class,x1,y1,x2,y2\na.jpg,cat,1,2,3,4\n")
    assert len(read_dataset(path)) == 1
    assert len(read_dataset(write(tmp_path / "b.txt", "a.jpg,1,2,3,4,cat\n"))) == 1


def test_large_tables_need_little_memory(tmp_path: Path) -> None:
    rows = "".join(f"{n // 20:012}.jpg,320,240,person,10,20,110,70\n" for n in range(20_000))
    path = write(tmp_path / "a.csv", "filename,width,height,class,xmin,ymin,xmax,ymax\n" + rows)
    tracemalloc.start()
    dataset = read_dataset(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(dataset.all_truths) == 20_000 and most < 10 * path.stat().st_size


SIDES = st.integers(0, 1000)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), SIDES, SIDES, SIDES, SIDES), min_size=1, max_size=9))
def test_any_boxes_are_read_alike_as_corners_and_as_sides(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    sides = "".join(f"{n}.jpg,cat,{x},{y},{w},{h}\n" for n, x, y, w, h in rows)
    corners = "".join(f"{n}.jpg,{x},{y},{x + w},{y + h},cat\n" for n, x, y, w, h in rows)
    one = read_dataset(write(folder / "a.csv", f"image,class,x,y,w,h\n{sides}"))
    other = read_dataset(write(folder / "b.csv", corners))
    assert one.images == other.images
    assert (one.all_truths.boxes == other.all_truths.boxes).all()
    assert (one.starts == other.starts).all() and len(one.all_truths) == len(rows)
