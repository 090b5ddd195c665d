"""A path, a file, its bytes or a PIL image -> an open PIL image within the limit of pixels."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from detector.errors import DetectorError
from detector.extras import require
from detector.files.names import fault_of, printable

if TYPE_CHECKING:
    from PIL import Image

# Of ISO/IEC 23008-12, in bytes 8 to 12 of a file
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# Files of cameras and of drawing programs; of some, Pillow would read a thumbnail
FOREIGN_SUFFIXES = (
    *(".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf", ".pef", ".srw"),
    *(".svg", ".pdf", ".psd", ".xcf", ".ai", ".eps", ".jxl"),
)
MAX_PIXELS = 500_000_000  # a decoded picture of this size fills 2 GB
MAX_STREAM = 1_000_000_000  # bytes that are read from a pipe, which may have no end
MAX_PIXELS_VARIABLE = "DETECT_MAX_PIXELS"  # environment variable for another limit


class _PillowLimit:
    """Pillow's own limit, which is global, lifted as long as any thread reads a picture.

    Pillow would raise its error first, without naming the picture's size and at a lower number.
    """

    def __init__(self) -> None:
        self._lock, self._readers = threading.Lock(), 0
        self._limit: int | None = None

    def __enter__(self) -> None:
        from PIL import Image

        with self._lock:
            if not self._readers:
                self._limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            self._readers += 1

    def __exit__(self, *_: object) -> None:
        from PIL import Image

        with self._lock:
            self._readers -= 1
            if not self._readers:
                Image.MAX_IMAGE_PIXELS = self._limit


without_pillow_limit = _PillowLimit()


@contextmanager
def opened(source: Any, max_pixels: int | None) -> Iterator[tuple[Image.Image, str]]:
    """Open a picture without decoding it; yields the image and its name for messages.

    A file is closed at the end, a PIL image of the caller stays open. `max_pixels` None is the
    limit that DETECT_MAX_PIXELS sets.

    Raises
    ------
    DetectorError
        A missing, unreadable or too large picture, or a source of another type.
    """
    limit = pixel_limit() if max_pixels is None else max_pixels
    with ExitStack() as closing:
        if isinstance(source, (bytes, bytearray, memoryview)):
            content = bytes(source)
            name = f"<{len(content)} bytes>"
            image = closing.enter_context(_recognise(io.BytesIO(content), name))
        elif isinstance(source, (str, os.PathLike)):
            name = printable(source)
            file = closing.enter_context(_open_file(Path(source), name))
            if (suffix := Path(source).suffix).lower() in FOREIGN_SUFFIXES:
                raise DetectorError(
                    f"{name}: pictures of type {suffix} cannot be read; export it as JPEG or PNG"
                )
            image = closing.enter_context(_recognise(file, name))
        elif hasattr(source, "read"):
            name = printable(getattr(source, "name", None) or "open file")
            image = closing.enter_context(_recognise(_whole(source, name), name))
        elif hasattr(source, "getbands") and hasattr(source, "load"):
            image, name = source, printable(getattr(source, "filename", "") or "PIL image")
        else:
            kind = f"{type(source).__module__}.{type(source).__name__}"
            raise DetectorError(f"cannot read a picture from {kind}; {_remedy(source)}")
        _check(image, name, limit)
        yield image, name


def pixel_limit() -> int:
    """The largest height * width of a picture: DETECT_MAX_PIXELS, or 500 million."""
    text = os.environ.get(MAX_PIXELS_VARIABLE, "")
    if not text:
        return MAX_PIXELS
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise DetectorError(
            f"the environment variable {MAX_PIXELS_VARIABLE} is {printable(text)!r}; set it to a "
            f"number of pixels, such as {MAX_PIXELS}, or unset it"
        )
    return int(text)


def damaged(name: str, error: Exception) -> DetectorError:
    """The error for a picture whose decoder failed."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return DetectorError(f"{name}: damaged or cut short ({reason}); copy or download it again")


