"""The `detect` command: pictures in, pictures and one JSON file out, faults in one line each."""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from detector import Detector
from detector.cli import main
from tests.made_up import CATEGORY_IDS, NAMES, rectangles


class Run(NamedTuple):
    """One call of `detect`: exit code, both streams, what stands in detections.json."""

    code: int
    out: str
    errors: str
    found: dict[str, Any]

    def of(self, name: str) -> list[dict[str, Any]]:
        """The annotations of the picture with this file name, without their image id."""
        (identity,) = [i["id"] for i in self.found["images"] if Path(i["file_name"]).name == name]
        rows = [row for row in self.found["annotations"] if row["image_id"] == identity]
        return [{key: row[key] for key in ("category_id", "bbox", "score")} for row in rows]


def detect(*words: object, json_at: Path | None = None) -> Run:
    out, errors = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main([str(word) for word in words])
        out.flush()
    found = json.loads(json_at.read_bytes()) if json_at and json_at.exists() else {}
    return Run(code, out.buffer.getvalue().decode(), errors.getvalue(), found)  # type: ignore


def save(path: Path, seed: int = 1, height: int = 72, width: int = 96) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rectangles(seed, height, width)[0]).save(path)
    return path


# --- help and imports ---------------------------------------------------------------------


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["--version"]])
def test_help_answers(words: list[str]) -> None:
    command = [sys.executable, "-m", "detector.cli", *words]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0 and found.stderr == ""
    assert "detect" in found.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "required"),
        (["--threshold", "1.5", "a.jpg"], "1.5 is not between 0 and 1"),
        (["--threshold", "high", "a.jpg"], "high is not between 0 and 1"),
        (["--max-detections", "0", "a.jpg"], "0 is not 1 or more"),
        (["--max-detections", "few", "a.jpg"], "few is not 1 or more"),
        (["evaluate"], "--data"),
        (["a.jpg", "--nonsense"], "nonsense"),
    ],
)
def test_wrong_options_end_with_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2 and said in capsys.readouterr().err.replace("\n", " ")


# --- every kind of picture ----------------------------------------------------------------


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


UNREADABLE = ("missing.jpg", "empty.jpg", "cut.jpg", "text.jpg", "huge.png")
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
    (folder / "huge.png").write_bytes(png_header(30_000, 30_000))
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
def test_a_picture_that_cannot_be_read_is_one_line(every_kind: Run, name: str) -> None:
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
    assert (boxes >= 0).all() and (boxes[:, :2] + boxes[:, 2:] <= [width + 1e-3, height + 1e-3]).all()


# --- a folder -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder_run(small_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """Twenty files, of which numbers 4, 5 and 6 are no pictures."""
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


def test_a_picture_alone_is_answered_as_in_a_folder(
    folder_run: tuple[Path, Run], small_weights: Path, tmp_path: Path
) -> None:
    folder, among_others = folder_run
    alone = detect(
        *("image", "--weights", small_weights, "-o", tmp_path, folder / "9.png"),
        json_at=tmp_path / "detections.json",
    )
    assert alone.code == 0 and alone.of("9.png") == among_others.of("9.png") != []


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


# --- where results go ---------------------------------------------------------------------


def test_json_to_standard_output_is_nothing_but_json(
    small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "street.png")
    run = detect("--json", "-", "--weights", small_weights, "street.png")
    assert run.code == 0 and json.loads(run.out)["images"][0]["file_name"] == "street.png"
    assert os.listdir(tmp_path) == ["street.png"]


def test_equal_names_from_two_folders_are_both_kept(small_weights: Path, tmp_path: Path) -> None:
    pictures = [save(tmp_path / part / "street.png", k) for k, part in enumerate("ab")]
    out = tmp_path / "out"
    run = detect("--weights", small_weights, "-o", out, *pictures, json_at=out / "detections.json")
    assert run.code == 0 and len(run.found["images"]) == 2
    assert {path.name for path in out.glob("*.jpg")} == {"street.jpg", "street-2.jpg"}


def test_the_photographs_themselves_are_never_written_over(
    small_weights: Path, tmp_path: Path
) -> None:
    # a.png would be drawn to a.jpg, which is a photograph still to be read
    pictures = [save(tmp_path / name, k) for k, name in enumerate(("a.png", "a.jpg", "b.jpg"))]
    before = [picture.read_bytes() for picture in pictures]
    run = detect("--weights", small_weights, "-o", tmp_path, tmp_path)
    assert run.code == 0 and [picture.read_bytes() for picture in pictures] == before
    assert len(list(tmp_path.glob("*.jpg"))) == 2 + 3


@pytest.mark.skipif(sys.platform != "linux", reason="file names are Unicode elsewhere")
def test_a_file_name_of_stray_bytes_does_not_lose_the_results(
    small_weights: Path, tmp_path: Path
) -> None:
    picture = save(tmp_path / "plain.png")
    stray = picture.rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    out = tmp_path / "out"
    run = detect("--weights", small_weights, "-o", out, stray, json_at=out / "detections.json")
    assert run.code == 0 and run.found["images"][0]["file_name"].endswith("caf\\xe9.png")


# --- options ------------------------------------------------------------------------------


def test_own_boxes_from_a_file_are_used(small_weights: Path, tmp_path: Path) -> None:
    pictures = [save(tmp_path / f"{k}.png", k) for k in (1, 2, 3)]
    boxes = [[5.0, 5.0, 40.0, 30.0], [50.0, 8.0, 80.0, 60.0]]
    table = tmp_path / "boxes.json"
    table.write_text(json.dumps({"1.png": boxes, str(pictures[1]): []}))
    out = tmp_path / "out"
    run = detect(
        *("--weights", small_weights, "--proposals", table, "--threshold", "0", "-o", out),
        *pictures,
        json_at=out / "detections.json",
    )
    expected = Detector.load(small_weights)(pictures[0], proposals=boxes, threshold=0.0)
    rows = [{k: r[k] for k in ("category_id", "bbox", "score")} for r in expected.to_coco(1)]
    assert run.of("1.png") == rows != [] and run.of("2.png") == []
    assert run.code == 1 and "boxes.json: no boxes for 3.png" in run.errors
    table.write_text(json.dumps({"1.png": [[1, 2, 3]]}))
    wrong = detect("--weights", small_weights, "--proposals", table, "--json", "-", pictures[0])
    assert wrong.code == 1 and "1.png" in wrong.errors and "(N, 4)" in wrong.errors


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--recipe", "mine.yaml"], "unknown key 'short_sid'; did you mean 'short_side'?"),
        (["--recipe", "voc2"], "did you mean 'voc20'?"),
        (["--weights", "none.safetensors"], "none.safetensors: no such file"),
        (["--weights", "runs/none"], "runs/none: no such file"),
        (["--device", "nonsense"], "use cpu, cuda"),
        (["--proposals", "quick"], "neither a mode (single, fast, quality) nor a file"),
        (["nothing/"], "nothing"),
    ],
)
def test_a_wrong_word_ends_in_one_line(
    words: list[str], said: str, small_weights: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "street.png")
    (tmp_path / "mine.yaml").write_text("network: {short_sid: 64}\n")
    (tmp_path / "nothing").mkdir()
    weights = [] if {"--weights", "--recipe"} & set(words) else ["--weights", str(small_weights)]
    pictures = [] if "nothing/" in words else ["street.png"]
    run = detect(*weights, *words, *pictures)
    assert run.code == 1 and said in run.errors and run.errors.startswith("detect: ")
    assert len(run.errors.splitlines()) == 1
    assert not (tmp_path / "detections").exists()
