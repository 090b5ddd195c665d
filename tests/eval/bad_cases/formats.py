"""Bad files of the other formats: VOC and ILSVRC XML, comp4, ILSVRC text, YOLO, CSV."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.eval.bad_cases.results import NO_DOG
from tests.eval.bad_inputs import NOTHING, RESULTS, RIGHT, TRUTH, Case, Inputs, files

Edit = Callable[[bytes], bytes]
NAMES = {1: "cat", 2: "dog"}
WNIDS = {1: "n02121808", 2: "n02084071"}
IDS = (1, 2)
EXPLAINED = "read as: image from 'image_id'"
NUMBERED = "class numbers were read as positions in the classes of the ground truth"
FEWER = "no file for 18 classes"  # VOC has 20


def same(content: bytes) -> bytes:
    """No change."""
    return content


def swap(old: str, new: str) -> Edit:
    """Replace every occurrence of a text, which must exist."""

    def change(content: bytes) -> bytes:
        assert old.encode() in content, old
        return content.replace(old.encode(), new.encode())

    return change


def first(old: str, new: str) -> Edit:
    """Replace the first occurrence of a text."""
    return lambda content: content.replace(old.encode(), new.encode(), 1)


def cut(length: int) -> Edit:
    """Keep only the first bytes; a negative number counts from the end."""
    return lambda content: content[:length]


def are(content: bytes) -> Edit:
    """Replace the whole content."""
    return lambda _: content


def _corners(bbox: list[float], origin: int) -> tuple[float, float, float, float]:
    x, y, width, height = bbox
    return x + origin, y + origin, x + width - 1 + origin, y + height - 1 + origin


def _xml(number: int, names: dict[int, str], origin: int) -> bytes:
    image = next(one for one in TRUTH["images"] if one["id"] == number)
    found = ""
    for one in TRUTH["annotations"]:
        if one["image_id"] == number:
            sides = zip(
                ("xmin", "ymin", "xmax", "ymax"), _corners(one["bbox"], origin), strict=True
            )
            box = "".join(f"<{side}>{value}</{side}>" for side, value in sides)
            name = names[one["category_id"]]
            found += f"<object><name>{name}</name><bndbox>{box}</bndbox></object>\n"
    size = f"<width>{image['width']}</width><height>{image['height']}</height>"
    return f"<annotation><size>{size}</size>\n{found}</annotation>\n".encode()


def _write(folder: Path, contents: dict[str, bytes], edits: dict[str, Edit]) -> None:
    """Write files by name; an edit of a missing name creates the file."""
    for name in dict.fromkeys((*contents, *edits)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(edits.get(name, same)(contents.get(name, b"")))


def voc(**edits: Edit) -> Callable[[Path], Inputs]:
    """VOC's layout and comp4 results; edits of list, xml, cat and dog, or of files by name."""
    return lambda folder: _voc(folder, edits)


def _voc(folder: Path, edits: dict[str, Edit]) -> Inputs:
    short = {
        "list": "voc/ImageSets/Main/test.txt",
        "xml": "voc/Annotations/1.xml",
        "cat": "comp4/comp4_det_test_cat.txt",
        "dog": "comp4/comp4_det_test_dog.txt",
    }
    contents = {f"voc/Annotations/{number}.xml": _xml(number, NAMES, 1) for number in IDS}
    contents[short["list"]] = b"1\n2\n"
    for kind, name in NAMES.items():
        lines = [
            " ".join(map(str, (one["image_id"], one["score"], *_corners(one["bbox"], 1))))
            for one in RESULTS if one["category_id"] == kind
        ]  # fmt: skip
        contents[short[name]] = ("\n".join(lines) + "\n").encode()
    _write(folder, contents, {short.get(name, name): edit for name, edit in edits.items()})
    return Inputs(folder / "voc", folder / "comp4", reading={"split": "test"})


def ilsvrc(**edits: Edit) -> Callable[[Path], Inputs]:
    """The flat layout of ILSVRC DET and a submission; edits of its files by short names."""
    return lambda folder: _ilsvrc(folder, edits)


