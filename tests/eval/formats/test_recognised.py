"""The files at a path determine the format; an unrecognised format is one clear error."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from eval import EvaluationError, read_dataset
from eval.formats.recognised import reader_of
from eval.reading import results_reader_of
from tests.eval.made_formats import EXAMPLE, Picture, write, write_ilsvrc, write_voc, write_yolo


@pytest.mark.parametrize(
    ("writer", "name"),
    [(write_voc, "read_voc"), (write_ilsvrc, "read_ilsvrc"), (write_yolo, "read_yolo")],
)
def test_folders(tmp_path: Path, writer: Callable[[Path, list[Picture]], Path], name: str) -> None:
    assert reader_of(writer(tmp_path, EXAMPLE)).__name__ == name


def test_inside_the_kit(tmp_path: Path) -> None:
    write_ilsvrc(tmp_path, EXAMPLE)
    assert reader_of(tmp_path / "ILSVRC").__name__ == "read_ilsvrc"
    assert len(read_dataset(tmp_path / "ILSVRC")) == 3


def test_files(tmp_path: Path) -> None:
    assert reader_of(tmp_path / "not_there.json").__name__ == "read_coco"
    assert reader_of(write(tmp_path / "truth.txt", '\n {"images": []}')).__name__ == "read_coco"
    assert reader_of(tmp_path / "data.yaml").__name__ == "read_yolo"


def test_what_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"neither Annotations/\*\.xml \(VOC\), nor Annot"):
        reader_of(tmp_path)
    write(tmp_path / "meta.json", "{}")
    write(tmp_path / "part/data.yaml", "")
    with pytest.raises(EvaluationError, match=r"name one of those in it: part \(YOLO\)$"):
        reader_of(tmp_path)
    with pytest.raises(EvaluationError, match="no such file"):
        reader_of(tmp_path / "none")
    with pytest.raises(EvaluationError, match="cannot be read as a data set; expected a COCO JSON"):
        reader_of(write(tmp_path / "text.txt", "hello"))


@pytest.mark.parametrize(
    ("name", "text", "reader"),
    [
        ("results.json", "", None),
        ("results", '  [{"image_id": 1}]', None),
        ("results.csv", "", "read_csv_results"),
        ("results.tsv", "image\tscore", "read_csv_results"),
        ("results.dat", "image,score\n", "read_csv_results"),
        ("sub.txt", "1 2 .5 1 2 3 4\n", "read_ilsvrc_submission"),
        ("comp4_det_test_dog.txt", "", "read_comp4"),
        ("comp3_det_val_a_b.txt", "1 2 .5 1 2 3 4\n", "read_comp4"),
    ],
)
def test_results(tmp_path: Path, name: str, text: str, reader: str | None) -> None:
    chosen = results_reader_of(write(tmp_path / name, text))
    assert (chosen and chosen.__name__) == reader


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.zip", "PK\x03\x04a,b;c", "damaged or cut short"),
        ("r.txt", "Car -1 -1 -10 1 2 3 4 -1 -1 -1 -1000 -1000 -1000 -10 0.9\n", "a file of KITTI"),
    ],
)
def test_results_of_other_kinds_are_named(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(EvaluationError, match=message):
        results_reader_of(write(tmp_path / name, text))


def test_tables_with_scores_are_results(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="holds results; name it with --detections"):
        reader_of(write(tmp_path / "found.csv", "filename,class,score,xmin,ymin,xmax,ymax\n"))


def test_the_data_sets_below_a_folder_are_named(tmp_path: Path) -> None:
    write_ilsvrc(tmp_path / "one", EXAMPLE)
    write(tmp_path / "two" / "annotations.xml", "<annotations/>")
    write(tmp_path / "three.csv", "filename,class,xmin,ymin,xmax,ymax\n")
    write(tmp_path / "found.csv", "filename,class,score,xmin,ymin,xmax,ymax\n")
    names = r"name one of those in it: one \(ILSVRC\), three\.csv \(table\), two \(CVAT\)$"
    with pytest.raises(EvaluationError, match=names):
        reader_of(tmp_path)


def test_packed_results(tmp_path: Path) -> None:
    path = tmp_path / "sub.gz"
    path.write_bytes(gzip.compress(b"1 2 .5 1 2 3 4\n" * 9999))
    chosen = results_reader_of(path)
    assert chosen is not None and chosen.__name__ == "read_ilsvrc_submission"


def test_folders_of_results(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="the folder has no results"):
        results_reader_of(tmp_path)
    write(tmp_path / "labels" / "a.txt", "")
    chosen = results_reader_of(tmp_path)
    assert chosen is not None and chosen.__name__ == "read_yolo_results"
    write(tmp_path / "comp4_det_test_dog.txt", "")
    chosen = results_reader_of(tmp_path)
    assert chosen is not None and chosen.__name__ == "read_comp4"
    with pytest.raises(EvaluationError, match="no such file"):
        results_reader_of(tmp_path / "none*.txt")
