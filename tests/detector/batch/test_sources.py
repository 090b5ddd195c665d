"""The pictures that SOURCE of `detect batch` names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detector import DetectorError
from tests.detector.command import save

fsspec = pytest.importorskip("fsspec", reason="needs the extra [ray]")
pa = pytest.importorskip("pyarrow", reason="needs the extra [ray]")

import pyarrow.parquet as pq  # noqa: E402

from detector.batch.content import content_of  # noqa: E402
from detector.batch.sources import Source, find_pictures  # noqa: E402
from detector.pictures.reading import read_image  # noqa: E402


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in (1, 2, 10):
        save(tmp_path / f"photos/{number}.png", seed=number)
    save(tmp_path / "photos/more/3.png", seed=3)
    (tmp_path / "photos/notes.txt").write_text("no picture")
    return tmp_path / "photos"


def names(source: Source) -> list[str]:
    return [picture.name for picture in source.pictures]


def test_a_folder_has_names_within_it_in_natural_order(photos: Path) -> None:
    assert names(find_pictures(str(photos))) == ["1.png", "2.png", "10.png", "more/3.png"]


def test_a_pattern_and_a_list_keep_their_words(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    assert names(find_pictures("*.png")) == ["1.png", "2.png", "10.png"]
    Path("list.txt").write_text("10.png\nfile:///a.png\n1.png\n10.png\n")
    found = find_pictures("list.txt")
    assert names(found) == ["10.png", "file:///a.png", "1.png"]
    assert found.pictures[0].content == str(photos / "10.png")


def test_coco_json_keeps_its_order_and_names(photos: Path) -> None:
    images = [{"id": i, "file_name": f"{i}.png", "width": 96, "height": 72} for i in (10, 2)]
    document = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (photos / "data.json").write_text(json.dumps(document))
    assert names(find_pictures(str(photos / "data.json"))) == ["10.png", "2.png"]


@pytest.mark.parametrize("nested", [False, True], ids=["bytes", "Hugging Face"])
def test_parquet_holds_pictures_in_row_groups(photos: Path, nested: bool) -> None:
    paths = [photos / "1.png", photos / "10.png", photos / "2.png"]
    contents = [path.read_bytes() for path in paths]
    if nested:
        both = zip(contents, paths, strict=True)
        table = pa.table({"image": [{"bytes": c, "path": p.name} for c, p in both]})
    else:
        table = pa.table({"file_name": [path.name for path in paths], "bytes": contents})
    pq.write_table(table, photos.parent / "one.parquet", row_group_size=2)
    for word in (str(photos.parent / "one.parquet"), (photos.parent / "one.parquet").as_uri()):
        found = find_pictures(word)
        assert names(found) == ["1.png", "10.png", "2.png"]
        assert [content_of(picture.content) for picture in found.pictures] == contents


def test_rows_without_different_names_are_numbered(photos: Path) -> None:
    table = pa.table({"id": [4, 4], "image": [(photos / "1.png").read_bytes(), b""]})
    (photos / "data").mkdir()
    pq.write_table(table, photos / "data/some.parquet")
    found = find_pictures(str(photos / "data"))
    assert names(found) == ["some.parquet:0", "some.parquet:1"]
    with pytest.raises(DetectorError, match="row 1 holds no picture"):
        content_of(found.pictures[1].content)


def test_addresses_of_fsspec_are_folders_patterns_and_pictures(photos: Path) -> None:
    memory = fsspec.filesystem("memory")
    for path in photos.rglob("*.png"):
        memory.pipe(f"/bucket/{path.relative_to(photos)}", path.read_bytes())
    found = find_pictures("memory://bucket")
    assert names(found) == ["1.png", "10.png", "2.png", "more/3.png"]
    own, other = (read_image(content_of(p.content)) for p in (found.pictures[1], found.pictures[2]))
    assert (own == read_image(photos / "10.png")).all() and (other != own).any()
    assert len(find_pictures("memory://bucket/*.png").pictures) == 3
    assert names(find_pictures("memory://bucket/2.png")) == ["memory://bucket/2.png"]
    (photos / "list.txt").write_text("memory://bucket/2.png\nmemory://bucket/none.png")
    listed = find_pictures(str(photos / "list.txt"))
    assert content_of(listed.pictures[0].content) == (photos / "2.png").read_bytes()
    with pytest.raises(DetectorError, match=r"none\.png: no such file"):
        content_of(listed.pictures[1].content)


def test_a_web_address_is_downloaded_without_fsspec() -> None:
    assert names(find_pictures("https://example.org/a.jpg")) == ["https://example.org/a.jpg"]


def test_the_fingerprint_depends_on_the_pictures_alone(photos: Path, tmp_path: Path) -> None:
    before = find_pictures(str(photos)).fingerprint
    photos.rename(tmp_path / "moved")
    assert find_pictures(str(tmp_path / "moved")).fingerprint == before
    save(tmp_path / "moved/11.png")
    assert find_pictures(str(tmp_path / "moved")).fingerprint != before


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("none", "no such file"),
        ("none.parquet", "no such file"),
        ("empty", "no pictures in"),
        ("memory://nowhere/*.png", "names no pictures"),
        ("memory://nowhere/data.json", "is read from a disk"),
        ("nonsense://x", "nonsense"),
        ("table.parquet", "no column image or .* but a; name it with --image-column"),
        ("torn.parquet", "cannot be read"),
    ],
)
def test_faults_of_sources_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, fault: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("torn.parquet").write_bytes(b"PAR1")
    pq.write_table(pa.table({"a": [1]}), "table.parquet")
    with pytest.raises(DetectorError, match=fault) as raised:
        find_pictures(word)
    assert "\n" not in str(raised.value)


def test_options_that_do_not_apply_are_refused(photos: Path) -> None:
    with pytest.raises(DetectorError, match="--images: applies to COCO JSON"):
        find_pictures(str(photos), images=photos)
    with pytest.raises(DetectorError, match="--image-column: applies to Parquet"):
        find_pictures(str(photos), column="image")
