"""A small problem: three objects on two images, and detections that find them exactly."""

from __future__ import annotations

from typing import Any

from eval import Dataset, read_dataset

# Image index, class index, box [x, y, width, height], score
FOUND = (
    (0, 0, [10, 10, 100, 100], 0.9),
    (0, 1, [150, 50, 80, 60], 0.8),
    (1, 0, [20, 30, 50, 120], 0.7),
)


def truth(
    classes: tuple[str, str] = ("cat", "dog"),
    ids: tuple[Any, Any] = (1, 2),
    files: tuple[str, str] = ("a.jpg", "b.jpg"),
) -> dict[str, Any]:
    """The ground truth; classes have the ids 1 and 2."""
    return {
        "images": [
            {"id": i, "file_name": name, "width": 320, "height": 240}
            for i, name in zip(ids, files, strict=True)
        ],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(classes)],
        "annotations": [
            {"image_id": ids[image], "category_id": label + 1, "bbox": box}
            for image, label, box, _ in FOUND
        ],
    }


def dataset(*arguments: Any, **options: Any) -> Dataset:
    """The data set of `truth`."""
    return read_dataset(truth(*arguments, **options))


def results(images: tuple[Any, Any] = (1, 2), **of_class: tuple[Any, Any]) -> list[dict[str, Any]]:
    """The detections; `of_class` gives the values of a field for the two classes."""
    fields = of_class or {"category_id": (1, 2)}
    return [
        {
            "image_id": images[image],
            **{field: values[label] for field, values in fields.items()},
            "bbox": box,
            "score": score,
        }
        for image, label, box, score in FOUND
    ]
