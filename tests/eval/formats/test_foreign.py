"""Files of programs whose formats are not read: the error names the format and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval import EvaluationError, read_dataset, read_detections
from tests.eval.made_formats import EXAMPLE, write, write_voc

FILES = [
    ("a.json", '{"a.jpg1": {"regions": [{"shape_attributes": {}}]}}', "VIA, which is not read"),
    ("a.json", '[{"annotations": [{"result": [{"from_name": "label"}]}]}]', "Label Studio"),
    ("a.json", '{"asset": {"id": 1}, "regions": []}', "VoTT"),
    ("a.json", '{"objects": [{"classTitle": "cat"}]}', "Supervisely"),
    ("a.json", '[{"image": "a.jpg", "label": [{"rectanglelabels": ["cat"]}]}]', "Label Studio"),
    ("a.json", '{"samples": [{"filepath": "data/a.jpg"}]}', "FiftyOne"),
    ("a.json", '[{"data_row": {"external_id": "a.jpg"}}]', "Labelbox"),
    ("a.json", '[{"name": "a.jpg", "labels": [{"box2d": {"x1": 1}}]}]', "BDD100K"),
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


def test_ground_truth_of_cvat_is_no_file_of_results(tmp_path: Path) -> None:
    dataset = read_dataset(write_voc(tmp_path / "voc", EXAMPLE))
    path = write(tmp_path / "found.xml", "<annotations/>")
    with pytest.raises(EvaluationError, match=r"CVAT's XML of ground truth, .* with --data"):
        read_detections(path, dataset)


@pytest.mark.parametrize("bare", [False, True])
def test_a_folder_of_another_program_is_named(tmp_path: Path, bare: bool) -> None:
    write(tmp_path / "set/ann/1.jpg.json", '{"objects": [{"classTitle": "cat"}]}')
    if not bare:
        write(tmp_path / "meta.json", "{}")
    with pytest.raises(EvaluationError, match="that of Supervisely: in Supervisely, export"):
        read_dataset(tmp_path)


def test_a_folder_of_results_of_kitti_is_named(tmp_path: Path) -> None:
    dataset = read_dataset(write_voc(tmp_path / "voc", EXAMPLE))
    write(tmp_path / "found/000001.txt", f"Car {' '.join('1' * 15)}")
    with pytest.raises(EvaluationError, match="this is a file of KITTI"):
        read_detections(tmp_path / "found", dataset)
