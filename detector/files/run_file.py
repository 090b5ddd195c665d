"""The file that states what decides the results of a run, so that only the same run continues."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from detector.errors import DetectorError
from detector.files.names import printable
from detector.files.whole_files import write_file

REMEDY = "give another --output, or --restart to start again"


def begin_run(
    path: Path, settings: dict[str, Any], about: dict[str, Any], *, has_results: bool
) -> dict[str, Any]:
    """Write the file of a run, or compare it with the settings; returns its other content.

    Parameters
    ----------
    path
        The file, in the folder of the run.
    settings
        Everything that decides the results, plain values by name.
    about
        Other content, such as versions and paths, which is not compared.
    has_results
        Whether the folder holds results, which need the file.

    Raises
    ------
    DetectorError
        The run there has other settings, the file is missing beside results or describes no run.
    """
    import orjson

    where = printable(path.parent)
    settings = orjson.loads(orjson.dumps(settings))  # tuples become lists, as in the file
    try:
        content = orjson.loads(path.read_bytes())
        before = dict(content.pop("settings"))
    except FileNotFoundError:
        if has_results:
            raise DetectorError(
                f"{where}: holds detections without the {path.name} that describes them; {REMEDY}"
            ) from None
        document = orjson.dumps({"settings": settings, **about}, option=orjson.OPT_INDENT_2)
        write_file(path, document + b"\n")
        return about
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DetectorError(f"{printable(path)}: does not describe a run; {REMEDY}") from None
    names = [*settings, *(name for name in before if name not in settings)]
    changed = [
        f"{name} {_short(before.get(name))} (now {_short(settings.get(name))})"
        for name in names
        if before.get(name) != settings.get(name)
    ]
    if changed:
        raise DetectorError(f"{where}: begun with {', '.join(changed)}; {REMEDY}")
    return content


def _short(value: Any) -> str:
    """A setting in an error message; of a long one, which is a digest, the first characters."""
    text = "missing" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:8]}..."
