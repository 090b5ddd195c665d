"""`detect convert`: the folders that it writes, what it prints, and what it refuses."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from eval import Dataset, evaluate, read_dataset
from tests.detector.command import detect
from tests.eval.made_formats import EXAMPLE, write_voc, write_yolo


def box(number: int, image: int, category: int, bbox: list[float], **more: Any) -> dict[str, Any]:
    record = {"id": number, "image_id": image, "category_id": category, "bbox": bbox}
    return record | {"area": bbox[2] * bbox[3], "iscrowd": 0} | more


TRUTH: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "a/one.png", "width": 50, "height": 40},
        {"id": 9, "file_name": "two.png", "width": 20, "height": 20},
    ],
    "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "cat"}],
    "annotations": [
        box(1, 7, 3, [10, 20, 5, 10]),
        box(2, 7, 18, [0, 0, 50, 40], iscrowd=1, area=700),
        box(3, 9, 18, [2.5, 4, 10, 12]),
    ],
}


def saved(root: Path, name: str = "truth.json", **changes: Any) -> Path:
    """The ground truth as JSON, with its pictures beside it."""
    document = TRUTH | changes
    for image in document["images"]:
        place = root / image["file_name"]
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (50, 40) if image["id"] == 7 else (20, 20)).save(place)
    (root / name).write_text(json.dumps(document))
    return root / name


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_yolo(tmp_path: Path) -> None:
    run = detect("convert", saved(tmp_path), "--to", "yolo", "-o", tmp_path / "out")
    out = tmp_path / "out"
    assert (run.code, run.out) == (0, f"{out}: images: train 2; 3 objects of 2 classes\n")
    assert run.errors.splitlines() == [
        "detect: train: crowds, which YOLO does not mark and which were left out: 1",
        "detect: train: objects with the area of a mask, which is not converted: 1",
        "detect: data.yaml: there is no part val, and another part stands for it, because training "
        "programs ask for both",
    ]
    assert files(out) == [
        "data.yaml",
        "images/train/a_one.png",
        "images/train/two.png",
        "labels/train/a_one.txt",
        "labels/train/two.txt",
    ]
    # (10 + 5 / 2) / 50, (20 + 10 / 2) / 40, 5 / 50, 10 / 40
    assert (out / "labels/train/a_one.txt").read_text() == "1 0.25 0.625 0.1 0.25\n"
    assert (out / "labels/train/two.txt").read_text() == "0 0.375 0.5 0.5 0.6\n"
    assert yaml.safe_load((out / "data.yaml").read_text()) == {
        "train": "images/train", "val": "images/train", "names": {0: "dog", 1: "cat"}
    }  # fmt: skip
    assert (out / "images/train/a_one.png").read_bytes() == (tmp_path / "a/one.png").read_bytes()


def test_voc(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = detect("convert", saved(tmp_path), "--to", "voc", "-o", out)
    assert "crowds, which VOC does not mark and which became difficult objects: 1" in run.errors
    assert "boxes with fractions of pixels, which some readers of VOC reject: 1" in run.errors
    assert files(out) == [
        "Annotations/a_one.xml",
        "Annotations/two.xml",
        "ImageSets/Main/train.txt",
        "JPEGImages/a_one.png",
        "JPEGImages/two.png",
        "labelmap.txt",
    ]
    assert (out / "ImageSets/Main/train.txt").read_text() == "a_one\ntwo\n"
    dataset = read_dataset(out)
    truths = dataset.truths(0)
    assert [dataset.class_names[label] for label in truths.labels] == ["cat", "dog"]
    assert truths.boxes.tolist() == [[11, 21, 15, 30], [1, 1, 50, 40]]
    assert truths.difficult.tolist() == [False, True]


def test_every_split_of_a_folder_becomes_coco(tmp_path: Path) -> None:
    voc = write_voc(tmp_path / "voc", EXAMPLE[:2], "train")
    write_voc(voc, EXAMPLE[2:], "test")
    for picture in EXAMPLE:
        place = voc / "JPEGImages" / f"{picture.stem}.jpg"
        place.parent.mkdir(exist_ok=True)
        Image.new("L", (picture.width, picture.height)).save(place)
    out = tmp_path / "out"
    run = detect("convert", voc, "--to", "coco", "-o", out)
    assert run.out == f"{out}: images: train 2, test 1; 3 objects of 3 classes\n"
    train = json.loads((out / "annotations/instances_train.json").read_text())
    test = json.loads((out / "annotations/instances_test.json").read_text())
    assert train["categories"] == test["categories"]
    assert [image["id"] for image in train["images"]] == [1, 2]
    assert [a["bbox"] for a in train["annotations"]] == [[0, 0, 10, 10], [5, 6, 45, 34]]
    assert [a["difficult"] for a in train["annotations"]] == [0, 1]
    assert (out / "test" / "2008_000002.jpg").is_file()
    for target in ("yolo", "csv"):  # YOLO needs the pictures, which COCO's layout has elsewhere
        again = ("convert", out / "annotations/instances_test.json", "--to", target)
        assert detect(*again, "-o", tmp_path / target).code == 0
    assert (tmp_path / "yolo/images/test/2008_000002.jpg").is_file()
    assert (tmp_path / "csv/test.csv").read_text() == (
        "file_name,class,x1,y1,x2,y2,difficult,crowd\n"
        "2008_000002.jpg,domestic cat,3.0,4.0,4.0,5.0,0,0\n"
    )


def test_several_files_become_one_data_set(tmp_path: Path) -> None:
    train = saved(tmp_path / "t", "instances_train2017.json")
    others = {
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "horse"}],
        "annotations": [box(1, 9, 2, [0, 0, 10, 10]), box(2, 9, 1, [0, 0, 20, 20])],
    }
    val = saved(tmp_path / "v", "valid.json", **others)
    out = tmp_path / "out"
    run = detect("convert", train, val, "--to", "yolo", "-o", out)
    assert run.out == f"{out}: images: train 2, val 2; 5 objects of 3 classes\n"
    assert yaml.safe_load((out / "data.yaml").read_text()) == {
        "train": "images/train", "val": "images/val", "names": {0: "dog", 1: "cat", 2: "horse"}
    }  # fmt: skip
    assert (out / "labels/val/two.txt").read_text() == "2 0.25 0.25 0.5 0.5\n1 0.5 0.5 1 1\n"


def test_the_blacklist_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path) -> Dataset:
        return replace(read_dataset(path), excluded=np.array([[0, 1], [1, 2]]))

    monkeypatch.setattr("detector.converting.parts.read_dataset", read)
    run = detect("convert", saved(tmp_path), "--to", "voc", "-o", tmp_path / "out")
    assert "on the blacklist, which is not converted: 2\n" in run.errors


def test_the_fields_of_lvis_are_counted(tmp_path: Path) -> None:
    images = [{**image, "neg_category_ids": [3]} for image in TRUTH["images"]]
    data = saved(tmp_path, images=images)
    run = detect("convert", data, "--to", "coco", "-o", tmp_path / "out")
    assert "verified pairs of image and class, which are not converted: 2\n" in run.errors


def test_label_studio(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert detect("convert", saved(tmp_path), "--to", "label-studio", "-o", out).code == 0
    first, second = json.loads((out / "tasks_train.json").read_text())
    assert first["data"] == {"image": "/data/local-files/?d=images/train/a/one.png"}
    assert (out / "images/train/a/one.png").is_file()
    (region,) = second["annotations"][0]["result"]
    assert region["value"] == {
        "x": 12.5, "y": 20, "width": 50, "height": 60, "rotation": 0, "rectanglelabels": ["dog"]
    }  # fmt: skip


RESULTS = [
    {"image_id": 7, "category_id": 3, "bbox": [10, 20, 5, 10], "score": 0.9},
    {"image_id": 9, "category_id": 18, "bbox": [2, 4, 10, 12], "score": 1 / 3},
    {"image_id": 9, "category_id": 18, "bbox": [9, 9, 9, 9], "score": 0.25},
]


@pytest.mark.parametrize(
    ("target", "written"), [("coco", "detections.json"), ("csv", "detections.csv"), ("yolo", ".")]
)
def test_results_have_the_same_figures_in_every_format(
    target: str, written: str, tmp_path: Path
) -> None:
    truth, results = saved(tmp_path), tmp_path / "results.json"
    results.write_text(json.dumps(RESULTS))
    out = tmp_path / "out"
    run = detect("convert", truth, "--detections", results, "--to", target, "-o", out)
    assert run.out == f"{out}: 3 detections on 2 images\n"
    before, after = (evaluate(p, read_dataset(truth), "coco") for p in (results, out / written))
    assert after.stats == before.stats and before.map > 0


def test_a_file_with_scores_is_taken_for_results(tmp_path: Path) -> None:
    scored = [{**record, "score": 0.5} for record in TRUTH["annotations"]]
    found = saved(tmp_path, "detections.json", annotations=scored)
    run = detect("convert", found, "--to", "label-studio", "-o", tmp_path / "out")
    assert "its annotations have scores; converted as results" in run.errors
    tasks = json.loads((tmp_path / "out/tasks_train.json").read_text())
    assert [r["score"] for r in tasks[0]["predictions"][0]["result"]] == [0.5, 0.5]
    refused = detect("convert", found, "--to", "voc", "-o", tmp_path / "xml")
    assert refused.code == 2 and "--to voc: its XML has no place for scores" in refused.errors


def test_unknown_sizes_come_from_the_pictures(tmp_path: Path) -> None:
    sizeless = [{**image, "width": 0, "height": 0} for image in TRUTH["images"]]
    truth = saved(tmp_path, images=sizeless)
    assert detect("convert", truth, "--to", "yolo", "-o", tmp_path / "out").code == 0
    assert (tmp_path / "out/labels/train/two.txt").read_text() == "0 0.375 0.5 0.5 0.6\n"
    alone = detect("convert", truth, "--to", "yolo", "-o", tmp_path / "no", "--no-images")
    assert "a/one.png: its size is unknown, and YOLO's fractions need it" in alone.errors


def test_pictures_of_another_size_are_counted(tmp_path: Path) -> None:
    truth = saved(tmp_path)
    Image.new("L", (25, 20)).save(tmp_path / "a/one.png")
    run = detect("convert", truth, "--to", "yolo", "-o", tmp_path / "out")
    expected = "1 picture has another size than truth.json states, so that boxes may not fit"
    assert f"{expected} (first: a/one.png)" in run.errors


def test_yolo_again_has_every_picture_once(tmp_path: Path) -> None:
    before = write_yolo(tmp_path / "before", EXAMPLE)
    assert detect("convert", before, "--to", "yolo", "-o", tmp_path / "after").code == 0
    assert read_dataset(tmp_path / "after").class_names == read_dataset(before).class_names
    assert read_dataset(tmp_path / "after").images == read_dataset(before).images
    run = detect("convert", tmp_path / "after", "--to", "coco", "-o", tmp_path / "coco")
    assert "images: train 3; 3 objects of 3 classes" in run.out  # val is the folder of train


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--to", "yolo", "-o", "full"], 1, "full: the folder is not empty; name a new"),
        (["--to", "yolo", "-o", "truth.json"], 2, "--output: truth.json: "),
        (["--to", "yolo", "-o", "out", "--images", "none"], 2, "--images: none: no such file"),
        (
            ["--to", "yolo", "-o", "out", "--images", ".", "--no-images"],
            2,
            "--images: applies to copying pictures; leave it out with --no-images",
        ),
        (
            ["other.json", "--to", "coco", "-o", "out"],
            1,
            "truth.json and other.json are both called train; rename one so that its name contains",
        ),
        (
            ["other.json", "--to", "coco", "-o", "out", "--detections", "other.json"],
            2,
            "--detections: belong to one data set; give one DATA",
        ),
        (["--to", "coco", "-o", "out", "--images", "half"], 1, "half: lacks 1 picture of truth"),
        (["--to", "yolo", "-o", "out", "--split", "../../up"], 1, "--split ../../up: files and "),
        (["--to", "csv", "-o", "out", "--split", ".."], 1, "--split ..: files and folders cannot"),
        (["--to", "cocos", "-o", "out"], 2, "--to: no choice 'cocos'; did you mean 'coco'?"),
        (["--to", "coco", "-o", "out", "none.json"], 2, "none.json: no such file"),
    ],
)
def test_refusals(
    options: list[str], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path)
    saved(tmp_path, "other.json")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    (tmp_path / "half/a").mkdir(parents=True)
    (tmp_path / "half/a/one.png").touch()
    monkeypatch.chdir(tmp_path)
    before = files(tmp_path)
    run = detect("convert", "truth.json", *options)
    assert run.code == code and run.errors.startswith(f"detect: {message}")
    assert len(run.errors.splitlines()) == 1 and run.out == ""
    assert files(tmp_path) == before and not (tmp_path / "out").exists()


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(source: object, target: object) -> None:
        raise OSError(28, "No space left on device", str(source), None, str(target))

    truth = saved(tmp_path)
    monkeypatch.setattr("shutil.copyfile", full_disk)
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        run = detect("convert", truth, "--to", "yolo", "-o", tmp_path / name)
        (line,) = [line for line in run.errors.splitlines() if "No space left" in line]
        assert run.code == 1 and line.startswith(f"detect: {tmp_path / name}")
        assert line.endswith(
            "No space left on device; free some space on its disk, or name a place on another one"
        )
    assert not (tmp_path / "new").exists()
    assert list((tmp_path / "empty").iterdir()) == []


def test_the_documented_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[3]
    section = (root / "docs/command_line.md").read_text().partition("## detect convert\n")[2]
    lines = section.partition("```bash\n")[2].partition("```")[0].splitlines()
    (tmp_path / "docs").symlink_to(root / "docs")
    monkeypatch.chdir(tmp_path)
    for name in ("instances_train.json", "instances_val.json"):
        saved(tmp_path, name)
    outputs = []
    for words in map(shlex.split, lines):
        assert detect(*words[1:]).code == 0
        outputs.append(Path(words[-1]))
    before, after = (
        read_dataset(path) for path in ("docs/sample/instances.json", outputs[0] / "data.yaml")
    )
    assert before.class_names == after.class_names
    assert [image.file_name for image in before.images] == [i.file_name for i in after.images]
    differences = before.all_truths.boxes_xyxy - after.all_truths.boxes_xyxy
    assert len(differences) == 27 and abs(differences).max() < 1e-6


def test_it_needs_no_torch(tmp_path: Path) -> None:
    words = ["convert", str(saved(tmp_path)), "--to", "voc", "-o", str(tmp_path / "out")]
    code = f"import sys; from detector.cli import main; main({words}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "torchvision", "cv2"} & set(done.stdout.split())
