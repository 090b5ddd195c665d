"""ILSVRC DET folders: the official cache object for object, layouts, blacklist, faults."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from eval import EvaluationError, read_dataset
from eval.formats.ilsvrc import read_ilsvrc
from eval.formats.ilsvrc_synsets import Synset, read_synsets
from tests.eval.cases import published
from tests.eval.made_formats import EXAMPLE, WNIDS, Picture, pictures, write, write_ilsvrc


@given(pictures())
@settings(max_examples=40, deadline=None)
def test_what_was_written_is_read(made: list[Picture]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dataset = read_dataset(write_ilsvrc(Path(folder), made))
    assert [image.id for image in dataset.images] == [10 * k + 1 for k in range(1, len(made) + 1)]
    assert [i.file_name for i in dataset.images] == [f"{p.stem}.JPEG" for p in made]
    for row, picture in enumerate(made):
        truths = dataset.truths(row)
        assert truths.labels.tolist() == [thing.label for thing in picture.things]
        assert truths.boxes.tolist() == [list(thing[1:5]) for thing in picture.things]
        assert truths.layout == "inclusive0"


def test_the_official_cache_object_for_object() -> None:
    from scipy.io import loadmat

    folder = published("ilsvrc_det_val2_xml")
    dataset = read_dataset(folder, split="val2")
    cache = loadmat(folder / "val2_ground_truth_cache.mat")
    assert dataset.category_ids == tuple(range(1, 201)) and len(dataset) == 9917
    assert len(dataset.all_truths) == 26782
    assert [image.id for image in dataset.images] == cache["gt_img_ids"].ravel().tolist()
    for row in range(len(dataset)):
        truths = dataset.truths(row)
        labels, boxes = cache["gt_obj_labels"][0, row], cache["gt_obj_bboxes"][0, row]
        assert np.array_equal(truths.labels + 1, labels.ravel())
        assert np.array_equal(truths.boxes, boxes.T.reshape(-1, 4))


def test_meta_det_and_text_lists_of_synsets(tmp_path: Path) -> None:
    synsets = read_synsets(published("ilsvrc_det_val2_xml") / "meta_det.mat")
    assert len(synsets) == 200 and synsets[0] == Synset("n02672831", 1, "accordion")
    assert synsets[1] == Synset("n02691156", 2, "airplane")
    assert synsets[199] == Synset("n02391049", 200, "zebra")


def test_text_lists_of_synsets(tmp_path: Path) -> None:
    path = write(tmp_path / "synsets.txt", "n2 7 dog\nn1 3 domestic cat\n")
    assert read_synsets(path) == (Synset("n1", 3, "domestic cat"), Synset("n2", 7, "dog"))
    path = write(tmp_path / "synsets.txt", "n2 dog\n\nn1 domestic cat\n")
    assert read_synsets(path) == (Synset("n2", 1, "dog"), Synset("n1", 2, "domestic cat"))
    for text, message in (
        ("n1 dog\nn1 cat\n", "wnid n1 is repeated"),
        ("n1 dog\nn2 dog\n", "name dog is repeated"),
        ("n1 5 dog\nn2 5 cat\n", "number 5 is repeated"),
        ("n1\n", "line 1: one word"),
        ("", "no synset is listed"),
    ):
        with pytest.raises(EvaluationError, match=message):
            read_synsets(write(path, text))
    (tmp_path / "bad.mat").write_bytes(b"no mat file")
    with pytest.raises(EvaluationError, match=r"not the devkit's meta_det\.mat"):
        read_synsets(tmp_path / "bad.mat")
    with pytest.raises(EvaluationError, match="no such file"):
        read_synsets(tmp_path / "none.mat")


def test_a_flat_folder_with_explicit_files(tmp_path: Path) -> None:
    kit = write_ilsvrc(tmp_path / "kit", EXAMPLE) / "ILSVRC"
    options = {
        "annotations": kit / "Annotations" / "DET" / "val",
        "image_list": kit / "ImageSets" / "DET" / "val.txt",
        "synsets": kit / "devkit" / "data" / "map_det.txt",
    }
    (tmp_path / "empty").mkdir()
    dataset = read_ilsvrc(tmp_path / "empty", **options)  # type: ignore[arg-type]
    assert len(dataset) == 3 and len(dataset.all_truths) == 3
    with pytest.raises(EvaluationError, match="name the file with image_list="):
        read_ilsvrc(tmp_path / "empty")
    with pytest.raises(EvaluationError, match="no such file or folder"):
        read_ilsvrc(kit, synsets=tmp_path / "none.txt")


def test_an_archive_of_xml(tmp_path: Path) -> None:
    kit = write_ilsvrc(tmp_path, EXAMPLE) / "ILSVRC"
    folder = kit / "Annotations" / "DET" / "val"
    with tarfile.open(tmp_path / "val.tar.xz", "w:xz") as archive:
        archive.add(folder, "some_folder")
    dataset = read_ilsvrc(kit, annotations=tmp_path / "val.tar.xz")
    assert dataset.all_truths.boxes.tolist() == read_ilsvrc(kit).all_truths.boxes.tolist()
    broken = tmp_path / "broken.tar"
    broken.write_bytes((tmp_path / "val.tar.xz").read_bytes()[:100])
    with pytest.raises(EvaluationError, match="not a tar archive, or cut short"):
        read_ilsvrc(kit, annotations=broken)


def test_images_without_xml_count(tmp_path: Path) -> None:
    kit = write_ilsvrc(tmp_path, EXAMPLE) / "ILSVRC"
    (kit / "Annotations" / "DET" / "val" / f"{EXAMPLE[0].stem}.xml").unlink()
    dataset = read_ilsvrc(kit)
    assert len(dataset) == 3 and len(dataset.truths(0)) == 0 and len(dataset.truths(2)) == 1
    assert (
        "1 image without XML: read as images without objects (first: 2008_000000)" in dataset.notes
    )
    with pytest.raises(EvaluationError, match="nor the XML of any other listed image"):
        read_ilsvrc(kit, annotations=kit / "devkit")


def test_the_blacklist(tmp_path: Path) -> None:
    kit = write_ilsvrc(tmp_path, EXAMPLE) / "ILSVRC"
    path = kit / "devkit" / "data" / "ILSVRC2015_det_validation_blacklist.txt"
    write(path, f"31 {WNIDS[2]}\n11 {WNIDS[0]}\n31 {WNIDS[2]}\n")
    assert read_ilsvrc(kit).excluded.tolist() == [[0, 0], [2, 2]]
    write_ilsvrc(tmp_path, EXAMPLE, split="val2")
    assert len(read_ilsvrc(kit, "val2").excluded) == 0  # which numbers images differently
    assert len(read_ilsvrc(kit, "val2", blacklist=path).excluded) == 2
    for line in (f"12 {WNIDS[0]}", "11 n0", "11", f"x {WNIDS[0]}"):
        write(path, f"11 {WNIDS[0]}\n{line}\n")
        with pytest.raises(EvaluationError, match=r"blacklist\.txt: line 2: .* expected `index"):
            read_ilsvrc(kit)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1\nb two\n", "line 2: 'b two'; expected `name index`"),
        ("a 1\na 2\n", "line 2: name a is already on line 1"),
        ("a 1\nb 1\n", "line 2: index 1 is already on line 1"),
        ("a 1 2\n", "line 1: 'a 1 2'"),
        ("\n", "no image is listed"),
    ],
)
def test_faults_of_the_list(tmp_path: Path, text: str, message: str) -> None:
    kit = write_ilsvrc(tmp_path, EXAMPLE) / "ILSVRC"
    write(kit / "ImageSets" / "DET" / "val.txt", text)
    with pytest.raises(EvaluationError) as caught:
        read_ilsvrc(kit)
    assert str(caught.value).startswith("val.txt: ") and message in str(caught.value)


def test_a_list_of_names_alone_is_numbered_by_line(tmp_path: Path) -> None:
    kit = write_ilsvrc(tmp_path, EXAMPLE) / "ILSVRC"
    write(kit / "ImageSets" / "DET" / "val.txt", "2008_000002\n2008_000000\n")
    dataset = read_ilsvrc(kit)
    assert [image.id for image in dataset.images] == [1, 2]
    assert "numbered by line" in dataset.notes[0] and len(dataset.truths(0)) == 1


def test_an_unknown_wnid_is_named(tmp_path: Path) -> None:
    kit = write_ilsvrc(tmp_path, EXAMPLE) / "ILSVRC"
    path = kit / "Annotations" / "DET" / "val" / f"{EXAMPLE[0].stem}.xml"
    write(path, path.read_text().replace(WNIDS[1], "n99"))
    with pytest.raises(EvaluationError, match=r"val/2008_000000\.xml: object 2: name 'n99'.*syns"):
        read_ilsvrc(kit)
