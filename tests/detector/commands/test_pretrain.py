"""`detect pretrain` and `detect classify` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import save_file

from detector.pictures.reading import read_image
from detector.pictures.writing import save_picture
from detector.weights_file import IMAGENET_WEIGHTS
from tests.detector.command import detect, save
from tests.made_up import colour_noise


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name, colour in (("espresso", (90, 40, 10)), ("tabby", (150, 140, 130))):
        for number in range(2):
            colour_noise(tmp_path / "data" / name / f"{number}.png", colour, number)
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "data/espresso"], "espresso: contains no folders"),
        (["--data", "data", "--epochs", "-1"], "options: epochs is -1.0; use 0.0 to"),
        (["--data", "data", "--epochs", "1"], "data: no training step of 128 pictures in 4"),
        (["--data", "data", "--batch", "97"], "use a multiple of --crops-per-pass (32)"),
        (["--data", "data", "--validation", "other"], "unicorn: no class of that name among the 2"),
        (["--data", "data", "--crop-side", "8"], "options: crop_side is 8; use 32 to 1024"),
        (["--data", "single"], "single: has only the class 'unicorn'"),
    ],
)
def test_bad_input_of_pretrain_is_one_line(
    words: list[str], message: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("other", "single"):
        colour_noise(tmp_path / folder / "unicorn" / "1.png", (1, 2, 3), 0)
    run = detect("pretrain", *words, "--device", "cpu")
    assert run.code == 1 and message in run.errors and len(run.errors.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pretrain", "--data", "gone"], "--data: gone: no such file"),
        (["pretrain", "--data", "file"], "--data: file: a file, not a folder"),
        (["pretrain", "--data", "data", "--validation", "none"], "--validation: none: no such"),
        (["pretrain", "--data", "data", "--weights", "no.safetensors"], "--weights: no.safetens"),
        (["pretrain", "--data", "data", "--recipe", "voc2"], "--recipe: voc2: no such file"),
        (["pretrain", "--data", "data", "--learning-rate", "nan"], "nan is not a number"),
        (["classify"], "name pictures, or a folder with --data"),
        (["classify", "x.png", "--data", "data"], "not both"),
        (["classify", "x.png", "--weights", "no.safetensors"], "--weights: no.safetensors: no"),
    ],
)
def test_a_wrong_command_line_is_refused(
    words: list[str], message: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    run = detect(*words)
    assert run.code == 2 and message in run.errors and len(run.errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gone.png"], "gone.png: no such file"),
        (["--data", "data/espresso"], "espresso: contains no folders"),
        (["x.png", "--weights", "bare.safetensors"], "has no classifier with class names"),
    ],
)
def test_bad_input_of_classify_is_one_line(
    words: list[str], message: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    save_file({"loss3/classifier.bias": torch.zeros(4)}, tmp_path / "bare.safetensors")
    save(tmp_path / "x.png")
    run = detect("classify", *words, "--device", "cpu")
    assert run.code == 1 and message in run.errors and len(run.errors.splitlines()) == 1


def test_classify_prints_the_five_likeliest_classes_of_each_picture(tmp_path: Path) -> None:
    first, bad = save(tmp_path / "one.png"), tmp_path / "two.png"
    bad.write_bytes(b"no picture")
    save_picture(read_image(first), tmp_path / "drawn.png")
    (tmp_path / "raw.nef").touch()
    run = detect("classify", tmp_path, "--crops", 1, "--device", "cpu")
    assert run.code == 1 and "two.png: not a picture" in run.errors
    assert "skipped 1 .nef" in run.errors
    heading, *lines = run.out.splitlines()
    assert heading == str(first) and len(lines) == 5
    shares = [float(line.split()[0]) for line in lines]
    assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1.002


def test_classify_measures_the_error_over_a_folder(data: Path) -> None:
    (data / "tabby" / "0.png").write_bytes(b"no picture")
    run = detect(
        "classify", "--data", data, "--crops", 1, "--device", "cpu",
        "--weights", IMAGENET_WEIGHTS, "--weights", IMAGENET_WEIGHTS,
    )  # fmt: skip
    assert run.code == 0 and run.errors.count("0.png: not a picture") == 1
    head, values = run.out.splitlines()
    assert head.split()[:5] == ["pictures", "unreadable", "classes", "networks", "crops"]
    assert values.split()[:5] == ["3", "1", "2", "2", "1"]
