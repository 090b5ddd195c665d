"""Training of ensembles and of warp networks: complete runs on tiny data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import detector.training.job
import detector.training.run
import detector.training_loop.trainer
from detector import Detector, DetectorError
from detector.networks.ensemble import Member
from detector.networks.regions import RegionClassifier
from detector.recipes import Recipe, recipe_from_dict
from detector.results import Detections
from detector.training.job import Job, read_training_data
from detector.training.proposals import MultiBoxSource, kept_multibox
from detector.training.run import train
from detector.training.validation import validate
from detector.training_loop.machine import Machine
from detector.weights_file import load_tensors
from eval import read_dataset
from eval.datasets import Truths
from proposals.cache import ProposalCache
from proposals.result import Proposals
from tests.made_up import NAMES, SMALL_RECIPE, rectangles

MACHINE = Machine(checkpoint_minutes=0.0, crops_per_pass=2)
TRAINING = SMALL_RECIPE["training"]


def recipe(mode: str = "shared", proposer: Path | None = None, **training: Any) -> Recipe:
    """A recipe without MultiBox. In warp mode a step has four crops, and few regions are kept."""
    content = {**SMALL_RECIPE, "multibox": {"boxes": 0}, "training": {**TRAINING, **training}}
    if mode == "warp":
        content["proposer"] = str(proposer or "")
        content["network"] = {**SMALL_RECIPE["network"], "mode": "warp"}
        content["network"]["keep"] = 2 if proposer else 0
        content["postprocess"] = {"refine_boxes": 0}
        few = {"images_per_step": 1, "regions_per_image": 4}
        content["training"] |= {**few, "validation_fraction": 0.0}
    return recipe_from_dict(content)


# Five of the six pictures are trained on, two per step: two steps for each member.
PAIR = recipe(members=2, epochs=0.8, seed=4)


def run(data: Path, output: Path, options: Recipe, cache: Path, **others: Any) -> Path:
    words = {"cache": ProposalCache(cache), "console": Console(quiet=True), "machine": MACHINE}
    train(data, output, options, device="cpu", **words, **others)
    return output


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def finished(small_dataset: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run of two members."""
    return run(small_dataset, tmp_path_factory.mktemp("runs") / "finished", PAIR, cache)


def differing(one: RegionClassifier, two: RegionClassifier) -> set[str]:
    """Names of the layers in which two networks differ."""
    left, right = one.state_dict(), two.state_dict()
    names = {name for name in left if not torch.equal(left[name], right[name])}
    return {name.removeprefix("network.").split(".")[0] for name in names}


def test_members_have_run_folders_of_their_own_and_one_file_together(finished: Path) -> None:
    recipes = [(finished / f"member{k}" / "recipe.yaml").read_text() for k in (1, 2)]
    # The run's seed is 4; members of a run of seed 3 have the seeds 6 and 7
    assert ["seed: 8\n" in recipes[0], "seed: 9\n" in recipes[1]] == [True, True]
    folders = [finished / f"member{k}" for k in (1, 2)]
    assert not (finished / "member3").exists()
    for folder in folders:
        assert {"run.json", "metrics.jsonl", "curves.png"} <= {p.name for p in folder.iterdir()}
        assert load_tensors(folder / "checkpoint.safetensors")[1]["step"] == "2"

    members = [Detector.load(folder, device="cpu") for folder in folders]
    assert members[0].recipe.training.members == 1  # each is a detector like any other
    learned = {"inception_5b", "classifier", "reduce", "regressor", "objectness"}
    assert differing(members[0].model, members[1].model) == learned

    ensemble = Detector.load(finished, device="cpu")
    assert ensemble.info.members == ("shared", "shared") and ensemble.recipe == PAIR
    assert ensemble.info.metrics.keys() == {"validation_mAP50", "validation_recall50"}
    assert ensemble.info.provenance["images"] == 5
    tensors = load_tensors(finished / "weights.safetensors")[0]
    assert not any(name.startswith("members.1.network.inception_4e") for name in tensors)
    expected = Detector.combine(members)
    for found, own in zip(ensemble.members, expected.members, strict=True):
        assert not differing(found.model, own.model)


def test_training_starts_from_one_network_not_from_an_ensemble(
    finished: Path, small_dataset: Path, cache: Path, tmp_path: Path
) -> None:
    start = Detector.load(finished, device="cpu")
    with pytest.raises(DetectorError, match="--weights: 2 networks, but training starts from"):
        run(small_dataset, tmp_path / "run", PAIR, cache, start=start)


