"""Training of MultiBox: the whole command, killed and continued, and the boxes that it finds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

import detector.networks.precision
from detector import Detector, DetectorError
from detector.cli import main
from detector.networks.ensemble import Member
from detector.recipes import recipe_from_dict
from detector.training.multibox import MultiBoxSteps, squashed_maps, train_multibox
from detector.training.photographs import Photographs
from detector.training.run import train
from detector.training_loop.machine import DEFAULT_MACHINE, Machine
from eval import read_dataset
from proposals.boxes import flip_boxes
from proposals.cache import ProposalCache
from proposals.multibox import MultiBox
from proposals.multibox_priors import GRIDS, SHAPES, grid_priors
from tests.made_up import SMALL_RECIPE, altered

# Five of six pictures, two a step: ten steps
RECIPE = recipe_from_dict({**SMALL_RECIPE, "multibox": {"epochs": 4, "images_per_step": 2}})

# A run that is killed once while it makes maps, and once in the middle of a step.
KILLED_RUN = """
import os, signal, sys
from pathlib import Path
import detector.training_loop.trainer
from detector.training.photographs import Photographs
from tests.detector.training.test_multibox import run

weights, data, folder, when = sys.argv[1:]

def die():
    os.kill(os.getpid(), signal.SIGKILL)

if when == "maps":
    read, count = Photographs.read, iter(range(3))
    Photographs.read = lambda *given: read(*given) if next(count) < 2 else die()
else:
    trainer = detector.training_loop.trainer
    factor = trainer.learning_rate_factor
    trainer.learning_rate_factor = lambda s, t, o: factor(s, t, o) if s < 6 else die()
run(Path(weights), Path(data), Path(folder))
"""


def run(weights: Path, data: Path, folder: Path) -> Path:
    detector = Detector.load(weights, device="cpu")
    detector.recipe = RECIPE
    detector.info.metrics["voc20_test_mAP50"] = 0.9
    often = Machine(checkpoint_minutes=0.0)
    words = {"start": detector, "part": "multibox", "console": Console(quiet=True)}
    return train(data, folder, RECIPE, machine=often, **words)


@pytest.fixture(scope="module")
def finished(
    small_weights: Path, small_dataset: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "finished"
    run(small_weights, small_dataset, folder)
    return folder


def test_a_killed_run_continues_to_the_same_weights(
    finished: Path, small_weights: Path, small_dataset: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for when in ("maps", "step"):
        words = [small_weights, small_dataset, folder, when]
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_RUN, *map(str, words)],
            capture_output=True, text=True, env=environment,
        )  # fmt: skip
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert not (folder / "weights.safetensors").exists()
    assert (folder / "multibox" / "checkpoint.safetensors").exists()
    run(small_weights, small_dataset, folder)
    expected = load_file(finished / "weights.safetensors")
    continued = load_file(folder / "weights.safetensors")
    assert continued.keys() == expected.keys()
    assert not [name for name in expected if not torch.equal(continued[name], expected[name])]
    assert not list(folder.rglob("*.bin"))


def test_what_would_end_it_is_refused_before_a_detector_is_trained(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(*words: Any, **options: Any) -> None:
        raise AssertionError("training has begun")

    monkeypatch.setattr("detector.training.run.train_network", trained)
    for epochs in (0.0, 0.2):  # of five pictures, two a step
        multibox = altered(RECIPE.multibox, epochs=epochs)
        with pytest.raises(DetectorError, match=r"multibox\.epochs is 0.*: no step of 2 in 5 "):
            train(small_dataset, tmp_path / "run", replace(RECIPE, multibox=multibox))
    disk = SimpleNamespace(free=8_000_000)  # five maps of 1.7 MB are 8.5
    monkeypatch.setattr("detector.training.multibox.shutil.disk_usage", lambda path: disk)
    with pytest.raises(DetectorError, match=r"maps of 5 photographs take 0\.0 GB, and 0\.0 GB are"):
        train(small_dataset, tmp_path / "run", RECIPE)
    maps = tmp_path / "run" / "multibox" / "multibox_maps-half.bin"
    maps.parent.mkdir(parents=True)
    maps.write_bytes(bytes(1_000_000))  # one that is half made takes no more room
    with pytest.raises(AssertionError, match="training has begun"):
        train(small_dataset, tmp_path / "run", RECIPE)
    with pytest.raises(AssertionError, match="training has begun"):
        train(small_dataset, tmp_path / "other", RECIPE, part="detector")


def test_a_finished_run_computes_no_maps_again(
    finished: Path, small_weights: Path, small_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(photographs: Photographs, index: int) -> None:
        raise AssertionError(index)

    monkeypatch.setattr(Photographs, "read", read)
    before = (finished / "weights.safetensors").read_bytes()
    measured = (finished / "metrics.jsonl").read_bytes()
    run(small_weights, small_dataset, finished)
    assert (finished / "weights.safetensors").read_bytes() == before
    assert (finished / "metrics.jsonl").read_bytes() == measured


def test_where_nothing_computes_in_bfloat16_it_learns_in_float32(
    small_weights: Path, small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector.networks.precision, "cpu_has_bfloat16", lambda: False)
    assert run(small_weights, small_dataset, tmp_path / "run").exists()


def test_maps_of_other_photographs_are_made_anew(
    small_weights: Path, small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command after an unreadable picture was removed from the data set."""
    seen, read = [], Photographs.read

    def once(photographs: Photographs, index: int) -> np.ndarray:
        seen.append(photographs.dataset.images[index].file_name)
        if len(seen) == 3:
            raise DetectorError("unreadable")
        return read(photographs, index)

    monkeypatch.setattr(Photographs, "read", once)
    dataset = read_dataset(small_dataset)
    start = Detector.load(small_weights, device="cpu")
    start.recipe = RECIPE
    for images in ([0, 1, 2, 3], [1, 2, 3]):
        photographs = Photographs(dataset, small_dataset.parent, ())
        words = (start, photographs, images, tmp_path, DEFAULT_MACHINE, Console(quiet=True))
        if 0 in images:
            with pytest.raises(DetectorError, match="unreadable"):
                train_multibox(*words)
        else:
            train_multibox(*words)
    names = [image.file_name for image in dataset.images]
    assert seen == [*names[:3], *names[1:4]]
    assert not list(tmp_path.glob("*.bin"))


