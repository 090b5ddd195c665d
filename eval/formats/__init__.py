"""Ground truth and results as files, one module a format. What lies at a path tells the format.

ground truth: coco_json, voc, ilsvrc, yolo -> Dataset
results: COCO JSON (eval.detections), comp4, ilsvrc_submission, csv_results, yolo_results
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError


def reader_of(path: str | os.PathLike[str]) -> Callable[..., Dataset]:
    """The reader for the ground truth at a path: read_coco, read_voc, read_ilsvrc or read_yolo.

    Raises
    ------
    EvaluationError
        No format is recognised; the message lists what was looked for.
    """
    place = _place(path)
    if place.is_dir():
        return _folder_reader(place)
    if place.suffix.lower() in (".yaml", ".yml"):
        from eval.formats.yolo import read_yolo

        return read_yolo
    if place.suffix.lower() == ".json" or _begins(place).startswith((b"{", b"[")):
        from eval.formats.coco_json import read_coco

        return read_coco
    raise EvaluationError(
        f"{place}: cannot be read as a data set; expected a COCO JSON file, a YOLO data.yaml, "
        "or the folder of a VOC, ILSVRC DET or YOLO data set"
    )


def _place(path: str | os.PathLike[str]) -> Path:
    """A path that the system can look up, whether or not something is there."""
    if not isinstance(path, (str, os.PathLike)):
        raise EvaluationError(f"a {type(path).__name__}; expected the path of a file or folder")
    try:
        os.stat(path)
    except FileNotFoundError:
        pass  # which its reader tells, unless it is a pattern
    except OSError as error:
        raise EvaluationError(f"{os.fspath(path)}: cannot be read ({error.strerror})") from None
    except ValueError:  # a NUL in it
        raise EvaluationError(f"{os.fspath(path)}: no such file; check the path") from None
    return Path(path)


def _folder_reader(folder: Path) -> Callable[..., Dataset]:
    signs = ("ILSVRC", "Annotations/DET", "meta_det.mat", "data/meta_det.mat", "map_det.txt")
    if any((folder / name).exists() for name in (*signs, "devkit/data", "synsets.txt")):
        from eval.formats.ilsvrc import read_ilsvrc

        return read_ilsvrc
    if any(_first(folder, "Annotations/*.xml", "*.xml")):
        from eval.formats.voc import read_voc

        return read_voc
    if any(_first(folder, "labels", "*/labels", "data.yaml", "data.yml", "*.names", "classes.txt")):
        from eval.formats.yolo import read_yolo

        return read_yolo
    json_files = [path.name for path in sorted(folder.glob("*.json"))]
    remedy = f"; name its JSON file itself ({', '.join(json_files):.80})" if json_files else ""
    raise EvaluationError(
        f"{folder}: a folder that cannot be read as a data set: neither Annotations/*.xml (VOC), "
        "nor Annotations/DET or meta_det.mat (ILSVRC DET), nor labels/ or data.yaml (YOLO) is in "
        f"it{remedy}"
    )


def results_reader_of(path: str | os.PathLike[str]) -> Callable[..., DetectionTable] | None:
    """The reader for the results at a path, called as reader(path, dataset); None for JSON.

    Raises
    ------
    EvaluationError
        No format is recognised; the message lists what was looked for.
    """
    from eval.formats.results.voc import comp4_files
    from eval.formats.text_files import is_picture

    place = _place(path)
    if comp4_files(path):
        from eval.formats.results.voc import read_comp4

        return read_comp4
    if place.is_dir():
        if any(_first(place, "*.txt", "labels/*.txt")):
            from eval.formats.results.yolo import read_yolo_results

            return read_yolo_results
        if (place / "detections.json").is_file():
            raise EvaluationError(f"{place}: a folder; its results are in detections.json")
        raise EvaluationError(
            f"{place}: a folder that holds no results: neither comp4_det_SPLIT_CLASS.txt (VOC) "
            "nor IMAGE.txt (YOLO) is in it; check the path"
        )
    if place.suffix.lower() == ".json":
        return None
    begin = _begins(place)
    table = place.suffix.lower() in (".csv", ".tsv")
    if is_picture(begin):
        raise EvaluationError(f"{place}: a picture, not results; check the path")
    if begin.startswith((b"{", b"[")) or not (begin or table):
        return None
    if table or b"," in begin or b";" in begin:
        from eval.formats.results.csv import read_csv_results

        return read_csv_results
    from eval.formats.results.ilsvrc import read_ilsvrc_submission

    return read_ilsvrc_submission


def _first(folder: Path, *patterns: str) -> Iterator[Path]:
    """At most one path that fits each pattern: folders of many files are not listed whole."""
    for pattern in patterns:
        yield from (path for _, path in zip(range(1), folder.glob(pattern), strict=False))


def _begins(path: Path) -> bytes:
    """First line that is not empty, of .gz too; EvaluationError where there is no such file."""
    from eval.formats.text_files import first_line

    return first_line(path)
