"""The classes for `map_batches`, called as functions of batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector import Detector, DetectorError
from detector.pictures.reading import read_image
from tests.detector.command import save

pa = pytest.importorskip("pyarrow", reason="needs the extra [ray]")

from detector.batch import DetectPictures, ProposeBoxes, RegionFeatures  # noqa: E402
from detector.batch.actors import PictureActor  # noqa: E402
from detector.batch.folder import BatchFolder  # noqa: E402
from detector.batch.schema import RESULTS, table_of  # noqa: E402


@pytest.fixture(scope="module")
def detector(small_weights: Path) -> Detector:
    return Detector.load(small_weights, device="cpu")


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    return [save(folder / f"{number}.png", seed=number) for number in (1, 2)]


def test_paths_bytes_and_arrays_have_the_same_detections(
    detector: Detector, paths: list[Path]
) -> None:
    alone = [detector(path, preset="evaluate", max_detections=5) for path in paths]
    actor = DetectPictures(detector, max_detections=5)
    arrays = np.empty(2, object)
    arrays[:] = [read_image(path) for path in paths]
    batches: list[Any] = [
        {"image": np.array(list(map(str, paths))), "key": np.array([3, 4])},
        {"image": [path.read_bytes() for path in paths], "key": [3, 4]},
        {"image": arrays, "key": np.array([3, 4])},
        pa.table({"image": [path.read_bytes() for path in paths], "key": [3, 4]}),
    ]
    for batch in batches:
        rows = actor(batch).to_pylist()
        assert [row["key"] for row in rows] == [3, 4]
        for row, found in zip(rows, alone, strict=True):
            assert np.array_equal(np.float32(row["boxes_xyxy"]), found.boxes_xyxy) and len(found)
            assert np.array_equal(np.float32(row["scores"]), found.scores)
            assert row["classes"] == [one.name for one in found]
            assert (row["height"], row["width"], row["failure"]) == (72, 96, None)
    assert actor(batches[0])["image"].to_pylist() == list(map(str, paths))
    assert "image" not in actor(batches[2]).column_names


@pytest.mark.parametrize("actor", [DetectPictures, ProposeBoxes, RegionFeatures])
def test_the_engine_reaches_the_detector(actor: type[PictureActor], small_weights: Path) -> None:
    with pytest.raises(DetectorError, match="engine tvm"):
        actor(small_weights, device="cpu", engine="tvm")


def test_a_picture_that_fails_has_a_reason(detector: Detector, paths: list[Path]) -> None:
    table = DetectPictures(detector)({"image": ["/none/1.png", str(paths[0]), b"text"]})  # type: ignore
    first, second, third = table.to_pylist()
    assert first["failure"].startswith("no such file") and first["boxes_xyxy"] == []
    assert first["height"] is None and second["failure"] is None
    assert third["failure"].startswith("not a picture")
    with pytest.raises(DetectorError, match="no column 'image' but path, size"):
        DetectPictures(detector)({"path": np.array([]), "size": np.array([])})


def test_an_unexpected_error_is_a_failure_of_its_picture(
    detector: Detector, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: DetectPictures, picture: Any) -> None:
        raise RuntimeError("CUDA error:\nout of memory")

    monkeypatch.setattr(DetectPictures, "compute", broken)
    (row,) = DetectPictures(detector)({"image": [str(paths[0])]}).to_pylist()  # type: ignore
    assert row["failure"] == "unexpected RuntimeError: CUDA error: out of memory"


def test_proposals(detector: Detector, paths: list[Path]) -> None:
    (row,) = ProposeBoxes(detector)({"image": [str(paths[0])]}).to_pylist()  # type: ignore
    alone = detector.propose(paths[0])
    assert np.array_equal(np.float32(row["boxes_xyxy"]), alone.boxes_xyxy)
    assert row["sources"] == alone.source.tolist()


def test_features_of_boxes_give_the_networks_own_classes(
    detector: Detector, paths: list[Path]
) -> None:
    boxes = [[[4, 4, 40, 50], [10, 0, 90, 70]], [[1, 2, 30, 40]]]
    batch: Any = {"image": list(map(str, paths)), "box": boxes}
    rows = RegionFeatures(detector, boxes="box")(batch).to_pylist()
    layer = detector.model.classifier
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    for row, path, own in zip(rows, paths, boxes, strict=True):
        assert row["boxes_xyxy"] == own
        logits = np.float32(row["features"]) @ weight.T + bias
        chances = np.exp(logits - logits.max(1, keepdims=True))
        chances /= chances.sum(1, keepdims=True)
        assert np.allclose(chances, detector.classify(path, np.float32(own)), atol=1e-3)
    of_proposals = RegionFeatures(detector)({"image": [str(paths[0])]}).to_pylist()[0]  # type: ignore
    assert len(of_proposals["features"]) == len(detector.propose(paths[0]).boxes_xyxy)


def row(number: int) -> dict[str, Any]:
    return {"image": f"{number}.png", "height": 1, "width": 2, "boxes_xyxy": np.zeros((0, 4))}


def test_a_column_of_empty_lists_keeps_its_type() -> None:
    table = table_of([row(1), {"image": "2.png", "failure": "torn"}], RESULTS)
    assert table.schema == RESULTS and table["scores"].to_pylist() == [[], []]


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_folder_knows_what_is_missing(tmp_path: Path, form: str) -> None:
    def opened(**options: Any) -> BatchFolder:
        settings = {"weights": options.pop("weights", "a")}
        return BatchFolder(tmp_path, settings, {}, count=5, size=2, form=form, **options)

    folder = opened()
    folder.write(1, [row(2), {"image": "3.png", "failure": "torn"}])
    folder = opened()
    assert folder.done == {1} and folder.failed == {1: 1} and folder.pictures_done() == 2
    assert [list(folder.pictures(part)) for part in folder.parts] == [[0, 1], [2, 3], [4]]
    folder.forget_failed()
    assert folder.done == set() and folder.path(1).exists()
    with pytest.raises(DetectorError, match=r"begun with weights a \(now b\); give another"):
        opened(weights="b")
    assert opened(weights="b", restart=True).done == set() and not folder.path(1).exists()
