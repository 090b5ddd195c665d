"""`detect propose`: boxes in files, recall, pictures with boxes, wrong options."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detector import Detector, DetectorError, read_image
from detector.pictures.proposal_drawing import draw_proposals
from detector.pictures.writing import save_picture
from eval import read_dataset
from proposals import Proposals, measure_recall, selective_search
from proposals.search.strategies import MODES
from tests.detector.command import SEARCH, detect, proposed, save
from tests.detector.commands.test_evaluate import XML

pytestmark = pytest.mark.usefixtures("proposal_cache")


def test_pictures_get_a_line_each(search: Any, tmp_path: Path) -> None:
    paths = [save(tmp_path / "photos" / name, 3) for name in ("b.png", "ünï 日本.png")]
    run = search(tmp_path / "photos", "-o", tmp_path / "out")
    assert (run.code, run.out) == (0, "")
    assert "2 of 2 pictures have boxes in" in run.errors
    assert [row["file_name"] for row in proposed(tmp_path / "out")] == [str(path) for path in paths]
    row = proposed(tmp_path / "out")[0]
    keys = ["file_name", "stem", "sha256", "height", "width", "boxes_xyxy", "scores", "source"]
    assert list(row) == keys and row["stem"] == "b"
    assert row["sha256"] == hashlib.sha256(paths[0].read_bytes()).hexdigest()
    expected = selective_search(read_image(paths[0]), **SEARCH)
    assert (row["height"], row["width"]) == (72, 96)
    np.testing.assert_allclose(row["boxes_xyxy"], expected.boxes_xyxy, atol=0.0051)
    np.testing.assert_allclose(row["scores"], expected.scores, atol=1e-6)
    assert set(row["source"]) == {"selective_search"} and len(row["source"]) == len(expected)


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_has_its_own_superpixels(search: Any, tmp_path: Path, mode: str) -> None:
    path = save(tmp_path / "a.png")
    assert search(path, "--mode", mode, "-o", tmp_path / "out").code == 0
    (row,) = proposed(tmp_path / "out")
    expected = selective_search(read_image(path), mode, width=96, min_side=8)
    np.testing.assert_allclose(row["boxes_xyxy"], expected.boxes_xyxy, atol=0.0051)


def test_only_the_best_boxes(search: Any, tmp_path: Path) -> None:
    path = save(tmp_path / "a.png")
    assert search(path, "-o", tmp_path / "all").code == 0
    assert search(path, "-o", tmp_path / "few", "--max-boxes", 4).code == 0
    (all_boxes,), (few,) = proposed(tmp_path / "all"), proposed(tmp_path / "few")
    assert len(all_boxes["scores"]) > 4
    assert few["boxes_xyxy"] == all_boxes["boxes_xyxy"][:4]
    assert few["scores"] == all_boxes["scores"][:4]


def test_merged_proposals_are_those_of_the_detector(small_weights: Path, tmp_path: Path) -> None:
    path = save(tmp_path / "a.png")
    run = detect("propose", path, "--weights", small_weights, "-o", tmp_path / "out")
    assert run.code == 0, run.errors
    (row,) = proposed(tmp_path / "out")
    expected = Detector.load(small_weights).propose(read_image(path))
    np.testing.assert_allclose(row["boxes_xyxy"], expected.boxes_xyxy, atol=0.0051)
    assert row["source"] == expected.source.tolist()


class FakeDetector:
    """Proposes the same boxes for every picture."""

    def __init__(self, weights: Path, has_multibox: bool) -> None:
        detector = Detector.load(weights, device="cpu")
        self.recipe, self.digest, self.engine = detector.recipe, detector.digest, "torch"
        self.multibox = object() if has_multibox else None

    def multibox_proposals(self, image: np.ndarray) -> Proposals:
        boxes = np.array([[1, 2, 30, 40], [5, 6, 70, 71]], np.float32)
        return Proposals(boxes, np.array([0.9, 0.25], np.float32), np.full(2, "multibox"))

    propose = multibox_proposals


@pytest.mark.parametrize("has_multibox", [True, False])
def test_multibox_alone(
    small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_multibox: bool
) -> None:
    fake = FakeDetector(small_weights, has_multibox)
    monkeypatch.setattr("detector.commands.propose.load_detector", lambda *_: fake)
    paths = [save(tmp_path / f"{number}.png") for number in range(2)]
    run = detect("propose", *paths, "--method", "multibox", "-o", tmp_path / "out")
    if not has_multibox:
        assert run.code == 1 and len(run.errors.splitlines()) == 1
        assert "these weights hold no MultiBox" in run.errors
        return
    assert run.code == 0, run.errors
    for row in proposed(tmp_path / "out"):
        assert row["boxes_xyxy"] == [[1, 2, 30, 40], [5, 6, 70, 71]]
        assert row["scores"] == [0.9, 0.25] and row["source"] == ["multibox"] * 2


def test_a_data_set_with_recall(search: Any, small_dataset: Path, tmp_path: Path) -> None:
    run = search("--data", small_dataset, "--limit", 4, "--recall", "-o", tmp_path / "out")
    assert run.code == 0, run.errors
    found = proposed(tmp_path / "out")
    assert [row["image_id"] for row in found] == [1, 2, 3, 4]
    assert [row["file_name"] for row in found] == ["1.png", "2.png", "3.png", "4.png"]
    dataset = read_dataset(small_dataset)
    truths = [dataset.truths(index) for index in range(4)]
    expected = measure_recall(
        [row["boxes_xyxy"] for row in found],
        [truth.boxes_xyxy for truth in truths],
        [truth.labels for truth in truths],
        class_names=dataset.class_names,
    )
    assert run.out == expected.table() + "\n" and "red" in run.out
    assert expected.recall(0.5) > 0.8
    saved = json.loads((tmp_path / "out" / "recall.json").read_text())
    assert saved == expected.to_dict()
    assert Image.open(tmp_path / "out" / "recall.png").width > 1000


@pytest.mark.parametrize("form", ["jsonl", "npz"])
def test_pictures_whose_size_differs_from_their_data_set_are_reported(
    search: Any, small_dataset: Path, tmp_path: Path, form: str
) -> None:
    half, out = tmp_path / "half", tmp_path / "out"
    half.mkdir()
    for number in (1, 2, 3):
        with Image.open(small_dataset.parent / f"{number}.png") as whole:
            (whole if number == 2 else whole.reduce(2)).save(half / f"{number}.png")
    words = ("--data", small_dataset, "--images", half, "--recall", "-o", out, "--format", form)
    message = "1.png: is 64 x 48 pixels, its data set states 128 x 96; its boxes may not fit"
    run = search(*words, "--limit", 2)
    assert run.code == 0 and f"detect: {half}/{message}\n" in run.errors
    assert "2.png: is" not in run.errors
    note = "recall: pictures whose size differs from the data set's: {}; its boxes may"
    assert note.format(1) in run.errors
    run = search(*words, "--limit", 3)  # of those that were there before too
    assert run.code == 0 and message not in run.errors and "3.png: is 64 x 48" in run.errors
    assert note.format(2) in run.errors and "2 had them before" in run.errors


def test_the_named_part_of_a_folder_is_used(search: Any, tmp_path: Path) -> None:
    folder = tmp_path / "voc"
    lists = folder / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    for split, stem in (("train", "a"), ("val", "b")):
        save(folder / "JPEGImages" / f"{stem}.jpg")
        (folder / "Annotations").mkdir(exist_ok=True)
        (folder / "Annotations" / f"{stem}.xml").write_text(XML.format(stem=stem))
        (lists / f"{split}.txt").write_text(f"{stem}\n")
    for split, stem in (("train", "a"), ("val", "b")):
        run = search("--data", folder, "--split", split, "-o", tmp_path / split)
        assert run.code == 0, run.errors
        assert [row["image_id"] for row in proposed(tmp_path / split)] == [stem]


def test_selective_search_of_a_data_set_is_cached(
    search: Any, small_dataset: Path, tmp_path: Path, proposal_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    data = ("--data", small_dataset, "--limit", 3)
    assert search(*data, "--no-cache", "-o", tmp_path / "first").code == 0
    assert not proposal_cache.exists()
    assert search(*data, "-o", tmp_path / "second").code == 0
    assert len(list(proposal_cache.iterdir())) == 3

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("proposals.cache.selective_search", fail)
    assert search(*data, "-o", tmp_path / "third").code == 0
    first, second, third = (proposed(tmp_path / name) for name in ("first", "second", "third"))
    assert first == second == third


def test_boxes_of_an_earlier_run_are_drawn_too(search: Any, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    save(folder / "a.png", 1), save(folder / "b.png", 2)
    out = folder / "out"
    assert search(folder, "-o", out).code == 0
    lines = (out / "proposals.jsonl").read_bytes()
    assert search(folder, "-o", out, "--draw", 5).code == 0
    assert {path.name for path in out.glob("*.jpg")} == {"a.jpg", "b.jpg"}
    # the next run does not propose for drawings
    assert search(folder, "-o", out, "--draw", 5).code == 0
    assert (out / "proposals.jsonl").read_bytes() == lines
    # nor does a run into another folder that draws nothing; a raw photograph is counted
    (folder / "c.cr2").touch()
    run = search(folder, "-o", tmp_path / "other")
    assert run.code == 0 and "skipped 1 .cr2; export them as JPEG" in run.errors
    names = [Path(line["file_name"]).name for line in proposed(tmp_path / "other")]
    assert names == ["a.png", "b.png"]


def test_boxes_are_kept_if_the_drawing_cannot_be_written(
    search: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [save(tmp_path / "a.png", 1), save(tmp_path / "b.png", 2)]
    out = tmp_path / "out"

    def full_disk(image: np.ndarray, path: Path) -> None:
        if path.stem == "a":
            raise DetectorError(f"{path}: cannot be written")
        save_picture(image, path)

    monkeypatch.setattr("detector.proposing.run.save_picture", full_disk)
    for before in ("", "; 2 had them before"):
        run = search(*paths, "-o", out, "--draw", 5)
        assert run.code == 1
        assert f"{out / 'a.jpg'}: cannot be written" in run.errors
        assert f"2 of 2 pictures have boxes in {out}{before}\n" in run.errors
        assert [row["file_name"] for row in proposed(out)] == [str(path) for path in paths]
    assert (out / "b.jpg").is_file()
    # a deleted picture cannot be drawn again; its boxes remain
    paths[1].unlink()
    run = search(*paths, "-o", out, "--draw", 5)
    assert run.code == 1 and "2 of 2 pictures have boxes" in run.errors


def test_photographs_are_not_overwritten(search: Any, small_dataset: Path, tmp_path: Path) -> None:
    paths = [save(tmp_path / name / "a.png", 1) for name in "pq"]
    out = tmp_path / "out"
    photograph = save(out / "a-2.jpg", 3).read_bytes()
    run = search(*paths, "-o", out, "--draw", 5)
    assert run.code == 1 and "a-2.jpg: was not drawn by `detect`" in run.errors
    assert (out / "a-2.jpg").read_bytes() == photograph
    assert (out / "a.jpg").is_file() and len(proposed(out)) == 2


def test_a_pipe_is_read_once(search: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    content = save(tmp_path / "a.jpg", 1).read_bytes()
    writer = threading.Thread(target=(tmp_path / "pipe.jpg").write_bytes, args=(content,))
    writer.start()
    run = search(tmp_path / "pipe.jpg", "-o", tmp_path / "out")
    writer.join()
    assert run.code == 0 and proposed(tmp_path / "out")[0]["sha256"] is None


@pytest.mark.parametrize("sources", [("selective_search",), ("multibox", "selective_search")])
@pytest.mark.parametrize("size", [(72, 96), (900, 700), (1, 1), (1, 300)])
def test_a_drawing_shows_frames_and_does_not_modify_the_picture(
    sources: tuple[str, ...], size: tuple[int, int]
) -> None:
    image = np.full((*size, 3), 200, np.uint8)
    boxes = np.array([[0.2, 0.2, 0.8, 0.8], [0, 0, 1, 1]]) * [size[1], size[0], size[1], size[0]]
    proposals = Proposals(
        boxes.astype(np.float32), np.array([1, 0.5], np.float32), np.array((sources * 2)[:2])
    )
    drawn = draw_proposals(image, proposals, count=2)
    factor = drawn.shape[1] // size[1]
    assert drawn.dtype == np.uint8 and drawn.shape[0] > size[0] * factor
    assert max(drawn.shape) >= 800 and (image == 200).all()
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 3
    empty = draw_proposals(image, proposals[:0], count=2)
    assert empty.shape == drawn.shape


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name either pictures or --data"),
        (["a.jpg", "--data", "."], "name either pictures or --data"),
        (["a.jpg", "--recall"], "--recall: applies to a data set"),
        (["a.jpg", "--split", "val"], "--split: applies to a data set"),
        (["a.jpg", "--limit", "3"], "--limit: applies to a data set"),
        (
            ["a.jpg", "--method", "selective_search", "--weights", "."],
            "--weights: does not apply to --method selective_search",
        ),
        (
            ["a.jpg", "--method", "selective_search", "--device", "cpu"],
            "--device: does not apply to --method selective",
        ),
        (
            ["a.jpg", "--method", "multibox", "--mode", "fast"],
            "--mode: does not apply",
        ),
        (["a.jpg", "--recipe", "voc2", "--method", "selective_search"], "did you mean 'voc20'?"),
        (["--data", "none.json"], "none.json: no such file"),
    ],
)
def test_wrong_options_are_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = detect("propose", *words)
    assert run.code == 2 and message in run.errors and len(run.errors.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("nothing/*.jpg", "no pictures in nothing/*.jpg"),
        ("gone.jpg", "gone.jpg: no such file"),
    ],
)
def test_missing_pictures_are_one_line(
    word: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = detect("propose", word)
    assert run.code == 1 and message in run.errors and len(run.errors.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_selective_search_needs_no_torch(
    search_recipe: Path, small_dataset: Path, tmp_path: Path
) -> None:
    words = ["propose", "--method", "selective_search", "--recipe", search_recipe]
    words += ["--data", small_dataset, "--limit", "1", "--recall", "-o", tmp_path / "out"]
    code = (
        "import sys; from detector.cli import main; code = main(sys.argv[1:]); "
        "sys.exit(code or 'torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True)
    assert found.returncode == 0, found.stderr.decode()
