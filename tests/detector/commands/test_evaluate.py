"""`detect evaluate --detections`: results evaluated and compared without the detector."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from detector.cli import main
from eval import evaluate as measure
from eval import read_dataset

XML = """<annotation><filename>{stem}.jpg</filename>
<size><width>128</width><height>96</height><depth>3</depth></size>
<object><name>red</name><difficult>0</difficult>
<bndbox><xmin>11</xmin><ymin>21</ymin><xmax>40</xmax><ymax>60</ymax></bndbox></object>
</annotation>"""


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def results(data: Path, path: Path, shift: float = 0.0) -> Path:
    """Results that equal the ground truth, shifted to the right."""
    rows: list[dict[str, Any]] = json.loads(data.read_text())["annotations"]
    for number, row in enumerate(rows):
        row["bbox"][0] += shift
        row["score"] = round(0.9 - number / 100, 2)
    path.write_text(json.dumps(rows))
    return path


@pytest.fixture
def perfect(small_dataset: Path, tmp_path: Path) -> Path:
    return results(small_dataset, tmp_path / "perfect.json")


def evaluate(*words: object) -> int:
    return main(["evaluate", *map(str, words)])


def figures(printed: str) -> dict[str, str]:
    """The first figure of each line."""
    lines = [re.split(r"\s{2,}", line) for line in printed.splitlines()]
    return {line[0]: line[1] for line in lines if len(line) > 1}


def test_results_are_evaluated_without_running_the_detector(
    small_dataset: Path, perfect: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for protocol, figure in (("voc", "mAP"), ("voc2007", "mAP"), ("coco", "AP"), ("ilsvrc", "mAP")):
        words = ("--data", small_dataset, "--detections", perfect, "--protocol", protocol)
        assert evaluate(*words) == 0
        printed = figures(capsys.readouterr().out)
        assert printed[figure] == printed["red"] == printed["green"] == "1.000"
    assert not (tmp_path / "evaluations").exists()


def test_torch_is_not_imported_to_evaluate_results(small_dataset: Path, perfect: Path) -> None:
    code = (
        "import sys; from detector.cli import main\n"
        f"assert main(['evaluate', '--data', {str(small_dataset)!r}, '--detections', "
        f"{str(perfect)!r}, '--limit', '3']) == 0\n"
        "assert 'torch' not in sys.modules and 'cv2' not in sys.modules, 'slow to start'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_part_of_the_images_and_classes(
    small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, dataset = (
        results(small_dataset, tmp_path / "near.json", shift=8),
        read_dataset(small_dataset),
    )
    rows = json.loads(path.read_text())
    words = ("--data", small_dataset, "--detections", path, "--protocol", "coco")
    assert evaluate(*words, "--limit", 2) == 0
    first_two = [row for row in rows if row["image_id"] in (1, 2)]
    expected = measure(first_two, dataset.subset([0, 1]), "coco")
    assert capsys.readouterr().out == expected.table() + "\n"
    assert evaluate(*words, "--limit", 2, "--classes", "green") == 0
    printed = capsys.readouterr().out
    green = figures(printed)["green"]
    assert "red" not in figures(printed) and green == figures(printed)["AP"]
    assert green == f"{expected.per_class['green']:.3f}"
    assert evaluate(*words, "--limit", 2, "--classes", "GREEN") == 0
    assert figures(capsys.readouterr().out)["green"] == green
    assert evaluate(*words, "--classes", "green,blue") == 2
    assert "--classes: class 'blue': no such class; use one of: red" in capsys.readouterr().err


def test_the_official_program_s_behaviour(
    small_dataset: Path, perfect: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.json"
    empty.write_text("[]")
    words = ("--data", small_dataset, "--protocol", "coco", "--detections")
    assert evaluate(*words, perfect, "--official") == 0
    assert "official" in capsys.readouterr().out.splitlines()[0]
    assert evaluate(*words, empty) == 0
    assert evaluate(*words, empty, "--official") == 1  # as pycocotools stops there
    assert "pycocotools stops" in capsys.readouterr().err


@pytest.mark.parametrize("protocol", ["voc", "voc2007", "coco", "ilsvrc"])
def test_two_results_are_compared(
    protocol: str, small_dataset: Path, perfect: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    worse = results(small_dataset, tmp_path / "worse.json", shift=20)
    words = ("--data", small_dataset, "--detections", worse, "--detections", perfect)
    assert evaluate(*words, "--protocol", protocol) == 0
    *table, sentence = capsys.readouterr().out.splitlines()
    (red,) = [line.split() for line in table if line.startswith("red ")]
    assert red[2:] == ["1.000", f"{1 - float(red[1]):+.3f}"] and float(red[1]) < 1
    assert sentence.startswith("perfect is better than worse by 1.000 ± 0.000")
    assert evaluate(*words, "--detections", perfect) == 2
    assert "given 3 times" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    ["--output x", "--restart", "--weights .", "--recipe pair", "--device cpu",
     "--proposals single", "--set postprocess.nms_iou=.9"],
)  # fmt: skip
def test_options_of_a_run_are_rejected_beside_results(
    words: str, small_dataset: Path, perfect: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--data", small_dataset, "--detections", perfect, *words.split()) == 2
    errors = capsys.readouterr().err
    assert words.split()[0] in errors and "leave it out with --detections" in errors
    assert len(errors.splitlines()) == 1


def test_a_folder_of_xml_files_and_ids_that_are_strings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "voc"
    (folder / "Annotations").mkdir(parents=True)
    for stem in ("2007_000027", "street"):
        (folder / "Annotations" / f"{stem}.xml").write_text(XML.format(stem=stem))
    rows = tmp_path / "comp4_det_test_red.txt"
    rows.write_text("2007_000027 .9 11 21 40 60\nstreet .8 11 21 40 60\n")
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    for split, stems in (("test", "2007_000027\nstreet\n"), ("val", "street\n")):
        (folder / "ImageSets" / "Main" / f"{split}.txt").write_text(stems)
    words = ("--data", folder, "--detections", rows)
    assert evaluate(*words) == 0
    assert figures(capsys.readouterr().out)["mAP"] == "1.000"
    assert evaluate(*words, "--limit", 1) == 0
    assert figures(capsys.readouterr().out)["red"] == "1.000"
    rows.write_text("street .8 11 21 40 60\n")
    assert evaluate(*words, "--split", "test") == 0
    assert figures(capsys.readouterr().out)["red"] == "0.500"
    assert evaluate(*words, "--split", "val") == 0
    assert figures(capsys.readouterr().out)["red"] == "1.000"
    for name in ("x.json", "x.json.gz"):
        (tmp_path / name).touch()
        assert evaluate("--data", tmp_path / name, "--split", "val", "--detections", rows) == 2
        assert f"{name} is one file without parts" in capsys.readouterr().err


def test_results_are_saved_as_coco_results(
    small_dataset: Path, perfect: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = ("image_id", "category_id", "bbox", "score")
    rows = [{f: row[f] for f in fields} for row in json.loads(perfect.read_text())]
    words = ("--data", small_dataset, "--detections", perfect, "--save", "new/kept.json")
    assert evaluate(*words) == 0
    assert "detections: new/kept.json" in capsys.readouterr().err
    assert json.loads((tmp_path / "new" / "kept.json").read_bytes()) == rows
    assert evaluate(*words, "--limit", 2) == 0
    kept = json.loads((tmp_path / "new" / "kept.json").read_bytes())
    assert kept == [row for row in rows if row["image_id"] in (1, 2)]
    assert evaluate(*words, "--detections", perfect) == 2
    assert "give --detections once" in capsys.readouterr().err
    # VOC counts pixels from 1, and its corners include the last pixel
    folder = tmp_path / "voc"
    (folder / "Annotations").mkdir(parents=True)
    (folder / "Annotations" / "street.xml").write_text(XML.format(stem="street"))
    (tmp_path / "comp4_det_test_red.txt").write_text("street .5 11 21 40 60\n")
    words = ("--data", folder, "--detections", "comp4_det_test_red.txt", "--save", "voc.json")
    assert evaluate(*words) == 0
    (row,) = json.loads((tmp_path / "voc.json").read_bytes())
    assert row["image_id"] == "street" and row["bbox"] == [10, 20, 30, 40] and row["score"] == 0.5
    capsys.readouterr()
    assert evaluate("--data", folder, "--detections", "voc.json") == 0
    assert figures(capsys.readouterr().out)["mAP"] == "1.000"


def test_a_report_of_one_result_and_of_two(
    small_dataset: Path, perfect: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    near = results(small_dataset, tmp_path / "near.json", shift=8)
    words = ("--data", small_dataset, "--report", "out", "--limit", 3, "--detections")
    assert evaluate(*words, perfect) == 0
    assert "report: out/index.html" in capsys.readouterr().err
    document = json.loads((tmp_path / "out" / "report.json").read_bytes())
    assert document["report"]["map"] == 1 and document["ground_truth"]["images"] == 3
    assert document["comparison"] is None
    assert evaluate(*words, near, "--detections", perfect, "--protocol", "coco") == 0
    document = json.loads((tmp_path / "out" / "report.json").read_bytes())
    assert document["comparison"]["sentence"] == capsys.readouterr().out.splitlines()[-1]
    assert document["report"]["map"] == 1 and document["title"].startswith(
        "perfect against near on"
    )


def test_missing_pictures_for_the_report(
    small_dataset: Path, perfect: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--data", small_dataset, "--detections", perfect, "--report", "out", "--images")
    assert evaluate(*words, "none") == 2
    assert capsys.readouterr().err.startswith("detect: --images: none: no such file; ")
    assert not (tmp_path / "out").exists()
    (tmp_path / "empty").mkdir()
    message = (
        f"empty holds none of {len(read_dataset(small_dataset))} pictures: the report shows none"
    )
    assert evaluate(*words, "empty") == 0
    assert message in capsys.readouterr().err
    assert evaluate(*words, small_dataset.parent) == 0
    assert "holds none" not in capsys.readouterr().err


def test_the_report_is_written_even_if_nobody_reads_the_table(
    small_dataset: Path, perfect: Path, tmp_path: Path
) -> None:
    """`detect evaluate ... | head`, whose reader has closed the pipe."""
    reader, writer = os.pipe()
    os.close(reader)
    words = ["evaluate", "--data", small_dataset, "--detections", perfect, "--report", "out"]
    code = f"import sys; from detector.cli import main; sys.exit(main({[*map(str, words)]}))"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, cwd=tmp_path,
        env=environment, text=True,
    )  # fmt: skip
    os.close(writer)
    assert done.returncode == 1 and (tmp_path / "out" / "index.html").is_file()
    assert "report: out/index.html" in done.stderr and "Traceback" not in done.stderr


def test_names_separated_by_commas(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("--data", ".", "--classes", "cat,,dog") == 2
    assert "'cat,,dog' is not a list of names" in capsys.readouterr().err
