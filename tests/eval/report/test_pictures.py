"""The pictures of a report: counts, sets behind figures, and where the pictures are kept."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from eval.report import write_report
from eval.report.content import photographs
from eval.report.content.boxes import Outcome, arrange
from tests.eval.report.known_run import SHOWN, known_report, known_run
from tests.eval.report.made_reports import DAY, Page, draw_noise, made


def sets_of(page: Page) -> dict[str, str]:
    """The pictures and boxes behind each figure, by its description."""
    links = [attributes for tag, attributes in page.tags if tag == "a" and "title" in attributes]
    return {str(link["title"]): str(link["data-boxes"]) for link in links}


def page_of(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def test_counts_at_the_operating_point(tmp_path: Path) -> None:
    page = page_of(known_report(tmp_path))
    assert "11 objects 8 found 3 missed 12 detections 8 right 4 false" in page.text
    assert "2 of the wrong class 1 on an object that is already found 1 where no" in page.text
    assert "Counted at scores of 0.5 or more and an IoU of at least 0.5." in page.text
    facts = json.loads((tmp_path / "report" / "report.json").read_bytes())["operating_point"]
    kinds = {"Loc": 0, "Cls": 2, "Both": 0, "Dupe": 1, "Bkg": 1, "other": 0}
    assert facts == {
        **{"threshold": 0.5, "found": 8, "missed": 3, "false": 4},
        **{"kinds": kinds, "missed_alone": 1},
    }
    with open(tmp_path / "report" / "classes.csv", newline="", encoding="utf-8") as file:
        rows = {row["class"]: row for row in csv.DictReader(file)}
    columns = ("point_found", "point_missed", "point_false")
    assert [rows["cat"][column] for column in columns] == ["3", "1", "3"]
    assert [rows["dog"][column] for column in columns] == ["5", "2", "1"]


def test_figures_lead_to_their_pictures(tmp_path: Path) -> None:
    page = page_of(known_report(tmp_path))
    files = [text for text in page.texts if re.fullmatch(r"\d\.jpg", text)]
    assert files == [f"{number}.jpg" for number in SHOWN]
    sets = sets_of(page)
    # PICTURE:BOXES; the boxes of a picture are numbered found, missed, false.
    assert sets["2 of 7 dog objects detected as cat"] == "1:0,1 3:1,2"
    assert sets["5 of 7 dog objects detected as dog"] == "5:0 7:0,1,2,3"
    assert sets["1 of 4 cat objects missed"] == "4:0"
    assert sets["1 detection of dog on background"] == "2:2"
    assert sets["Class: 2 false detections, good box, wrong class"] == "1:1 3:2"
    assert sets["Duplicate: 1 false detection, a second detection of an object"] == "2:1"
    assert sets["1 missed object: no detection near the object"] == "4:0"
    assert sets["dog: 2 objects missed"] == "1:0 3:1"
    assert sets["cat: 3 objects found"] == "2:0 3:0 6:0"
    assert sets["cat: 3 false detections"] == "1:1 2:1 3:2"
    assert sets["3 objects missed"] == "1:0 3:1 4:0"
    assert sets["4 false detections"] == "1:1 2:1,2 3:2"


def test_without_pictures_figures_are_no_links(tmp_path: Path) -> None:
    page = page_of(write_report(tmp_path / "report", *known_run(tmp_path), date=DAY))
    assert sets_of(page) == {} and "pictures" not in page.ids()
    assert "8 found" in page.text


def test_pictures_beyond_the_room_in_the_page_lie_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, table, dataset = made(tmp_path / "made", ["cat", "dog"])
    for image in dataset.images:
        draw_noise(tmp_path / image.file_name, (1000, 1000))
    one = photographs.read_photograph(tmp_path, dataset.images[0])
    assert one and max(one.width, one.height) == 640
    monkeypatch.setattr(photographs, "EMBEDDED_BYTES", 5 * len(one.jpeg))
    beside = tmp_path / "report" / photographs.FOLDER
    beside.mkdir(parents=True)
    (beside / "00099.jpg").write_bytes(b"of an earlier report")
    (beside / "notes.txt").write_text("somebody's own")
    path = write_report(tmp_path / "report", report, table, dataset, images=tmp_path, date=DAY)
    addresses = [str(a["src"]) for tag, a in page_of(path).tags if tag == "img"]
    assert [address.startswith("data:image/jpeg") for address in addresses] == [True] * 5 + [
        False
    ] * 7
    assert addresses[5:] == [f"index_pictures/{number:05}.jpg" for number in range(6, 13)]
    assert all((path.parent / address).is_file() for address in addresses[5:])
    assert len(list(beside.iterdir())) == 7 + 1

    monkeypatch.undo()
    (beside / "notes.txt").unlink()
    write_report(tmp_path / "report", report, table, dataset, images=tmp_path, date=DAY)
    assert not beside.exists()


def test_unreadable_pictures_are_counted(tmp_path: Path) -> None:
    known_report(tmp_path)
    (tmp_path / "2.jpg").write_bytes(b"not a photograph")
    (tmp_path / "6.jpg").unlink()
    path = write_report(tmp_path / "report", *known_run(tmp_path), images=tmp_path, date=DAY)
    page = page_of(path)
    assert "2 images could not be read and do not appear on the page" in page.text
    sets = sets_of(page)
    assert "5 of 7 dog objects detected as dog" not in sets  # both pictures are missing
    assert sets["2 of 7 dog objects detected as cat"] == "1:0,1 3:1,2"


def test_labels_of_boxes_at_one_place_are_clear_of_each_other() -> None:
    corners = np.array([0.0, 100, 200, 300])
    labelled = [Outcome("false", row, corners, "cat 0.50", "") for row in range(4)]
    boxes = arrange(labelled, (400, 400))
    # Above the box, then inside it; a label is 17 pixels high.
    assert [box.down for box in boxes] == [-17, 0, 17, 34]
    assert boxes[0].inset == (25.0, 50.0, 25.0, 0.0)
    (box,) = arrange([labelled[0]._replace(corners=np.array([380.0, 0, 400, 20]))], (400, 400))
    assert box.at_end and box.down == 0
