"""Results in zip archives, and other files that are zips inside."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from eval import EvaluationError, read_dataset, read_detections
from eval.checking import check
from tests.eval.formats.results.small import FOUND, dataset, results, truth
from tests.eval.made_formats import write

YOLO = {
    f"run/labels/{stem}.txt": "".join(
        f"{label} {(x + w / 2) / 320} {(y + h / 2) / 240} {w / 320} {h / 240} {score}\n"
        for image, label, (x, y, w, h), score in FOUND
        if image == row
    )
    for row, stem in enumerate("ab")
}
COMP4 = {
    f"results/VOC2012/Main/comp4_det_test_{name}.txt": "".join(
        f"{'ab'[image]} {score} {x + 1} {y + 1} {x + w} {y + h}\n"
        for image, label, (x, y, w, h), score in FOUND
        if label == row
    )
    for row, name in enumerate(["cat", "dog"])
}
JSON = json.dumps(results())
CSV = "image,class,score,x,y,w,h\n" + "".join(
    f"{'ab'[image]}.jpg,{['cat', 'dog'][label]},{score},{','.join(map(str, box))}\n"
    for image, label, box, score in FOUND
)
RIGHT = {
    "JSON, as for COCO's server": {"detections_val2017_x_results.json": JSON},
    "JSON in a folder, with the files of a Mac": {"x/dt.json": JSON, "__MACOSX/x/._dt.json": "?"},
    "JSON with a README": {"dt.json": JSON, "README.md": "results", "logo.png": "?"},
    "CSV": {"dt.csv": CSV},
    "YOLO": YOLO,
    "YOLO with classes": {**YOLO, "run/labels/classes.txt": "cat\ndog\n"},
    "comp4, as for VOC's server": COMP4,
}


def pack(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(EvaluationError) as error:
        read_detections(path, dataset())
    message = str(error.value)
    assert "\n" not in message and message.startswith(str(path)) and "/tmp/tmp" not in message
    return message.removeprefix(str(path))


@pytest.mark.parametrize("kind", RIGHT)
def test_the_results_in_a_zip_are_read(tmp_path: Path, kind: str) -> None:
    path = pack(tmp_path / "found.zip", {**RIGHT[kind]})
    table = read_detections(path, dataset())
    found = zip(table.images, table.labels, table.boxes_xywh.round(6).tolist(), strict=True)
    assert sorted(found) == sorted((image, label, box) for image, label, box, _ in FOUND)
    assert not any(finding.severity == "error" for finding in check(path, dataset()))


def test_a_lone_text_file_is_that_of_one_image_or_of_all(tmp_path: Path) -> None:
    (a, lines), _ = YOLO.items()
    assert len(read_detections(pack(tmp_path / "1.zip", {a: lines}), dataset())) == 2
    lines = "1 1 .9 10 10 109 109\n2 1 .7 20 30 69 149\n"  # as for ILSVRC's server
    assert len(read_detections(pack(tmp_path / "2.zip", {"found.txt": lines}), dataset())) == 2


def test_what_a_zip_holds_otherwise_is_named(tmp_path: Path) -> None:
    message = refusal(pack(tmp_path / "1.zip", {"bbox.json": JSON, "segm.json": JSON}))
    assert message.startswith(": the zip holds several files that may be the results: bbox.json, ")
    message = refusal(pack(tmp_path / "2.zip", {"a.png": "?"}))
    assert message == (
        ": the zip holds no results (JSON, CSV or text) but 1 other file: a.png; check the path"
    )
    assert "no results" in refusal(pack(tmp_path / "3.zip", {}))
    model = {"archive/data.pkl": b"\x80\x02", "archive/data/0": b"\0", "archive/version": "3"}
    assert "a checkpoint of PyTorch" in refusal(pack(tmp_path / "model.pth", {**model}))
    content = io.BytesIO()
    np.savez(content, boxes=np.zeros((3, 7)))
    (tmp_path / "boxes.npz").write_bytes(content.getvalue())
    assert "an archive of NumPy" in refusal(tmp_path / "boxes.npz")
    (tmp_path / "old.pth").write_bytes(b"\x80\x02\x8a\nl\xfc")
    assert "a pickle" in refusal(tmp_path / "old.pth")


def test_faults_in_a_zip_name_it(tmp_path: Path) -> None:
    message = refusal(pack(tmp_path / "1.zip", {"dt.json": JSON[:-9]}))
    assert message.startswith("/dt.json: not JSON, or cut short")
    path = pack(tmp_path / "2.zip", {"dt.json": JSON})
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):  # no traceback, whatever is damaged
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        try:
            assert len(read_detections(path, dataset())) == 3
        except EvaluationError as error:
            assert "\n" not in str(error)
    path.write_bytes(whole[:-30])
    assert "damaged or cut short" in refusal(path)


def test_a_zip_that_was_made_to_fill_the_disk_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "zeros.zip", {"dt.json": bytes(30_000_000)})
    assert "expands to more than 100 times its size" in refusal(path)


def test_ground_truth_in_a_zip_is_refused_in_one_line(tmp_path: Path) -> None:
    path = pack(tmp_path / "truth.zip", {"gt.json": json.dumps(truth())})
    with pytest.raises(EvaluationError, match="a zip archive; unpack it and name the file or fold"):
        read_dataset(path)
    model = pack(tmp_path / "model.pth", {"archive/data.pkl": b"\x80\x02"})
    with pytest.raises(EvaluationError, match="checkpoint of PyTorch"):
        read_dataset(model)
    write(tmp_path / "old.pkl", "(lp0\n.")
    with pytest.raises(EvaluationError, match="a pickle"):
        read_dataset(tmp_path / "old.pkl")
