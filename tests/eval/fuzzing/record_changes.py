"""Changes to parsed JSON: fields dropped, renamed and repeated, and types exchanged."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np

SCALARS: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 7, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63), 10**30, 10**400),
    *(0.0, -0.0, 1.0, 1.5, -0.5, 1e308, -1e308, 1e-320, math.nan, math.inf, -math.inf),
    *("", " ", "0", "1", "1.0", "01", "NaN", "cat", "dog", "2008_000001", "2008_000001.jpg", "\0"),
    *("a" * 300, "caf\u00e9", "e\u0301", "<b>&\"'", "../x", "a\nb", "\u2028", "\U0001f600", "[1]"),
)
# Values of Python programs, which JSON does not have.
OBJECTS: tuple[Any, ...] = (
    *(np.int64(1), np.float32(0.5), np.float64("nan"), np.bool_(True), np.arange(4), np.array(1)),
    *(np.ones((2, 2)), np.array(["a"]), np.array([None]), (1, 2, 3, 4), {1, 2}, b"1", 1j, object()),
    *(np.str_("1"), np.array([]), range(4), float, "\ud800", np.uint64(2**63), {1: 2}, frozenset()),
    np.array([1, 2, 3, 4], dtype=object),
)


def changed(random: Random, document: Any, *, objects: bool = False) -> Any:
    """A copy of a document after one change; with `objects`, to values that JSON does not have."""
    document = copy.deepcopy(document)
    places = list(_places(document))
    if not places:
        return _value(random, objects)
    container, key = random.choice(places)
    what = random.random()
    if what < 0.55:
        container[key] = _other(random, container[key], objects)
    elif what < 0.75:
        del container[key]
    elif what < 0.83:
        other, other_key = random.choice(places)
        container[key] = copy.deepcopy(other[other_key])
    elif isinstance(container, dict):
        new = random.choice((*(str(k) for k, _ in container.items()), "x", "", "bbox", "id"))
        container[new] = container.pop(key)
    else:
        times = random.choice((1, 1, 1, 3000 // len(json.dumps(container[key], default=str))))
        container[key:key] = [container[key]] * times
    return document


def as_json(random: Random, document: Any) -> bytes:
    """The document as text, sometimes with a key twice, without blanks, or in another order."""
    if random.random() < 0.1 and isinstance(document, dict):
        document = dict(random.sample(list(document.items()), len(document)))
    separators = random.choice(((", ", ": "), (",", ":"), (" ,\n", "\t: ")))
    text = json.dumps(document, separators=separators, ensure_ascii=random.random() < 0.5)
    if random.random() < 0.08:
        key, old, new = random.choice(_REPEATED)
        at = text.find(f'"{key}"')
        text = (
            text[:at] + f'"{key}"{separators[1]}{new}{separators[0]}' + text[at:]
            if at >= 0
            else text
        )
        text = text.replace(old, new) if old else text
    return text.encode("utf-8", "surrogatepass")


# Key, text to replace, and the value of the repeated key.
_REPEATED = (
    *(("id", "", "5"), ("bbox", "", "[1, 2, 3, 4]"), ("score", "", "0.5"), ("images", "", "[]")),
    *(("annotations", "", "[]"), ("image_id", "", '"1"'), ("category_id", "", "null")),
    *(("score", "score", "sc\\u006fre"), ("bbox", "bbox", "bb\\u006fx")),
)


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Container and key of each value, at any depth; only the first few of a long list."""
    keys: Any = ()
    if isinstance(document, dict):
        keys = list(document)
    elif isinstance(document, list):
        keys = range(min(len(document), 12))
    for key in keys:
        yield document, key
        yield from _places(document[key])


def _value(random: Random, objects: bool) -> Any:
    if objects and random.random() < 0.4:
        return random.choice(OBJECTS)
    what = random.random()
    if what < 0.75:
        return random.choice(SCALARS)
    if what < 0.9:
        return [random.choice(SCALARS) for _ in range(random.randrange(6))]
    if what < 0.97:
        return {random.choice(("id", "name", "bbox", "size", "counts", "")): random.choice(SCALARS)}
    nested: Any = []
    for _ in range(random.choice((3, 100, 300))):
        nested = [nested]
    return nested


def _other(random: Random, value: Any, objects: bool) -> Any:
    """Another value, often the same one in another type."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and random.random() < 0.4:
        forms = (float(value), str(value), [value], -value, value * 1000, value + 1, value / 3)
        return random.choice(forms) if abs(value) < 1e300 else str(value)
    if isinstance(value, list) and random.random() < 0.4:
        return random.choice((value[:-1], value + value[:1], value[::-1], {"0": value}, str(value)))
    if isinstance(value, str) and random.random() < 0.4:
        forms = (
            [value],
            value.upper(),
            value + " ",
            value * 30,
            value[:1],
            "/x/" + value,
            len(value),
        )
        return random.choice(forms)
    return _value(random, objects)
