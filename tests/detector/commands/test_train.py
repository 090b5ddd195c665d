"""`detect train` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import detector.training.derived_recipe
from detector import Detector
from detector.cli import main
from detector.recipes import load_recipe
from detector.weights_file import IMAGENET_WEIGHTS
from tests.made_up import CATEGORY_IDS, NAMES


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "-1"], "training.epochs is -1.0; use 0.0 to"),
        (["--images-per-pass", "3"], "use a multiple of --images-per-pass (3)"),
        (["--seed", "-1"], "training.seed is -1; use 0 to"),
        (["--split", "train"], "the format has no option 'split'; leave it out"),
    ],
)
def test_options_of_train_are_checked_before_it_starts(
    words: list[str], message: str, small_dataset: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert main(["train", "--data", str(small_dataset), *words]) == 1
    errors = capsys.readouterr().err
    assert message in errors and len(errors.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "nan"], "--epochs: nan is not a number"),
        (["--epochs", "１"], "--epochs: １ is not a number"),
        (["--seed", "1_000"], "--seed: 1_000 is not an integer"),
        (["--recipe", "voc2"], "did you mean 'voc20'?"),
        (["--weights", ".", "--imagenet-weights", "."], "--imagenet-weights: --weights replaces"),
        (["--imagenet-weights", "none"], "--imagenet-weights: none: no such file"),
        (
            ["--part", "multibox", "--imagenet-weights", "."],
            "--imagenet-weights: MultiBox is trained",
        ),
        (["--weights", ".", "--set", "training.initial=pair"], "training.initial: --weights repl"),
        (["--set", "training.box_weight=-1"], "training.box_weight is -1.0; use 0.0 to"),
        (["--set", "training.box_weight=０"], "training.box_weight: expected float"),
        (
            ["--part", "multibox", "--members", "2"],
            "--members: does not apply to --part multibox",
        ),
        (["--part", "detektor"], "--part: no choice 'detektor'; did you mean 'detector'?"),
        (["--data", "none.json"], "--data: none.json: no such file"),
        (["--images", "none"], "--images: none: no such file"),
    ],
)
def test_a_command_line_of_train_is_refused(
    words: list[str], message: str, small_dataset: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--data", str(small_dataset), *words]) == 2
    errors = capsys.readouterr().err
    assert message in errors and len(errors.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("emptied", ["annotations", "images"])
def test_a_data_set_without_objects_is_rejected(
    emptied: str, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(small_dataset.read_text())
    data = tmp_path / "bare.json"
    data.write_text(json.dumps({**document, emptied: [], "annotations": []}))
    assert main(["train", "--data", str(data), "-o", str(tmp_path / "run")]) == 1
    assert "bare.json: has no usable boxes" in capsys.readouterr().err


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derived recipes that train in seconds: few steps over small pictures."""
    monkeypatch.setattr(detector.training.derived_recipe, "EPOCHS", (0, 1))
    monkeypatch.setattr(detector.training.derived_recipe, "SEEN", 6)
    monkeypatch.setattr(detector.training.derived_recipe, "MULTIBOX_SEEN", 6)
    monkeypatch.setattr(detector.training.derived_recipe, "SHORT_SIDES", (64, 64))


