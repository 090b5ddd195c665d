"""`detect evaluate` without results: the detector runs over the data set, into a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from detector import Detector
from detector.cli import main
from detector.evaluation.results_folder import ResultsFolder
from eval import Options, read_dataset
from eval import evaluate as measure
from tests.detector.commands.test_evaluate import XML
from tests.detector.stub_detector import StubDetector, tiny_dataset, use
from tests.made_up import CATEGORY_IDS, rectangles


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> StubDetector:
    return use(monkeypatch)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_dataset(tmp_path / "data", 5)


def evaluate(*words: object) -> int:
    return main(["evaluate", *map(str, words)])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_real_detector_from_pictures_to_figures(
    small_dataset: Path, small_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, dataset = tmp_path / "new" / "found.json", read_dataset(small_dataset)
    words = ("--data", small_dataset, "--weights", small_weights, "--limit", 2, "--device", "cpu")
    assert evaluate(*words, "--save", kept) == 0
    printed = capsys.readouterr().out
    assert "2 pictures" in printed and "mAP" in printed
    folder = tmp_path / "evaluations" / "small-instances"
    assert kept.read_bytes() == (folder / "detections.json").read_bytes()
    # the detections of the detector itself
    detector = Detector.load(small_weights, device="cpu")
    pictures = [small_dataset.parent / image.file_name for image in dataset.images[:2]]
    found = [detector(picture, preset="evaluate") for picture in pictures]
    rows = json.loads(kept.read_bytes())
    assert rows == found[0].to_coco(1) + found[1].to_coco(2) and len(rows) > 4
    report = measure(rows, dataset.subset([0, 1]))
    assert report.table() in printed
    assert json.loads((folder / "report.json").read_bytes())["stats"] == report.stats
    settings = json.loads((folder / "run.json").read_bytes())["settings"]
    assert settings["proposals.mode"] == "single" and settings["device"] == "cpu"

    objects = lines(folder / "objects.jsonl")
    assert [line["image_id"] for line in objects] == [1, 2]
    for line in objects:
        assert len(line["proposal_iou"]) == len(line["class_score"]) == 2
        assert min(line["proposal_iou"]) > 0.5  # plain rectangles are easily proposed
    # the same again has nothing to do, other settings have
    assert evaluate(*words) == 0
    assert capsys.readouterr().out.splitlines()[0] == printed.splitlines()[0]
    assert len(lines(folder / "objects.jsonl")) == 2
    assert evaluate(*words, "-o", folder, "--proposals", "fast") == 1
    errors = capsys.readouterr().err.splitlines()
    assert "begun with proposals.mode single (now fast)" in errors[-1] and "--restart" in errors[-1]


def test_a_setting_of_the_recipe_makes_a_run_of_its_own(
    small_dataset: Path, small_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--data", small_dataset, "--weights", small_weights, "--limit", 1, "--device", "cpu")
    assert evaluate(*words, "--set", "network.keep=2", "--set", "postprocess.refine_boxes=0") == 0
    printed = capsys.readouterr().out
    assert "2 of them classified" in printed and "95 % interval" not in printed  # one picture
    (folder,) = (tmp_path / "evaluations").iterdir()
    assert folder.name == "small-network.keep=2-postprocess.refine_boxes=0-instances"
    assert lines(folder / "detections.jsonl")[0]["regions"] == 2
    assert evaluate(*words, "--set", "network.keeep=2") == 2
    assert "did you mean 'keep'" in capsys.readouterr().err


def test_other_weights_and_other_data_are_rejected(
    tiny: Path, stub: StubDetector, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--data", tiny, "-o", "run") == 0
    document = json.loads(tiny.read_text())
    document["annotations"][0]["bbox"][2] += 1
    changed = tiny.with_name("changed.json")
    changed.write_text(json.dumps(document))
    assert evaluate("--data", changed, "-o", "run") == 1
    assert "begun with data " in capsys.readouterr().err.splitlines()[-1]
    # another file name and text layout do not change the data
    tiny.with_name("same.json").write_text(json.dumps(json.loads(tiny.read_text()), indent=3))
    assert evaluate("--data", tiny.with_name("same.json"), "-o", "run") == 0
    stub.info.class_names = ("red", "blue")
    capsys.readouterr()
    assert evaluate("--data", tiny, "-o", "run") == 1
    assert "begun with weights " in capsys.readouterr().err.splitlines()[-1]
    assert len(stub.seen) == 5
    assert evaluate("--data", tiny, "-o", "run", "--restart") == 0
    assert len(stub.seen) == 10


def test_the_limit_may_be_raised_and_lowered_without_repeating_work(
    tiny: Path, stub: StubDetector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--data", tiny, "-o", "whole") == 0
    whole = capsys.readouterr().out.splitlines()
    stub.seen.clear()
    for limit in (1, 3):
        assert evaluate("--data", tiny, "-o", "parts", "--limit", limit) == 0
    assert evaluate("--data", tiny, "-o", "parts") == 0
    assert stub.seen == [f"{number}.bmp" for number in range(1, 6)]
    assert (tmp_path / "parts" / "detections.json").read_bytes() == (
        tmp_path / "whole" / "detections.json"
    ).read_bytes()
    assert capsys.readouterr().out.splitlines()[-len(whole) : -1] == whole[:-1]
    assert evaluate("--data", tiny, "-o", "parts", "--limit", 2, "--classes", "red") == 0
    printed = capsys.readouterr().out
    rows = json.loads((tmp_path / "parts" / "detections.json").read_bytes())
    assert {row["image_id"] for row in rows} <= {1, 2} and len(stub.seen) == 5
    red = [row for row in rows if row["category_id"] == CATEGORY_IDS[0]]
    part = read_dataset(tiny).subset([0, 1]).with_classes(["red"])
    assert measure(red, part).table() in printed


def test_an_unreadable_picture_is_tried_again(
    tiny: Path, stub: StubDetector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--data", tiny, "-o", "expected") == 0
    picture = tiny.with_name("3.bmp")
    content = picture.read_bytes()
    picture.write_bytes(content[:20])
    capsys.readouterr()
    for _ in range(2):
        assert evaluate("--data", tiny, "-o", "run") == 1
        printed = capsys.readouterr()
        assert "4 pictures" in printed.out and "unreadable pictures: 1;" in printed.out
        assert printed.err.count("3.bmp") == 1
        (failure,) = lines(tmp_path / "run" / "failed.jsonl")
        assert failure["image_id"] == 3 and failure["file_name"] == "3.bmp" and failure["reason"]
    picture.write_bytes(content)
    assert evaluate("--data", tiny, "-o", "run") == 0
    assert not (tmp_path / "run" / "failed.jsonl").exists()
    # results are in the data set's order, although it was done last
    assert [line["image_id"] for line in lines(tmp_path / "run" / "detections.jsonl")][-1] == 3
    for name in ("detections.json", "report.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "expected" / name).read_bytes()


def test_pictures_whose_size_differs_from_the_data_set_are_reported_and_noted(
    tiny: Path, stub: StubDetector, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(tiny.read_text())
    document["images"][1]["width"] = 40  # it is 32 x 32
    document["images"][2].update(height=0, width=0)  # unknown, so no warning
    tiny.write_text(json.dumps(document))
    note = "pictures whose size differs from the data set's: 1; its boxes may not fit them"
    assert evaluate("--data", tiny, "-o", "run", "--limit", 1) == 0
    assert note not in capsys.readouterr().out
    for warned in (1, 0):
        assert evaluate("--data", tiny, "-o", "run") == 0
        printed = capsys.readouterr()
        assert note in printed.out
        assert printed.err.count("2.bmp: is 32 x 32 pixels, its data set states 40 x 32") == warned


def test_a_wrong_folder_of_pictures_is_reported_once(
    tiny: Path, stub: StubDetector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for folder, code, fault in (
        ("none", 2, "--images: none: no such file"),
        ("empty", 1, "--images empty: does not hold the first picture, 1.bmp"),
    ):
        assert evaluate("--data", tiny, "--images", folder, "-o", "run") == code
        printed = capsys.readouterr()
        assert len(printed.err.splitlines()) == 1 and printed.out == ""
        assert fault in printed.err
    assert not (tmp_path / "run").exists() and stub.seen == []
    assert evaluate("--data", tiny, "--images", tiny.parent, "-o", "run") == 0


def test_results_of_other_pictures_are_rejected(
    tiny: Path, stub: StubDetector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_dataset(tmp_path / "other", 6)  # noise of another seed, also five times
    words = ("--data", tiny, "-o", "run", "--images")
    assert evaluate(*words, tiny.parent) == 0
    first = capsys.readouterr().out
    assert evaluate(*words, "other") == 1
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.splitlines()) == 1
    assert "run: has results for other/1.bmp, but that picture has changed since" in printed.err
    assert "give another --output, or --restart to start again" in printed.err
    # pictures may move
    moved = tiny.parent.rename(tmp_path / "moved")
    assert evaluate("--data", moved / "tiny.json", "-o", "run", "--images", moved) == 0
    assert capsys.readouterr().out == first and len(stub.seen) == 5
    # but not change
    words = ("--data", moved / "tiny.json", "-o", "run")
    (moved / "4.bmp").write_bytes((moved / "3.bmp").read_bytes())
    assert evaluate(*words) == 1 and "moved/4.bmp, but that" in capsys.readouterr().err
    assert evaluate(*words, "--limit", 3) == 0
    assert evaluate(*words, "--restart") == 0 and len(stub.seen) == 10


def test_nothing_is_evaluated_if_no_picture_is_readable(
    tiny: Path, stub: StubDetector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 6):
        tiny.with_name(f"{number}.bmp").write_bytes(b"BM")
    words = ("--data", tiny, "-o", "run", "--save", "kept.json", "--report", "out")
    assert evaluate(*words) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and "none of 5 pictures could be read" in printed.err.splitlines()[-1]
    assert not (tmp_path / "out").exists() and not (tmp_path / "kept.json").exists()
    assert not (tmp_path / "run" / "report.json").exists()


def test_an_interrupted_run_tells_how_to_continue(
    tiny: Path, stub: StubDetector, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    detect = stub.trace

    def interrupted(path: Path, preset: str) -> Any:
        if path.name == "3.bmp":
            raise KeyboardInterrupt
        return detect(path, preset)

    with monkeypatch.context() as patch:
        patch.setattr(stub, "trace", interrupted)
        assert evaluate("--data", tiny, "-o", "run") == 130
    errors = capsys.readouterr().err
    assert "the results of 2 pictures are in run; the same command continues the run" in errors
    assert evaluate("--data", tiny, "-o", "run") == 0
    assert stub.seen == [f"{number}.bmp" for number in range(1, 6)]


def test_a_second_process_is_rejected_in_one_line(
    tiny: Path, stub: StubDetector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ResultsFolder(tmp_path / "run", {}):
        assert evaluate("--data", tiny, "-o", "run") == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1 and "run: another process is at work there" in errors[0]


def test_classes_that_only_one_side_knows(
    tiny: Path, stub: StubDetector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tiny.with_name("other.json")
    text = tiny.read_text()
    other.write_text(text.replace('"green"', '"blue"'))
    assert evaluate("--data", other, "-o", "run") == 0
    printed = capsys.readouterr().out
    assert "Note: the detector does not know blue: all their objects are missed" in printed
    assert "Note: the data set lacks green: their detections are left out" in printed
    rows = json.loads((tmp_path / "run" / "detections.json").read_bytes())
    assert {row["category_id"] for row in rows} == {CATEGORY_IDS[0]}
    blue = [
        score
        for image, line in enumerate(lines(tmp_path / "run" / "objects.jsonl"))
        for label, score in zip(
            read_dataset(other).truths(image).labels, line["near_score"], strict=True
        )
        if label == 1
    ]
    assert blue and set(blue) == {0.0}
    other.write_text(text.replace('"green"', '"blue"').replace('"red"', '"pink"'))
    assert evaluate("--data", other, "-o", "none") == 1
    assert "has none of the detector's classes (red, green)" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_data_set_folder_whose_ids_are_strings(
    stub: StubDetector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "voc"
    for name in ("Annotations", "JPEGImages"):
        (folder / name).mkdir(parents=True)
    for seed, stem in enumerate(("2007_000027", "street")):
        (folder / "Annotations" / f"{stem}.xml").write_text(XML.format(stem=stem))
        Image.fromarray(rectangles(seed)[0]).save(folder / "JPEGImages" / f"{stem}.jpg")
    assert evaluate("--data", folder) == 0
    run = tmp_path / "evaluations" / "pair-voc"
    ids = [line["image_id"] for line in lines(run / "detections.jsonl")]
    assert ids == ["2007_000027", "street"] == [x["image_id"] for x in lines(run / "objects.jsonl")]
    first = capsys.readouterr().out
    assert evaluate("--data", folder) == 0
    assert capsys.readouterr().out == first and len(stub.seen) == 2


def test_a_report_has_the_traces_of_the_evaluated_images_and_classes(
    tiny: Path, stub: StubDetector, tmp_path: Path
) -> None:
    words = ("--data", tiny, "-o", "run", "--report", "out")
    assert evaluate(*words) == 0
    misses = json.loads((tmp_path / "out" / "report.json").read_bytes())["explanation"]["misses"]
    dataset = read_dataset(tiny)
    assert misses["objects"] == len(dataset.all_truths) and misses["counts"]["unknown"] == 0
    assert evaluate(*words, "--limit", 4, "--classes", "green") == 0
    green = dataset.subset([0, 1, 2, 3]).with_classes(["green"])
    misses = json.loads((tmp_path / "out" / "report.json").read_bytes())["explanation"]["misses"]
    assert misses["objects"] == len(green.all_truths) > 0 and misses["counts"]["unknown"] == 0
    every = {x["image_id"]: x for x in lines(tmp_path / "run" / "objects.jsonl")}
    for index, line in enumerate(lines(tmp_path / "run" / "objects.part.jsonl")):
        ious, labels = every[index + 1]["proposal_iou"], dataset.truths(index).labels
        pairs = zip(ious, labels, strict=True)
        expected = [iou for iou, label in pairs if label]
        assert line["image_id"] == index + 1 and line["proposal_iou"] == expected


def test_a_data_set_without_objects_has_no_traces(
    tiny: Path, stub: StubDetector, tmp_path: Path
) -> None:
    bare = tiny.with_name("bare.json")
    bare.write_text(json.dumps({**json.loads(tiny.read_text()), "annotations": []}))
    assert evaluate("--data", bare, "-o", "run") == 0
    assert len(lines(tmp_path / "run" / "detections.jsonl")) == 5
    assert not (tmp_path / "run" / "objects.jsonl").exists()


def test_the_detector_s_own_detections_have_every_option(
    stub: StubDetector, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = ("--protocol", "coco", "--iou", "0.1,0.3", "--max-dets", 3, "--class-agnostic")
    words = ("--data", tiny, "-o", tmp_path / "out", *rules, "--threshold", 0.5)
    assert evaluate(*words, "--json", "-", "--report", tmp_path / "page") == 0
    content = json.loads(capsys.readouterr().out)
    options = Options((0.1, 0.3), (3,), class_agnostic=True)
    rows = json.loads((tmp_path / "out/detections.json").read_bytes())
    report = measure(rows, read_dataset(tiny), "coco", options=options)
    assert content["stats"].keys() == report.stats.keys() >= {"AP10", "AP30", "AR3"}
    assert content["map"] == report.map and content["at_scores"]["iou"] == 0.1
    assert content["at_scores"]["overall"]["true"] == report.at(0.5).overall.true
    assert content == json.loads((tmp_path / "out/report.json").read_bytes())
    assert evaluate(*words, "--save-thresholds", tmp_path / "best.yaml") == 0
    assert "Scores from 0.5 on, IoU 0.1" in capsys.readouterr().out
    assert (tmp_path / "best.yaml").exists()
