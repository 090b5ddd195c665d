"""Folders of classes, and the error rates of a classifier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor, nn

from detector.classification.class_folder import find_parts, read_class_folder
from detector.classification.classifier import Classifier, load_classifier
from detector.classification.error_rates import ClassificationReport, measure, rank
from detector.errors import DetectorError
from tests.made_up import colour_noise


def test_classes_are_sorted_by_name_and_pictures_found_below(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/10.png", "a/deeper/1.png", "C/1.png", ".hidden/1.png"):
        colour_noise(tmp_path / name, (1, 2, 3), 0)
    (tmp_path / "b" / "notes.txt").write_text("no picture")
    folder = read_class_folder(tmp_path)
    assert folder.class_names == ("C", "a", "b")
    assert folder.files == ("C/1.png", "a/deeper/1.png", "b/2.png", "b/10.png")
    assert folder.labels.tolist() == [0, 1, 2, 2]
    assert find_parts(tmp_path) == (tmp_path, None)
    assert folder.subset([1, 3]).labels.tolist() == [1, 2]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("train/1.png", "car/1.png"):
        colour_noise(tmp_path / name, (1, 2, 3), 0)
    assert find_parts(tmp_path) == (tmp_path, None)
    colour_noise(tmp_path / "train" / "red" / "1.png", (1, 2, 3), 0)
    assert find_parts(tmp_path) == (tmp_path / "train", None)


def test_folders_without_pictures_or_classes_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="contains no folders; sort its pictures"):
        read_class_folder(tmp_path)
    colour_noise(tmp_path / "full" / "1.png", (1, 2, 3), 0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DetectorError, match="empty: a class without pictures; add some"):
        read_class_folder(tmp_path)
    with pytest.raises(DetectorError, match="gone: no such folder"):
        find_parts(tmp_path / "gone")


class Reddest(nn.Module):
    """A network of six classes: the redder a picture, the higher the class."""

    def forward(self, x: Tensor) -> Tensor:
        red = x[:, 2].mean((1, 2)) + 123
        return -(red[:, None] - torch.tensor([0.0, 20, 40, 60, 80, 250])).abs()


def test_error_rates_of_a_folder(tmp_path: Path) -> None:
    # reds 0, 41, 79 and 250 are nearest to classes a, c, e, f; a stands sixth for 250, f for 0
    for name, red in (("a/1", 0), ("c/1", 41), ("f/1", 79), ("a/2", 250)):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (30, 20), (red, 0, 0)).save(path)
    (tmp_path / "c" / "2.png").write_bytes(b"no picture")
    network = Reddest()
    classifier = Classifier((network,), tuple("abcdef"), (), 224, torch.device("cpu"))  # type: ignore[arg-type]
    report = measure(classifier, read_class_folder(tmp_path), 1, Console(quiet=True))
    assert report == ClassificationReport(4, 1, 3, 1, 1, top1_error=0.5, top5_error=0.5)
    assert report.table().splitlines()[1].split() == [
        "4", "1", "3", "1", "1", "50.00", "%", "50.00", "%",
    ]  # fmt: skip


def test_a_tie_counts_as_an_error() -> None:
    assert rank(np.array([0.2, 0.5, 0.3], np.float32), 1) == 0
    assert rank(np.array([0.2, 0.5, 0.3], np.float32), 0) == 2
    assert rank(np.full(10, 0.1, np.float32), 3) == 9


def test_folders_may_be_named_by_class_by_first_word_or_by_synset(tmp_path: Path) -> None:
    classifier = load_classifier(device="cpu")
    columns = {"tabby, tabby cat": 281, "espresso": 967, "n02124075": 285, "tench": 0}
    for name in columns:
        colour_noise(tmp_path / name / "1.png", (1, 2, 3), 0)
    folder = read_class_folder(tmp_path)
    assert classifier.columns(folder).tolist() == [columns[name] for name in folder.class_names]
    colour_noise(tmp_path / "unicorn" / "1.png", (1, 2, 3), 0)
    with pytest.raises(DetectorError, match=r"unicorn: no class of that name among the 1000"):
        classifier.columns(read_class_folder(tmp_path))
