"""The pictures that the arguments of `detect` name."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from detector.errors import DetectorError
from detector.pictures.reading import read_image
from detector.pictures.writing import save_picture
from detector.prediction.sources import find_sources
from tests.detector.command import save
from tests.detector.prediction.fixed_detector import FixedRuns
from tests.made_up import rectangles


def names(*words: str) -> list[str]:
    return [source.name for source in find_sources(words).pictures]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders with a picture street.png each, and the drawing of one."""
    monkeypatch.chdir(tmp_path)
    for number, part in enumerate("ab"):
        save(Path(part, "street.png"), number)
    save_picture(rectangles(1)[0], "a/drawn.jpg")
    return tmp_path


def test_stems_are_unique_and_addresses_come_last(folder: Path) -> None:
    found = find_sources(["https://x.org/img/street.jpg?s=1", "b", "-", "a", "-", "b/street.png"])
    assert [(source.name, source.stem) for source in found.pictures] == [
        ("b/street.png", "street"),
        ("a/street.png", "street-2"),
        ("https://x.org/img/street.jpg?s=1", "street-3"),
        ("-", "stdin"),
    ]


@pytest.mark.parametrize(
    ("address", "stem"),
    [
        ("http://x.org", "picture"),
        ("http://x.org/", "picture"),
        ("http://x.org/a%20b%2Fc.png", "c"),
        ("http://x.org/a%0Ab.png", "a_b"),
        ("http://[::1/cat.png", "picture"),  # no address; downloading says so
    ],
)
def test_the_stem_of_an_address_is_a_file_name(address: str, stem: str) -> None:
    (source,) = find_sources([address]).pictures
    assert source.stem == stem and source.path is None


def test_a_list_names_pictures_a_line(folder: Path) -> None:
    lists = Path("lists")
    lists.mkdir()
    (lists / "all.TXT").write_bytes(
        "\ufeffb/street.png\r\n\r\n  a/*.png  \r\nhttp://x/y.jpg".encode()
    )
    assert names("lists/all.TXT") == ["b/street.png", "a/street.png", "http://x/y.jpg"]
    # a list in a list is a picture that cannot be read
    (lists / "outer.txt").write_text("lists/all.TXT\na\n")
    assert names("lists/outer.txt") == ["lists/all.TXT", "a/street.png"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "lines.txt: an empty list; write the path of a picture on each line"),
        (b"\n  \n", "lines.txt: an empty list"),
        (b'{"images": []}' * 1000, "lines.txt: no list of pictures; write it as text"),
        ("a/street.png".encode("utf-16"), "lines.txt: no list of pictures; write it as text"),
    ],
)
def test_a_file_that_is_no_list_is_named(content: bytes, message: str, folder: Path) -> None:
    Path("lines.txt").write_bytes(content)
    with pytest.raises(DetectorError) as error:
        find_sources(["lines.txt"])
    assert str(error.value).startswith(message)


@pytest.mark.skipif(sys.platform != "linux", reason="file names are Unicode elsewhere")
def test_a_list_may_hold_names_that_are_not_unicode(folder: Path) -> None:
    picture = Path("b/street.png").rename("b/caf\udce9.png")
    Path("lines.txt").write_bytes(b"b/caf\xe9.png\n")
    (source,) = find_sources(["lines.txt"]).pictures
    assert source.path == picture and source.read().pixels.shape == (72, 96, 3)


def test_drawings_are_left_out_wherever_they_lie(folder: Path) -> None:
    assert names(".") == ["a/street.png", "b/street.png"]
    assert names("*/*.*") == ["a/street.png", "b/street.png"]
    assert names("a", "a/drawn.jpg") == ["a/drawn.jpg", "a/street.png"]
    Path("a/street.png").unlink()
    with pytest.raises(DetectorError, match="the only pictures in a were written by `detect`"):
        find_sources(["a"])


def test_pictures_that_cannot_be_read_are_counted(
    folder: Path, run: FixedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.pictures.finding.find_spec", lambda _: None)
    for name in ("a/1.heic", "a/2.HEIC", "a/3.cr2", "b/4.svg", "b/.5.cr2", "b/notes.doc"):
        Path(name).touch()
    assert names(".") == ["a/street.png", "b/street.png"]
    found = run("a", "b")
    (line,) = [line for line in found.errors.splitlines() if "skipped" in line]
    assert line == (
        'detect: skipped 1 .cr2, 2 .heic, 1 .svg; pip install ".[heic]" in the clone of this '
        "program reads .heic, export the others as JPEG"
    )
    assert found.code == 0
    for name in ("a/street.png", "a/drawn.jpg"):
        Path(name).unlink()
    with pytest.raises(DetectorError, match=r"no pictures in a: skipped 1 \.cr2, 2 \.heic; pip"):
        find_sources(["a"])


def test_a_raw_photograph_that_is_named_is_an_error(run: FixedRuns) -> None:
    save(Path("a.tif")).rename("a.nef")  # Pillow would read such a file as its thumbnail
    with pytest.raises(DetectorError, match=r"pictures of type \.nef cannot be read"):
        read_image("a.nef")
    found = run("a.nef", "--json", "-")
    assert found.code == 1
    assert "a.nef: pictures of type .nef cannot be read; export it as JPEG or PNG" in found.errors


def test_standard_input_is_one_picture(run: FixedRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = io.BytesIO(save(Path("1.png")).read_bytes())
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=picture, isatty=lambda: False))
    found = run("-", json_at=Path("detections/detections.json"))
    assert found.code == 0 and Path("detections/stdin.jpg").exists()
    (image,) = found.found["images"]
    assert (image["file_name"], image["drawing"]) == ("-", "stdin.jpg")
    assert (image["height"], image["width"]) == (72, 96)


@pytest.mark.parametrize(
    ("content", "is_terminal", "message"),
    [
        (b"", False, "-: standard input is empty; pipe a picture into it, or name a file"),
        (b"no picture", False, "not a picture that can be read"),
        (b"", True, "-: standard input is a terminal; pipe a picture into it"),
        (b"0123456789a", False, "-: more than 0 MB on standard input; name a file instead"),
    ],
)
def test_standard_input_without_a_picture_is_one_line(
    content: bytes,
    is_terminal: bool,
    message: str,
    run: FixedRuns,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stdin = SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: is_terminal)
    monkeypatch.setattr("sys.stdin", stdin)
    monkeypatch.setattr("detector.prediction.sources.MAX_BYTES", 10)
    found = run("-", "--json", "-")
    assert found.code == 1 and message in found.errors
    assert [failure["file_name"] for failure in json.loads(found.out)["failures"]] == ["-"]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A web server of the folder `pages`."""
    pages = tmp_path / "pages"
    save(pages / "street 1.png")
    (pages / "page.html").write_text("<html>")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(pages)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def test_addresses_are_downloaded_and_failures_recorded(run: FixedRuns, address: str) -> None:
    words = (f"{address}/street%201.png", f"{address}/page.html", f"{address}/none.png")
    found = run(*words, "--save-as", "label-studio", json_at=Path("detections/detections.json"))
    assert found.code == 1 and "1 of 3 pictures" in found.errors
    (image,) = found.found["images"]
    assert (image["file_name"], image["drawing"]) == (words[0], "street 1.jpg")
    reasons = {failure["file_name"]: failure["reason"] for failure in found.found["failures"]}
    assert "a web page or a drawing, not a picture" in reasons[words[1]]
    assert "the server answers 404" in reasons[words[2]]
    (task,) = json.loads(Path("detections/label_studio.json").read_bytes())
    assert task["data"]["image"] == words[0]  # fetched by Label Studio itself
