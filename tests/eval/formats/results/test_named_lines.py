"""Results as lines without headings: image, class and five numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval import EvaluationError, evaluate, read_detections
from tests.eval.formats.results.small import FOUND, dataset
from tests.eval.made_formats import write

ORDERS = {
    "confidence xmin ymin xmax ymax": lambda s, x, y, w, h: (s, x, y, x + w, y + h),
    "confidence x y width height": lambda s, x, y, w, h: (s, x, y, w, h),
    "xmin ymin xmax ymax confidence": lambda s, x, y, w, h: (x, y, x + w, y + h, s),
    "confidence cx cy w h": lambda s, x, y, w, h: (
        *(s, (x + w / 2) / 320, (y + h / 2) / 240, w / 320, h / 240),
    ),
}


def lines(order: str = "confidence xmin ymin xmax ymax", mark: str = " ") -> list[str]:
    return [
        mark.join(
            [
                ("a.jpg", "b.jpg")[image],
                ("cat", "dog")[label],
                *map(str, ORDERS[order](score, *box)),
            ]
        )
        for image, label, box, score in FOUND
    ]


@pytest.mark.parametrize("mark", [" ", ",", ";", "\t"])
@pytest.mark.parametrize("order", ORDERS)
def test_the_objects_tell_the_order_of_the_numbers(tmp_path: Path, order: str, mark: str) -> None:
    path = write(tmp_path / "found.txt", "\n".join(["", *lines(order, mark), ""]))
    report = evaluate(path, dataset(), "coco")
    assert report.map == 1 and report.detections is not None
    assert report.detections.scores.tolist() == [0.9, 0.8, 0.7]
    unit = "fractions of the picture" if "cx" in order else "pixels from 0, continuous"
    assert f"lines without headings were read as `image class {order}` ({unit})" in report.notes


def test_images_and_classes_may_be_named_otherwise(tmp_path: Path) -> None:
    for text in (
        "\n".join(lines()).replace(".jpg", ""),
        "\n".join(lines()).replace("cat", "CAT"),
        "\n".join(lines()).replace("cat", "1").replace("dog", "2"),
        "\n".join(lines()).replace("a.jpg", "1").replace("b.jpg", "2"),
    ):
        assert evaluate(write(tmp_path / "found.txt", text), dataset(), "coco").map == 1
    numbered = "\n".join(lines()).replace("cat", "1").replace("dog", "0")
    names = write(tmp_path / "names.txt", "dog\ncat\n")
    path = write(tmp_path / "found.txt", numbered)
    assert evaluate(path, dataset(), "coco", names=names).map == 1
    spaced = dataset(files=("my a.jpg", "b.jpg"))
    path = write(tmp_path / "found.txt", "\n".join(lines()).replace("a.jpg", "my a.jpg"))
    assert evaluate(path, spaced, "coco").map == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("b.jpg", "c.jpg", "line 3: image 'c.jpg' is no image of the ground truth"),
        ("0.7", "?", "line 3: '\\?' is no finite number; expected image class confidence"),
        (" 0.7", "", "line 3: 6 columns; expected 7: image class confidence xmin"),
        ("cat", "cow", "left out 2 detections of classes that are not in the ground truth: cow"),
    ],
)
def test_faults_name_the_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write(tmp_path / "found.txt", "\n".join(lines()).replace(old, new))
    if message.startswith("left out"):
        assert message in read_detections(path, dataset()).notes
    else:
        with pytest.raises(EvaluationError, match=message):
            read_detections(path, dataset())


@pytest.mark.parametrize(
    ("name", "begin", "what"),
    [
        ("results.pkl", b"\x80\x04\x95", "a pickle, which is not read; unpickling can run any"),
        ("found.parquet", b"PAR1\x15", "a Parquet file"),
        ("found.feather", b"ARROW1\0\0", "a Feather file"),
        ("found.npy", b"\x93NUMPY\x01", "an array of NumPy"),
        ("found.h5", b"\x89HDF\r\n", "an HDF5 file"),
    ],
)
def test_binary_files_are_named(tmp_path: Path, name: str, begin: bytes, what: str) -> None:
    (tmp_path / name).write_bytes(begin + bytes(range(256)))
    with pytest.raises(EvaluationError, match=f"{name}: this is {what}"):
        read_detections(tmp_path / name, dataset())
