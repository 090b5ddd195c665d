"""Changes to the bytes of one file: flipped, cut, repeated, and tokens put in place of others."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from random import Random

Change = Callable[[Random, bytes], bytes]
TOKEN = re.compile(rb"[^\s<>,:;\"'=\[\]{}]+")
NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
LARGE = 200_000  # bytes that a single change adds at most

NUMBERS = (
    *(b"0", b"-0", b"1", b"-1", b"1.0", b"0.5", b"-7.25", b"007", b"+3", b".5", b"5.", b"1_0"),
    *(b"2147483648", b"4294967296", b"9007199254740993", b"9223372036854775808", b"-9" * 9),
    *(b"18446744073709551616", b"1e5", b"1E-3", b"1e308", b"-1e308", b"1e999", b"1e-999"),
    *(b"NaN", b"nan", b"Infinity", b"-inf", b"9" * 400, b"0." + b"3" * 400, b"9" * 5000),
    *(b"1e", b"--1", b"0x10", b"1,5", b"\xd9\xa1", b"999999999", b"1000000"),
)
WORDS = (
    *(b"", b" ", b"\0", b"\r", b"\n", b"\t", b"\x1a", b"\xff", b"\xef\xbb\xbf", b"\xe9"),
    *(b'"', b"'", b"<", b">", b"&", b"</object>", b"<object>", b"&lt;", b"&x;", b"<!--"),
    *(b"{", b"}", b"[", b"]", b"[]", b"{}", b",", b":", b";", b"#", b"|", b"\\", b"\\u"),
    *(b"null", b"true", b"false", b"None", b"cat", b"*", b"[a-", b"..", b"../..", b"/"),
    *(b"<![CDATA[", b"\\ud800", b"\xed\xa0\x80", b"/dev/null", b"%s", b"{0}", b"\x1b[31m"),
    *(b"a" * 300, "caf\u00e9".encode(), "e\u0301".encode(), "\U0001f600".encode(), b"\xe2\x80\xa8"),
    *(b"images", b"labels", b"path: /", b"2008_000000", b"n02084071"),
)
DOCTYPE = (
    b'<!DOCTYPE a [<!ENTITY e0 "lol">'
    + b"".join(b'<!ENTITY e%d "%s">' % (i, b"&e%d;" % (i - 1) * 10) for i in range(1, 10))
    + b"]>"
)
YAML_BOMB = b"a0: &a0 [x, x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 12)
)
YAML_LINES = (
    YAML_BOMB + b"names: *a11\n",
    YAML_BOMB + b"val: *a11\n",
    b"names: &n [*n]\n",
    b"names: &n {0: *n}\n",
    b"<<: &m {nc: 2}\n",
    b"nc: 999999999\n",
    b"nc: -1\n",
    b"nc: .nan\n",
    b"names: {999999999: a}\n",
    b"names: {-1: a, .inf: b}\n",
    b"names: !!python/object/apply:os.getcwd []\n",
    b"names: !!set {a, b}\n",
    b"names: 2001-01-01\n",
    b"? [a, b]\n: c\n",
    b"kpt_shape: [99999, 99999]\n",
    b"kpt_shape: [-1, 7]\n",
    b"path: 3\n",
    b"val: [images, images]\n",
    b"val: {a: images}\n",
    b"val: 7\n",
    b"test: ../../../../..\n",
    b"names: " + b"[" * 2000 + b"]" * 2000 + b"\n",
    b"--- a\n--- b\n",
    b"\x00",
    b"nc: 0b1_0\n",
    b"names: 99999999:59:59\n",
)


def changed(random: Random, content: bytes, *, yaml: bool = False, xml: bool = False) -> bytes:
    """The content after one change."""
    changes = [*CHANGES, *([_yaml_line] * 8 * yaml), *([_doctype, *[_element] * 4] * xml)]
    return random.choice(changes)(random, content)


def _flip(random: Random, content: bytes) -> bytes:
    if not content:
        return content
    made = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        made[random.randrange(len(made))] ^= 1 << random.randrange(8)
    return bytes(made)


def _byte(random: Random, content: bytes) -> bytes:
    at = random.randint(0, len(content))
    return content[:at] + bytes([random.randrange(256)]) + content[at + random.randint(0, 1) :]


def _span(random: Random, content: bytes) -> tuple[int, int]:
    begin = random.randint(0, len(content))
    return begin, min(len(content), begin + random.choice((1, 3, 10, 40, 200)))


def _cut(random: Random, content: bytes) -> bytes:
    return content[: random.randint(0, len(content))]


def _drop(random: Random, content: bytes) -> bytes:
    begin, end = _span(random, content)
    return content[:begin] + content[end:]


def _repeat(random: Random, content: bytes) -> bytes:
    begin, end = _span(random, content)
    times = min(random.choice((1, 1, 2, 1000)), LARGE // max(end - begin, 1))
    return content[:end] + content[begin:end] * times + content[end:]


def _insert(random: Random, content: bytes) -> bytes:
    at = random.randint(0, len(content))
    word = random.choice(NUMBERS + WORDS)
    return content[:at] + word * random.choice((1, 1, 1, 20)) + content[at:]


def _replace(pattern: re.Pattern[bytes], words: tuple[bytes, ...]) -> Change:
    def change(random: Random, content: bytes) -> bytes:
        found = list(pattern.finditer(content))
        if not found:
            return _insert(random, content)
        one = random.choice(found)
        return content[: one.start()] + random.choice(words) + content[one.end() :]

    return change


def _exchange(random: Random, content: bytes) -> bytes:
    """Put a token of the file in place of another one."""
    found = TOKEN.findall(content)
    return _replace(TOKEN, tuple(found))(random, content) if found else content


def _every(random: Random, content: bytes) -> bytes:
    """Replace all occurrences of one token."""
    found = TOKEN.findall(content)
    if not found:
        return content
    return content.replace(random.choice(found), random.choice(NUMBERS + WORDS))[:LARGE]


def _lines(random: Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if len(lines) < 2:
        return _repeat(random, content)
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    what = random.randrange(4)
    if what == 0:
        del lines[one]
    elif what == 1:
        lines.insert(other, lines[one])
    elif what == 2:
        lines[one], lines[other] = lines[other], lines[one]
    else:
        lines[one] = b" ".join(lines[one].split()[:-1]) + b"\n"
    return b"".join(lines)


def _line_ends(random: Random, content: bytes) -> bytes:
    return content.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\n", b"\x85", b"\0", b" ")))


def _encoded(random: Random, content: bytes) -> bytes:
    text = content.decode("utf-8", "replace")
    encoding = random.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1", "cp037"))
    return text.encode(encoding, "replace")


def _compressed(random: Random, content: bytes) -> bytes:
    made = gzip.compress(content, mtime=0)
    return random.choice((made, made + made, made[:-9], made + b"rest", gzip.compress(made)))


def _other(random: Random, content: bytes) -> bytes:
    return random.choice(
        (
            *(b"", b" ", b"\n", b"\0", b"[]", b"{}", b"null", b"1", b'""', b"\xff" * 50, b"<a/>"),
            *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"\x1f\x8b", b"\xef\xbb\xbf"),
            *(b"[" * 100_000, b'{"a":' * 50_000, b"[" * 900 + b"]" * 900, b"," * 999, b"\n" * 999),
            *(b"<a>" * 50_000, gzip.compress(bytes(20_000_000), mtime=0), b"9" * 100_000, b"-"),
        )
    )


def _yaml_line(random: Random, content: bytes) -> bytes:
    line = random.choice(YAML_LINES)
    key = line.rpartition(b"\n")[0].rpartition(b"\n")[2].partition(b":")[0]
    kept = [one for one in content.splitlines(True) if not one.startswith(key + b":")]
    return b"".join([*kept, line]) if random.random() < 0.8 else line + content


def _doctype(random: Random, content: bytes) -> bytes:
    entity = b"&e%d;" % random.randrange(10)
    return DOCTYPE + _replace(re.compile(rb"(?<=>)[^<>\s]+(?=<)"), (entity,))(random, content)


def _element(random: Random, content: bytes) -> bytes:
    """Remove, repeat, rename or empty an element."""
    found = list(re.finditer(rb"<(object|bndbox|size)>.*?</\1>|<(\w+)>[^<]*</\2>", content, re.S))
    if not found:
        return content
    one = random.choice(found)
    name, text = one[1] or one[2], one[0]
    others = (b"", text * 2, text * 500, b"<%s/>" % name, text.replace(name, b"x"))
    made = random.choice((*others, b"<b>" + text + b"</b>"))
    return (content[: one.start()] + made + content[one.end() :])[:LARGE]


CHANGES: tuple[Change, ...] = (
    *(_flip, _flip, _byte, _cut, _drop, _repeat, _insert, _exchange, _every, _lines, _line_ends),
    *[_replace(NUMBER, NUMBERS)] * 4,
    *[_replace(TOKEN, NUMBERS + WORDS)] * 2,
    *(_encoded, _compressed, _other),
)
