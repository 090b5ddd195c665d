"""What `detect` leaves behind: pictures with boxes and one detections.json."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detector.pipeline import Detector
    from detector.results import Detections


@dataclass
class Output:
    """What a run has found so far; written at the end, also of an interrupted run."""

    folder: Path | None
    json: str
    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def add(self, path: Path, detections: Detections) -> Path | None:
        """Draw one picture into the folder, if there is one, and note its detections."""
        image_id = len(self.images) + 1
        height, width = detections.image_size
        # JSON cannot hold the stray bytes of a name that is not Unicode
        file_name = str(path).encode("utf-8", "backslashreplace").decode()
        self.images.append(
            {"id": image_id, "file_name": file_name, "height": height, "width": width}
        )
        self.annotations.extend(detections.to_coco(image_id))
        if self.folder is None:
            return None
        name, copy = path.stem, 1
        while name in self.taken:  # a/street.jpg and b/street.jpg
            copy += 1
            name = f"{path.stem}-{copy}"
        self.taken.add(name)
        drawn = self.folder / f"{name}.jpg"
        detections.save(drawn)
        return drawn

    def write_json(self, detector: Detector) -> None:
        """Write COCO results with the images and categories they speak of."""
        import orjson

        info = detector.info
        categories = [
            {"id": identity, "name": name}
            for identity, name in zip(info.category_ids, info.class_names, strict=True)
        ]
        content = orjson.dumps(
            {"images": self.images, "annotations": self.annotations, "categories": categories},
            option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
        )
        if self.json == "-":
            sys.stdout.buffer.write(content)
            sys.stdout.flush()
            return
        write_file(Path(self.json), content)


def write_file(target: Path, content: bytes) -> None:
    """Write a whole file, and the folder it lies in, or nothing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(target)
