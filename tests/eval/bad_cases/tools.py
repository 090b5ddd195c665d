"""Bad ground truth of labelling tools, in tables and in texts; results are a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.eval.bad_cases.formats import BOMB, NAMES, Edit, are, bom, crlf, cut, first, same, swap
from tests.eval.bad_inputs import RESULTS, RIGHT, TRUTH, Case, Inputs

AS_TEXT = "read as: image from 'file_name'"
Object = tuple[str, list[float]]  # class, and x, y, width, height


def _pictures() -> list[tuple[dict[str, Any], list[Object]]]:
    return [
        (image, [
            (NAMES[one["category_id"]], one["bbox"])
            for one in TRUTH["annotations"] if one["image_id"] == image["id"]
        ])
        for image in TRUTH["images"]
    ]  # fmt: skip


def _corners(box: list[float]) -> list[float]:
    return [box[0], box[1], box[0] + box[2], box[1] + box[3]]


def _cvat() -> dict[str, str]:
    images = ""
    for image, objects in _pictures():
        corners = ("xtl", "ytl", "xbr", "ybr")
        boxes = "".join(
            f'<box label="{name}" '
            + " ".join(f'{c}="{v}"' for c, v in zip(corners, _corners(box), strict=True))
            + "/>\n"
            for name, box in objects
        )
        sides = f'width="{image["width"]}" height="{image["height"]}"'
        images += f'<image id="0" name="{image["file_name"]}" {sides}>\n{boxes}</image>\n'
    return {"truth.xml": f"<annotations>\n{images}</annotations>\n"}


def _labelme() -> dict[str, str]:
    files = {}
    for image, objects in _pictures():
        shapes = []
        for name, box in objects:
            x1, y1, x2, y2 = _corners(box)
            points = [[x2, y1], [x1, y2]]
            shapes.append({"label": name, "points": points, "shape_type": "rectangle"})
        document = {"shapes": shapes, "imagePath": image["file_name"], "imageData": None,
                    "imageHeight": image["height"], "imageWidth": image["width"]}  # fmt: skip
        files[f"truth/{image['id']}.json"] = json.dumps(document)
    return files


def _datumaro() -> dict[str, str]:
    items = [
        {"id": str(image["id"]),
         "image": {"path": image["file_name"], "size": [image["height"], image["width"]]},
         "annotations": [{"type": "bbox", "label_id": ["cat", "dog"].index(name), "bbox": box}
                         for name, box in objects]}
        for image, objects in _pictures()
    ]  # fmt: skip
    labels = {"label": {"labels": [{"name": "cat"}, {"name": "dog"}]}}
    return {"truth.json": json.dumps({"categories": labels, "items": items})}


def _createml() -> dict[str, str]:
    records = [
        {"image": image["file_name"], "annotations": [
            {"label": name, "coordinates": dict(zip(
                ("x", "y", "width", "height"), (x + w / 2, y + h / 2, w, h), strict=True))}
            for name, (x, y, w, h) in objects
        ]}
        for image, objects in _pictures()
    ]  # fmt: skip
    return {"truth.json": json.dumps(records)}


def _table() -> dict[str, str]:
    lines = ["filename,width,height,class,xmin,ymin,xmax,ymax"]
    for image, objects in _pictures():
        picture = (image["file_name"], image["width"], image["height"])
        lines += [",".join(map(str, (*picture, name, *_corners(box)))) for name, box in objects]
    return {"truth.csv": "\n".join(lines) + "\n"}


def _texts() -> dict[str, str]:
    """Padilla's `class x y width height`; the third cat shows that these are no corners."""
    return {
        f"truth/{image['id']}.txt": "".join(
            f"{name} {' '.join(map(str, box))}\n" for name, box in objects
        )
        for image, objects in _pictures()
    }


def _kitti() -> dict[str, str]:
    return {
        f"truth/{image['id']}.txt": "".join(
            f"{name} 0 0 0 {' '.join(map(str, _corners(box)))} 0 0 0 0 0 0 0\n"
            for name, box in objects
        )
        for image, objects in _pictures()
    }


WRITERS = (_cvat, _labelme, _datumaro, _createml, _table, _texts, _kitti)


def tool(
    write: Callable[[], dict[str, str]], edit: Edit = same, name: str = "", **reading: Any
) -> Callable[[Path], Inputs]:
    """The ground truth that `write` makes; the edit changes one file, the first by default."""

    def make(folder: Path) -> Inputs:
        contents = {file: text.encode() for file, text in write().items()}
        changed = name or next(iter(contents))
        contents[changed] = edit(contents.get(changed, b""))
        rows = ["file_name,class,score,x,y,width,height"]
        rows += [
            ",".join(map(str, (f"{one['image_id']}.jpg", NAMES[one["category_id"]], one["score"],
                               *one["bbox"])))
            for one in RESULTS
        ]  # fmt: skip
        contents["found.csv"] = ("\n".join(rows) + "\n").encode()
        for file, content in contents.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        top = next(iter(contents)).partition("/")[0]
        return Inputs(folder / top, folder / "found.csv", reading=reading)

    return make


