"""Files of programs whose formats are not read: the error names the format and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval import EvaluationError, read_dataset, read_detections
from tests.eval.made_formats import EXAMPLE, write, write_voc

FILES = [
    ("a.json", '{"shapes": [], "imagePath": "a.jpg"}', "labelme, which is not read; convert"),
    ("a.json", '{"a.jpg1": {"regions": [{"shape_attributes": {}}]}}', "VIA, which is not read"),
    ("a.json", '[{"annotations": [{"result": [{"from_name": "label"}]}]}]', "Label Studio"),
    (
        "a.json",
        '[{"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": {"x": 1}}]}]',
        "CreateML",
    ),
    ("a.json", '{"asset": {"id": 1}, "regions": []}', "VoTT"),
    ("a.json", '{"objects": [{"classTitle": "cat"}]}', "Supervisely"),
    ("a.json", '{"categories": {"label": {}}, "items": []}', "Datumaro, which is not read; run"),
    (
        "a.xml",
        '<?xml version="1.0"?><annotations><image id="0"/></annotations>',
        "CVAT's XML; in CVAT",
    ),
    ("a.xml", "<annotation/>", "XML of one image, as in PASCAL VOC; name the folder"),
    ("a.xml", "<html/>", "XML of an unknown kind"),
    ("a.txt", f"Car {' '.join('1' * 14)}", "a file of KITTI"),
]


@pytest.mark.parametrize(("name", "content", "message"), FILES)
def test_the_format_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(EvaluationError, match=message) as caught:
        read_dataset(path)
    assert str(caught.value).startswith(f"{path}: this is ") and "\n" not in str(caught.value)


def test_results_of_kitti_are_named(tmp_path: Path) -> None:
    dataset = read_dataset(write_voc(tmp_path / "voc", EXAMPLE))
    path = write(tmp_path / "found.txt", f"Car {' '.join('1' * 15)}")
    with pytest.raises(EvaluationError, match="this is a file of KITTI"):
        read_detections(path, dataset)