def _open_file(path: Path, name: str) -> IO[bytes]:
    try:
        file = open(path, "rb")  # noqa: SIM115 - the caller closes it
        if file.seekable():
            return file
        with file:  # decoders seek, which a pipe cannot do
            content = file.read(MAX_STREAM + 1)
    except (OSError, ValueError) as error:
        fault = fault_of(path)
        if os.path.isdir(path):  # Path.is_dir raises for a name that is too long
            fault = "a folder, not a picture; name the files in it"
        reason = getattr(error, "strerror", None) or error
        fault = fault or f"cannot be opened ({reason}); check the path"
        raise DetectorError(f"{name}: {fault}") from error
    if len(content) > MAX_STREAM:
        raise DetectorError(
            f"{name}: more than {MAX_STREAM // 10**6:,} MB come out of this pipe or device; name a "
            "picture"
        )
    return io.BytesIO(content)


def _remedy(source: object) -> str:
    """What to give in place of an object that is no picture."""
    if isinstance(source, (list, tuple)) or hasattr(source, "__next__"):
        return "several pictures are detected by detector.stream(pictures)"
    if source is None:
        return "cv2.imread returns None for a file that it cannot read: check the path"
    return "give a path, an open file, its bytes, a PIL image, or an array or tensor (H, W, 3)"


def _whole(source: Any, name: str) -> IO[bytes]:
    """All bytes of a file object, from its beginning if it can seek."""
    try:
        if hasattr(source, "seekable") and source.seekable():
            source.seek(0)
        content = source.read()
    except (OSError, ValueError) as error:
        raise DetectorError(f"{name}: cannot be read ({error}); open the file again") from error
    if not isinstance(content, bytes):
        raise DetectorError(f'{name}: opened as text; open it with mode "rb"')
    return io.BytesIO(content)


def _recognise(file: IO[bytes], name: str) -> Image.Image:
    from PIL import UnidentifiedImageError

    try:
        start = file.read(16)
        file.seek(0)
    except OSError as error:
        raise DetectorError(
            f"{name}: cannot be read ({error.strerror or error}); check the file"
        ) from error
    if not start:
        raise DetectorError(f"{name}: the file is empty; copy or download it again")
    try:
        with without_pillow_limit:
            return _identify(file, start, name)
    except DetectorError:
        raise
    except UnidentifiedImageError:
        remedy = "it is text: name a picture" if _is_text(start) else "save it as JPEG or PNG"
        raise DetectorError(
            f"{name}: not a picture that can be read (it begins with {start!r}); {remedy}"
        ) from None
    except Exception as error:  # a decoder may raise anything for a damaged header
        raise damaged(name, error) from error


def _is_text(content: bytes) -> bool:
    text = content.decode("utf-8", "replace")
    return "\ufffd" not in text and all(c.isprintable() or c in "\t\r\n" for c in text)


def _identify(file: IO[bytes], start: bytes, name: str) -> Image.Image:
    """Open a picture by Pillow, which reads HEIC once pillow-heif is registered."""
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(file)
    except UnidentifiedImageError:
        if start[4:8] != b"ftyp" or start[8:12] not in HEIC_BRANDS:
            raise
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        require("heic", f"{name}: reading HEIC pictures")
        raise
    register_heif_opener()
    try:
        return Image.open(file)
    except UnidentifiedImageError:
        raise damaged(name, ValueError("not a whole HEIC file")) from None


def _check(image: Image.Image, name: str, limit: int) -> None:
    width, height = image.size
    if width * height == 0:
        raise DetectorError(
            f"{name}: the picture is empty ({width} x {height} pixels); export or copy it again"
        )
    if width * height > limit:
        raise DetectorError(
            f"{name}: {width} x {height} pixels are more than the limit of {limit:,}; shrink the "
            f"picture, or if memory allows set {MAX_PIXELS_VARIABLE}={width * height}"
        )
    if image.format in ("EPS", "WMF"):
        # Pillow would run another program to draw these.
        raise DetectorError(f"{name}: {image.format} is a drawing; save it as JPEG or PNG")