def test_networks_that_read_crops_have_no_maps_to_train_on(
    small_weights: Path, small_dataset: Path, tmp_path: Path
) -> None:
    one = Detector.load(small_weights, device="cpu")
    path = tmp_path / "warp.safetensors"
    Detector([Member(one.model, "warp")], one.recipe, one.info, "cpu").save(path)
    with pytest.raises(DetectorError, match="has no MultiBox to train; use weights and network"):
        run(path, small_dataset, tmp_path / "run")


def test_the_detector_s_own_weights_are_kept(finished: Path, small_weights: Path) -> None:
    before, after = load_file(small_weights), load_file(finished / "weights.safetensors")
    assert not any(name.startswith("multibox.") for name in before)
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert any(name.startswith("multibox.") for name in after)
    # The figures of the other detector are dropped
    metrics = Detector.load(finished, device="cpu").info.metrics
    assert set(metrics) == {"validation_mAP50", "validation_recall50"}


def test_proposals_are_merged_and_the_trunk_runs_once(finished: Path, small_dataset: Path) -> None:
    detector = Detector.load(finished, device="cpu")
    picture = small_dataset.parent / "1.png"
    alone = detector.multibox_proposals(picture)
    assert 0 < len(alone) <= 200 and set(alone.source) == {"multibox"}
    assert len(detector.multibox_proposals(picture, count=5)) == 5
    merged = detector.propose(picture)
    assert set(merged.source) == {"multibox", "selective_search"}
    from_multibox = merged.boxes_xyxy[merged.source == "multibox"]
    np.testing.assert_array_equal(from_multibox, alone.boxes_xyxy)

    passes = []
    detector.model.network.conv1.register_forward_hook(lambda *_: passes.append(1))
    found = detector(picture)
    assert len(passes) == 1
    assert found == detector(picture, proposals=merged)


def test_a_recipe_without_multibox_boxes_leaves_it_out(finished: Path, small_dataset: Path) -> None:
    detector = Detector.load(finished, device="cpu")
    none = replace(detector.recipe.multibox, boxes=0)
    detector.recipe = replace(detector.recipe, multibox=none)
    assert set(detector.propose(small_dataset.parent / "1.png").source) == {"selective_search"}


