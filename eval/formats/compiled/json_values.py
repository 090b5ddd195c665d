"""Skip values of JSON text in compiled code, for fields that nobody needs.

Text is an array of bytes followed by NULS NULs (see json_numbers).
"""

from __future__ import annotations

import numpy as np

from eval.formats.compiled.json_numbers import WRONG, byte, read_number
from rcnn_kernels import helper, load_word, subroutine

_QUOTE, _BACKSLASH, _COMMA, _COLON, _ZERO, _NINE = 34, 92, 44, 58, 48, 57
_OPEN_LIST, _CLOSE_LIST, _OPEN_OBJECT, _CLOSE_OBJECT = 91, 93, 123, 125
_ONES, _HIGH_BITS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_QUOTES, _BACKSLASHES, _SPACES = (_ONES * np.uint64(code) for code in (_QUOTE, _BACKSLASH, 32))


@helper
def skip_space(text, at):  # type: ignore[no-untyped-def]
    """The first place from `at` on that is not white space."""
    while True:
        c = byte(text, at)
        if c > 32 or not (c == 32 or c == 10 or c == 13 or c == 9):
            return at
        at += 1


@helper
def skip_plain(text, at):  # type: ignore[no-untyped-def]
    """The first place from `at` on with a quotation mark, a backslash or a control character.

    Eight bytes are compared at a time, because masks are long.
    """
    while True:
        word = load_word(text, at)
        quote, backslash = word ^ _QUOTES, word ^ _BACKSLASHES
        # The high bit is set in the first byte that is one of them, and possibly in later bytes.
        others = (
            ((quote - _ONES) & ~quote)
            | ((backslash - _ONES) & ~backslash)
            | ((word - _SPACES) & ~word)
        ) & _HIGH_BITS
        if others != np.uint64(0):
            below = (others & (~others + np.uint64(1))) - np.uint64(1)
            return at + np.int64((((below & _ONES) * _ONES) >> np.uint64(56)) - np.uint64(1))
        at += 8


@subroutine
def skip_string(text, at):  # type: ignore[no-untyped-def]
    """The place after the string that begins at `at`; -1 if there is no string."""
    if byte(text, at) != _QUOTE:
        return -1
    at += 1
    while True:
        at = skip_plain(text, at)
        if byte(text, at) == _QUOTE:
            break
        if byte(text, at) < 32:
            return -1
        if byte(text, at) == _BACKSLASH:
            at += 1
            c = byte(text, at)
            if c == 117:  # u and four hexadecimal digits
                for _ in range(4):
                    at += 1
                    h = byte(text, at) | 32
                    if not ((_ZERO <= byte(text, at) <= _NINE) or (97 <= h <= 102)):
                        return -1
            elif c not in (_QUOTE, _BACKSLASH, 47, 98, 102, 110, 114, 116):
                return -1
        at += 1
    return at + 1


@helper
def skip_word(text, at, a, b, c):  # type: ignore[no-untyped-def]
    """The place after a word of four letters, the last three being a, b, c; -1 for another word."""
    if byte(text, at + 1) == a and byte(text, at + 2) == b and byte(text, at + 3) == c:
        return at + 4
    return -1


@helper
def skip_key(text, at):  # type: ignore[no-untyped-def]
    """The place of the value that follows the key at `at`; -1 if there is no key."""
    at = skip_string(text, at)
    if at < 0:
        return -1
    at = skip_space(text, at)
    if byte(text, at) != _COLON:
        return -1
    return skip_space(text, at + 1)


@helper
def skip_scalar(text, at, powers, tens, scratch):  # type: ignore[no-untyped-def]
    """The place after a string, number or word; -1 if there is none."""
    c = byte(text, at)
    if c == _QUOTE:
        return skip_string(text, at)
    if c == 116:
        return skip_word(text, at, 114, 117, 101)
    if c == 110:
        return skip_word(text, at, 117, 108, 108)
    if c == 102:  # false
        return skip_word(text, at + 1, 108, 115, 101) if byte(text, at + 1) == 97 else -1
    at, outcome, _ = read_number(text, at, powers, tens, scratch)
    return -1 if outcome == WRONG else at


@subroutine
def skip_value(text, at, powers, tens, scratch):  # type: ignore[no-untyped-def]
    """The place after the value at `at`; -1 if it is no JSON or nested more than 60 levels deep."""
    depth = 0
    objects = np.uint64(0)  # one bit per level: 1 inside an object, 0 inside a list
    while True:
        c = byte(text, at)
        done = True
        if c in (_OPEN_OBJECT, _OPEN_LIST):
            opened_object = c == _OPEN_OBJECT
            at = skip_space(text, at + 1)
            if byte(text, at) == (_CLOSE_OBJECT if opened_object else _CLOSE_LIST):
                at += 1
            else:
                done = False
                depth += 1
                if depth > 60:
                    return -1
                objects = (objects << np.uint64(1)) | np.uint64(opened_object)
                if opened_object:
                    at = skip_key(text, at)
        else:
            at = skip_scalar(text, at, powers, tens, scratch)
        if at < 0:
            return -1
        while done:
            if depth == 0:
                return at
            at = skip_space(text, at)
            in_object = objects & np.uint64(1) == np.uint64(1)
            if byte(text, at) == _COMMA:
                at = skip_space(text, at + 1)
                if in_object:
                    at = skip_key(text, at)
                    if at < 0:
                        return -1
                done = False
            elif byte(text, at) == (_CLOSE_OBJECT if in_object else _CLOSE_LIST):
                at += 1
                depth -= 1
                objects = objects >> np.uint64(1)
            else:
                return -1
