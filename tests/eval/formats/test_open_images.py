"""Reading the files of Open Images, under their own names and others."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detector.cli import main
from eval import EvaluationError, evaluate, read_dataset
from eval.checking import check
from eval.formats.open_images.hierarchy import expanded, expanded_labels, read_hierarchy
from eval.formats.open_images.tables import BoxTable

BOXES = "validation-annotations-bbox.csv"
LABELS = "validation-annotations-human-imagelabels-boxable.csv"
NAMES = "class-descriptions-boxable.csv"
HIERARCHY = "bbox_labels_600_hierarchy.json"
PLANE, PERSON, MAN = "/m/0cmf2", "/m/01g317", "/m/04yx4"
A, B, C = "0001eeaf4aed83f9", "0004886b7d043cfd", "00075905539074f2"
HEADER = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,"
    "IsDepiction,IsInside"
)
TREE = {
    "LabelName": "/m/0bl9f",
    "Subcategory": [
        {"LabelName": PLANE},
        {
            "LabelName": PERSON,
            "Subcategory": [{"LabelName": MAN}],
            "Part": [{"LabelName": "/m/0dzct"}],
        },
    ],
}
FILES = {
    BOXES: (
        f"{HEADER}\n"
        f"{A},xclick,{PLANE},1,0.1,0.5,0.2,0.6,0,0,0,0,0\n"
        f"{A},xclick,{PERSON},1,0.5,0.9,0.2,0.6,0,0,1,0,0\n"
        f"{B},xclick,{MAN},1,0.0,0.5,0.0,1.0,0,0,0,0,0\n"
    ),
    LABELS: (
        "ImageID,Source,LabelName,Confidence\n"
        f"{A},verification,{PLANE},1\n"
        f"{A},verification,{PERSON},1\n"
        f"{B},verification,{MAN},1\n"
        f"{B},verification,{PLANE},0\n"
        f"{C},verification,{PERSON},0\n"
        f"{C},verification,/m/01x3z,1\n"  # a label that no box has
    ),
    NAMES: f"{PLANE},Airplane\n{PERSON},Person\n{MAN},Man\n",
    HIERARCHY: json.dumps(TREE),
}
RESULTS = (
    "ImageID,LabelName,Conf,XMin,XMax,YMin,YMax\n"
    f"{A},{PLANE},0.9,0.1,0.5,0.2,0.6\n"
    f"{B},{MAN},0.8,0.0,0.5,0.0,1.0\n"
    f"{B},{PERSON},0.8,0.0,0.5,0.0,1.0\n"
    f"{A},{PERSON},0.7,0.5,0.6,0.2,0.3\n"
    f"{A},{PERSON},0.6,0.6,0.7,0.2,0.3\n"
    f"{C},{PERSON},0.9,0.6,0.7,0.2,0.3\n"
    f"{C},{PLANE},0.9,0.6,0.7,0.2,0.3\n"
)
# A person's detection in image C is false, the one in B is true, the first in A finds the group,
# the second is ignored: precision 2/3 at recalls 1/2 and 1. The airplane in C was not looked for.
FIGURES = {"Airplane": 1.0, "Person": 2 / 3, "Man": 1.0}


def written(folder: Path, **changes: str | None) -> Path:
    """The folder with the files, some of them changed or (None) missing."""
    kinds = {"boxes": BOXES, "labels": LABELS, "names": NAMES, "hierarchy": HIERARCHY}
    changed = {kinds[kind]: text for kind, text in changes.items()}
    for name, text in (FILES | changed).items():
        if text is not None:
            (folder / name).write_text(text)
    (folder / "results").mkdir(exist_ok=True)
    (folder / "results" / "results.csv").write_text(RESULTS)
    return folder


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(EvaluationError) as error:
        read_dataset(folder, **options)
    return str(error.value)


def test_files_as_they_are_downloaded(tmp_path: Path) -> None:
    dataset = read_dataset(written(tmp_path))
    assert [image.id for image in dataset.images] == [A, B, C]
    assert dataset.class_names == ("Airplane", "Person", "Man")
    assert dataset.category_ids == (PLANE, PERSON, MAN)
    truths = dataset.truths(0)
    assert truths.boxes_xyxy.tolist() == [[0.1, 0.2, 0.5, 0.6], [0.5, 0.2, 0.9, 0.6]]
    assert truths.crowd.tolist() == [False, True] and dataset.in_fractions
    # The man is also a person.
    assert dataset.truths(1).labels.tolist() == [2, 1]
    assert dataset.truths(1).boxes_xyxy.tolist() == [[0, 0, 0.5, 1]] * 2
    # Without persons in image C, there are no men either.
    pairs = [[0, 0], [0, 1], [1, 0], [1, 1], [1, 2], [2, 1], [2, 2]]
    assert dataset.verified is not None and dataset.verified.tolist() == pairs
    assert any("3 boxes became 4 by bbox_labels_600_hierarchy.json" in n for n in dataset.notes)
    assert any("in fractions" in note for note in dataset.notes)
    report = evaluate(tmp_path / "results" / "results.csv", dataset, "open_images")
    assert report.per_class == pytest.approx(FIGURES)


def test_the_table_can_be_named_and_everything_may_be_compressed(tmp_path: Path) -> None:
    written(tmp_path)
    for name in (BOXES, LABELS, NAMES):
        content = (tmp_path / name).read_bytes()
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
        (tmp_path / name).unlink()
    dataset = read_dataset(tmp_path / f"{BOXES}.gz")
    report = evaluate(tmp_path / "results" / "results.csv", dataset, "open_images")
    assert report.per_class == pytest.approx(FIGURES)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    dataset = read_dataset(written(tmp_path, labels=None, names=None, hierarchy=None))
    assert dataset.class_names == tuple(sorted((PLANE, PERSON, MAN))) == dataset.category_ids
    assert dataset.verified is None and len(dataset.all_truths) == 3
    assert dataset.notes[0] == (
        f"{BOXES} was read; not found beside it: verified image labels "
        "(*-human-imagelabels.csv) and class names (class-descriptions-boxable.csv) and the class "
        "hierarchy (*hierarchy*.json)"
    )


def test_files_that_are_expanded_already_stay_as_they_are(tmp_path: Path) -> None:
    more = f"{B},xclick,{PERSON},1,0.0,0.5,0.0,1.0,0,0,0,0,0\n"
    dataset = read_dataset(written(tmp_path, boxes=FILES[BOXES] + more))
    assert len(dataset.all_truths) == 4
    assert not any("became" in note for note in dataset.notes)


def test_other_versions_and_layouts(tmp_path: Path) -> None:
    # The challenge has other columns and names, FiftyOne other places, version 7 headings.
    lines = [line.split(",") for line in FILES[BOXES].splitlines()]
    short = "\n".join(",".join([*line[:1], *line[2:8], line[10]]) for line in lines)
    challenge, fiftyone = tmp_path / "challenge", tmp_path / "fiftyone"
    challenge.mkdir()
    names = ("detection-bbox", "detection-human-imagelabels")
    for name, text in zip(names, (short, FILES[LABELS]), strict=True):
        (challenge / f"challenge-2019-validation-{name}.csv").write_text(text)
    (challenge / "challenge-2019-classes-description-500.csv").write_text(FILES[NAMES])
    (challenge / "challenge-2019-label500-hierarchy.json").write_text(FILES[HIERARCHY])
    for place, name, text in (
        ("labels", "detections.csv", FILES[BOXES]),
        ("labels", "classifications.csv", FILES[LABELS]),
        ("metadata", "classes.csv", "LabelName,DisplayName\n" + FILES[NAMES]),
        ("metadata", "hierarchy.json", FILES[HIERARCHY]),
    ):
        (fiftyone / place).mkdir(parents=True, exist_ok=True)
        (fiftyone / place / name).write_text(text)
    results = written(tmp_path) / "results" / "results.csv"
    for path in (challenge, fiftyone, fiftyone / "labels" / "detections.csv"):
        report = evaluate(results, read_dataset(path), "open_images")
        assert report.per_class == pytest.approx(FIGURES), path


def test_splits(tmp_path: Path) -> None:
    written(tmp_path)
    other = FILES[BOXES].replace(A, "00" + A[2:]).replace(B, "ffff")
    (tmp_path / "oidv6-train-annotations-bbox.csv").write_text(other)
    default = read_dataset(tmp_path)
    assert default.source == BOXES and default.notes[0].startswith("the split validation: ")
    assert read_dataset(tmp_path, split="val").source == BOXES
    train = read_dataset(tmp_path, split="train")
    assert train.source == "oidv6-train-annotations-bbox.csv" and train.verified is None
    assert "no split 'test'; its splits are" in refusal(tmp_path, split="test")


def test_pictures_give_pixels(tmp_path: Path) -> None:
    written(tmp_path)
    pictures = tmp_path / "elsewhere"
    pictures.mkdir()
    for name in (A, B, C):
        Image.new("RGB", (200, 100)).save(pictures / f"{name}.jpg")
    dataset = read_dataset(tmp_path, images=pictures)
    assert not dataset.in_fractions and dataset.images[0].width == 200
    assert dataset.truths(1).boxes_xyxy.tolist() == [[0, 0, 100, 100]] * 2
    assert dataset.truths(1).areas.tolist() == [10_000] * 2
    report = evaluate(tmp_path / "results" / "results.csv", dataset, "open_images")
    assert report.per_class == pytest.approx(FIGURES)
    (pictures / f"{C}.jpg").unlink()
    part = read_dataset(tmp_path, images=pictures)
    assert part.in_fractions and any(n.startswith("1 of 3 pictures are not") for n in part.notes)
    (tmp_path / "validation").mkdir()
    for name in (A, B, C):
        Image.new("RGB", (200, 100)).save(tmp_path / "validation" / f"{name}.jpg")
    assert read_dataset(tmp_path).pictures == tmp_path / "validation"
    assert "no picture is called like" in refusal(tmp_path, images=tmp_path / "results")


def test_overlaps_are_compared_without_rounding(tmp_path: Path) -> None:
    # The detection is the upper half of the object: IoU 0.5, but 0.4999999999999999 if the sides
    # are computed first (0.26 + (0.39 - 0.26) is 0.39, 0.42 + (0.92 - 0.42) is not 0.92).
    boxes = f"{HEADER}\n{A},x,{PLANE},1,0.42,0.92,0.26,0.52,0,0,0,0,0\n"
    written(tmp_path, boxes=boxes, labels=None)
    results = tmp_path / "results" / "half.csv"
    header = "ImageID,LabelName,Score,XMin,XMax,YMin,YMax"
    results.write_text(f"{header}\n{A},{PLANE},0.9,0.42,0.92,0.26,0.39\n")
    assert evaluate(results, read_dataset(tmp_path), "open_images").map == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boxes": FILES[BOXES].replace("0.1,0.5,0.2", "0.1,x,0.2")}, "line 2: XMax is 'x'"),
        ({"boxes": FILES[BOXES].replace("0.1,0.5,", "0.5,0.1,")}, "a maximum below its minimum"),
        ({"boxes": FILES[BOXES].replace("0.5,0.9,", "50,90,")}, "expected fractions of the pic"),
        ({"boxes": FILES[BOXES].replace("0,0,1,0,0", "0,0,2,0,0")}, "IsGroupOf is '2'"),
        ({"boxes": FILES[BOXES].replace("0,0,1,0,0", "0,0,1,0")}, "line 3: 12 columns"),
        ({"labels": FILES[LABELS].replace(f"{MAN},1", f"{MAN},0.8")}, "(human-imagelabels)"),
        ({"labels": FILES[LABELS].replace(f"{MAN},1", f"{MAN},yes")}, "Confidence is 'yes'"),
        ({"names": FILES[NAMES] + "/m/0,1,2\n"}, "line 4: 3 columns; expected LabelName and name"),
        ({"hierarchy": "[]"}, "not a class hierarchy of Open Images"),
        ({"hierarchy": json.dumps({**TREE, "Subcategory": [1]})}, "not a class hierarchy"),
    ],
)
def test_faults_are_named(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    assert message in refusal(written(tmp_path, **changes))


def test_groups_may_be_unknown_and_names_may_repeat(tmp_path: Path) -> None:
    written(
        tmp_path,
        boxes=FILES[BOXES].replace("0,0,1,0,0", "-1,-1,-1,-1,-1"),
        names=FILES[NAMES].replace("Man", "Person"),
    )
    dataset = read_dataset(tmp_path)
    assert not dataset.all_truths.crowd.any()
    assert any(note.startswith("1 box has IsGroupOf -1") for note in dataset.notes)
    assert dataset.class_names == ("Airplane", f"Person ({PERSON})", f"Person ({MAN})")


def test_a_list_of_all_labels_is_cut_to_classes_that_boxes_can_have(tmp_path: Path) -> None:
    others = "".join(f"/m/x{number},thing {number}\n" for number in range(2000))
    dataset = read_dataset(written(tmp_path, names=others + FILES[NAMES]))
    assert dataset.class_names == ("Airplane", "Person", "Man")


def test_other_protocols_say_what_they_disregard(tmp_path: Path) -> None:
    dataset = read_dataset(written(tmp_path))
    results = tmp_path / "results" / "results.csv"
    for protocol in ("voc", "coco"):
        notes = evaluate(results, dataset, protocol).notes
        assert any("--protocol open_images leaves them out" in note for note in notes)
    assert any("mean nothing" in note for note in notes)
    with pytest.raises(EvaluationError, match="needs boxes in pixels"):
        evaluate(results, dataset, "ilsvrc")
    pixels = [{"image_id": A, "category_id": PLANE, "bbox": [10, 20, 40, 40], "score": 1.0}]
    notes = evaluate(pixels, dataset, "open_images").notes
    assert any("detections seem to be in pixels" in note for note in notes)


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path)
    results = str(tmp_path / "results" / "results.csv")
    words = ["evaluate", "--data", str(tmp_path), "--detections", results]
    page = str(tmp_path / "page")
    assert main([*words, "--protocol", "open_images", "--report", page]) == 0
    assert "mAP       0.889" in capsys.readouterr().out
    assert (tmp_path / "page" / "index.html").is_file()
    assert main(["check", str(tmp_path)]) == 0
    assert not [finding for finding in check(tmp_path) if finding.severity != "note"]
    output = tmp_path / "converted"
    assert main(["convert", str(tmp_path), "--to", "csv", "-o", str(output)]) == 1
    assert "the sizes of the pictures are unknown" in capsys.readouterr().err
    for name in (A, B, C):
        Image.new("RGB", (200, 100)).save(tmp_path / f"{name}.jpg")
    assert main(["convert", str(tmp_path), "--to", "coco", "-o", str(output)]) == 0


def test_the_published_example_of_expansion(tmp_path: Path) -> None:
    # oid_hierarchical_labels_expansion_test.py in research/object_detection/dataset_tools of
    # github.com/tensorflow/models: f and d occur twice in the tree.
    f = {"LabelName": "f", "Subcategory": [{"LabelName": "d"}]}
    c = {"LabelName": "c", "Subcategory": [{"LabelName": "d"}, {"LabelName": "e"}, f]}
    path = tmp_path / "hierarchy.json"
    path.write_text(json.dumps({"LabelName": "a", "Subcategory": [{"LabelName": "b"}, c, f]}))
    above = read_hierarchy(path)
    assert above == {"b": set(), "c": set(), "d": {"c", "f"}, "e": {"c"}, "f": {"c"}}
    corners = np.array([[0.1, 0.1, 0.2, 0.2], [0.2, 0.1, 0.3, 0.2]])
    table = BoxTable(["123", "123"], ["b", "d"], corners, np.array([False, True]), 0)
    more = expanded(table, above)
    assert sorted(zip(more.labels, more.boxes[:, 0].tolist(), more.group, strict=True)) == [
        ("b", 0.1, False),
        ("c", 0.2, True),
        ("d", 0.2, True),
        ("f", 0.2, True),
    ]
    assert expanded(more, above) is more
    labels = [("123", "b", False), ("123", "c", False), ("124", "d", True)]
    first = {("123", label) for label in "bcdef"}
    assert expanded_labels(labels, above) == first | {("124", label) for label in "cdf"}