CASES = [
    Case("CVAT: as exported", tool(_cvat), RIGHT, notes=(AS_TEXT,)),
    Case("CVAT: cut short", tool(_cvat, cut(-9)), "truth.xml: not XML, or cut short"),
    Case("CVAT: a polygon and a tag", tool(_cvat, lambda c: c.replace(
         b'<box label="dog" xtl="180" ytl="160" xbr="380" ybr="260"/>', b'<tag label="dog"/>'
         b'<polygon label="dog" points="180,160;380,200;200,260"/>')), RIGHT,
         notes=(AS_TEXT, "left out 1 object without a box: 1 tag", "the box around each one")),
    Case("CVAT: of a video", tool(_cvat, first("<image", "<track/><image")), "XML of a video"),
    Case("CVAT: a corner that is no number", tool(_cvat, first('xtl="10"', 'xtl="ten"')),
         "truth.xml: 1.jpg: object 1: the box is not 4 finite numbers"),
    Case("CVAT: a picture twice", tool(_cvat, swap("2.jpg", "1.jpg")), "picture is listed twice"),
    Case("CVAT: XML that swells when read (entities)", tool(_cvat, are(BOMB.replace(
         b"annotation>", b"annotations>"))), "truth.xml: declares entities"),
    Case("XML of another kind", tool(_cvat, are(b"<html/>")), "this is XML of an unknown kind"),
    Case("labelme: as saved, corners in another order", tool(_labelme), RIGHT, notes=(AS_TEXT,)),
    Case("labelme: a file cut short", tool(_labelme, cut(-5)), "1.json: not JSON, or cut short"),
    Case("labelme: results in the same folder", tool(_labelme, are(b"[]"), "truth/results.json"),
         RIGHT, notes=(AS_TEXT, "left out 1 JSON file that labelme did not write")),
    Case("labelme: one point is missing", tool(_labelme, first("[[110, 10], ", "[")),
         "1.json: object 1: the box is not 4 finite numbers"),
    Case("Datumaro: as exported", tool(_datumaro), RIGHT, notes=(AS_TEXT,)),
    Case("Datumaro: a label that is not listed", tool(_datumaro, first('"label_id": 0',
         '"label_id": 7')), "annotations[0]: label_id is 7; expected one of 0 to 1"),
    Case("Create ML: as exported, without its pictures", tool(_createml), RIGHT,
         notes=(AS_TEXT, "2 images have no size in the annotation")),
    Case("Create ML: coordinates without a height", tool(_createml, first('"height": 100',
         '"tall": 100')), "truth.json: record[0]: annotations[0]: the box is not 4 finite"),
    Case("Table: TensorFlow's and Roboflow's columns", tool(_table), RIGHT,
         notes=(AS_TEXT, "read as: image from 'filename'")),
    Case("Table: semicolons, BOM and CRLF", tool(_table, lambda c: bom(crlf(swap(",", ";")(c)))),
         RIGHT, notes=(AS_TEXT, "read as: image from 'filename'")),
    Case("Table: no class", tool(_table, first("class", "kind")), "truth.csv: line 1: no column"),
    Case("Table: a row cut short", tool(_table, cut(-5)), "truth.csv: line 5: "),
    Case("Table: a cell that is no number", tool(_table, first("cat,10", "cat,ten")),
         "truth.csv: line 2: the box is not 4 finite numbers"),
    Case("Table: a picture without objects", tool(_table, lambda c: c + b"3.jpg,9,9,,,,,\n"), RIGHT,
         notes=(AS_TEXT, "1 line without a box", "read as: image from 'filename'")),
    Case("Table: a column of scores", tool(_table, first("class", "score")), "it holds results"),
    Case("Text files, class first: x y width height", tool(_texts), RIGHT,
         notes=(AS_TEXT, "lines were read as `class x y width height`", "have no size")),
    Case("Text files, class first: numbers that can be both", tool(
         lambda: {"truth/1.txt": "cat 10 10 100 100\n"}),
         "say which: --text-boxes corners, or sides"),
    Case("Text files, class first: a score among the numbers", tool(_texts, lambda c: c
         + b"cat .5 1 2 3 4\n"), "1.txt: line 3: expected a class and 4 numbers"),
    Case("KITTI: ground truth", tool(_kitti), RIGHT,
         notes=(AS_TEXT, "2 images have no size in the annotation")),
    Case("KITTI: results as ground truth", tool(_kitti, lambda c: c.replace(b"\n", b" 0.9\n")),
         "1.txt: line 1: 16 columns; expected 15"),
]  # fmt: skip