def _ilsvrc(folder: Path, edits: dict[str, Edit]) -> Inputs:
    short = {"list": "kit/val.txt", "xml": "kit/val/a1.xml", "synsets": "kit/synsets.txt",
             "blacklist": "kit/blacklist.txt", "submission": "submission.txt"}  # fmt: skip
    contents = {f"kit/val/a{number}.xml": _xml(number, WNIDS, 0) for number in IDS}
    contents[short["list"]] = b"a1 1\na2 2\n"
    contents[short["synsets"]] = f"{WNIDS[1]} cat\n{WNIDS[2]} dog\n".encode()
    lines = [
        " ".join(map(str, (one["image_id"], one["category_id"], one["score"],
                           *_corners(one["bbox"], 0))))
        for one in RESULTS
    ]  # fmt: skip
    contents[short["submission"]] = ("\n".join(lines) + "\n").encode()
    _write(folder, contents, {short[name]: edit for name, edit in edits.items()})
    return Inputs(folder / "kit", folder / "submission.txt")


def yolo(**edits: Edit) -> Callable[[Path], Inputs]:
    """YOLO's layout and its results; edits of names, label, picture, found and extra."""
    return lambda folder: _yolo(folder, edits)


def _yolo(folder: Path, edits: dict[str, Edit]) -> Inputs:
    short = {"names": "yolo/data.yaml", "label": "yolo/labels/1.txt", "found": "run/1.txt",
             "picture": "yolo/images/1.png", "extra": "yolo/labels/3.txt",
             "stranger": "run/9.txt", "other": "run/2.txt"}  # fmt: skip
    contents = {short["names"]: b"names: [cat, dog]\n"}
    for image in TRUTH["images"]:
        for name, records in (("yolo/labels", TRUTH["annotations"]), ("run", RESULTS)):
            lines = [_fractions(one, image) for one in records if one["image_id"] == image["id"]]
            contents[f"{name}/{image['id']}.txt"] = ("\n".join(lines) + "\n").encode()
        picture = folder / "yolo" / "images" / f"{image['id']}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (image["width"], image["height"])).save(picture)
        contents[f"yolo/images/{picture.name}"] = picture.read_bytes()
    _write(folder, contents, {short[name]: edit for name, edit in edits.items()})
    return Inputs(folder / "yolo", folder / "run")


def _fractions(one: dict[str, float | list[float]], image: dict[str, float]) -> str:
    x, y, width, height = one["bbox"]  # type: ignore[misc]
    sides = (image["width"], image["height"])
    center = ((x + width / 2) / sides[0], (y + height / 2) / sides[1])
    words = (one["category_id"] - 1, *center, width / sides[0], height / sides[1])  # type: ignore[operator]
    return " ".join(map(str, (*words, one["score"]) if "score" in one else words))


def table(edit: Edit, name: str = "found.csv") -> Callable[[Path], Inputs]:
    """COCO ground truth and a table of results after an edit."""

    def make(folder: Path) -> Inputs:
        rows = ["image_id,class,score,x,y,width,height"]
        rows += [
            ",".join(map(str, (one["image_id"], NAMES[one["category_id"]], one["score"],
                               *one["bbox"])))
            for one in RESULTS
        ]  # fmt: skip
        _write(folder, {name: ("\n".join(rows) + "\n").encode()}, {name: edit})
        return files(folder)._replace(detections=folder / name)

    return make


def other_ids(make: Callable[[Path], Inputs]) -> Callable[[Path], Inputs]:
    """Results by the images' names, 1 and 2, where each image has the id of the other."""
    images = [{**one, "id": 3 - one["id"]} for one in TRUTH["images"]]
    objects = [{**one, "image_id": 3 - one["image_id"]} for one in TRUTH["annotations"]]
    truth = {**TRUTH, "images": images, "annotations": objects}

    def both(folder: Path) -> Inputs:
        detections = make(folder).detections
        return files(folder, truth)._replace(detections=detections)

    return both


def utf16(content: bytes) -> bytes:
    """As PowerShell writes text."""
    return content.decode().encode("utf-16")


def bom(content: bytes) -> bytes:
    """As some editors write UTF-8."""
    return b"\xef\xbb\xbf" + content


def crlf(content: bytes) -> bytes:
    """Line ends of Windows."""
    return content.replace(b"\n", b"\r\n")


