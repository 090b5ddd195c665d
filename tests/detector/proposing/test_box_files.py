"""Every kind of file with boxes, written by hand or by other programs, intact or damaged."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from detector.errors import DetectorError
from detector.proposing.box_files import read_box_file
from detector.proposing.own_boxes import OwnBoxes
from tests.detector.command import detect, save

BOX = [[1.5, 2, 30, 40]]


def cells(*values: Any) -> np.ndarray:
    """A MATLAB cell array with one row."""
    cell = np.empty((1, len(values)), object)
    cell[0] = [np.array(value) if isinstance(value, str) else value for value in values]
    return cell


def one_line(path: Path) -> str:
    with pytest.raises(DetectorError) as caught:
        read_box_file(path)
    message = str(caught.value)
    assert "\n" not in message and message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def read(path: Path) -> dict[str, list[list[float]]]:
    return {record.name: record.boxes_xyxy.tolist() for record in read_box_file(path)}


def test_the_mat_files_of_r_cnn(tmp_path: Path) -> None:
    # The box of rows 1 to 10 and columns 3 to 3 covers y from 0 to 10 and x from 2 to 3.
    boxes = np.array([[1, 3, 10, 3], [1, 1, 333, 500]], np.uint16)
    path = tmp_path / "voc_2007_test.mat"
    images = cells("000001", "000002", "000004").T  # as in those files: a column, and a row
    savemat(path, {"images": images, "boxes": cells(boxes, boxes[:0], np.zeros((0, 0)))})
    expected = [[2.0, 0.0, 3.0, 10.0], [0.0, 0.0, 500.0, 333.0]]
    assert read(path) == {"000001": expected, "000002": [], "000004": []}
    for dtype in (np.float64, np.float32, np.int32):
        savemat(path, {"images": images[:1], "boxes": cells(boxes.astype(dtype))})
        assert read(path) == {"000001": expected}
    savemat(path, {"images": images[:1], "boxes": cells(boxes)}, do_compression=True)
    assert read(path) == {"000001": expected}


def test_a_mat_file_names_pictures_without_suffix(tmp_path: Path) -> None:
    path = tmp_path / "boxes.mat"
    boxes = [np.array([[1, 1, 2, k]]) for k in (3, 4, 5)]
    savemat(path, {"images": cells("000001", "a/cat", "dog.jpg"), "boxes": cells(*boxes)})
    own = OwnBoxes(path)
    assert own(Path("JPEGImages/000001.jpg")).tolist() == [[0, 0, 3, 2]]
    assert own(Path("a/cat.png")).tolist() == [[0, 0, 4, 2]]
    assert own(Path("dog.jpg")).tolist() == [[0, 0, 5, 2]]
    with pytest.raises(DetectorError, match=r"boxes.mat: no boxes for cat.png; add them under"):
        own(Path("b/cat.png"))


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"boxes": cells()}, "has no variable 'images'; expected R-CNN's cells"),
        ({"images": cells("1")}, "has no variable 'boxes'; expected R-CNN's cells"),
        ({"images": cells("1"), "boxes": cells()}, "1 images and 0 arrays of boxes; expected"),
        (
            {"images": cells("1"), "boxes": cells(np.ones((3, 5)))},
            "1: boxes are float64 (3, 5); expected R-CNN's cells `images`",
        ),
        ({"images": cells("1"), "boxes": cells("text")}, "1: boxes are <U4 (1,); expected"),
        (
            {"images": cells("1"), "boxes": cells(np.array([[0, 0, 9, 9]]))},
            "1: a box begins at 0; expected R-CNN's cells `images`, names without suffix, and "
            "`boxes`, arrays (N, 4) of [y1 x1 y2 x2] counted from 1",
        ),
        (
            {"images": cells("1"), "boxes": cells(np.array([[5, 5, 1, 9]]))},
            "1: proposals: box 0 is [4.0, 4.0, 9.0, 1.0], which has x2 < x1 or y2 < y1",
        ),
        ({"images": np.ones((2, 2)), "boxes": np.ones((2, 2))}, "expected R-CNN's cells"),
    ],
)
def test_a_mat_file_of_another_kind(
    variables: dict[str, Any], message: str, tmp_path: Path
) -> None:
    savemat(tmp_path / "boxes.mat", variables)
    assert message in one_line(tmp_path / "boxes.mat")


def test_damaged_mat_files(tmp_path: Path) -> None:
    path = tmp_path / "boxes.mat"
    savemat(path, {"images": cells("1"), "boxes": cells(np.ones((900, 4)))}, do_compression=True)
    whole = path.read_bytes()
    for content in (whole[:150], whole[:-20], b"", b"a text", whole[:140] + bytes(len(whole))):
        path.write_bytes(content)
        assert "expected R-CNN's cells `images`" in one_line(path)
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n" + bytes(99))
    assert one_line(path).startswith("is in MATLAB's format 7.3; save it again with save(")


def test_arrays_by_name(tmp_path: Path) -> None:
    path = tmp_path / "boxes.npz"
    integers = np.array([[1, 2, 3, 4]])
    np.savez(
        path, **{"a/cat.jpg": np.array(BOX), "dog.jpg": integers, "none.jpg": np.empty((0, 4))}
    )
    expected = {"a/cat.jpg": BOX, "dog.jpg": [[1, 2, 3, 4]], "none.jpg": []}
    assert read(path) == expected
    np.savez_compressed(path, **{"a/cat.jpg": np.array(BOX)})
    assert OwnBoxes(path)(Path("a/cat.jpg")).tolist() == BOX


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a.jpg": np.ones((3, 5))}, "a.jpg: proposals: expected finite (N, 4) boxes"),
        ({"a.jpg": np.array([[0, 0, np.nan, 1]])}, "a.jpg: proposals: expected finite"),
        ({"a.jpg": np.array(["box"])}, "a.jpg is an array of <U3; expected arrays (N, 4) named"),
        ({"a.jpg": np.array([None])}, "cannot be read (it holds pickled objects); expected arrays"),
        ({"a.jpg": np.array([[-9, -9, -1, 5]])}, "box 0 is [-9.0, -9.0, -1.0, 5.0], outside of"),
    ],
)
def test_wrong_arrays(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "boxes.npz", **arrays)
    assert message in one_line(tmp_path / "boxes.npz")


def test_damaged_npz_files(tmp_path: Path) -> None:
    path = tmp_path / "boxes.npz"
    np.savez(path, **{"a.jpg": np.ones((50, 4))})
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[300] ^= 1
    single = tmp_path / "single.npy"
    np.save(single, np.ones((2, 4)))
    contents = (whole[:200], whole[:-30], bytes(changed), b"", b"no zip", single.read_bytes())
    for content in contents:
        path.write_bytes(content)
        assert "expected arrays (N, 4) named like pictures, as numpy.savez(" in one_line(path)
    with zipfile.ZipFile(path, "w") as foreign:
        foreign.writestr("notes.txt", "boxes")
    assert "expected arrays (N, 4) named like pictures" in one_line(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"file_name": "1.p', "line 2 lacks file_name or boxes_xyxy, [[x1, y1, x2, y2], ...]"),
        ('{"file_name": "1.png"}', "line 2 lacks file_name or boxes_xyxy"),
        ('{"boxes_xyxy": []}', "line 2 lacks file_name or boxes_xyxy"),
        ('{"file_name": [], "boxes_xyxy": []}', "line 2 lacks file_name or boxes_xyxy"),
        ("[]", "line 2 lacks file_name or boxes_xyxy"),
        ("[[1, 2, 3]]", "line 2 (1.png): proposals: expected finite (N, 4) boxes"),
        ("[[1, 2, 3, null]]", "line 2 (1.png): proposals: expected finite (N, 4) boxes"),
        ("[[5, 0, 4, 9]]", "line 2 (1.png): proposals: box 0 is [5.0, 0.0, 4.0, 9.0], which has"),
        ("[[0, 0, 1e39, 9]]", "line 2 (1.png): proposals: "),
        ("[[0, 0, 9, 9], [-5, -5, 5, -1]]", "line 2 (1.png): proposals: box 1 is [-5.0, -5.0, 5.0"),
        ("null", "line 2 (1.png): proposals: expected finite (N, 4) boxes [x1, y1, x2, y2], got N"),
    ],
)
def test_a_wrong_line_or_record_is_named(line: str, message: str, tmp_path: Path) -> None:
    if line.startswith("[[") or line == "null":
        (tmp_path / "boxes.json").write_text(f'{{"0.png": [], "1.png": {line}}}')
        in_json = message.replace("line 2 (1.png)", "1.png")
        assert one_line(tmp_path / "boxes.json").startswith(in_json)
        line = f'{{"file_name": "1.png", "boxes_xyxy": {line}}}'
    path = tmp_path / "boxes.jsonl"
    path.write_text('{"file_name": "0.png", "boxes_xyxy": []}\n' + line + "\n")
    before = path.read_bytes()
    assert one_line(path).startswith(message) and path.read_bytes() == before


def test_files_of_windows_and_blank_lines_are_read(tmp_path: Path) -> None:
    (tmp_path / "boxes.json").write_bytes(b'\xef\xbb\xbf{"1.png": [[1, 2, 3, 4]]}\r\n')
    line = b'{"file_name": "1.png", "boxes_xyxy": [[1, 2, 3, 4]]}\r\n'
    (tmp_path / "boxes.jsonl").write_bytes(b"\xef\xbb\xbf" + line + b"\r\n\n")
    for suffix in ("json", "jsonl"):
        (record,) = read_box_file(tmp_path / f"boxes.{suffix}")
        assert record.name == "1.png" and record.boxes_xyxy.tolist() == [[1, 2, 3, 4]]


def test_a_wrong_file_ends_the_command_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "boxes.json").write_text(json.dumps({"1.png": None}))
    picture = save(tmp_path / "1.png")
    run = detect(picture, "--json", "-", "--proposals", tmp_path / "boxes.json")
    assert run.code == 1 and len(run.errors.splitlines()) == 1 and run.out == ""


def test_a_folder_without_boxes(tmp_path: Path) -> None:
    assert "holds no proposals.jsonl and no .npz files; name a folder that" in one_line(tmp_path)
    with pytest.raises(DetectorError, match=r"boxes.json: neither a mode .* nor a file"):
        from detector.commands.shared.chosen_detector import own_proposals

        own_proposals(str(tmp_path / "boxes.json"))


def test_a_mat_file_without_scipy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savemat(tmp_path / "boxes.mat", {"images": cells("1"), "boxes": cells(np.ones((1, 4)))})
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    assert one_line(tmp_path / "boxes.mat") == "reading it needs SciPy; pip install scipy"
