"""Changes to the files of an example: removed, renamed, exchanged, and links that lead nowhere."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path, PurePosixPath
from random import Random
from typing import Any

from tests.eval.fuzzing import byte_changes, record_changes
from tests.eval.fuzzing.examples import Example

NAMES = (
    *("classes.txt", "data.yaml", "README.txt", "labelmap.txt", "dog.txt", "x.json", "*.json"),
    *("2008_000000.txt", "2008_000000.xml", "a b.xml", "caf\u00e9.txt", "[x].txt", ".txt"),
    *("labels/a.txt", "Annotations/2008_000001.xml", "ImageSets/Main/val.txt", "-.txt", "n" * 200),
    *("train/2008_000000.txt", "images/2008_000000.png", "obj.data", "obj.names", "synsets.txt"),
    "comp4_det_test_dog.txt",
)


def changed(random: Random, example: Example, others: list[Example]) -> Example:
    """The example after changes to the content of one file, or to the set of files."""
    files = dict(example.files)
    # Pictures are only sources of sizes: their bytes change less often.
    texts = [name for name in files if not name.endswith((".png", ".jpg"))] or list(files)
    name = random.choice(texts if random.random() < 0.9 else list(files))
    if len(files) == 1 or random.random() < 0.85:
        files[name] = _content(random, name, files[name])
        return example._replace(files=files)
    what, other = random.randrange(5), random.choice(list(files))
    if what == 0:
        del files[name]
    elif what == 1:
        files[_renamed(random, name)] = files.pop(name)
    elif what == 2:
        files[_renamed(random, name)] = files[name]
    elif what == 3:
        files[name], files[other] = files[other], files[name]
    else:
        files[name] = random.choice(list(random.choice(others).files.values()))
    # No file can have the name of a folder.
    folders = {str(parent) for one in files for parent in PurePosixPath(one).parents}
    files = {one: content for one, content in files.items() if one not in folders}
    return example._replace(files=files)


def write(example: Example, folder: Path) -> Path:
    """Write the files of an example; returns the path that is named to the reader."""
    folder.mkdir(exist_ok=True)
    for name, content in example.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / example.path


def entangle(random: Random, folder: Path) -> None:
    """Put a folder, or a link that leads to itself, above or nowhere, in the place of a file."""
    path = random.choice(sorted(folder.rglob("*")) or [folder])
    if path == folder:
        return
    target = random.choice((path, path.parent, folder / "missing", Path("/dev/null"), None))
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    if target is None:
        path.mkdir()
    else:
        os.symlink(target, path)


def _content(random: Random, name: str, content: bytes) -> bytes:
    if ".json" in name and random.random() < 0.65:
        packed = content[:2] == b"\x1f\x8b"
        document: Any = json.loads(gzip.decompress(content) if packed else content)
        for _ in range(random.choice((1, 1, 1, 1, 2, 3))):
            document = record_changes.changed(random, document)
        content = record_changes.as_json(random, document)
        return gzip.compress(content, mtime=0) if packed else content
    if name.endswith(".gz") and random.random() < 0.6:
        return gzip.compress(_content(random, name.removesuffix(".gz"), gzip.decompress(content)))
    for _ in range(random.choice((1, 1, 1, 1, 1, 3))):
        content = byte_changes.changed(
            random, content, yaml=name.endswith(".yaml"), xml=name.endswith(".xml")
        )
    return content


def _renamed(random: Random, name: str) -> str:
    path = PurePosixPath(name)
    return (
        random.choice(
            (
                *(
                    str(path.with_suffix(s))
                    for s in (".TXT", ".json", ".xml", "", ".txt.gz", ".csv")
                ),
                *(name.upper(), f"sub/{name}", path.name, f".{path.name}", random.choice(NAMES)),
            )
        ).lstrip("/")
        or "x"
    )
