"""The fields of LVIS in COCO JSON: which classes an image is checked for, and how rare they are.

LVIS is federated: an image is annotated for some classes only. `neg_category_ids` lists classes
that are certainly absent from the image, `not_exhaustive_category_ids` those of which some objects
are not annotated (Gupta, Dollar, Girshick, "LVIS", CVPR 2019, section 2.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eval.datasets import Federation, Identity
from eval.formats.coco.plain_records import whole
from eval.wording import amount

ABSENT, IN_PART = FIELDS = ("neg_category_ids", "not_exhaustive_category_ids")
FREQUENCIES = ("r", "c", "f")


def federation_of(
    images: Sequence[dict[str, Any]],
    categories: Sequence[dict[str, Any]],
    label_rows: Mapping[Identity, int],
) -> tuple[np.ndarray | None, Federation | None]:
    """The pairs of image and absent class, and what else a file of LVIS states.

    Both are None if the file is not LVIS's.
    """
    if not any(field in image for image in images for field in FIELDS):
        return None, None
    absent, notes = _category_pairs(images, ABSENT, label_rows)
    in_part, others = _category_pairs(images, IN_PART, label_rows)
    given = [str(category.get("frequency")) for category in categories]
    frequencies = tuple(value if value in FREQUENCIES else "" for value in given)
    return absent, Federation(in_part, frequencies, (*notes, *others))


def _category_pairs(
    images: Sequence[dict[str, Any]], field: str, label_rows: Mapping[Identity, int]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """(P, 2) int64 pairs of image index and label from one field, and notes on what it lacks."""
    rows: list[tuple[int, int]] = []
    lacking: list[int] = []
    unknown, first = 0, ""
    for row, image in enumerate(images):
        ids = image.get(field)
        ids = ids.tolist() if isinstance(ids, np.ndarray) else ids
        if not isinstance(ids, (list, tuple)):
            lacking.append(row)
            continue
        for identity in map(whole, ids):
            known = isinstance(identity, (int, str, np.integer)) and identity in label_rows
            if known:
                rows.append((row, label_rows[identity]))
            else:
                unknown += 1
                first = first or f"images[{row}], {identity!r:.40}"
    notes = []
    if lacking:
        notes.append(
            f"{len(lacking)} of {amount(len(images), 'image')} have no list {field!r}, which is "
            f"taken as empty (first: images[{lacking[0]}])"
        )
    if unknown:
        notes.append(
            f"ids in {field!r} that are not listed in 'categories', which are left out: "
            f"{unknown:,} (first: {first})"
        )
    return np.array(rows, dtype=np.int64).reshape(-1, 2), tuple(notes)
