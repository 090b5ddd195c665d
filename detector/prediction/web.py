"""Pictures from web addresses, within limits of size and time."""

from __future__ import annotations

import string
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from detector.errors import DetectorError
from detector.files.names import printable
from detector.version import __version__

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from urllib.request import OpenerDirector

MAX_BYTES = 100_000_000
MAX_SECONDS = 60.0  # of one download
SILENCE = 10.0  # seconds without a byte
PIECE = 1 << 16  # bytes


def is_web_address(word: str) -> bool:
    """Whether a word is an address that `download` takes."""
    return word.lower().startswith(("http://", "https://"))


def download(address: str) -> bytes:
    """Fetch the content of an http or https address; redirections are followed.

    Raises
    ------
    DetectorError
        No such page, no answer, a page of HTML, or more bytes or seconds than the limits.
    """
    import http.client
    import urllib.error
    import urllib.request

    name = printable(address)
    try:
        headers = {"User-Agent": f"googlenet-rcnn/{__version__}"}
        encoded = quote(address, safe=string.punctuation)  # spaces and letters beyond ASCII
        request = urllib.request.Request(encoded, headers=headers)
        deadline = time.monotonic() + MAX_SECONDS
        with _opener().open(request, timeout=SILENCE) as response:
            content = _read(response, name, deadline)
    except DetectorError:
        raise
    except urllib.error.HTTPError as error:
        # A circle of redirections has a reason of several lines.
        reason = " ".join(str(error.reason).split())
        raise DetectorError(
            f"{name}: the server answers {error.code} {printable(reason)}; check the address"
        ) from None
    except (OSError, ValueError, http.client.HTTPException) as error:  # URLError is an OSError
        reason = printable(str(getattr(error, "reason", error)) or type(error).__name__)
        raise DetectorError(
            f"{name}: cannot be downloaded ({reason}); check the address and the connection"
        ) from None
    if content.lstrip()[:1] == b"<":  # HTML, XML or SVG; no picture begins like this
        raise DetectorError(
            f"{name}: a web page or a drawing, not a picture; give the address of the picture "
            "itself"
        )
    return content


def _opener() -> OpenerDirector:
    """An opener of http and https alone: a redirection to a file or to ftp is refused."""
    import urllib.request

    opener = urllib.request.OpenerDirector()
    for handler in (
        *(urllib.request.ProxyHandler, urllib.request.HTTPHandler, urllib.request.HTTPSHandler),
        *(urllib.request.HTTPDefaultErrorHandler, urllib.request.HTTPRedirectHandler),
        *(urllib.request.HTTPErrorProcessor, urllib.request.UnknownHandler),
    ):
        opener.add_handler(handler())
    return opener


def _read(response: HTTPResponse, name: str, deadline: float) -> bytes:
    """Read in pieces, since a server that sends a byte a second never exceeds SILENCE."""
    content = bytearray()
    while piece := response.read1(PIECE):
        content += piece
        if len(content) > MAX_BYTES:
            raise DetectorError(
                f"{name}: more than {MAX_BYTES // 10**6} MB; download the picture and name the file"
            )
        if time.monotonic() > deadline:
            raise DetectorError(
                f"{name}: the download takes more than {MAX_SECONDS:.0f} s; download the picture "
                "and name the file"
            )
    if response.length:  # bytes that Content-Length promised and that did not come
        raise OSError(f"cut short after {len(content)} bytes")
    return bytes(content)
