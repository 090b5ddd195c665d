"""The classes of ILSVRC DET: WordNet id, number 1..200, name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from eval.errors import EvaluationError
from eval.formats.number_lines import whole_number
from eval.formats.text_files import word_lines

CLASSES = 200  # meta_det.mat has 815 synsets; those numbered above 200 are ancestors of the classes


class Synset(NamedTuple):
    """One class: WordNet id ("n02672831"), number in submissions, name."""

    wnid: str
    number: int
    name: str


def read_synsets(path: str | os.PathLike[str]) -> tuple[Synset, ...]:
    """Read meta_det.mat, or a text file of lines `wnid name` or `wnid number name`.

    Without numbers, classes are numbered by line from 1.

    Returns
    -------
    tuple
        Classes by number; of meta_det.mat only the 200 that are evaluated.

    Raises
    ------
    EvaluationError
        The file does not exist, lists no synset, or repeats one.
    """
    path = Path(path)
    synsets = _from_mat(path) if path.suffix == ".mat" else _from_text(path)
    if not synsets:
        raise EvaluationError(f"{path}: no synset is listed; expected lines `wnid name`")
    for field in ("wnid", "number", "name"):
        values = [getattr(synset, field) for synset in synsets]
        twice = {value for value in values if values.count(value) > 1}
        if twice:
            raise EvaluationError(f"{path}: {field} {min(twice)} is repeated; it must be unique")
    return tuple(sorted(synsets, key=lambda synset: synset.number))


def _from_mat(path: Path) -> list[Synset]:
    try:
        from scipy.io import loadmat
    except ImportError:
        raise EvaluationError(
            f"{path}: reading it needs SciPy; pip install scipy, or name a text list with synsets="
        ) from None
    if not path.is_file():
        raise EvaluationError(f"{path}: no such file; check the path")
    try:
        table = loadmat(path, squeeze_me=True)["synsets"]
        numbers = [int(number) for number in table["ILSVRC2013_DET_ID"]]
        rows = zip(table["WNID"], numbers, table["name"], strict=True)
        synsets = [Synset(str(wnid), number, str(name)) for wnid, number, name in rows]
    except Exception as error:  # SciPy raises many kinds of exceptions for damaged files
        raise EvaluationError(
            f"{path}: not the devkit's meta_det.mat ({error!r:.80}); use the file of the devkit"
        ) from None
    return [synset for synset in synsets if synset.number <= CLASSES]


def _from_text(path: Path) -> list[Synset]:
    synsets: list[Synset] = []
    for line, words in word_lines(path):
        given = whole_number(words[1]) if len(words) > 2 else None
        if len(words) < 2:
            raise EvaluationError(
                f"{path.name}: line {line}: one word; expected `wnid name` or `wnid number name`"
            )
        number = len(synsets) + 1 if given is None else given
        synsets.append(Synset(words[0], number, " ".join(words[1 + (given is not None) :])))
    return synsets