def test_weights_without_multibox_say_so(small_weights: Path, small_dataset: Path) -> None:
    detector = Detector.load(small_weights, device="cpu")
    picture = small_dataset.parent / "1.png"
    with pytest.raises(DetectorError, match="hold no MultiBox; train it with `detect train"):
        detector.multibox_proposals(picture)
    assert set(detector.propose(picture).source) == {"selective_search"}


def test_a_mirrored_item_mirrors_map_and_boxes(small_weights: Path, small_dataset: Path) -> None:
    detector = Detector.load(small_weights, device="cpu")
    dataset = read_dataset(small_dataset)
    photographs = Photographs(dataset, small_dataset.parent, ())
    boxes = [(np.array([[0.1, 0.2, 0.4, 0.9]], np.float32), np.zeros(1, bool))]
    priors = grid_priors(boxes[0][0])
    model = MultiBox(priors, GRIDS, SHAPES)
    maps = squashed_maps(
        detector, model, photographs, [0], small_dataset.parent / "one.bin", Console(quiet=True)
    )
    options = altered(RECIPE.multibox, epochs=40.0, images_per_step=1).loop
    steps = MultiBoxSteps(boxes, priors, options)
    steps.maps = maps
    assert len(steps) == 40
    plain = torch.from_numpy(np.array(maps[0])).view(torch.bfloat16).permute(2, 0, 1)
    seen = set()
    for step in range(40):
        batch = steps.part(step, 0)
        mirrored = not torch.equal(batch.maps[0], plain)
        assert torch.equal(batch.maps[0], plain.flip(2) if mirrored else plain)
        expected = flip_boxes(boxes[0][0], 1.0) if mirrored else boxes[0][0]
        (prior,) = np.flatnonzero(batch.truth[0].numpy() >= 0)[:1]
        found = batch.locations[0, prior].numpy() * priors.std[prior] + priors.mean[prior]
        np.testing.assert_allclose(found, expected[0], atol=1e-5)
        seen.add(mirrored)
    assert seen == {True, False}
    (small_dataset.parent / "one.bin").unlink()


def test_the_command(
    small_weights: Path, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "--part", "multibox", "--weights", str(small_weights), "--device", "cpu"]
    words += ["--data", str(small_dataset), "--epochs", "1", "-o", str(tmp_path / "run")]
    assert main(words) == 0, capsys.readouterr().err
    detector = Detector.load(tmp_path / "run", device="cpu")
    assert detector.multibox is not None and detector.recipe.multibox.loop.epochs == 1


def test_going_on_from_a_detector_with_its_own_proposals(
    finished: Path, small_dataset: Path, tmp_path: Path
) -> None:
    start = Detector.load(finished, device="cpu")
    training = altered(RECIPE.training, epochs=1.0, freeze="4e")
    recipe = replace(RECIPE, training=training)
    words = {"start": start, "part": "detector", "console": Console(quiet=True)}
    train(small_dataset, tmp_path / "run", recipe, cache=ProposalCache(tmp_path), **words)
    before = load_file(finished / "weights.safetensors")
    after = load_file(tmp_path / "run" / "weights.safetensors")
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert "classifier.weight" in changed and "objectness.score.weight" in changed
    assert not any(name.startswith(("multibox.", "network.inception_4")) for name in changed)

    with pytest.raises(DetectorError, match="classes are not those of the detector to start from"):
        document = small_dataset.read_text().replace('"red"', '"blue"')
        (small_dataset.parent / "blue.json").write_text(document)
        words["start"] = Detector.load(finished, device="cpu")
        other = tmp_path / "other"
        train(small_dataset.parent / "blue.json", other, recipe, **words)


def test_a_trunk_that_learns_leaves_its_multibox_behind(
    finished: Path, small_dataset: Path, tmp_path: Path
) -> None:
    training = altered(RECIPE.training, epochs=1.0, freeze="4c")
    train(
        small_dataset, tmp_path / "run", replace(RECIPE, training=training), part="detector",
        start=Detector.load(finished, device="cpu"), cache=ProposalCache(tmp_path),
        console=Console(quiet=True),
    )  # fmt: skip
    assert Detector.load(tmp_path / "run", device="cpu").multibox is None