def polygon(content: bytes) -> bytes:
    """The box of the first line as the polygon of its corners."""
    first_line, _, others = content.partition(b"\n")
    number, cx, cy, w, h = first_line.split()
    left, right = float(cx) - float(w) / 2, float(cx) + float(w) / 2
    top, bottom = float(cy) - float(h) / 2, float(cy) + float(h) / 2
    points = f" {left} {top} {right} {top} {right} {bottom} {left} {bottom}\n"
    return number + points.encode() + others


def second(content: bytes) -> bytes:
    """The last of six words in the second place."""
    return re.sub(rb"(?m)^(\S+) (.+) (\S+)$", rb"\1 \3 \2", content)


def enlarged(content: bytes) -> bytes:
    """Corners, the last four words of each line, ten times as far."""
    return re.sub(rb"(?m)(\d+) (\d+) (\d+) (\d+)$", rb"\g<1>0 \g<2>0 \g<3>0 \g<4>0", content)


def reduced(content: bytes) -> bytes:
    """Corners as fractions, as if pictures had 1000 pixels a side."""
    return re.sub(rb"(?m)(\d+) (\d+) (\d+) (\d+)$", rb"0.\1 0.\2 0.\3 0.\4", content)


BOMB = (b'<!DOCTYPE a [<!ENTITY a "' + b"a" * 1000 + b'">'
        + b"".join(b'<!ENTITY %c "%s">' % (c, b"&%c;" % (c - 1) * 100) for c in range(98, 104))
        + b"]><annotation>&g;</annotation>")  # fmt: skip

