"""Options of reading in `detect check`, `convert` and `train`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from detector.cli import main
from detector.training.job import read_training_data
from tests.eval.formats.results.small import results, truth

OTHERS = [{"image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}] * 2
VOC = (
    "<annotation><filename>a.jpg</filename><size><width>320</width><height>240</height></size>"
    "<object><name>cat</name><bndbox><xmin>10</xmin><ymin>10</ymin><xmax>110</xmax>"
    "<ymax>110</ymax></bndbox></object></annotation>"
)


@pytest.fixture
def truth_file(tmp_path: Path) -> str:
    (tmp_path / "truth.json").write_text(json.dumps(truth()))
    return str(tmp_path / "truth.json")


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    (tmp_path / "voc" / "Annotations").mkdir(parents=True)
    (tmp_path / "voc" / "Annotations" / "a.xml").write_text(VOC)
    return tmp_path / "voc"


def save(path: Path, content: object) -> str:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with open(folder / name, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("kind", ["JSON", "CSV"])
def test_check_and_convert_leave_out_what_is_not_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], truth_file: str, kind: str
) -> None:
    if kind == "JSON":
        found = save(tmp_path / "found.json", [*results(), *OTHERS])
    else:
        lines = "a.jpg,cat,.9,1,2,3,4\nc.jpg,cat,.9,1,2,3,4\nc.jpg,cat,.9,1,2,3,4\n"
        found = save(tmp_path / "found.csv", "image,class,score,x,y,w,h\n" + lines)
    assert main(["check", found, "--data", truth_file]) == 1
    assert "error: " in capsys.readouterr().out
    assert main(["check", found, "--data", truth_file, "--skip-unlisted"]) == 0
    output = capsys.readouterr().out
    assert "error: " not in output and "left out (2)" in output
    command = ["convert", truth_file, "--detections", found, "--to", "csv", "--no-images"]
    assert main([*command, "-o", str(tmp_path / "refused")]) == 1
    assert main([*command, "-o", str(tmp_path / "out"), "--skip-unlisted"]) == 0
    assert "left out 2 detections of 1 image" in capsys.readouterr().err
    assert len(rows(tmp_path / "out", "detections.csv")) == (3 if kind == "JSON" else 1)


def test_check_and_convert_ground_truth_without_what_is_not_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = truth()
    content["annotations"].append({"image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]})
    path = save(tmp_path / "part.json", content)
    assert main(["check", path]) == 1 and main(["check", path, "--skip-unlisted"]) == 0
    command = ["convert", path, "--to", "csv", "--no-images", "-o"]
    assert main([*command, str(tmp_path / "refused")]) == 1
    assert main([*command, str(tmp_path / "out"), "--skip-unlisted"]) == 0
    assert len(rows(tmp_path / "out", "train.csv")) == 3


def test_class_numbers_by_a_list_of_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], truth_file: str
) -> None:
    found = save(tmp_path / "found.json", results(category_id=(1, 0)))  # dog is 0, cat 1
    names = ["--names", save(tmp_path / "names.txt", "dog\ncat\n")]
    assert main(["check", found, "--data", truth_file, *names]) == 0
    assert "unknown category_id" not in capsys.readouterr().out
    command = ["convert", truth_file, "--detections", found, "--to", "csv", "--no-images", "-o"]
    assert main([*command, str(tmp_path / "out"), *names]) == 0
    found_classes = [row["class"] for row in rows(tmp_path / "out", "detections.csv")]
    assert found_classes == ["cat", "dog", "cat"]
    for refused in (
        ["check", truth_file, *names],
        ["convert", truth_file, "--to", "csv", "-o", str(tmp_path / "b"), *names],
    ):
        assert main(refused) == 2 and "--names: applies to results" in capsys.readouterr().err


def test_check_agrees_with_the_reader_about_class_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], truth_file: str
) -> None:
    for field in ("category_name", "label", "category_id"):
        found = save(tmp_path / "found.json", results(**{field: ("CAT", "dog")}))
        assert main(["check", found, "--data", truth_file]) == 0
        assert f"classes were read by the field '{field}', as names" in capsys.readouterr().out
    found = save(tmp_path / "found.json", results(label=("house", "tree")))
    assert main(["check", found, "--data", truth_file]) == 1


def test_corners_that_count_continuously(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], voc: Path, truth_file: str
) -> None:
    continuous = ["--voc-corners", "continuous"]
    assert main(["check", str(voc)]) == 0
    assert "pixels from 1" in capsys.readouterr().out
    assert main(["check", str(voc), *continuous]) == 0
    assert "boxes are continuous from 0" in capsys.readouterr().out
    for options, width in (([], "101"), (continuous, "100")):
        out = tmp_path / f"out{width}"
        command = ["convert", str(voc), "--to", "coco", "--no-images", "-o", str(out), *options]
        assert main(command) == 0
        (path,) = out.rglob("*.json")
        (box,) = [one["bbox"] for one in json.loads(path.read_text())["annotations"]]
        assert box[2:] == [int(width), int(width)]
        corners = options[-1] if options else None
        (box,) = read_training_data(voc, None, corners).all_truths.boxes_xywh.tolist()
        assert box[2:] == [int(width), int(width)]
    for command in (
        ["check", truth_file, *continuous],
        ["train", "--data", truth_file, *continuous],
    ):
        assert main(command) == 1
        assert "the format has no option 'corners'" in capsys.readouterr().err


@pytest.mark.parametrize(("meaning", "sides"), [("corners", [100, 80]), ("sides", [110, 100])])
def test_numbers_that_can_be_corners_and_sides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], meaning: str, sides: list[int]
) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    Image.new("RGB", (320, 240)).save(texts / "a.png")
    (texts / "a.txt").write_text("cat 10 20 110 100\n")
    convert = ["convert", str(texts), "--to", "coco", "--no-images", "-o", str(tmp_path / "out")]
    for command in (["check", str(texts)], convert, ["train", "--data", str(texts)]):
        assert main(command) == 1
        shown = capsys.readouterr()
        assert "say which: --text-boxes corners, or sides" in shown.out + shown.err
    assert main(["check", str(texts), "--text-boxes", meaning]) == 0
    assert main([*convert, "--text-boxes", meaning]) == 0
    (path,) = (tmp_path / "out").rglob("*.json")
    (box,) = [one["bbox"] for one in json.loads(path.read_text())["annotations"]]
    assert box == [10, 20, *sides]
    truths = read_training_data(texts, boxes=meaning).all_truths
    assert truths.boxes_xywh.tolist() == [[10, 20, *sides]]
