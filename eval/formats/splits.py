"""The split of a data set's folder that a detector learns from."""

from __future__ import annotations

from pathlib import Path

from eval.errors import EvaluationError
from eval.formats.yolo_folders import parts_of

# The lists of images of a VOC and of an ILSVRC folder; the latter also from the folder above.
PART_LISTS = tuple(
    f"{above}{lists}"
    for above in ("", "ILSVRC/")
    for lists in ("ImageSets/*/*.txt", "*devkit/data/det_lists/*.txt")
)


def part_to_learn(data: Path) -> str | None:
    """The split of a data set that is for training; None where the data set has no splits.

    The readers' own default is test or val, because evaluation is what they are made for.

    Raises
    ------
    EvaluationError
        The folder has splits, but none of them is for training.
    """
    if data.is_file() and data.suffix not in (".yaml", ".yml"):
        return None
    root = data if data.is_dir() else data.parent
    parts = {path.stem for lists in PART_LISTS for path in root.glob(lists)}
    parts |= set(parts_of(data))
    training = next((name for name in ("trainval", "train") if name in parts), None)
    if training is None and parts & {"test", "val", "valid"}:
        raise EvaluationError(
            f"{data}: no split is called train or trainval; name the one to learn from with "
            f"--split: {', '.join(sorted(parts)):.200}"
        )
    return training