def test_own_data_need_no_other_argument(
    quick: None, small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert main(["train", "--data", str(small_dataset)]) == 0
    printed = capsys.readouterr().out
    for message in (
        "2 classes: red, green", "6 pictures with 12 objects", "short side 64 (scaled by 0.7)",
        "trained at 64\n", "starts from the network of voc20", "1 epochs, about 6 pictures",
        "too few pictures to hold any out",
    ):  # fmt: skip
        assert message in printed, message

    name = f"{small_dataset.parent.name}-instances"
    folder = Path("runs") / name
    loaded = Detector.load(folder, device="cpu")
    assert loaded.info.class_names == NAMES and loaded.info.category_ids == CATEGORY_IDS
    assert loaded.multibox is not None and loaded.recipe == load_recipe(folder / "recipe.yaml")
    assert loaded.info.provenance["initial"] == "voc20"
    assert len(loaded(small_dataset.parent / "1.png", threshold=0.0))

    words = ["--data", str(small_dataset), "--weights", str(folder), "--limit", "2"]
    assert main(["evaluate", *words]) == 0
    printed = capsys.readouterr()
    assert "mAP" in printed.out and "2 pictures" in printed.out
    assert (tmp_path / "evaluations" / f"{name}-instances" / "detections.json").is_file()

    # The same command finds the run finished; of several processes, one prints the derived recipe
    before = (folder / "weights.safetensors").read_bytes()
    monkeypatch.setenv("RANK", "1")
    assert main(["train", "--data", str(small_dataset)]) == 0
    assert (folder / "weights.safetensors").read_bytes() == before
    assert not capsys.readouterr().out


def test_a_validation_split_without_objects_gives_no_figure(
    quick: None, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(small_dataset.read_text())
    first = document["images"][0]["id"]  # the others are empty, and one of them is held out
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] == first]
    data = small_dataset.with_name("sparse.json")
    data.write_text(json.dumps(document))
    words = ["--data", str(data), "-o", str(tmp_path / "run"), "--part", "detector"]
    assert main(["train", *words, "--set", "training.validation_fraction=.2"]) == 0
    assert "5 photographs to train on, 1 to validate" in capsys.readouterr().err
    assert Detector.load(tmp_path / "run", device="cpu").info.metrics == {}
    assert "validation" not in (tmp_path / "run" / "metrics.jsonl").read_text()


