"""`detect PICTURE ...`: every kind of picture, intact or damaged, alone and among others."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detector.errors import DetectorError
from detector.pictures.writing import save_picture
from eval import read_dataset, read_detections
from tests.detector.command import Run, detect, save
from tests.made_up import CATEGORY_IDS, NAMES, rectangles

UNREADABLE = ("missing.jpg", "empty.jpg", "cut.jpg", "text.jpg", "huge.ppm")
READABLE = {  # name -> width, height as a viewer shows it
    "one.png": (1, 1),
    "strip.png": (500, 1),
    "pole.png": (1, 500),
    "deep.png": (96, 72),
    "clear.png": (96, 72),
    "print.jpg": (96, 72),
    "turned.jpg": (72, 96),
    "ünï 日本.jpg": (96, 72),
}


@pytest.fixture(scope="module")
def every_kind(small_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("kinds")
    image = Image.fromarray(rectangles(2, 72, 96)[0])
    exif = Image.Exif()
    exif[274] = 6
    (folder / "empty.jpg").touch()
    image.save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:-600])
    (folder / "text.jpg").write_text("not a picture")
    (folder / "huge.ppm").write_bytes(b"P6 30000 30000 255\n")
    for name, size in (("one.png", (1, 1)), ("strip.png", (500, 1)), ("pole.png", (1, 500))):
        image.resize(size).save(folder / name)
    deep = np.asarray(image.convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(folder / "deep.png")
    image.convert("RGBA").save(folder / "clear.png")
    image.convert("CMYK").save(folder / "print.jpg")
    image.save(folder / "turned.jpg", exif=exif)
    image.save(folder / "ünï 日本.jpg")
    paths = [folder / name for name in (*UNREADABLE, *READABLE)]
    out = folder / "out"
    return detect(
        *("--weights", small_weights, "--threshold", "0.01", "-o", out, *paths),
        json_at=out / "detections.json",
    )


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_picture_is_one_line(every_kind: Run, name: str) -> None:
    lines = [line for line in every_kind.errors.splitlines() if name in line]
    assert len(lines) == 1 and lines[0].startswith("detect: ") and len(lines[0]) > 40
    assert every_kind.code == 1 and "Traceback" not in every_kind.errors


@pytest.mark.parametrize("name", READABLE)
def test_a_picture_of_any_kind_has_boxes_inside_it(every_kind: Run, name: str) -> None:
    (image,) = [i for i in every_kind.found["images"] if Path(i["file_name"]).name == name]
    width, height = READABLE[name]
    assert (image["width"], image["height"]) == (width, height)
    boxes = np.array([row["bbox"] for row in every_kind.of(name)]).reshape(-1, 4)
    assert len(boxes) or min(width, height) == 1
    assert (boxes >= 0).all() and (
        boxes[:, :2] + boxes[:, 2:] <= [width + 1e-3, height + 1e-3]
    ).all()


@pytest.fixture(scope="module")
def folder_run(small_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """Twenty files, of which numbers 4, 5 and 6 are not pictures."""
    folder = tmp_path_factory.mktemp("twenty")
    for number in range(20):
        save(folder / f"{number}.png", number)
    for number in (4, 5, 6):
        (folder / f"{number}.png").write_bytes(b"no picture")
    out = folder.parent / "out of twenty"
    words = ("--weights", small_weights, "-o", out, folder)
    return folder, detect(*words, json_at=out / "detections.json")


def test_bad_pictures_in_a_folder_do_not_stop_the_others(folder_run: tuple[Path, Run]) -> None:
    folder, run = folder_run
    good = [f"{number}.png" for number in range(20) if number not in (4, 5, 6)]
    assert run.code == 1 and "17 of 20 pictures" in run.errors
    assert [Path(image["file_name"]).name for image in run.found["images"]] == good
    drawn = {path.name for path in (folder.parent / "out of twenty").iterdir()}
    assert drawn == {"detections.json", *(name.replace("png", "jpg") for name in good)}
    assert run.out == ""


def test_a_picture_alone_has_the_same_detections_as_in_a_folder(
    folder_run: tuple[Path, Run], small_weights: Path, tmp_path: Path
) -> None:
    folder, among_others = folder_run
    alone = detect(
        *("image", "--weights", small_weights, "-o", tmp_path, folder / "9.png"),
        json_at=tmp_path / "detections.json",
    )
    assert alone.code == 0 and alone.of("9.png") == among_others.of("9.png") != []


def test_detections_json_is_a_coco_data_set(folder_run: tuple[Path, Run]) -> None:
    from pycocotools.coco import COCO

    folder, run = folder_run
    path = folder.parent / "out of twenty" / "detections.json"
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(path))
    rows = coco.loadAnns(coco.getAnnIds())
    assert [row["id"] for row in rows] == list(range(1, len(run.found["annotations"]) + 1))
    assert len(coco.getAnnIds(iscrowd=False)) == len(rows) > 17
    for row in rows:
        assert row["area"] == pytest.approx(row["bbox"][2] * row["bbox"][3], abs=1e-3)
    assert coco.getAnnIds(areaRng=[-1, 1e9]) == coco.getAnnIds()
    checked = detect("check", path)
    assert checked.code == 0 and "no errors" in checked.out
    # as ground truth, and as results for itself
    dataset = read_dataset(path)
    assert len(read_detections(path, dataset).scores) == len(dataset.all_truths) == len(rows)


def test_a_picture_that_cannot_be_drawn_is_not_counted(
    small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(drawn: np.ndarray, path: Path) -> None:
        if path.stem == "m":
            raise DetectorError(f"{path}: cannot be written (No space left on device)")
        save_picture(drawn, path)

    monkeypatch.setattr("detector.prediction.output.save_picture", full)
    first, undrawn, last = (save(tmp_path / f"{name}.png") for name in "amz")
    out = tmp_path / "out"
    words = ("--weights", small_weights, "-o", out, first, undrawn, last)
    run = detect(*words, json_at=out / "detections.json")
    assert run.code == 1 and "2 of 3 pictures" in run.errors
    (line,) = [line for line in run.errors.splitlines() if line.startswith("detect: ")]
    assert "No space left on device" in line
    images = run.found["images"]
    assert [(i["id"], i["file_name"]) for i in images] == [(1, str(first)), (2, str(last))]
    assert {row["image_id"] for row in run.found["annotations"]} <= {1, 2}
    assert {path.name for path in out.iterdir()} == {"detections.json", "a.jpg", "z.jpg"}


def test_drawings_of_pictures_with_long_names(small_weights: Path, tmp_path: Path) -> None:
    """Those of the longest names are cut and numbered."""
    longest = save(tmp_path / "m.png").rename(tmp_path / ("m" * 255))
    again = save(tmp_path / "other" / ("m" * 251 + ".png"))
    out = tmp_path / "out"
    run = detect("--weights", small_weights, "-o", out, longest, again)
    assert run.code == 0 and "2 of 2 pictures" in run.errors
    assert {path.stem[-3:] for path in out.glob("*.jpg")} == {"mmm", "m-2"}


def test_a_run_without_results_keeps_an_earlier_file(small_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("--weights", small_weights, "-o", out)
    assert detect(*words, save(tmp_path / "cat.png")).code == 0
    before = (out / "detections.json").read_bytes()
    run = detect(*words, tmp_path / "caat.png")
    assert run.code == 1 and "did you mean" in run.errors
    assert (out / "detections.json").read_bytes() == before
    (tmp_path / "caat.png").write_bytes(b"no picture")
    piped = detect("--weights", small_weights, "--json", "-", tmp_path / "caat.png")
    assert piped.code == 1 and json.loads(piped.out)["images"] == []


def test_detections_json_is_read_by_pycocotools(folder_run: tuple[Path, Run]) -> None:
    from pycocotools.coco import COCO

    found = folder_run[1].found
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"images": found["images"], "categories": found["categories"]}
        coco.dataset["annotations"] = []
        coco.createIndex()
        results = coco.loadRes(found["annotations"])
    assert len(results.getAnnIds()) == len(found["annotations"]) > 17
    names = {category["id"]: category["name"] for category in coco.loadCats(coco.getCatIds())}
    assert names == dict(zip(CATEGORY_IDS, NAMES, strict=True))
