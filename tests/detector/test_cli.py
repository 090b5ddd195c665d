"""The words of the `detect` command, where its results go, and faults in one line each."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from configs import override
from detector import Detector
from detector.arguments import parse
from detector.cli import load_detector, main, own_proposals
from detector.ensemble import Member
from tests.detector.command import detect, save


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["--version"]])
def test_help_answers(words: list[str]) -> None:
    command = [sys.executable, "-m", "detector.cli", *words]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0 and found.stderr == ""
    assert "detect" in found.stdout


@pytest.mark.parametrize("colour", [{"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}])
def test_square_brackets_stand_in_the_help_as_written(
    colour: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    for name, value in {"TERM": "xterm-256color", **colour}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        main(["image", "--help"])
    shown = capsys.readouterr().out
    assert ("\x1b[" in shown) == ("FORCE_COLOR" in colour)
    assert '{"street.jpg": [[x1, y1, x2, y2], ...]}' in re.sub(r"\x1b\[[0-9;]*m", "", shown)


@pytest.mark.parametrize(
    ("words", "said"),
    [
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


@pytest.mark.parametrize("words", [["a.jpg"], ["a.png", "a.jpg"], ["."]])
def test_a_photograph_is_never_drawn_over(
    words: list[str], small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures = [save(tmp_path / name, k) for k, name in enumerate(("a.png", "a.jpg", "b.jpg"))]
    before = [picture.read_bytes() for picture in pictures]
    run = detect("--weights", small_weights, "-o", tmp_path, *words)
    assert run.code == 1 and "a.jpg: lies in the output folder" in run.errors
    assert len(run.errors.splitlines()) == 1 and "--output" in run.errors
    assert [picture.read_bytes() for picture in pictures] == before


@pytest.mark.parametrize("word", ["ph/dog.png", "in/dog.jpg", "other/dog.png", "in"])
def test_another_photograph_of_the_name_is_not_drawn_over(
    word: str, small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photograph = save(Path("ph/dog.jpg"), 1)
    for other in ("ph/dog.png", "other/dog.png"):
        save(Path(other), 2)
    Path("in").mkdir()
    Path("in/dog.jpg").symlink_to("../ph/dog.jpg")
    before = photograph.read_bytes()
    run = detect("--weights", small_weights, "-o", "ph", word)
    assert run.code == 1 and len(run.errors.splitlines()) == 1
    itself = word.startswith("in")
    said = "lies in the output folder" if itself else "does not say that `detect` drew it"
    assert f"detect: ph/dog.jpg: {said} and would be drawn over" in run.errors
    assert photograph.read_bytes() == before and not Path("ph/detections.json").exists()


def test_drawings_beside_their_photographs_are_drawn_again(
    small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures = [save(Path(name), k) for k, name in enumerate(("ph/dog.png", "else/dog.png"))]
    for threshold in (0.9, 0):
        run = detect("--weights", small_weights, "-o", "ph", "--threshold", threshold, *pictures)
        assert run.code == 0 and "2 of 2 pictures" in run.errors
        drawn = [Path("ph/dog.jpg").read_bytes(), Path("ph/dog-2.jpg").read_bytes()]
        save(Path("ph/dog-2.jpg"))
        run = detect("--weights", small_weights, "-o", "ph", *pictures)
        assert run.code == 1 and "1 of 2 pictures" in run.errors
        assert "else/dog.png: ph/dog-2.jpg: does not say that `detect` drew it" in run.errors
        Path("ph/dog-2.jpg").write_bytes(drawn[1])


def test_a_second_run_does_not_take_the_drawn_pictures_for_photographs(
    small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "street.png")
    for word in (".", ".", "**/*.*g"):
        run = detect("--weights", small_weights, word, json_at=Path("detections/detections.json"))
        assert run.code == 0
        assert [image["file_name"] for image in run.found["images"]] == ["street.png"]
    assert set(os.listdir("detections")) == {"street.jpg", "detections.json"}
    alone = detect("--weights", small_weights, "detections")
    assert alone.code == 1 and "detections/street.jpg: lies in the output" in alone.errors
    Path("link").symlink_to("detections")
    linked = detect("--weights", small_weights, "link/street.jpg")
    assert linked.code == 1 and "detections/street.jpg: lies in the output" in linked.errors
    assert detect("--weights", small_weights, "-o", "out", "detections").code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="file names are Unicode elsewhere")
def test_a_file_name_of_stray_bytes_does_not_lose_the_results(
    small_weights: Path, tmp_path: Path
) -> None:
    picture = save(tmp_path / "plain.png")
    stray = picture.rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    out = tmp_path / "out"
    run = detect("--weights", small_weights, "-o", out, stray, json_at=out / "detections.json")
    assert run.code == 0 and run.found["images"][0]["file_name"].endswith("caf\\udce9.png")


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


def test_own_boxes_of_null_are_no_boxes(small_weights: Path, tmp_path: Path) -> None:
    picture, table = save(tmp_path / "1.png"), tmp_path / "boxes.json"
    table.write_text('{"1.png": null}')
    run = detect("--weights", small_weights, "--proposals", table, "--json", "-", picture)
    assert run.code == 1 and json.loads(run.out)["images"] == []
    assert "1.png: proposals: expected finite (N, 4) boxes [x1, y1, x2, y2], got None" in run.errors


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
def test_own_boxes_that_name_no_pictures_are_refused_once(content: Any, tmp_path: Path) -> None:
    table = tmp_path / "boxes.json"
    table.write_text(json.dumps(content))
    pictures = [save(tmp_path / f"{k}.png", k) for k in (1, 2)]
    run = detect("--proposals", table, "--json", "-", *pictures)
    assert run.code == 1 and len(run.errors.splitlines()) == 1 and run.out == ""
    assert 'boxes.json: holds no boxes by picture; write it as {"street.jpg": [[' in run.errors


def test_boxes_that_propose_wrote_are_used(small_weights: Path, tmp_path: Path) -> None:
    pictures = [save(tmp_path / f"{k}.png", k) for k in (1, 2)]
    words = ("--weights", small_weights)
    assert detect("propose", pictures[0], *words, "-o", tmp_path / "boxes").code == 0
    lines = tmp_path / "boxes" / "proposals.jsonl"
    run = detect(*words, "--json", "-", pictures[0], "--proposals", lines)
    plain = detect(*words, "--json", "-", pictures[0])
    assert run.code == 0 and ", kernels 0.0 s" in run.errors
    found, expected = (json.loads(text)["annotations"] for text in (run.out, plain.out))
    assert len(found) == len(expected) > 0  # of boxes rounded to .01 pixel
    for row, like in zip(found, expected, strict=True):
        assert row["bbox"] == pytest.approx(like["bbox"], abs=0.5)
    wrong = detect(*words, "--json", "-", pictures[1], "--proposals", lines)
    said = "proposals.jsonl: no boxes for 2.png; add a line with its path or name as file_name"
    assert wrong.code == 1 and said in wrong.errors


@pytest.mark.parametrize(
    "line",
    [
        '{"file_name": "1.p',
        '{"file_name": "1.png"}',
        '{"boxes_xyxy": []}',
        '{"file_name": "1.png", "boxes_xyxy": [[1, 2, 3]]}',
        '{"file_name": "1.png", "boxes_xyxy": [[1, 2, 3, null]]}',
        '{"file_name": [], "boxes_xyxy": []}',
        "[]",
        "",
    ],
)
def test_a_wrong_line_of_boxes_is_named(line: str, small_weights: Path, tmp_path: Path) -> None:
    lines = tmp_path / "boxes.jsonl"
    lines.write_text('{"file_name": "0.png", "boxes_xyxy": []}\n' + line + "\n")
    before = lines.read_bytes()
    picture = save(tmp_path / "1.png")
    run = detect("--weights", small_weights, "--json", "-", picture, "--proposals", lines)
    assert run.code == 1 and len(run.errors.splitlines()) == 1
    assert "boxes.jsonl: line 2 is not a picture's file_name and boxes_xyxy" in run.errors
    assert lines.read_bytes() == before


def test_kernels_are_made_ready_before_pictures_are_timed_and_not_for_own_boxes(
    small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr("proposals.strategies.warm_up", lambda: order.append("kernels"))
    answer = Detector.__call__

    def answered(self: Detector, *words: Any, **options: Any) -> Any:
        order.append("picture")
        return answer(self, *words, **options)

    monkeypatch.setattr(Detector, "__call__", answered)
    picture, table = save(tmp_path / "1.png"), tmp_path / "boxes.json"
    table.write_text(json.dumps({"1.png": [[5, 5, 40, 30]]}))
    run = detect("--weights", small_weights, "--json", "-", picture)
    assert run.code == 0 and order == ["kernels", "picture"] and ", kernels " in run.errors
    run = detect("--weights", small_weights, "--proposals", table, "--json", "-", picture)
    assert run.code == 0 and order == ["kernels", "picture", "picture"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--recipe", "mine.yaml"], "unknown key 'short_sid'; did you mean 'short_side'?"),
        (["--recipe", "voc2"], "did you mean 'voc20'?"),
        (["--weights", "none.safetensors"], "none.safetensors: no such file"),
        (["--weights", "runs/none"], "runs/none: no such file"),
        (["--device", "nonsense"], "use cpu, cuda"),
        (["--proposals", "quick"], "neither a mode (single, fast, "),
        (["--proposals", "none.jsonl"], "none.jsonl: neither a mode (single, fast, "),
        (["--json", "."], "--json .: a folder"),
        (["--json", "street.png/x.json"], "street.png is a file, not a folder; name another"),
        (["--json", "link.json"], "--json link.json: "),
        (["-o", "full"], "detect: full/detections.json: a folder; name a file in it"),
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
    (tmp_path / "full" / "detections.json").mkdir(parents=True)
    (tmp_path / "link.json").symlink_to("street.png/new/x.json")
    weights = [] if {"--weights", "--recipe"} & set(words) else ["--weights", str(small_weights)]
    pictures = [] if "nothing/" in words else ["street.png"]
    run = detect(*weights, *words, *pictures)
    assert run.code == 1 and said in run.errors and run.errors.startswith("detect: ")
    assert len(run.errors.splitlines()) == 1
    assert not (tmp_path / "detections").exists()


def in_modes(weights: Path, path: Path, *modes: str) -> Path:
    """The same network several times, read in these modes."""
    one = Detector.load(weights, device="cpu")
    members = [Member(one.model, mode) for mode in modes]
    Detector(one.model, one.recipe, one.info, "cpu", members=members).save(path)
    return path


@pytest.mark.parametrize("command", ["image", "evaluate"])
@pytest.mark.parametrize(
    ("modes", "asked", "said"),
    [
        (["shared"], "warp", "are shared; "),
        (["proposer", "warp"], "shared", "are warp; "),
        (["shared", "warp"], "warp", "are shared and warp; "),
        (["shared", "warp"], "shared", "are shared and warp; "),
    ],
)
def test_networks_are_not_read_in_a_mode_they_did_not_learn(
    command: str, modes: list[str], asked: str, said: str, small_weights: Path,
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    weights = in_modes(small_weights, tmp_path / "some.safetensors", *modes)
    source = [small_dataset.parent / "1.png"] if command == "image" else ["--data", small_dataset]
    run = detect(command, *source, "--weights", weights, "--set", f"network.mode={asked}")
    assert run.code == 1 and len(run.errors.splitlines()) == 1
    assert f"--set network.mode={asked}: the networks of these weights {said}" in run.errors


def test_their_own_mode_may_be_set(small_weights: Path, tmp_path: Path) -> None:
    picture, words = save(tmp_path / "street.png"), ["--weights", small_weights, "--json", "-"]
    plain = detect(*words, picture)
    same = detect(*words, picture, "--set", "network.mode=shared")
    assert plain.code == same.code == 0 and same.out == plain.out


@pytest.mark.parametrize("key", ["training.epochs", "more_weights", "proposer"])
def test_what_is_settled_in_a_trained_detector_cannot_be_set(
    key: str, small_weights: Path, tmp_path: Path
) -> None:
    value = {"training.epochs": "2", "more_weights": "[]", "proposer": "voc20"}[key]
    picture = save(tmp_path / "street.png")
    run = detect(picture, "--weights", small_weights, "--set", f"{key}={value}")
    assert run.code == 1 and len(run.errors.splitlines()) == 1
    assert f"--set {key}: changes nothing in a detector that is trained; " in run.errors


@pytest.mark.parametrize(
    ("mode", "setting"), [("shared", "network.context=[2]"), ("warp", "network.padding=40")]
)
def test_what_a_network_learned_to_see_cannot_be_set(
    mode: str, setting: str, small_weights: Path, tmp_path: Path
) -> None:
    one = Detector.load(small_weights, device="cpu")
    recipe = override(one.recipe, [f"network.mode={mode}"])
    members = [Member(one.model, mode)]
    Detector(one.model, recipe, one.info, "cpu", members=members).save(tmp_path / "w.safetensors")
    words = ["--weights", tmp_path / "w.safetensors", "--set", setting]
    run = detect(save(tmp_path / "street.png"), *words)
    assert run.code == 1 and len(run.errors.splitlines()) == 1
    assert f"--set {setting.partition('=')[0]}: these weights learned what they see" in run.errors


def test_training_may_go_on_in_another_mode(small_weights: Path) -> None:
    words = ["train", "--data", "x.json", "--weights", str(small_weights), "--device", "cpu"]
    detector = load_detector(parse([*words, "--set", "network.mode=warp"]))
    assert detector.recipe.network.mode == "warp" and detector.members[0].mode == "shared"


def test_no_words_at_all_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 0
    assert "detect street.jpg" in capsys.readouterr().out
