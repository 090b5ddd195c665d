"""Make this data set: three photographs, and nine rooms that are drawn around such photographs.

python docs/sample/make.py        # needs scikit-image; writes images/ and instances.json
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps
from skimage import data

FOLDER = Path(__file__).parent
CLASSES = ("cat", "person", "tvmonitor")
PHOTOGRAPHS = {  # function of skimage.data -> class and box [x1, y1, x2, y2] of its object
    "astronaut": ("person", (20, 14, 364, 512)),
    "camera": ("person", (0, 63, 332, 512)),
    "cat": ("cat", (0, 0, 402, 300)),
    "coffee": (None, None),
    "rocket": (None, None),
}
Objects = list[tuple[str, list[float]]]


def photograph(name: str, height: int, mirrored: bool) -> tuple[Image.Image, Objects]:
    """One photograph at a height in pixels, perhaps mirrored, with its object."""
    picture = Image.fromarray(getattr(data, name)()).convert("RGB")
    factor = height / picture.height
    picture = picture.resize((round(picture.width * factor), height), Image.Resampling.LANCZOS)
    label, box = PHOTOGRAPHS[name]
    if label is None:
        return ImageOps.mirror(picture) if mirrored else picture, []
    x1, y1, x2, y2 = (side * factor for side in box)
    if mirrored:
        picture, x1, x2 = ImageOps.mirror(picture), picture.width - x2, picture.width - x1
    return picture, [(label, [x1, y1, x2, y2])]


def room(rng: np.random.Generator) -> tuple[Image.Image, Objects]:
    """A wall with two framed photographs above a sideboard with a screen that shows a third."""
    width, height = 480, 400
    wall = rng.integers(110, 220, 3) + rng.normal(0, 4, (height, width, 1))
    picture = Image.fromarray(wall.clip(0, 255).astype(np.uint8))
    draw, objects = ImageDraw.Draw(picture), Objects()
    floor, wood = 345, tuple(rng.integers(40, 110, 3).tolist())
    draw.rectangle((0, floor, width, height), fill=wood)
    names = rng.permutation(list(PHOTOGRAPHS))
    left = int(rng.integers(12, 30))
    for name in names[:2]:
        inner, found = photograph(name, int(rng.integers(100, 140)), bool(rng.integers(2)))
        top = int(rng.integers(14, 40))
        draw.rectangle((left - 6, top - 6, left + inner.width + 5, top + inner.height + 5), wood)
        picture.paste(inner, (left, top))
        objects += [(c, [b[0] + left, b[1] + top, b[2] + left, b[3] + top]) for c, b in found]
        left += inner.width + int(rng.integers(24, 40))
    inner, found = photograph(names[2], int(rng.integers(90, 120)), bool(rng.integers(2)))
    left, top = int(rng.integers(30, width - inner.width - 30)), floor - inner.height - 26
    screen = [left - 9, top - 9, left + inner.width + 9, top + inner.height + 9]
    middle = (screen[0] + screen[2]) // 2
    draw.rectangle((middle - 8, screen[3], middle + 8, floor), fill=(25, 25, 28))
    draw.rectangle((middle - 40, floor - 6, middle + 40, floor), fill=(25, 25, 28))
    draw.rectangle(screen, fill=(12, 12, 14))
    picture.paste(inner, (left, top))
    objects += [(c, [b[0] + left, b[1] + top, b[2] + left, b[3] + top]) for c, b in found]
    return picture, [*objects, ("tvmonitor", [screen[0], screen[1], screen[2] + 1, floor + 1])]


def main() -> None:
    rng = np.random.default_rng(0)
    pictures = [photograph(name, 300, mirrored=True) for name in ("astronaut", "camera", "cat")]
    pictures += [room(rng) for _ in range(9)]
    images, annotations = [], []
    (FOLDER / "images").mkdir(exist_ok=True)
    for number, (picture, objects) in enumerate(pictures, 1):
        name = f"{number:02}.jpg"
        picture.save(FOLDER / "images" / name, quality=85)
        images.append(
            {"id": number, "file_name": name, "width": picture.width, "height": picture.height}
        )
        for label, (x1, y1, x2, y2) in objects:
            x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, picture.width), min(y2, picture.height)
            bbox = [round(value, 2) for value in (x1, y1, x2 - x1, y2 - y1)]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": CLASSES.index(label) + 1,
                    "bbox": bbox,
                    "area": round(bbox[2] * bbox[3], 2),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": i, "name": name} for i, name in enumerate(CLASSES, 1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (FOLDER / "instances.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
