"""Documented behaviour of selective search: results, ranking, modes, sizes and errors."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from proposals import ProposalError, Proposals, selective_search
from proposals.search.colour_spaces import COLOUR_SPACES
from proposals.search.features import describe_regions, pixel_features
from proposals.search.grouping import merge_order, merged_boxes
from proposals.search.segmentation import segment
from proposals.search.strategies import MODES

ROOT = Path(__file__).resolve().parents[2]


def scene(height: int = 120, width: int = 160, seed: int = 0) -> np.ndarray:
    """Coloured rectangles on a gradient, with noise."""
    rng = np.random.default_rng(seed)
    image = np.linspace(40, 200, width)[None, :, None] * np.ones((height, 1, 3))
    for _ in range(15):
        y, x = rng.integers(0, height), rng.integers(0, width)
        image[y : y + rng.integers(10, 60), x : x + rng.integers(10, 60)] = rng.integers(0, 255, 3)
    return np.clip(image + rng.normal(0, 5, image.shape), 0, 255).astype(np.uint8)


def digest(proposals: Proposals) -> str:
    return hashlib.sha256(proposals.boxes_xyxy.tobytes() + proposals.scores.tobytes()).hexdigest()


def test_result_has_the_documented_form():
    proposals = selective_search(scene())
    assert proposals.boxes_xyxy.dtype == np.float32
    assert len(proposals) > 20
    assert proposals.scores[0] == 1
    assert (np.diff(proposals.scores) < 0).all()
    assert proposals.scores[-1] > 0
    assert set(proposals.source) == {"selective_search"}


def test_single_mode_step_by_step():
    image = scene(64, 90)
    colours = COLOUR_SPACES["HSV"](image)
    labels, count = segment(colours, k=100, min_size=100)
    regions = describe_regions(labels, count, pixel_features(colours))
    merges = merge_order(regions, "CTSF", labels.size)
    boxes = np.concatenate([regions.boxes, merged_boxes(regions.boxes, merges)]).tolist()
    priorities = [count] * count + list(range(count - 1, 0, -1))
    draws = np.random.default_rng(7).random(len(boxes))
    ranked = sorted(range(len(boxes)), key=lambda i: priorities[i] * draws[i])
    kept = []
    for x1, y1, x2, y2 in (boxes[i] for i in ranked):
        if x2 - x1 >= 20 and y2 - y1 >= 20 and [x1, y1, x2, y2] not in kept:
            kept.append([x1, y1, x2, y2])
    result = selective_search(image, "single", 1.0, seed=7, width=None)
    assert result.boxes_xyxy.tolist() == kept


def test_modes_and_superpixel_scale_change_the_number_of_boxes():
    image = scene()
    single, fast, quality = (len(selective_search(image, m, 1.0)) for m in
                             ("single", "fast", "quality"))  # fmt: skip
    assert single < fast < quality
    assert len(selective_search(image, superpixel_scale=2.0)) < fast


@pytest.mark.parametrize(
    ("mode", "same_strategies", "superpixel_scale"),
    [
        ("single", "single", 1),
        ("fast", "fast", 2),
        ("rcnn-fast", "fast", 1),
        ("quality", "quality", 1),
    ],
)
def test_every_mode_has_its_own_scale(mode, same_strategies, superpixel_scale):
    image = scene(60, 80)
    expected = digest(selective_search(image, same_strategies, superpixel_scale))
    assert digest(selective_search(image, mode)) == expected
    assert digest(selective_search(image, mode, None)) == expected
    scaled = digest(selective_search(image, same_strategies, 3.0))
    assert digest(selective_search(image, mode, 3)) == scaled


def test_the_command_line_knows_every_mode():
    from detector.commands.shared.options import MODES as WORDS

    assert tuple(MODES) == WORDS


def test_same_seed_same_bytes_for_any_number_of_threads():
    image = scene()
    digests = {digest(selective_search(image, threads=threads)) for threads in (1, 2, 4, None)}
    assert len(digests) == 1
    assert digest(selective_search(image, seed=np.random.default_rng(0))) in digests


def test_the_seed_changes_the_order_only():
    image = scene()
    first, second = (selective_search(image, seed=seed).boxes_xyxy.tolist() for seed in (0, 1))
    assert first != second
    assert sorted(first) == sorted(second)


def test_same_bytes_in_another_process_without_torch():
    program = (
        "import sys, runpy, proposals\n"
        "heavy = {'torch', 'numba', 'cv2'} & set(sys.modules)\n"
        "assert not heavy, f'import proposals imported {heavy}'\n"
        f"module = runpy.run_path({str(Path(__file__))!r})\n"
        "print(module['digest'](proposals.selective_search(module['scene']())))\n"
        "assert 'torch' not in sys.modules\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == digest(selective_search(scene()))


def test_large_regions_come_first():
    """The first quarter of the list must hold larger boxes than the last."""
    boxes = selective_search(scene(), seed=3).boxes_xyxy
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    quarter = len(areas) // 4
    assert areas[:quarter].mean() > 1.5 * areas[-quarter:].mean()


def test_an_isolated_object_is_found():
    image = np.full((100, 140, 3), (30, 90, 160), np.uint8)
    image[30:70, 40:110] = (220, 60, 20)
    boxes = selective_search(image, width=None).boxes_xyxy.tolist()
    assert [40, 30, 110, 70] in boxes


def test_boxes_are_mapped_back_from_the_resized_image():
    image = np.full((50, 70, 3), (30, 90, 160), np.uint8)
    image[15:35, 20:55] = (220, 60, 20)
    boxes = selective_search(image, width=140).boxes_xyxy
    assert np.abs(boxes - [20, 15, 55, 35]).max(axis=1).min() <= 1
    assert [0, 0, 70, 50] in boxes.tolist()


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (3, 2), (40, 2000), (2000, 3)])
def test_extreme_sizes_at_the_default_width(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    boxes = selective_search(image, "single").boxes_xyxy
    assert [0, 0, shape[1], shape[0]] in boxes.tolist()


def test_enormous_superpixels_leave_the_whole_image():
    boxes = selective_search(scene(30, 40), superpixel_scale=1e307, width=None).boxes_xyxy
    assert boxes.tolist() == [[0, 0, 40, 30]]


@pytest.mark.parametrize(
    "options",
    [
        {"width": np.uint8(200)},
        {"connectivity": np.int64(4)},
        {"connectivity": np.uint8(8), "min_side": np.uint8(30), "max_side": np.int16(90)},
        {"max_boxes": np.uint8(9), "seed": np.uint8(3)},
    ],
)
def test_numpy_s_whole_numbers_are_accepted(options):
    image = scene()
    expected = selective_search(image, "single", **{name: int(v) for name, v in options.items()})
    result = selective_search(image, "single", threads=np.uint8(1), **options)
    assert digest(result) == digest(expected)


def test_views_of_an_array_are_accepted():
    image = scene()
    view = image[:, ::-1]
    assert digest(selective_search(view)) == digest(selective_search(view.copy()))
    view.flags.writeable = False
    assert digest(selective_search(view)) == digest(selective_search(view.copy()))
    assert digest(selective_search(image[..., ::-1])) != digest(selective_search(image))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, "NoneType; read a file"),
        ("street.jpg", "got str"),
        (np.zeros((9, 9), np.uint8), "repeat the grey channel"),
        (np.zeros((9, 9, 1), np.uint8), "repeat the grey channel"),
        (np.zeros((9, 9, 4), np.uint8), "drop the alpha channel"),
        (np.zeros((3, 9, 9), np.uint8), "channels last"),
        (np.zeros((9, 9, 3), np.uint16), "uint16; scale the values"),
        (np.zeros((9, 9, 3), np.float32), "float32; scale the values"),
        (np.zeros((0, 9, 3), np.uint8), "no pixels"),
    ],
)
def test_bad_images_are_explained(image, message):
    with pytest.raises(ProposalError, match=message):
        selective_search(image)


@pytest.mark.parametrize("shape", [(120, 160), (1, 1), (900, 1)])
@pytest.mark.parametrize("width", [10**6, 10**400], ids=["many", "beyond float"])
def test_a_width_of_too_many_pixels_is_explained(monkeypatch, shape, width):
    monkeypatch.setattr("cv2.resize", None)  # must not be called
    with pytest.raises(ProposalError, match=r"width: 10+ enlarges .* more than 536870912 pixels"):
        selective_search(np.zeros((*shape, 3), np.uint8), width=width)


def test_the_limit_of_pixels_applies_to_the_resized_image(monkeypatch):
    module = sys.modules["proposals.selective_search"]  # the package's attribute is the function
    monkeypatch.setattr(module, "MAX_PIXELS", 120 * 160)
    selective_search(scene(60, 80), "single", width=160)
    with pytest.raises(ProposalError, match="width: 161 enlarges an image of 60 x 80"):
        selective_search(scene(60, 80), "single", width=161)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "fsat"}, "mode: .*'fsat'; did you mean 'fast'"),
        ({"mode": 3}, "mode: expected one of single, fast, rcnn-fast, quality"),
        ({"superpixel_scale": 0}, "superpixel_scale: .*above 0, got 0"),
        ({"superpixel_scale": float("inf")}, "superpixel_scale"),
        ({"superpixel_scale": "2"}, "superpixel_scale"),
        ({"seed": -1}, "seed"),
        ({"seed": None}, "seed"),
        ({"width": 0}, "width"),
        ({"width": 0.5}, "width"),
        ({"min_side": -1}, "min_side"),
        ({"max_side": 0}, "max_side: expected a whole number >= 1, got 0"),
        ({"max_boxes": 0}, "max_boxes"),
        ({"max_boxes": 1.5}, "max_boxes"),
        ({"connectivity": 6}, "connectivity: expected 4 or 8, got 6"),
        ({"connectivity": True}, "connectivity"),
        ({"connectivity": np.array([4, 8])}, "connectivity: expected 4 or 8, got array"),
        ({"mode": np.array(["fast", "single"])}, "mode: expected one of single, fast"),
        ({"backend": "opencl"}, "backend: .*did you mean 'opencv'"),
        ({"threads": 0}, "threads: expected a whole number >= 1, got 0"),
    ],
)
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(ProposalError, match=message):
        selective_search(scene(20, 20), **arguments)
