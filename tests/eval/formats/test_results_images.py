"""The images that results name by id, by file name or by its stem."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from eval import Dataset, EvaluationError
from tests.eval.cases import dataset_of
from tests.eval.made_formats import write
from tests.eval.results import read


def counted_otherwise(folder: Path) -> Dataset:
    """Pictures 0.jpg, 1.jpg, 2.jpg with the ids 1, 2, 3."""
    dataset = dataset_of(folder, [], 3, ["dog"])
    images = [image._replace(file_name=f"{row}.jpg") for row, image in enumerate(dataset.images)]
    return replace(dataset, images=tuple(images))


def test_images_are_named_by_id_name_or_stem(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [], 3, ["dog", "hot dog"])  # ids 1.., names 1.jpg ..
    file = write(tmp_path / "comp4_det_val_hot dog.txt", "3 .5 1 1 2 2\n2.jpg .5 1 1 2 2\n")
    table = read(file, dataset)
    assert table.images.tolist() == [2, 1] and table.labels.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("names", "rows", "message"),
    [
        (
            ["0", "1", "2"],
            [0, 1, 2],
            "file names, which more of the names fit, although '1' is the",
        ),
        (["3", "2", "1"], [2, 1, 0], "ids, which more of the names fit, although '2' is the id of"),
        (["1.jpg", "2.jpg"], [1, 2], None),
    ],
)
def test_all_names_of_a_result_are_read_in_the_same_way(
    tmp_path: Path, names: list[str], rows: list[int], message: str | None
) -> None:
    dataset = counted_otherwise(tmp_path)
    lines = "".join(f"{name} .5 1 1 2 2\n" for name in names)
    comp4 = read(write(tmp_path / "comp4_det_val_dog.txt", lines), dataset)
    cells = "".join(f"{name},dog,.5,1,1,2,2\n" for name in names)
    table = read(write(tmp_path / "r.csv", f"image,class,score,x,y,w,h\n{cells}"), dataset)
    assert comp4.images.tolist() == table.images.tolist() == rows
    for notes in (comp4.notes, table.notes[1:]):
        assert len(notes) == (message is not None)
        assert not message or f"names of images were read as {message}" in notes[0]


def test_names_that_fit_both_ways(tmp_path: Path) -> None:
    dataset = counted_otherwise(tmp_path)
    question = (
        "are images named by id or by file name? '1' is the id of 0.jpg and the name of 1.jpg; "
    )
    file = write(tmp_path / "comp4_det_val_dog.txt", "1 .5 1 1 2 2\n2 .5 1 1 2 2\n")
    with pytest.raises(EvaluationError) as caught:
        read(file, dataset)
    assert str(caught.value) == f"{file.name}: {question}write file names with their suffix"
    rows = "class,score,x,y,w,h\n1,dog,.5,1,1,2,2\n2,dog,.5,1,1,2,2\n"
    with pytest.raises(EvaluationError) as caught:
        read(write(tmp_path / "r.csv", f"image,{rows}"), dataset)
    assert str(caught.value) == f"r.csv: {question}call the column image_id or file_name"
    table = read(write(tmp_path / "r.csv", f"image_id,{rows}"), dataset)
    assert table.images.tolist() == [0, 1]
    assert "read as ids, because the column is called 'image_id', although '1' is" in table.notes[1]
    table = read(write(tmp_path / "r.csv", f"file_name,{rows}"), dataset)
    assert table.images.tolist() == [1, 2]
    # If the format declares file names, numbers are not read as ids.
    with pytest.raises(EvaluationError, match="line 2: file_name '3' is an id of the ground truth"):
        read(write(tmp_path / "r.csv", f"file_name,{rows}".replace("1,dog", "3,dog")), dataset)


def test_names_of_both_kinds_are_refused(tmp_path: Path) -> None:
    dataset = counted_otherwise(tmp_path)
    lines = "".join(f"{name} .5 1 1 2 2\n" for name in ("0", "2.jpg", "3"))
    with pytest.raises(EvaluationError, match="line 3: image '3' is an id of the ground truth; wr"):
        read(write(tmp_path / "comp4_det_val_dog.txt", lines), dataset)


def test_file_names_of_several_pictures_leave_ids_alone(tmp_path: Path) -> None:
    truth = dataset_of(tmp_path, [], 4, ["red"])
    names = [f"cam{camera}/{number}.jpg" for number in (1, 2) for camera in (1, 2)]
    images = [i._replace(file_name=n) for i, n in zip(truth.images, names, strict=True)]
    path = write(
        tmp_path / "found.csv",
        "image,class,score,x,y,width,height\n1,red,1,0,0,9,9\n2,red,1,0,0,9,9\n",
    )
    found = read(path, replace(truth, images=tuple(images)))
    assert found.images.tolist() == [0, 1]


def test_pictures_in_other_folders_than_those_of_the_ground_truth(tmp_path: Path) -> None:
    """As `detect FOLDER --save-as csv` names them; the rule is that of detections.json."""
    dataset = counted_otherwise(tmp_path)
    head = "file_name,class,score,x,y,w,h\n"
    cells = ",dog,.5,1,1,2,2\n"
    path = write(tmp_path / "r.csv", f"{head}photos/a/1.jpg{cells}photos\\0.jpg{cells}")
    assert read(path, dataset).images.tolist() == [1, 0]
    write(path, f"{head}photos/1.jpg{cells}other/1.jpg{cells}")
    with pytest.raises(EvaluationError, match=r"line 2: file_name 'photos/1.jpg' is no image"):
        read(path, dataset)
    folders = ("a/1.jpg", "b/1.jpg", "b/2.jpg")
    images = [i._replace(file_name=n) for i, n in zip(dataset.images, folders, strict=True)]
    dataset = replace(dataset, images=tuple(images))
    write(path, f"{head}x/b/1.jpg{cells}y/2.jpg{cells}")
    assert read(path, dataset).images.tolist() == [1, 2]
    write(path, f"{head}x/1.jpg{cells}")
    with pytest.raises(EvaluationError, match=r"line 2: file_name 'x/1.jpg' is no image of the"):
        read(path, dataset)


def test_yolo_results_are_named_after_pictures(tmp_path: Path) -> None:
    dataset = counted_otherwise(tmp_path)
    for stem in ("1", "2"):  # which are ids, too
        write(tmp_path / "run" / f"{stem}.txt", "0 .5 .5 .2 .5 .75\n")
    table = read(tmp_path / "run", dataset)
    assert table.images.tolist() == [1, 2] and len(table.notes) == 1
    write(tmp_path / "run" / "3.txt", "0 .5 .5 .2 .5 .75\n")
    with pytest.raises(EvaluationError, match=r"3\.txt: line 1: image '3' is an id of the ground"):
        read(tmp_path / "run", dataset)
