"""Downloads, from a server on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from detector.errors import DetectorError
from detector.prediction import web
from detector.prediction.web import download, is_web_address

CONTENT = b"a picture"


class Pages(BaseHTTPRequestHandler):
    """Replies by the path: content, errors, redirections, and answers without end."""

    def do_GET(self) -> None:
        reply: Callable[[], Any] = getattr(
            self, f"reply_{self.path[1:].partition('?')[0]}", self.none
        )
        reply()

    def none(self) -> None:
        self.send_error(404, "Not Found")

    def reply_picture(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CONTENT)

    def reply_elsewhere(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/picture?from=elsewhere")
        self.end_headers()

    def reply_circle(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/circle")
        self.end_headers()

    def reply_page(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"\n<!DOCTYPE html><html></html>")

    def reply_file(self) -> None:
        self.send_response(302)
        self.send_header("Location", "file:///etc/hostname")
        self.end_headers()

    def reply_ftp(self) -> None:
        self.send_response(302)
        self.send_header("Location", "ftp://127.0.0.1/cat.jpg")
        self.end_headers()

    def reply_agent(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers["User-Agent"].encode())

    def reply_cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(CONTENT)

    def reply_drops(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b".")
            self.wfile.flush()
            time.sleep(0.05)

    def reply_silence(self) -> None:
        time.sleep(2)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def test_what_an_address_is() -> None:
    assert is_web_address("http://x/cat.jpg") and is_web_address("HTTPS://x/cat.jpg")
    assert not any(map(is_web_address, ("ftp://x/cat.jpg", "file:///cat.jpg", "http", "cat.jpg")))


def test_content_is_fetched_through_redirections(address: str) -> None:
    assert download(f"{address}/picture") == CONTENT
    assert download(f"{address}/picture?name=größe 1") == CONTENT
    assert download(f"{address}/elsewhere") == CONTENT
    assert download(f"{address}/agent").startswith(b"googlenet-rcnn/")


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("none", "the server answers 404 Not Found; check the address"),
        ("file", "Redirection to url 'file:///etc/hostname' is not allowed"),
        ("ftp", "cannot be downloaded"),
        ("circle", "redirect error that would lead to an infinite loop"),
        ("page", "a web page or a drawing, not a picture; give the address of the picture itself"),
        ("cut", "cannot be downloaded (cut short after 9 bytes)"),
    ],
)
def test_a_failed_download_is_one_line(page: str, message: str, address: str) -> None:
    with pytest.raises(DetectorError) as error:
        download(f"{address}/{page}")
    text = str(error.value)
    assert text.startswith(f"{address}/{page}: ") and message in text and "\n" not in text


@pytest.mark.parametrize("word", ["http://127.0.0.1:1/cat.jpg", "http://", "http://[x/cat.jpg"])
def test_an_address_without_a_server_is_one_line(word: str) -> None:
    with pytest.raises(DetectorError, match="cannot be downloaded"):
        download(word)


def test_a_download_has_a_limit_of_size(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MAX_BYTES", len(CONTENT))
    assert download(f"{address}/picture") == CONTENT
    monkeypatch.setattr(web, "MAX_BYTES", len(CONTENT) - 1)
    with pytest.raises(DetectorError) as error:
        download(f"{address}/picture")
    remedy = "download the picture and name the file"
    assert str(error.value) == f"{address}/picture: more than 0 MB; {remedy}"


def test_a_download_has_limits_of_time(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SILENCE", 0.3)
    with pytest.raises(DetectorError, match=r"silence: cannot be downloaded \(.*timed out"):
        download(f"{address}/silence")
    monkeypatch.setattr(web, "MAX_SECONDS", 0.2)
    with pytest.raises(DetectorError, match="drops: the download takes more than 0 s"):
        download(f"{address}/drops")