def test_a_picture_of_another_size_is_reported_before_training(
    quick: None, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(small_dataset.read_text())
    last = document["images"][-1]
    last["width"], last["height"] = last["height"], last["width"]  # as it was stored, not turned
    data = small_dataset.with_name("turned.json")
    data.write_text(json.dumps(document))
    words = ["--data", str(data), "-o", str(tmp_path / "run"), "--part", "detector"]
    assert main(["train", *words]) == 1
    assert "is 128 x 96 pixels, its data set states 96 x 128; correct" in capsys.readouterr().err
    assert {path.name for path in (tmp_path / "run").iterdir()} <= {"recipe.yaml", "run.json"}
    words[1] = str(small_dataset)  # mended: the same folder serves
    assert main(["train", *words]) == 0


def test_training_on_own_data_starts_from_voc20(
    quick: None, small_dataset: Path, tmp_path: Path
) -> None:
    """Frozen layers show which network they come from."""
    words = ["--data", str(small_dataset), "-o", str(tmp_path / "run"), "--part", "detector"]
    assert main(["train", *words, "--set", "training.freeze=5b"]) == 0
    loaded, theirs = (Detector.load(name, device="cpu") for name in (tmp_path / "run", "voc20"))
    for name, parameter in theirs.model.network.named_parameters():
        assert torch.equal(loaded.model.network.get_parameter(name), parameter), name


def test_imagenet_weights_replace_the_derived_initial_network(
    quick: None, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", str(small_dataset), "-o", str(tmp_path / "run"), "--part", "detector"]
    assert main(["train", *words, "--imagenet-weights", str(IMAGENET_WEIGHTS)]) == 0
    assert "starts from the ImageNet weights" in capsys.readouterr().out
    loaded = Detector.load(tmp_path / "run", device="cpu")
    assert loaded.recipe.training.initial == ""
    assert loaded.info.provenance["initial"] == IMAGENET_WEIGHTS.name


def test_a_missing_initial_network_is_reported(
    quick: None, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", str(small_dataset), "-o", str(tmp_path / "run")]
    assert main(["train", *words, "--set", "training.initial=voc21"]) == 1
    errors = capsys.readouterr().err
    assert "training.initial: recipe 'voc21'" in errors and "voc20" in errors
    assert errors.count("\n") == 1
    assert main(["train", *words, "--set", "training.initial=pair"]) == 1
    assert "training.initial: 2 networks, but training starts from one" in capsys.readouterr().err
    words += ["--imagenet-weights", str(tmp_path), "--set", "training.initial=voc20"]
    assert main(["train", *words]) == 1
    assert "'voc20' would replace the ImageNet weights" in capsys.readouterr().err


def test_a_finished_run_is_not_its_own_continuation(
    quick: None, small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A continuation from a run has its own folder."""
    monkeypatch.chdir(tmp_path)
    words = ["train", "--data", str(small_dataset)]
    assert main([*words]) == 0
    (folder,) = Path("runs").iterdir()
    words += ["--weights", str(folder)]
    assert main([*words, "-o", str(folder)]) == 1
    errors = capsys.readouterr().err.splitlines()[-1]
    assert "started from other weights; give another --output" in errors
    assert main([*words, "--part", "detector"]) == 0
    assert (Path("runs") / f"{folder.name}-detector-from-{folder.name}" / "run.json").exists()


def test_the_plan_that_is_printed_is_the_one_that_runs(
    quick: None, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", str(small_dataset), "-o", str(tmp_path / "run"), "--part", "detector"]
    assert main(["train", *words, "--epochs", "0.5", "--set", "network.context=[]"]) == 0
    printed = capsys.readouterr().out
    assert "0.5 epochs, about 3 pictures" in printed
    assert "large objects at 43 and 28" in printed and "surroundings" not in printed


def test_crowds_alone_are_no_objects(
    small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(small_dataset.read_text())
    for annotation in document["annotations"]:
        annotation["iscrowd"] = 1
    data = tmp_path / "crowds.json"
    data.write_text(json.dumps(document))
    assert main(["train", "--data", str(data), "-o", str(tmp_path / "run")]) == 1
    assert "crowds.json: has no usable boxes" in capsys.readouterr().err


def test_pictures_without_a_size_are_one_line(
    small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(small_dataset.read_text())
    document["images"][1]["height"] = 0
    data = tmp_path / "flat.json"
    data.write_text(json.dumps(document))
    assert main(["train", "--data", str(data), "-o", str(tmp_path / "run")]) == 1
    errors = capsys.readouterr().err
    expected = "2.png has width 128 and height 0 (0 if none is stated); enter its true size"
    assert expected in errors and errors.count("\n") == 1
    del document["images"][1]["height"]
    data.write_text(json.dumps(document))
    assert main(["train", "--data", str(data), "-o", str(tmp_path / "run")]) == 1
    errors = capsys.readouterr().err
    assert expected in errors and errors.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_the_help_lists_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["train", "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for option in (
        "--data",
        "--images",
        "--recipe",
        "--members",
        "--part",
        "--weights",
        "--epochs",
    ):
        assert option in text
    assert "derived from the data" in " ".join(text.split())


def test_options_of_the_machine_reach_the_run_and_not_its_recipe(
    quick: None, small_dataset: Path, tmp_path: Path
) -> None:
    words = ["train", "--data", str(small_dataset), "-o", str(tmp_path / "run")]
    words += ["--part", "detector", "--epochs", "0.4", "--images-per-pass", "1"]
    options = ["--precision", "fp32", "--checkpoint-minutes", "7", "--memory-gb", "2"]
    assert main([*words, *options]) == 0
    described = json.loads((tmp_path / "run" / "run.json").read_text())
    assert described["machine"] == {
        "precision": "fp32", "checkpoint_minutes": 7.0, "memory_gb": 2.0, "images_per_pass": 1,
        "crops_per_pass": 32,
    }  # fmt: skip
    assert "fp32" not in (tmp_path / "run" / "recipe.yaml").read_text()
    assert main(words) == 0  # another precision continues the run
