"""Ground truth as labelling tools and other programs write it, of the pictures of `examples`."""

from __future__ import annotations

import json
from typing import Any

from tests.eval.fuzzing.examples import PICTURES, Example, coco_truth, pictures
from tests.eval.made_formats import CLASSES, Picture, Thing


def tool_truths() -> dict[str, Example]:
    """Ground truth by name of its format."""
    return {
        "cvat": Example({"annotations.xml": _cvat()}, "annotations.xml"),
        "labelme": Example({f"{p.stem}.json": _labelme(p) for p in PICTURES}, "."),
        "datumaro": Example({"default.json": _datumaro()}, "default.json"),
        "createml": Example({"createml.json": _createml()}, "createml.json"),
        "table": Example({"truth.csv": _table()}, "truth.csv"),
        "padilla": Example({f"{p.stem}.txt": _texts(p) for p in PICTURES}, "."),
        "kitti": Example({f"{p.stem}.txt": _kitti(p) for p in PICTURES}, "."),
        "coco_folder": Example(
            {"annotations/instances_val2017.json": json.dumps(coco_truth()).encode()}, "."
        ),
        "open_images": Example({**_open_images(), **pictures()}, "."),
    }


def _corners(thing: Thing) -> tuple[int, int, int, int]:
    """Continuous corners in pixels."""
    return thing.xmin, thing.ymin, thing.xmax + 1, thing.ymax + 1


def _cvat() -> bytes:
    labels = "".join(f"<label><name>{name}</name></label>" for name in CLASSES)
    images = ""
    for number, picture in enumerate(PICTURES):
        shapes = ""
        for thing in picture.things:
            x1, y1, x2, y2 = _corners(thing)
            shapes += (
                f'<box label="{CLASSES[thing.label]}" xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}" '
                f'occluded="0"><attribute name="difficult">{thing.difficult}</attribute></box>\n'
            )
        shapes += f'<polygon label="{CLASSES[1]}" points="1.5,1;9,1;9,9.25"></polygon>\n'
        images += (
            f'<image id="{number}" name="{picture.stem}.jpg" width="{picture.width}" '
            f'height="{picture.height}">\n{shapes}'
            f'<ellipse label="{CLASSES[0]}" cx="9" cy="8" rx="3" ry="4"/>'
            f'<mask label="{CLASSES[0]}" rle="1, 2" left="2" top="3" width="3" height="1"/></image>'
        )
    meta = f"<meta><task><labels>{labels}</labels></task></meta>"
    return f'<?xml version="1.0"?>\n<annotations>{meta}{images}</annotations>'.encode()


def _labelme(picture: Picture) -> bytes:
    shapes: list[dict[str, Any]] = []
    for thing in picture.things:
        x1, y1, x2, y2 = _corners(thing)
        shapes.append(
            {
                "label": CLASSES[thing.label],
                "points": [[x1, y1], [x2, y2]],
                "shape_type": "rectangle",
                "flags": {"difficult": thing.difficult},
            }
        )
    shapes.append({"label": "dog", "points": [[1, 1], [4, 5]], "shape_type": "circle", "flags": {}})
    shapes.append({"label": "dog", "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"})
    sides = {"imageHeight": picture.height, "imageWidth": picture.width}
    document = {"version": "5.4.1", "shapes": shapes, "imagePath": f"{picture.stem}.jpg"}
    return json.dumps({**document, "imageData": None, **sides}).encode()


def _datumaro() -> bytes:
    items = []
    for picture in PICTURES:
        annotations: list[dict[str, Any]] = []
        for thing in picture.things:
            x1, y1, x2, y2 = _corners(thing)
            box = [x1, y1, x2 - x1, y2 - y1]
            annotations.append(
                {"id": 0, "type": "bbox", "label_id": thing.label, "bbox": box, "z_order": 0}
            )
        annotations.append({"type": "polygon", "label_id": 0, "points": [1, 1, 9, 1, 9, 9.5]})
        image = {"path": f"{picture.stem}.jpg", "size": [picture.height, picture.width]}
        items.append({"id": picture.stem, "image": image, "annotations": annotations})
    labels = {"label": {"labels": [{"name": name} for name in CLASSES]}}
    return json.dumps({"info": {}, "categories": labels, "items": items}).encode()


def _createml() -> bytes:
    records = []
    for picture in PICTURES:
        annotations = []
        for thing in picture.things:
            x1, y1, x2, y2 = _corners(thing)
            sides = {"x": (x1 + x2) / 2, "y": (y1 + y2) / 2, "width": x2 - x1, "height": y2 - y1}
            annotations.append({"label": CLASSES[thing.label], "coordinates": sides})
        records.append({"image": f"{picture.stem}.jpg", "annotations": annotations})
    return json.dumps(records).encode()


def _table() -> bytes:
    lines = ["filename,width,height,class,xmin,ymin,xmax,ymax"]
    for picture in PICTURES:
        about = (f"{picture.stem}.jpg", picture.width, picture.height)
        lines += [
            ",".join(map(str, (*about, CLASSES[thing.label], *_corners(thing))))
            for thing in picture.things
        ]
    return "\n".join([*lines, ""]).encode()


def _texts(picture: Picture) -> bytes:
    lines = ["dog 12 9 3 4\n"]  # cannot be corners, so that the numbers are sides
    for thing in picture.things:
        x1, y1, x2, y2 = _corners(thing)
        name = CLASSES[thing.label].replace(" ", "_")
        lines.append(f"{name} {x1} {y1} {x2 - x1} {y2 - y1}\n")
    return "".join(lines).encode()


def _kitti(picture: Picture) -> bytes:
    rest = "1.5 1.6 3.9 -1.2 1.7 46 -1.5"
    lines = []
    for thing in picture.things:
        name = CLASSES[thing.label].replace(" ", "_")
        lines.append(f"{name} 0.0 0 1.57 {' '.join(map(str, _corners(thing)))} {rest}\n")
    return "".join(lines).encode()


def _open_images() -> dict[str, bytes]:
    boxes = ["ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsGroupOf"]
    labels = ["ImageID,Source,LabelName,Confidence"]
    for picture in PICTURES:
        for thing in picture.things:
            x1, y1, x2, y2 = _corners(thing)
            x, y = (
                (x1 / picture.width, x2 / picture.width),
                (y1 / picture.height, y2 / picture.height),
            )
            numbers = ",".join(map(repr, (*x, *y)))
            boxes.append(f"{picture.stem},xclick,/m/{thing.label},1,{numbers},{thing.difficult:d}")
        for label in range(len(CLASSES)):
            known = any(thing.label == label for thing in picture.things)
            labels.append(f"{picture.stem},verification,/m/{label},{int(known)}")
    leaves = [{"LabelName": f"/m/{label}"} for label in (1, 2)]
    tree = {"LabelName": "/m/all", "Subcategory": [{"LabelName": "/m/0", "Subcategory": leaves}]}
    return {
        "validation-annotations-bbox.csv": "\n".join([*boxes, ""]).encode(),
        "validation-annotations-human-imagelabels-boxable.csv": "\n".join([*labels, ""]).encode(),
        "class-descriptions-boxable.csv": "".join(
            f"/m/{label},{name}\n" for label, name in enumerate(CLASSES)
        ).encode(),
        "bbox_labels_600_hierarchy.json": json.dumps(tree).encode(),
    }