CASES = [
    Case("VOC: XML cut short", voc(xml=cut(100)), "Annotations/1.xml: not XML, or cut short"),
    Case("VOC: XML empty", voc(xml=are(b"")), "Annotations/1.xml: not XML, or cut short"),
    Case("VOC: XML of another kind", voc(xml=are(b"<html/>")), "1.xml: the root element is <html>"),
    Case("VOC: XML that swells when read (entities)", voc(xml=are(BOMB)),
         "1.xml: declares entities"),
    Case("VOC: XML in UTF-16", voc(xml=lambda content:
         '<?xml version="1.0" encoding="UTF-16"?>'.encode("utf-16") + content.decode().encode(
             "utf-16-le")), RIGHT, notes=(FEWER,)),
    Case("VOC: xmax below xmin", voc(xml=first("<xmax>110", "<xmax>1")),
         "Annotations/1.xml: object 1: "),
    Case("VOC: xmin NaN", voc(xml=first("<xmin>11", "<xmin>NaN")),
         "Annotations/1.xml: object 1: bndbox/xmin is 'NaN'"),
    Case("VOC: xmin empty", voc(xml=first("<xmin>11", "<xmin>")), "object 1: no <bndbox/xmin>"),
    Case("VOC: object without box", voc(xml=swap("bndbox", "box")), "Annotations/1.xml: object 1:"),
    Case("VOC: object without name", voc(xml=first("<name>cat</name>", "")), "1.xml: object 1: "),
    Case("VOC: difficult Unspecified, no size, an undeclared encoding, a bare &", voc(
         xml=lambda c: first("<name>cat", "<difficult>Unspecified</difficult><name>cat")(
             re.sub(rb"<size>.*</size>", b"<filename>\xe9 & a.jpg</filename>", c))),
         RIGHT, notes=("1 image has no size in the annotation", FEWER)),
    Case("VOC: continuous corners, as CVAT writes them", voc(xml=swap("<xmin>11", "<xmin>10.5")),
         RIGHT, notes=("1 box has fractions of pixels, but corners were read as VOC's", FEWER)),
    Case("VOC: list of file names", voc(list=are(b"1.jpg\n2.jpg\n")), RIGHT, notes=(FEWER,)),
    Case("VOC: listed image without XML", voc(list=are(b"1\n2\n3\n")), "3.xml: no such"),
    Case("VOC: image listed twice", voc(list=are(b"1\n2\n1\n")),
         "test.txt: line 3: 1 is already on line 1"),
    Case("VOC: list empty", voc(list=are(b"")), "test.txt: no image is listed"),
    Case("VOC: list with BOM and CRLF", voc(list=lambda c: bom(crlf(c))), RIGHT, notes=(FEWER,)),
    Case("VOC: list in UTF-16", voc(list=utf16), RIGHT, notes=(FEWER,)),
    Case("VOC: split that is not there", lambda folder: voc()(folder)._replace(
         reading={"split": "nothing"}), "no ImageSets/Main/nothing.txt; existing lists: test"),
    Case("comp4: unknown image", voc(dog=first("2 ", "9 ")),
         "comp4_det_test_dog.txt: line 1: image '9' is no image of the ground truth"),
    Case("comp4: line cut short", voc(cat=cut(-5)),
         "comp4_det_test_cat.txt: line 3: 5 columns; expected 6"),
    Case("comp4: score nan", voc(cat=first("0.8", "nan")), "cat.txt: line 2: score is 'nan'"),
    Case("comp4: score 1e999", voc(cat=first("0.8", "1e999")), "cat.txt: line 2: score is '1e999'"),
    Case("comp4: a class's file empty", voc(dog=are(b"")), NO_DOG, notes=(FEWER,)),
    Case("comp4: boxes of pictures ten times as large", voc(cat=enlarged, dog=enlarged), NOTHING,
         notes=(FEWER, "outside their image: are x and y swapped, or do the images have another")),
    Case("comp4: boxes in fractions", voc(cat=reduced, dog=reduced), NOTHING,
         notes=(FEWER, "bbox seems to be in fractions of the image")),
    Case("comp4: CRLF", voc(cat=crlf), RIGHT, notes=(FEWER,)),
    Case("comp4: gzip cut short", voc(cat=lambda c: gzip.compress(c, mtime=0)[:-9]),
         "comp4_det_test_cat.txt: damaged or cut short"),
    Case("comp4: one file only", lambda folder: voc()(folder)._replace(
         detections=folder / "comp4" / "comp4_det_test_cat.txt"), NO_DOG,
         notes=("no file for 19 classes",)),
    Case("comp4: files of comp3 among them", voc(**{"comp4/comp3_det_test_cat.txt": are(b"")}),
         "comp4: two files of the class 'cat', comp3_det_test_cat.txt and comp4_det_test_cat.txt"),
    Case("comp4: numbers that are ids and file names, of different images", other_ids(voc()),
         "comp4: are images named by id or by file name? '1' is the id of 2.jpg and the name of"),
    Case("comp4: file of a class that is none", lambda folder: _voc(folder, {})._replace(
         detections=_renamed(folder / "comp4" / "comp4_det_test_cat.txt", "wolf")),
         "none of its classes (wolf) is in the ground truth"),
    Case("ILSVRC: file names in place of indices", ilsvrc(submission=first("1 1", "a1 1")),
         "submission.txt: line 1: image 'a1' is a file name of the ground truth; write ids"),
    Case("ILSVRC: image index that is not listed", ilsvrc(submission=first("1 1", "7 1")),
         "submission.txt: line 1: image_index 7 is not in the ground truth"),
    Case("ILSVRC: image index 1.5", ilsvrc(submission=first("1 1", "1.5 1")),
         "submission.txt: line 1: image_index 1.5 is not in the ground truth"),
    Case("ILSVRC: class 0", ilsvrc(submission=first("2 2 0.6", "2 0 0.6")), NO_DOG,
         notes=("left out 1 detection of classes that are not in the ground truth: 0",)),
    Case("ILSVRC: commas between the numbers", ilsvrc(submission=swap(" ", ",")), "submission.txt"),
    Case("ILSVRC: six columns", ilsvrc(submission=first(" 0.9", "")),
         "submission.txt: line 1: 6 columns; expected 7"),
    Case("ILSVRC: score -inf", ilsvrc(submission=first("0.9", "-inf")),
         "submission.txt: line 1: confidence is '-inf'"),
    Case("ILSVRC: empty lines and blanks", ilsvrc(submission=swap("\n", " \t\n\n")), RIGHT),
    Case("ILSVRC: xmax below xmin on the false one", ilsvrc(submission=swap("0 0 49 49",
         "49 49 0 0")), RIGHT, notes=("1 box with max below min",),
         other_notes=("detections without width or height",)),
    Case("ILSVRC: submission empty", ilsvrc(submission=are(b"")),
         "submission.txt: the file is empty"),
    Case("ILSVRC: submission of zeros (a disk that was full)", ilsvrc(submission=are(b"\0" * 64)),
         "submission.txt: line 1: 1 columns; expected 7"),
    Case("ILSVRC: submission in UTF-16", ilsvrc(submission=utf16), RIGHT),
    Case("ILSVRC: gzip cut short", ilsvrc(submission=lambda c: gzip.compress(c, mtime=0)[:-9]),
         "submission.txt: damaged or cut short"),
    Case("ILSVRC: list without indices", ilsvrc(list=are(b"a1\na2\n")), RIGHT,
         notes=("val.txt has no column of indices: images are numbered by line",)),
    Case("ILSVRC: index twice in the list", ilsvrc(list=are(b"a1 1\na2 1\n")),
         "val.txt: line 2: index 1 is already on line 1"),
    Case("ILSVRC: list empty", ilsvrc(list=are(b"\n")), "val.txt: no image is listed"),
    Case("ILSVRC: wnid that is no synset", ilsvrc(xml=swap(WNIDS[1], "n00000001")),
         "a1.xml: object 1: name 'n00000001' is not a known class"),
    Case("ILSVRC: synset twice", ilsvrc(synsets=lambda c: c + c), "synsets.txt: wnid"),
    Case("ILSVRC: all images without XML", ilsvrc(list=are(b"b1 1\nb2 2\n")),
         "no b1.xml, nor the XML of any other listed image"),
    Case("ILSVRC: blacklist with a wnid that is no synset", ilsvrc(blacklist=are(b"2 n00000001\n")),
         "blacklist.txt: line 1: '2 n00000001'; expected `index wnid`"),
    Case("ILSVRC: blacklist of an index that is not listed", ilsvrc(
         blacklist=are(f"7 {WNIDS[1]}\n".encode())), "blacklist.txt: line 1: '7 n02121808'"),
    Case("YOLO: box in pixels", yolo(label=are(b"0 60 60 100 100\n")),
         "1.txt: line 1: box is 60 60 100 100; expected cx cy w h in fractions"),
    Case("YOLO: class number without name", yolo(label=are(b"7 .5 .5 .1 .1\n")),
         "1.txt: line 1: class is 7; expected a whole number from 0 to 1"),
    Case("YOLO: six columns in a label file", yolo(label=are(b"0 .1 .1 .2 .1 .2\n")),
         "1.txt: line 1: 6 columns; expected 5"),
    Case("YOLO: polygon in place of a box", yolo(label=polygon), RIGHT,
         notes=("1 polygon: the box around each", NUMBERED)),
    Case("YOLO: a line twice", yolo(label=lambda c: c + c.partition(b"\n")[0]), RIGHT,
         notes=("left out 1 line that repeats another", NUMBERED)),
    Case("YOLO: text file without its picture", yolo(extra=are(b"0 .5 .5 .1 .1\n")),
         "3.txt: no image 3.jpg or .png"),
    Case("YOLO: picture cut short", yolo(picture=cut(20)), "1.png: the image cannot be read"),
    Case("YOLO: data.yaml without names", yolo(names=are(b"val: images\n")),
         "data.yaml: 'names' is None; expected a list of class names"),
    Case("YOLO: data.yaml that is no YAML", yolo(names=are(b"names: [cat\n")), "data.yaml: not"),
    Case("YOLO: data.yaml with a list of folders, one of which is not there", yolo(names=are(
         b"names: [cat, dog]\nval: [images, images/b]\n")), "data.yaml: val lists 'images/b', but"),
    Case("YOLO: data.yaml with folders that are not there", yolo(names=are(
         b"path: /data\nnames: [cat, dog]\nval: images/val\n")), RIGHT, notes=(NUMBERED,)),
    Case("YOLO: labels with a byte order mark", yolo(label=lambda c: b"\xef\xbb\xbf" + c), RIGHT,
         notes=(NUMBERED,)),
    Case("YOLO: results without confidence", yolo(found=are(b"0 .5 .5 .1 .1\n")),
         "1.txt: line 1: 5 columns; expected 6"),
    Case("YOLO: results with the confidence second", yolo(found=second, other=second), RIGHT,
         notes=(NUMBERED, "lines were read as `class confidence cx cy w h`")),
    Case("YOLO: results of an unknown picture", yolo(stranger=are(b"0 .5 .5 .1 .1 .9\n")),
         "9.txt: line 1: image '9' is no image of the ground truth"),
    Case("YOLO: results named after pictures whose names are ids of other images",
         other_ids(yolo()), RIGHT, notes=(NUMBERED,)),
    Case("YOLO: CRLF", yolo(label=crlf, found=crlf), RIGHT, notes=(NUMBERED,)),
    Case("CSV: no line of names", table(lambda c: c.partition(b"\n")[2]), RIGHT,
         notes=("without headings were read as `image class confidence x y width height`",)),
    Case("CSV: nothing after the names", table(lambda c: c.partition(b"\n")[0]), NOTHING,
         notes=(EXPLAINED, "there are no detections")),
    Case("CSV: empty (0 bytes)", table(are(b"")), "found.csv: the file is empty"),
    Case("CSV: decimal commas between semicolons",
         table(lambda c: c.replace(b",", b";").replace(b"0.8", b"0,8")),
         "found.csv: line 3: score is '0,8'; expected a finite number"),
    Case("CSV: semicolons, BOM and CRLF", table(lambda c: bom(crlf(c.replace(b",", b";")))), RIGHT,
         notes=(EXPLAINED,)),
    Case("CSV: corners under names of corners", table(lambda c: c.replace(
         b"width,height", b"w,h").replace(b"x,y,w,h", b"x1,y1,x2,y2").replace(
         b"10,10,100,100", b"10,10,110,110").replace(b"200,10,100,100", b"200,10,300,110").replace(
         b"180,160,200,100", b"180,160,380,260")), RIGHT, notes=("box [x1, y1, x2, y2] from x1",)),
    Case("CSV: a column twice", table(swap("class", "score")), "column 'score' is repeated"),
    Case("CSV: a row cut short", table(cut(-8)), "found.csv: line 5: "),
    Case("CSV: score empty", table(swap("0.8", "")), "found.csv: line 3: score is ''"),
    Case("CSV: unknown image", table(first("\n1,", "\n9,")),
         "found.csv: line 2: image_id '9' is no image"),
    Case("CSV: image 1.0 (from a table program)", table(first("\n1,", "\n1.0,")),
         RIGHT, notes=(EXPLAINED,)),
    Case("CSV: unknown class", table(swap("dog", "wolf")), NO_DOG,
         notes=(EXPLAINED, "not in the ground truth: wolf")),
    Case("CSV: class name with a letter more", table(swap("dog", "dogs")), NO_DOG,
         notes=(EXPLAINED, "not in the ground truth: dogs; did you mean 'dog'?")),
    Case("CSV: class ids counted from 0", table(lambda c: c.replace(
         b"class", b"class_id").replace(b"cat", b"0").replace(b"dog", b"1")), NOTHING,
         notes=("class id from 'class_id'", "truth: 0; all ids seem to be one too small")),
    Case("CSV: image with its folder", table(first("\n1,", "\nval/1,")),
         "image_id 'val/1' is no image of the ground truth; '1', without the folder, is one"),
    Case("CSV: numbers that are ids and file names, of different images, under `file_name`",
         other_ids(table(swap("image_id", "file_name"))), RIGHT,
         notes=("read as: image from 'file_name'",)),
    Case("CSV: the same under `image`", other_ids(table(swap("image_id", "image"))),
         "found.csv: are images named by id or by file name? '1' is the id of 2.jpg and the"),
    Case("CSV: no column of scores", table(swap("score", "Rank No")),
         "no column for score; the columns are image_id, class, Rank No, x"),
    Case("CSV: in UTF-16", table(utf16), RIGHT, notes=(EXPLAINED,)),
    Case("CSV: a quotation mark that does not end", table(first("cat", '"cat')), "found.csv: line"),
    Case("CSV: called .txt", table(same, "found.txt"), RIGHT, notes=(EXPLAINED,)),
]  # fmt: skip


def _renamed(path: Path, name: str) -> Path:
    return path.rename(path.with_name(f"comp4_det_test_{name}.txt"))
