"""The file of score thresholds by class: YAML that people can edit."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.errors import EvaluationError

_COMMENT = """\
# The lowest score of each class, chosen for the best F1 (write null to leave a class out).
# Choose thresholds on pictures for validation: figures on the same pictures flatter the detector.
"""


def thresholds_text(thresholds: Mapping[str, float], origin: Mapping[str, Any]) -> str:
    """The content of the file: where the thresholds come from, and each of them; NaN is null."""
    import yaml

    values = {name: None if math.isnan(one) else one for name, one in thresholds.items()}
    content = {**origin, "thresholds": values}
    return _COMMENT + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)


def read_thresholds(path: str | os.PathLike[str]) -> dict[str, float]:
    """The thresholds of a file by class name, without those that are null.

    Parameters
    ----------
    path
        YAML or JSON: an object `thresholds` of numbers by class name, or only that object.

    Raises
    ------
    EvaluationError
        The file cannot be read, a class stands there twice, or a threshold is no finite number.
    """
    import yaml

    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
        repeated = _repeated_key(text)
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise EvaluationError(f"{path}: not YAML ({reason})") from error
    if repeated is not None:
        raise EvaluationError(f"{path}: {repeated!r:.60} stands there twice; remove one of them")
    named = content.get("thresholds", content) if isinstance(content, dict) else None
    if not isinstance(named, dict) or not named:
        raise EvaluationError(f"{path}: no object 'thresholds' of numbers by class name")
    return {
        _name(key, path): _number(key, value, path)
        for key, value in named.items()
        if value is not None
    }


def _repeated_key(text: str) -> str | None:
    """A key that the document or an object in it has twice, of which YAML would keep the last."""
    import yaml

    top = yaml.compose(text, Loader=yaml.SafeLoader)
    objects = [top, *(value for _, value in _pairs(top))]
    for keys in ([str(key.value) for key, _ in _pairs(one)] for one in objects):
        for place, key in enumerate(keys):
            if key in keys[:place]:
                return key
    return None


def _pairs(node: Any) -> list[tuple[Any, Any]]:
    """The keys and values of an object of YAML; nothing of anything else."""
    return node.value if getattr(node, "id", "") == "mapping" else []


def _name(key: Any, path: Path) -> str:
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        raise EvaluationError(f"{path}: thresholds: {key!r} is no class name; put it in quotes")
    return str(key)


def _number(key: Any, value: Any, path: Path) -> float:
    try:  # YAML takes 1e-05 for text
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise EvaluationError(f"{path}: thresholds: {str(key)!r} is {value!r}; expected a number")
    return number
