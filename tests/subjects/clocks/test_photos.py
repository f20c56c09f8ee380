"""Photos with published labels: both layouts, what is cut out, and what is wrong with a row."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assay.core.errors import ConfigError, DataError
from assay.data import check_files, describe, load
from assay.subjects.clocks import photos
from assay.subjects.clocks.photo_labels import read_labels

HEADER = "img_id,file_name,bbox_gt,hour,minute,bbox_det\n"


def row(name: str, hour: object, minute: object, box: str = "[20.0, 10.0, 40.0, 30.0]") -> str:
    """One line as `coco_final.csv` has it."""
    return f'7,{name},"[[19.5, 9.5, 41.0, 31.0], [0.0, 0.0, 2.0, 2.0]]",{hour},{minute},"{box}"\n'


def photo(path: Path, left: int = 20, top: int = 10, mark: int = 255) -> None:
    """90x60 pixels, grey but for a white box of 40x30 in it, with a mark in its middle."""
    pixels = np.full((60, 90, 3), 100, np.uint8)
    pixels[top : top + 30, left : left + 40] = 255
    pixels[top + 12 : top + 18, left + 17 : left + 23] = mark
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def coco(tmp_path: Path) -> dict[str, object]:
    """Twelve photos, an hour each, of which two are not there."""
    names = [f"{i:012d}.png" for i in range(12)]
    for number, name in enumerate(names[:10]):
        photo(tmp_path / "pictures" / name, mark=255 - 2 * number)
    rows = [row(name, i + 1, 4 * i) for i, name in enumerate(names)]
    (tmp_path / "labels.csv").write_text(HEADER + "".join(rows))
    files = {"csv": str(tmp_path / "labels.csv"), "images": str(tmp_path / "pictures")}
    return {"name": "clock-photos", "size": 28, "validation": 2, **files}


def test_clocks_are_cut_out_by_their_boxes(coco: dict[str, object]):
    info, dataset = describe(coco), load(coco)
    assert (info.train, info.validation, info.test) == (6, 2, 2)
    parts = [dataset.train, dataset.validation, dataset.test]
    assert [len(part) for part in parts] == [6, 2, 2]
    times = sorted((int(h), int(m)) for part in parts for h, m in part.targets)
    assert times == [(i + 1, 4 * i) for i in range(10)]
    image = dataset.train.images[0][..., 0]
    assert image.shape == (28, 28)
    # half as large: the box is from 4 to 24 across and from 6.5 to 21.5 down
    white = image > 180
    assert white[14].sum() == 20
    assert white[:, 14].nonzero()[0].tolist() == list(range(7, 21))
    assert abs(image[1, 1].astype(int) - 100) <= 1  # above the photo its edge goes on
    (missing, held_out) = dataset.notes
    assert missing == "2 of 12 pictures are missing: 000000000010.png, 000000000011.png"
    assert "held out: 2 photos" in held_out


def test_pictures_are_checked_once(coco: dict[str, object], tmp_path, monkeypatch):
    """Also where a file system notes when a file was read."""
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    check_files([coco])
    os.utime(str(coco["csv"]), ns=(0, Path(str(coco["csv"])).stat().st_mtime_ns))
    monkeypatch.setattr(photos.ClockPhotos, "read", lambda *_: pytest.fail("read again"))
    check_files([coco])


def test_a_clock_that_is_listed_twice_is_not_for_training_and_test(coco, tmp_path):
    rows = [row(f"{i:012d}.png", i + 1, 4 * i) for i in range(10)]
    for twice in range(10):
        (tmp_path / "labels.csv").write_text(HEADER + "".join([*rows, rows[twice]]))
        dataset = load(coco)
        assert [twice + 1, 4 * twice] not in dataset.test.targets.tolist()
        assert "2 of 11 images are equal to another one" in dataset.notes[-1]
        assert (len(dataset.test), describe(coco).test) == (2, 2)


def test_one_missing_picture_is_counted_as_one(coco, tmp_path):
    photo(tmp_path / "pictures" / "000000000010.png")
    assert "1 of 12 pictures is missing: 000000000011.png" in load(coco).notes


def test_a_column_of_detected_boxes_comes_first_and_the_largest_of_several(tmp_path: Path):
    path = tmp_path / "labels.csv"
    path.write_text(HEADER + row("a.jpg", 12, 0))
    (label,) = read_labels(path)
    assert (label.hour, label.minute) == (0, 0)
    assert label.square is not None
    assert label.square.side == pytest.approx(1.4 * 40)
    assert label.square.centre == pytest.approx((40, 25))
    path.write_text('file_name,bbox_gt,hour,minute\na.jpg,"[[0, 0, 2, 2], [10, 20, 30, 20]]",6,9\n')
    (label,) = read_labels(path)
    assert label.square is not None
    assert label.square.centre == pytest.approx((25, 30))


def test_the_records_of_ticktockvqa_keep_their_split(tmp_path: Path):
    records = []
    for part, count in (("train", 8), ("test", 3)):
        for i in range(count):
            name = f"{part}/{i}.jpg"
            photo(tmp_path / "images" / name)
            records.append({"image_path": name, "hour": i % 12, "minute": 5 * i, "source": "COCO"})
    (tmp_path / "annotations.json").write_text(json.dumps(records))
    spec = {"name": "clock-photos", "csv": "annotations.json", "images": "images", "size": 24}
    dataset = load({**spec, "validation": 2}, tmp_path)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (6, 2, 3)
    assert dataset.test.targets.tolist() == [[0, 0], [1, 5], [2, 10]]
    assert dataset.notes == ()
    # no box: the largest square in the middle, 60 of 90 pixels from 15 on
    image = dataset.test.images[0][..., 0]
    assert (image[10] > 180).nonzero()[0].tolist() == list(range(2, 18))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "labels.csv: there are no labels in it"),
        (
            "file_nam,hour,minute\n",
            r"labels.csv:1:1: no column file_name or .* column 'file_nam' to 'file_name'",
        ),
        (HEADER + row("a.jpg", 24, 0), r"labels.csv:2:59: expected an hour from 0 to 23, got '24'"),
        (HEADER + row("a.jpg", 3, 60), r"labels.csv:2:61: expected a minute from 0 to 59"),
        (HEADER + row("a.jpg", 3, 7.5), r"labels.csv:2:61: expected a minute from 0 to 59"),
        (HEADER + row("a.jpg", "", 5), r"labels.csv:2:59: expected an hour .* got ''"),
        (HEADER + row("../a.jpg", 3, 5), r"labels.csv:2:3: expected the name of a picture"),
        (HEADER + row("a.jpg", 3, 5, "[1, 2, 3]"), r"labels.csv:2:63: expected a box"),
        (HEADER + row("a.jpg", 3, 5, "[1, 2, 0, 4]"), r"labels.csv:2:63: expected a box"),
        (HEADER + row("a.jpg", 3, 5) + "7,b.jpg\n", r"labels.csv:3:1: 2 values, expected 6"),
        (HEADER + '7,"a', r"labels.csv:2: no CSV"),
        (
            "file,hour,minute\na.jpg,1,2\n",
            r"labels.csv:1:1: no column file_name .* among file, hour, minute; rename column "
            r"'file' to 'file_name'$",
        ),
        ("Image_Path,hour,minute\n", r"rename column 'Image_Path' to 'image_path'$"),
        ("file_name,Hour,minute\n", r"no column hour among .*; rename column 'Hour' to 'hour'$"),
        ("file_name;hour;minute\n", r"the columns are separated by ';', expected ','$"),
        ("x,y\n", r"no column file_name or image_path or image_name among x, y$"),
    ],
)
def test_what_is_wrong_with_a_row_is_named_by_line_and_column(tmp_path, text, message):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_labels(path)


def test_what_is_wrong_with_a_record_is_named(tmp_path):
    path = tmp_path / "annotations.json"
    for text, message in (
        ('[{"image_path": "a.jpg",}]', r"annotations.json:1:\d+: no JSON"),
        ('{"a": 1}', r"annotations.json:1:1: expected a list of records, got dict"),
        ('[{"image_path": "a.jpg", "hour": 3, "minute": 77}]', r"record 0, minute: expected a min"),
        ("[3]", r"record 0: expected a mapping, got int"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            read_labels(path)


def test_files_that_are_not_there_are_named(coco, tmp_path):
    with pytest.raises(DataError, match=r"dataset.csv: there is no file .*nowhere.csv"):
        load(coco | {"csv": str(tmp_path / "nowhere.csv")})
    with pytest.raises(DataError, match=r"dataset.images: there is no folder"):
        load(coco | {"images": str(tmp_path / "nowhere")})
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"none of the 12 pictures of .* is there \(first: 0000"):
        load(coco | {"images": str(tmp_path / "empty")})
    with pytest.raises(ConfigError, match=r"dataset clock-photos needs csv"):
        load({"name": "clock-photos", "images": "x"})
    (tmp_path / "labels.csv").write_text(HEADER + row("000000000000.png", 3, 5, "[500, 9, 9, 9]"))
    with pytest.raises(DataError, match=r"labels.csv:2:3: the box is beside 0+.png.* 90x60"):
        load(coco)
