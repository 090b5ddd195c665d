"""Which split of a data set a detector learns from."""

from pathlib import Path

import pytest

from eval import EvaluationError
from eval.formats.splits import splits_of_data, training_split


@pytest.mark.parametrize(
    ("names", "part"),
    [
        (["ImageSets/Main/train.txt", "ImageSets/Main/test.txt"], "train"),
        (["ImageSets/Main/train.txt", "ImageSets/Main/trainval.txt"], "trainval"),
        (["images/train/1", "labels/train/1", "images/val/2", "labels/val/2"], "train"),
        (["train/images/1", "train/labels/1", "valid/images/2", "valid/labels/2"], "train"),
        (["ILSVRC/ImageSets/DET/val.txt", "ILSVRC/ImageSets/DET/train.txt"], "train"),
        (["images/trainval/1", "labels/trainval/1", "images/test/2", "labels/test/2"], "trainval"),
        (["Annotations/1.xml", "JPEGImages/1.jpg"], None),
        (["images/1.jpg", "labels/1.txt"], None),
    ],
)
def test_the_training_split_of_a_folder_is_found(
    names: list[str], part: str | None, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert training_split(tmp_path) == part


def test_the_training_split_that_a_data_yaml_names_is_found(tmp_path: Path) -> None:
    for part in ("learn", "measure"):
        for kind in ("images", "labels"):
            (tmp_path / "pictures" / kind / part).mkdir(parents=True)
    data = tmp_path / "set" / "data.yaml"
    data.parent.mkdir()
    data.write_text("path: ../pictures\ntrain: images/learn\nval: images/measure\nnames: [a]\n")
    assert training_split(data) == training_split(data.parent) == "train"
    data.write_text("path: ../pictures\nval: images/measure\nnames: [a]\n")
    with pytest.raises(EvaluationError, match="no split is called train or trainval"):
        training_split(data)


def test_a_folder_with_evaluation_splits_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    for name in ("test", "val"):
        (tmp_path / "ImageSets" / "Main" / f"{name}.txt").touch()
    with pytest.raises(
        EvaluationError, match=r"no split is called train or trainval; .* --split: test, val"
    ):
        training_split(tmp_path)


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["train", "val", "trainval", "test", "cat_train"], ("train", "val", "test")),
        (["trainval", "test"], ("trainval", "test")),
        (["day"], (None,)),
        ([], (None,)),
    ],
)
def test_the_splits_hold_every_image_once(
    names: list[str], parts: tuple[str | None, ...], tmp_path: Path
) -> None:
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    for name in names:
        (tmp_path / "ImageSets" / "Main" / f"{name}.txt").touch()
    assert splits_of_data(tmp_path) == parts


def test_a_val_that_is_the_train_split_is_no_second_split(tmp_path: Path) -> None:
    for kind in ("images", "labels"):
        (tmp_path / kind / "train").mkdir(parents=True)
    data = tmp_path / "data.yaml"
    data.write_text("train: images/train\nval: images/train\nnames: [a]\n")
    assert splits_of_data(tmp_path) == splits_of_data(data) == ("train",)
    assert training_split(data) == "train"
