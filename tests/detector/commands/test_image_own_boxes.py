"""Own boxes in place of proposals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from detector import Detector
from detector.commands.shared.chosen_detector import own_proposals
from tests.detector.command import detect, save


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
    rows = expected.to_coco(1)
    for row in rows:
        del row["image_id"]
    assert run.of("1.png") == rows != []
    assert run.of("2.png") == []
    assert run.code == 1 and "boxes.json: no boxes for 3.png" in run.errors
    table.write_text(json.dumps({"1.png": [[1, 2, 3]]}))
    wrong = detect("--weights", small_weights, "--proposals", table, "--json", "-", pictures[0])
    assert wrong.code == 1 and "1.png" in wrong.errors and "(N, 4)" in wrong.errors


def test_own_boxes_are_found_by_any_spelling_of_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = {"./a/cat.jpg": [[1, 2, 3, 4]], "b//cat.jpg": [[5, 6, 7, 8]], "cat.jpg": []}
    Path("boxes.json").write_text(json.dumps(table))
    boxes = own_proposals("boxes.json")
    assert boxes(Path("a/cat.jpg")).tolist() == [[1, 2, 3, 4]]
    assert boxes(Path("a/../b/cat.jpg")).tolist() == [[5, 6, 7, 8]]
    assert len(boxes(Path("c/cat.jpg"))) == 0


@pytest.mark.parametrize("content", [[[[1, 2, 3, 4]]], None, 5, "1.png"])
def test_own_boxes_without_pictures_are_rejected_once(content: Any, tmp_path: Path) -> None:
    table = tmp_path / "boxes.json"
    table.write_text(json.dumps(content))
    pictures = [save(tmp_path / f"{k}.png", k) for k in (1, 2)]
    run = detect("--proposals", table, "--json", "-", *pictures)
    assert run.code == 1 and len(run.errors.splitlines()) == 1 and run.out == ""
    assert 'boxes.json: does not list boxes by picture; write it as {"street.jpg": [[' in run.errors


def test_boxes_of_detect_propose_are_used(small_weights: Path, tmp_path: Path) -> None:
    pictures = [save(tmp_path / f"{k}.png", k) for k in (1, 2)]
    words = ("--weights", small_weights)
    assert detect("propose", pictures[0], *words, "-o", tmp_path / "boxes").code == 0
    lines = tmp_path / "boxes" / "proposals.jsonl"
    run = detect(*words, "--json", "-", pictures[0], "--proposals", lines)
    plain = detect(*words, "--json", "-", pictures[0])
    assert run.code == 0 and ", kernels 0.0 s" in run.errors
    found, expected = (json.loads(text)["annotations"] for text in (run.out, plain.out))
    assert len(found) == len(expected) > 0  # of boxes rounded to 0.01 pixel
    for row, like in zip(found, expected, strict=True):
        assert row["bbox"] == pytest.approx(like["bbox"], abs=0.5)
    wrong = detect(*words, "--json", "-", pictures[1], "--proposals", lines)
    message = "proposals.jsonl: no boxes for 2.png; add them under its path or name"
    assert wrong.code == 1 and message in wrong.errors


@pytest.mark.parametrize("form", ["jsonl", "npz"])
def test_boxes_of_another_picture_of_the_same_name_are_refused(
    form: str, small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, seed in (("first", 1), ("second", 2)):
        save(tmp_path / folder / "a.png", seed), save(tmp_path / folder / "b.png", 3)
    words, names = ("--weights", small_weights, "--json", "-"), ("a.png", "b.png")
    monkeypatch.chdir(tmp_path / "first")
    assert detect("propose", *words[:2], *names, "--format", form, "-o", "../boxes").code == 0
    assert detect(*words, *names, "--proposals", "../boxes").code == 0
    monkeypatch.chdir(tmp_path / "second")
    run = detect(*words, *names, "--proposals", "../boxes")
    assert run.code == 1
    assert [image["file_name"] for image in json.loads(run.out)["images"]] == ["b.png"]
    (line,) = [line for line in run.errors.splitlines() if "a.png" in line]
    assert "../boxes: the boxes for a.png belong to another picture of that name" in line


def test_search_kernels_are_loaded_before_pictures_are_timed_and_not_for_own_boxes(
    small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr("proposals.search.strategies.warm_up", lambda: order.append("kernels"))
    original = Detector.__call__

    def recorded(self: Detector, *words: Any, **options: Any) -> Any:
        order.append("picture")
        return original(self, *words, **options)

    monkeypatch.setattr(Detector, "__call__", recorded)
    picture, table = save(tmp_path / "1.png"), tmp_path / "boxes.json"
    table.write_text(json.dumps({"1.png": [[5, 5, 40, 30]]}))
    run = detect("--weights", small_weights, "--json", "-", picture)
    assert run.code == 0 and order == ["kernels", "picture"] and ", kernels " in run.errors
    run = detect("--weights", small_weights, "--proposals", table, "--json", "-", picture)
    assert run.code == 0 and order == ["kernels", "picture", "picture"]