def test_a_run_stopped_in_the_second_member_ends_with_the_same_file(
    finished: Path, small_dataset: Path, cache: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    factor, steps = detector.training_loop.trainer.learning_rate_factor, iter(range(100))

    def factor_or_stop(*arguments: Any) -> float:
        if next(steps) == 3:  # two steps of the first member, one of the second
            raise KeyboardInterrupt
        return factor(*arguments)

    folder = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr(detector.training_loop.trainer, "learning_rate_factor", factor_or_stop)
        with pytest.raises(KeyboardInterrupt):
            run(small_dataset, folder, PAIR, cache)
    assert load_tensors(folder / "member2" / "checkpoint.safetensors")[1]["step"] == "1"
    assert not (folder / "member2" / "weights.safetensors").exists()
    first = (folder / "member1" / "weights.safetensors").stat()

    run(small_dataset, folder, PAIR, cache)
    for name in ("member1", "member2", "."):
        written = [
            (path / name / "weights.safetensors").read_bytes() for path in (folder, finished)
        ]
        assert written[0] == written[1], name
    after = (folder / "member1" / "weights.safetensors").stat()
    assert (after.st_ino, after.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)


def test_members_begin_with_the_same_weights(
    small_dataset: Path, cache: Path, tmp_path: Path
) -> None:
    still = recipe(members=2, epochs=0.4, seed=4, learning_rate=0.0, validation_fraction=0.0)
    folder = run(small_dataset, tmp_path / "run", still, cache)
    one, two = Detector.load(folder, device="cpu").members
    assert not differing(one.model, two.model)
    assert one.model.classifier is not two.model.classifier
    assert one.model.classifier.weight.std() > 0.005


def test_a_network_that_reads_crops_with_a_proposer(
    small_weights: Path, small_dataset: Path, cache: Path, tmp_path: Path
) -> None:
    options = recipe("warp", small_weights, epochs=0.4)
    other_sizes = replace(options.network, short_side=48, pyramid=(0.5,))
    other = replace(options, network=other_sizes)  # the proposer's own sizes replace these
    folder = run(small_dataset, tmp_path / "run", other, cache)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 2 and {"classes", "boxes", "auxiliary"} <= lines[-1].keys()

    trained, proposer = (Detector.load(path, device="cpu") for path in (folder, small_weights))
    assert trained.info.members == ("proposer", "warp") and trained.recipe == options
    assert not differing(trained.members[0].model, proposer.model)  # a cascade may use it
    found, stages = trained.trace(small_dataset.parent / "1.png", threshold=0.0)
    assert len(found) and len(stages.regions_xyxy) == 2 < len(stages.proposals_xyxy)

    # Going on from there is going on from the network that learned
    still = recipe("warp", small_weights, epochs=0.2, learning_rate=0.0)
    again = run(small_dataset, tmp_path / "again", still, cache, start=trained)
    continued = Detector.load(again, device="cpu")
    assert not differing(continued.members[1].model, trained.members[1].model) - {"objectness"}
    assert differing(continued.members[1].model, proposer.model)


def test_a_network_that_reads_crops_alone(small_dataset: Path, cache: Path, tmp_path: Path) -> None:
    options = recipe("warp", epochs=0.2, box_regression=False)
    alone = Detector.load(run(small_dataset, tmp_path / "run", options, cache), device="cpu")
    assert alone.info.members == ("warp",) and alone.multibox is None
    boxes = np.array([[4, 4, 40, 40], [60, 10, 120, 90]], np.float32)
    found = alone(small_dataset.parent / "1.png", proposals=boxes, threshold=0.0)
    assert len(found) and all(box.tolist() in boxes.tolist() for box in found.boxes_xyxy)


@pytest.mark.parametrize("mode", ["shared", "warp"])
def test_training_continues_from_a_detector(
    mode: str, small_weights: Path, small_dataset: Path, cache: Path, tmp_path: Path
) -> None:
    """In warp mode its MultiBox is dropped."""
    new = Detector.load(small_weights, device="cpu")
    start = Detector(new.members, new.recipe, new.info, "cpu")
    start.multibox = torch.nn.Linear(1, 1)  # type: ignore[assignment]  # no file can be read back
    options = recipe(mode, epochs=0.4, learning_rate=0.0, validation_fraction=0.0, freeze="4e")
    if mode == "shared":
        start.multibox = None
    folder = run(small_dataset, tmp_path / "run", options, cache, start=start, part="detector")
    found = Detector.load(folder, device="cpu")
    assert found.multibox is None
    assert torch.equal(found.model.regressor.weight, start.model.regressor.weight.half().float())


def proposals(boxes: np.ndarray) -> Proposals:
    count = len(boxes)
    return Proposals(boxes, np.linspace(1, 0.5, count, dtype=np.float32), np.full(count, "made up"))


def test_a_proposer_s_multibox_runs_once_for_the_number_of_boxes_wanted(
    small_dataset: Path, tmp_path: Path
) -> None:
    calls = []

    class Proposer(SimpleNamespace):
        digest = staticmethod(lambda: "one")

        def multibox_proposals(self, image: np.ndarray, count: int) -> Proposals:
            calls.append((image.shape, count))
            boxes = np.array([[1, 2, 33, 44], [5, 6, 70, 80]], np.float32) + len(calls)
            scores = np.array([0.75, 0.25], np.float32)
            return Proposals(boxes, scores, np.full(2, "multibox"))[: count - len(calls) % 2]

    path, dataset, folder = tmp_path / "boxes", read_dataset(small_dataset), small_dataset.parent
    source = MultiBoxSource(Proposer(), 2, dataset, folder, [1, 4])
    found = kept_multibox(source, path, Console(quiet=True))
    assert calls == [((96, 128, 3), 2)] * 2
    assert [boxes.boxes_xyxy[0, 0] for boxes in found] == [2, 3]
    assert [len(boxes) for boxes in found] == [1, 2]
    for one, again in zip(found, kept_multibox(source, path, Console(quiet=True)), strict=True):
        assert np.array_equal(one.boxes_xyxy, again.boxes_xyxy)
        assert np.array_equal(one.scores, again.scores)
        assert one.source.tolist() == again.source.tolist()
    assert len(calls) == 2
    for other in (source._replace(boxes=1), source._replace(images=[1, 3])):
        kept_multibox(other, path, Console(quiet=True))
    assert len(calls) == 6


def test_a_detector_is_measured_under_the_data_set_s_ids(small_dataset: Path) -> None:
    dataset = read_dataset(small_dataset)
    assert dataset.category_ids == (17, 18)

    class Perfect:
        """Detects every object; the id of its second class is 17."""

        info = SimpleNamespace(category_ids=(3, 17))

        def propose(self, image: np.ndarray) -> Proposals:
            return proposals(self.truths(image).boxes_xyxy.astype(np.float32))

        def truths(self, image: np.ndarray) -> Truths:
            (index,) = (i for i in range(6) if np.array_equal(image, rectangles(i + 1)[0]))
            return dataset.truths(index)

        def __call__(self, image: np.ndarray, **_: Any) -> Detections:
            truths = self.truths(image)
            ones = np.ones(len(truths), np.float32)
            return Detections(truths.boxes_xyxy, ones, truths.labels, NAMES, (96, 128), (3, 17))

    folder = small_dataset.parent
    figures = validate(Perfect(), dataset, folder, [0, 2, 5], Console(quiet=True))
    assert figures == {"validation_mAP50": 1.0, "validation_recall50": 1.0}


def test_multibox_is_not_trained_where_there_is_no_map(
    small_weights: Path, small_dataset: Path, cache: Path, tmp_path: Path
) -> None:
    start = Detector.load(small_weights, device="cpu")
    for options in (recipe("warp"), recipe()):
        with pytest.raises(DetectorError, match=r"^recipe 'small': has no MultiBox to train; use"):
            run(small_dataset, tmp_path / "x", options, cache, start=start, part="multibox")
    assert not (tmp_path / "x").exists()


def test_a_proposer_that_cannot_propose_is_refused(
    small_weights: Path, small_dataset: Path, cache: Path, tmp_path: Path
) -> None:
    single = Detector.load(small_weights, device="cpu")
    path = tmp_path / "crops.safetensors"
    Detector([Member(single.model, "warp")], single.recipe, single.info, "cpu").save(path)
    with pytest.raises(DetectorError, match="cannot choose regions"):
        run(small_dataset, tmp_path / "run", recipe("warp", path), cache)
    # In shared mode the network proposes itself: what is not there is not missed
    options = replace(recipe(epochs=0.4, validation_fraction=0.0), proposer="nowhere.safetensors")
    folder = run(small_dataset, tmp_path / "shared", options, cache)
    assert Detector.load(folder, device="cpu").info.members == ("shared",)


def test_runs_of_any_seed_hold_out_the_same_pictures(
    small_dataset: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise one network would be validated on what another was trained on."""
    splits = []

    def stop(job: Job, *_: Any) -> None:
        splits.append(job.split)
        raise DetectorError("enough")

    monkeypatch.setattr(detector.training.run, "train_network", stop)
    for seed in (0, 1, 2):
        with pytest.raises(DetectorError, match="enough"):
            run(small_dataset, tmp_path / str(seed), recipe(seed=seed), cache)
    assert splits[0] == splits[1] == splits[2] and len(splits[0][1]) == 1


@pytest.mark.parametrize("sides", [{"height": 0}, {"width": 0, "height": 0}, {"width": -3}])
def test_pictures_without_a_size_are_named(
    sides: dict[str, int], small_dataset: Path, tmp_path: Path
) -> None:
    document = json.loads(small_dataset.read_text())
    document["images"][2] |= sides
    data = tmp_path / "flat.json"
    data.write_text(json.dumps(document))
    with pytest.raises(DetectorError, match=r"flat\.json: its picture 3\.png has width .*; enter"):
        read_training_data(data)
