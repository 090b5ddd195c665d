"""The folder of a data set's pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from detector.errors import DetectorError
from detector.pictures.dataset_folder import find_image_folder
from eval import read_dataset

XML = """<annotation><filename>1</filename>
<size><width>20</width><height>30</height><depth>3</depth></size></annotation>"""


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 30)).save(path)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("layout", ["images/{}", "{}/images"])
def test_parts_with_the_same_file_names_have_folders_of_their_own(
    layout: str, tmp_path: Path
) -> None:
    for split in ("train", "val"):
        picture(tmp_path / layout.format(split) / "0.jpg")
        write(tmp_path / layout.format(split).replace("images", "labels") / "0.txt", "")
    for split in ("train", "val"):
        dataset = read_dataset(tmp_path, split=split)
        folder = find_image_folder(tmp_path, dataset)
        assert folder == tmp_path / layout.format(split)
        assert find_image_folder(tmp_path, dataset.subset([0])) == folder


@pytest.mark.parametrize("above", ["", "ILSVRC"])
def test_pictures_of_ilsvrc_in_subfolders(above: str, tmp_path: Path) -> None:
    root, name = tmp_path / above, "ILSVRC2014_train_0000/1"
    write(root / "ImageSets" / "DET" / "train.txt", f"{name} 1\n")
    write(root / "Annotations" / "DET" / "train" / f"{name}.xml", XML)
    write(root / "devkit" / "data" / "map_det.txt", "n02958343 1 car\n")
    picture(root / "Data" / "DET" / "train" / f"{name}.JPEG")
    dataset = read_dataset(tmp_path, split="train")
    assert find_image_folder(tmp_path, dataset) == root / "Data" / "DET" / "train"
    (root / "Data").rename(root / "elsewhere")
    assert find_image_folder(tmp_path, dataset) == root / "elsewhere" / "DET" / "train"


def test_pictures_of_a_voc_folder(tmp_path: Path) -> None:
    write(tmp_path / "Annotations" / "1.xml", XML)
    picture(tmp_path / "JPEGImages" / "1.jpg")
    assert find_image_folder(tmp_path, read_dataset(tmp_path)) == tmp_path / "JPEGImages"


def test_a_file_name_in_several_folders_is_ambiguous(tmp_path: Path) -> None:
    write(tmp_path / "Annotations" / "1.xml", XML.replace(">1<", ">1.jpg<"))
    for name in ("a", "b"):
        picture(tmp_path / name / "1.jpg")
    with pytest.raises(DetectorError, match=r"1\.jpg is in .*[ab] and in .*[ab]; give --images"):
        find_image_folder(tmp_path, read_dataset(tmp_path))


def test_pictures_beside_a_json(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "1.jpg", "height": 30, "width": 20}
    document = {"images": [image], "annotations": [], "categories": [{"id": 1, "name": "car"}]}
    data = tmp_path / "data.json"
    data.write_text(json.dumps(document))
    dataset = read_dataset(data)
    with pytest.raises(DetectorError, match=r"1\.jpg is not beside it; give --images"):
        find_image_folder(data, dataset)
    picture(tmp_path / "images" / "1.jpg")
    assert find_image_folder(data, dataset) == tmp_path / "images"
