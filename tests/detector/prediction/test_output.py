"""The files that `detect PICTURE ...` writes, and those that it never overwrites."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detector.commands.shared.options import FORMATS
from detector.pictures.writing import PICTURE_FORMATS, save_picture, was_drawn
from detector.prediction.output import _folder_name
from eval import read_dataset, read_detections
from tests.detector.command import save
from tests.detector.prediction.fixed_detector import SHARES, FixedRuns
from tests.made_up import CATEGORY_IDS, rectangles

JSON = Path("detections/detections.json")
FILES = {
    "coco": ["coco.json"],
    "yolo": ["classes.txt", "labels/1.txt", "labels/1-2.txt"],
    "voc": ["Annotations/1.xml", "Annotations/1-2.xml"],
    "csv": ["detections.csv"],
    "label-studio": ["label_studio.json"],
}
# The three objects over the threshold, in a picture of 96 x 72
BOXES = SHARES[:3] * [96, 72, 96, 72]


def two_pictures() -> list[Path]:
    return [save(Path(part, "1.png"), number) for number, part in enumerate("ab")]


def files_below(folder: str) -> set[str]:
    return {str(p.relative_to(folder)) for p in Path(folder).rglob("*") if p.is_file()}


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_has_its_files_which_the_json_lists(form: str, run: FixedRuns) -> None:
    found = run(*two_pictures(), "--save-as", form, json_at=JSON)
    assert found.code == 0
    assert files_below("detections") == {"detections.json", "1.jpg", "1-2.jpg", *FILES[form]}
    assert sorted(found.found["info"]["files"]) == sorted(FILES[form])


def test_yolo_files_hold_classes_fractions_and_scores(run: FixedRuns) -> None:
    run(*two_pictures(), "--save-as", "yolo")
    assert Path("detections/classes.txt").read_text() == "red\ngreen\n"
    lines = Path("detections/labels/1.txt").read_text().splitlines()
    rows = [[float(word) for word in line.split()] for line in lines]
    expected = [  # class, centre, width, height, score, worked out from SHARES
        [1, 0.5, 0.375, 0.5, 0.25, 0.9],
        [0, 0.75, 0.5, 0.5, 1, 0.8],
        [1, 0.125, 0.25, 0.25, 0.5, 0.7],
    ]
    np.testing.assert_allclose(rows, expected, atol=1e-6)


def test_voc_files_are_read_as_a_data_set(run: FixedRuns) -> None:
    run(*two_pictures(), "--save-as", "voc")
    for part, name in (("a", "1"), ("b", "1-2")):
        Path("voc/JPEGImages").mkdir(parents=True, exist_ok=True)
        shutil.copy(f"{part}/1.png", f"voc/JPEGImages/{name}.png")
    shutil.copytree("detections/Annotations", "voc/Annotations")
    Path("voc/ImageSets/Main").mkdir(parents=True)
    Path("voc/ImageSets/Main/test.txt").write_text("1\n1-2\n")
    dataset = read_dataset("voc", split="test")
    assert [record.file_name for record in dataset.images] == ["1.png", "1-2.png"]
    truths = dataset.truths(0)
    assert [dataset.class_names[label] for label in truths.labels] == ["green", "red", "green"]
    np.testing.assert_allclose(truths.boxes_xyxy, BOXES, atol=1e-4)


@pytest.mark.skipif(sys.platform != "linux", reason="other file names hold neither letter")
def test_voc_names_the_picture_whatever_letters_its_name_has(run: FixedRuns) -> None:
    save(Path("a/1.png")).rename("a/caf\udce9.png")
    save(Path("a/back\\slash.png"))
    assert run("a", "--save-as", "voc").code == 0
    found = [path.read_text() for path in Path("detections/Annotations").iterdir()]
    names = sorted(text.partition("<filename>")[2].partition("<")[0] for text in found)
    assert names == ["back\\slash.png", "caf\\udce9.png"]


def test_csv_has_a_row_an_object(run: FixedRuns) -> None:
    run(*two_pictures(), "--save-as", "csv")
    with open("detections/detections.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file_name"] for row in rows] == ["a/1.png"] * 3 + ["b/1.png"] * 3
    assert [row["class"] for row in rows[:3]] == ["green", "red", "green"]
    boxes = [[float(row[key]) for key in ("x1", "y1", "x2", "y2")] for row in rows[:3]]
    np.testing.assert_allclose(boxes, BOXES, atol=1e-4)


def test_label_studio_tasks_have_percentages_and_scores(run: FixedRuns) -> None:
    run(*two_pictures(), "--save-as", "label-studio")
    tasks = json.loads(Path("detections/label_studio.json").read_bytes())
    assert [task["data"]["image"] for task in tasks] == [
        "/data/local-files/?d=a/1.png", "/data/local-files/?d=b/1.png"
    ]  # fmt: skip
    first = tasks[0]["predictions"][0]["result"][0]
    box = {key: first["value"][key] for key in ("x", "y", "width", "height")}
    assert box == {"x": 25, "y": 25, "width": 50, "height": 25}
    assert first["value"]["rectanglelabels"] == ["green"]


@pytest.mark.parametrize("name", ["detections.json", "coco.json"])
def test_the_json_files_are_coco_data_sets(name: str, run: FixedRuns) -> None:
    from pycocotools.coco import COCO

    run(*two_pictures(), "missing.png", "--save-as", "coco")
    path = Path("detections", name)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(path))
    assert len(coco.getAnnIds()) == 6 and len(coco.getImgIds()) == 2
    dataset = read_dataset(path)
    table = read_detections(path, dataset)
    np.testing.assert_allclose(table.boxes_xyxy[:3], BOXES, atol=1e-3)
    np.testing.assert_allclose(table.scores[:3], [0.9, 0.8, 0.7], atol=1e-6)


def test_the_json_names_drawings_and_the_reasons_of_failures(run: FixedRuns) -> None:
    pictures = two_pictures()
    Path("text.png").write_text("no picture")
    found = run(*pictures, "text.png", "gone.png", json_at=JSON)
    assert found.code == 1
    images = [(image["file_name"], image["drawing"]) for image in found.found["images"]]
    assert images == [("a/1.png", "1.jpg"), ("b/1.png", "1-2.jpg")]
    failures = [(row["file_name"], row["reason"]) for row in found.found["failures"]]
    assert [name for name, _ in failures] == ["text.png", "gone.png"]
    assert failures[0][1].startswith("not a picture that can be read")
    assert failures[1][1].startswith("no such file; ")
    # paths are relative to the JSON, or to the current folder if there is no file
    run(*pictures, "-o", "out", "--json", "elsewhere/found.json")
    other = json.loads(Path("elsewhere/found.json").read_bytes())
    assert [image["drawing"] for image in other["images"]] == ["../out/1.jpg", "../out/1-2.jpg"]
    piped = json.loads(run(*pictures, "-o", "out", "--json", "-").out)
    assert [image["drawing"] for image in piped["images"]] == ["out/1.jpg", "out/1-2.jpg"]
    undrawn = json.loads(run(*pictures, "--json", "-").out)
    assert all("drawing" not in image for image in undrawn["images"])


def test_a_run_in_which_everything_fails_leaves_its_reasons(run: FixedRuns) -> None:
    Path("broken.png").write_bytes(b"no picture")
    found = run("broken.png", json_at=JSON)
    assert found.code == 1 and found.found["images"] == found.found["annotations"] == []
    assert [failure["file_name"] for failure in found.found["failures"]] == ["broken.png"]


def test_crops_lead_back_to_picture_and_annotation(run: FixedRuns) -> None:
    found = run(*two_pictures(), "--save-crops", json_at=JSON)
    crops = {row["crop"]: row for row in found.found["annotations"]}
    assert list(crops) == [
        f"crops/{name}/{stem}.jpg"
        for picture in ("1", "1-2")
        for name, stem in (
            ("green", f"{picture}-1"), ("red", f"{picture}-2"), ("green", f"{picture}-3")
        )
    ]  # fmt: skip
    for path, row in crops.items():
        assert Image.open(JSON.parent / path).size == (row["bbox"][2], row["bbox"][3])
    # a second run replaces them, and detects neither in crops nor in drawings
    again = run(".", "--save-crops", json_at=JSON)
    assert again.code == 0 and again.found["annotations"] == found.found["annotations"]


def test_class_names_become_names_of_folders() -> None:
    assert [_folder_name(name) for name in ("dining table", "a/b", "..", "größe:1", "")] == [
        "dining table", "a_b", "_", "größe_1", "_"
    ]  # fmt: skip


@pytest.mark.parametrize("option", [["--save-as", "csv"], ["--save-crops"]])
def test_files_need_a_folder(option: list[str], run: FixedRuns) -> None:
    save(Path("1.png"))
    found = run("1.png", "--json", "-", *option)
    assert found.code == 2 and found.out == ""
    assert f"{option[0]}: needs a folder beside --json -; give --output DIR" in found.errors
    assert run("1.png", "--json", "-", *option, "-o", "out").code == 0


def test_an_unknown_format_is_named(run: FixedRuns) -> None:
    found = run("1.png", "--save-as", "coco,yola")
    assert found.code == 2
    assert "--save-as: no format 'yola'; did you mean 'yolo'?" in found.errors


@pytest.mark.parametrize("content", [b'{"images": []}', b"[]", b"text", b'{"info": {}}'])
@pytest.mark.parametrize("option", [[], ["--json", "detections/detections.json"]])
def test_a_json_of_the_user_is_not_overwritten(
    content: bytes, option: list[str], run: FixedRuns
) -> None:
    picture = save(Path("1.png"))
    JSON.parent.mkdir()
    JSON.write_bytes(content)
    found = run(picture, *option)
    assert found.code == 1 and len(found.errors.splitlines()) == 1
    assert "detections.json: was not written by `detect` and would be overwritten" in found.errors
    assert JSON.read_bytes() == content and run.detector.options == []
    JSON.write_bytes(b"")  # as mktemp makes it
    assert run(picture, *option).code == 0
    assert run(picture, *option).code == 0


@pytest.mark.parametrize("form", FORMATS)
def test_files_of_boxes_of_the_user_are_not_overwritten(form: str, run: FixedRuns) -> None:
    words = (*two_pictures(), "--save-as", form, "-o", "mine")
    user = Path("mine", FILES[form][-1])
    user.parent.mkdir(parents=True)
    user.write_text("mine")
    found = run(*words)
    assert found.code == 1 and len(found.errors.splitlines()) == 1
    assert f"{user}: no earlier run of `detect` here lists it" in found.errors
    assert files_below("mine") == {FILES[form][-1]} and user.read_text() == "mine"
    user.unlink()
    assert [run(*words).code, run(*words).code] == [0, 0]


def test_a_full_disk_leaves_the_json_and_a_run_that_can_be_repeated(
    run: FixedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "detections/classes.txt")

    words = (*two_pictures(), "--save-as", "yolo")
    with monkeypatch.context() as patch:
        patch.setattr("detector.prediction.output.save_run_boxes", full)
        found = run(*words, json_at=JSON)
    assert found.code == 1 and "classes.txt: No space left on device; free some" in found.errors
    assert len(found.found["images"]) == 2
    assert run(*words).code == 0


def test_runs_with_other_options_remember_the_files_of_earlier_ones(run: FixedRuns) -> None:
    one, other = two_pictures()
    words = ("--save-as", "yolo")
    assert [run(one, *words).code, run(other, *words).code, run(one).code] == [0, 0, 0]
    Path("detections/labels/1.txt").unlink()
    found = run(other, "--save-as", "coco", json_at=JSON)
    assert found.found["info"]["files"] == ["classes.txt", "coco.json"]
    assert run(one, "--save-as", "coco,yolo").code == 0


@pytest.mark.parametrize("name", ["coco.json", "1.jpg", "labels/1.txt"])
def test_the_json_has_a_name_of_its_own(name: str, run: FixedRuns) -> None:
    picture = two_pictures()[0]
    found = run(picture, "--json", f"detections/{name}", "--save-as", "coco,yolo")
    assert found.code == 1 and run.detector.options == []
    assert f"--json detections/{name}: a drawing or --save-as writes that file too" in found.errors


def test_options_of_several_values_can_be_repeated(run: FixedRuns) -> None:
    words = ("--save-as", "csv", "--save-as", "coco,csv", "--classes", "red", "--classes", "green")
    found = run(two_pictures()[0], *words, json_at=JSON)
    assert found.found["info"]["files"] == ["detections.csv", "coco.json"]
    assert {row["category_id"] for row in found.found["annotations"]} == set(CATEGORY_IDS[:2])


@pytest.mark.parametrize("suffix", [suffix for suffix in PICTURE_FORMATS if suffix != ".bmp"])
@pytest.mark.parametrize("side", [1, 300])
def test_a_drawing_of_any_format_is_recognised(suffix: str, side: int, tmp_path: Path) -> None:
    picture = rectangles(1, side + 40, side + 40)[0]
    save_picture(picture, tmp_path / f"drawn{suffix}")
    assert was_drawn(tmp_path / f"drawn{suffix}")
    Image.fromarray(picture).save(tmp_path / f"photograph{suffix}")
    assert not was_drawn(tmp_path / f"photograph{suffix}")


def test_files_that_cannot_be_read_are_no_drawings(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    for name in ("empty.jpg", "none.jpg", ".", "n" * 300):
        assert not was_drawn(tmp_path / name)
