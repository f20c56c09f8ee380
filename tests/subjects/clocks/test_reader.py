"""Reading photos: what is refused, where a clock is looked for, what certainties mean."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assay.apps.cli.app import main
from assay.core.errors import DataError
from assay.core.tensor_file import read_tensors, write_tensors
from assay.data.pictures import open_photo, open_picture
from assay.networks.families import build_network
from assay.networks.network import initial_weights
from assay.subjects.clocks.app import find_reader, read_photo
from assay.subjects.clocks.labels.relational import HEADS
from assay.subjects.clocks.reading.pack import calibrate
from assay.subjects.clocks.reading.reader import Reader, Sight
from assay.subjects.clocks.reading.views import Square, cut_out, squares, turned

NETWORK = {"family": "clock-net", "filters": [[8], [16]], "squeeze": 8, "dense": [16]}


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    """The file of an untrained reader of 48x48 pictures."""
    network = build_network(NETWORK, (48, 48, 1), dict.fromkeys(HEADS, 120))
    about = {
        "network": NETWORK,
        "size": 48,
        "mean": [120.0],
        "std": [60.0],
        "style": "course",
        "calibration": (1.0, 0.0),
    }
    path = tmp_path / "reader.safetensors"
    Reader(about, initial_weights(network, 0)).save(path)
    return path


def picture(path: Path, height: int, width: int, *, mode: str = "RGB") -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def test_no_reading_is_certain_beyond_doubt():
    sight = Sight(0, 0.999, 6, Square(0, 0, 1), (0.0, 0.0, 0.0), (), np.zeros(720))
    assert sight.percent == ">99%"
    assert replace(sight, certainty=0.9949).percent == "99%"
    assert replace(sight, certainty=0.123).percent == "12%"


def test_the_file_keeps_the_reader(reader):
    first, again = Reader.load(reader), Reader.load(reader)
    images = np.random.default_rng(0).integers(0, 255, (3, 48, 48, 1), np.uint8)
    assert again.about == first.about
    for name, outputs in first.outputs(images).items():
        assert outputs.shape == (3, 120)
        np.testing.assert_array_equal(outputs, again.outputs(images)[name])


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1"])
def test_pictures_of_any_kind_are_read(reader, tmp_path, mode):
    sight = read_photo(picture(tmp_path / "photo.png", 90, 140, mode=mode), Reader.load(reader))
    assert 0 <= sight.minutes < 720
    assert 0 <= sight.certainty <= 1
    assert sight.square.left >= 0
    assert sight.square.left + sight.square.side <= 140.01


def test_pictures_that_cannot_be_read_say_why(reader, tmp_path):
    text, cut = tmp_path / "notes.png", picture(tmp_path / "cut.png", 60, 60)
    text.write_text("no picture at all")
    cut.write_bytes(cut.read_bytes()[:-3000])
    huge = tmp_path / "huge.png"
    Image.new("1", (20_000, 20_000)).save(huge)
    bad = {
        text: "unreadable picture",
        cut: "unreadable picture",
        huge: "400,000,000 pixels|more than 64,000,000 pixels",
        picture(tmp_path / "dot.png", 1, 1): "1x1 pixels: too small to show a clock",
        tmp_path / "nowhere.png": "there is no such file",
    }
    for path, message in bad.items():
        with pytest.raises(DataError, match=message) as caught:
            read_photo(path, Reader.load(reader))
        assert str(path) in str(caught.value)


def test_each_picture_that_is_none_is_named(reader, tmp_path, capsys):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "notes.jpg").write_text("no picture at all")
    (tmp_path / "script.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n")
    picture(tmp_path / "thin.png", 24, 121)
    picture(tmp_path / "good.png", 24, 120)
    names = ("folder.png", "empty.jpg", "notes.jpg", "script.eps", "thin.png", "good.png")
    photos = [str(tmp_path / name) for name in names]
    assert main(["clocks", "read", *photos, "--reader", str(reader)]) == 2
    said = capsys.readouterr()
    assert said.out.splitlines() == [f"{photos[5]}: no clock that I can read"]
    assert said.err.splitlines() == [
        f"error: {photos[0]}: unreadable picture (it is a folder)",
        f"error: {photos[1]}: unreadable picture (it is empty)",
        f"error: {photos[2]}: unreadable picture (it is not an image, or of an unknown type)",
        f"error: {photos[3]}: unreadable picture (PostScript is a program, which assay does not "
        "run)",
        f"error: {photos[4]}: 121x24 pixels: this shape cannot be a photo of a clock, expected "
        "one side at most 5 times as long as the other",
    ]


@pytest.mark.parametrize("kind", ["a.png", "a.jpg", "a.gif", "a.tif"])
def test_a_photo_of_many_pixels_is_looked_at_smaller(reader, tmp_path, monkeypatch, kind):
    """What was seen is said in pixels of the file all the same."""
    path = tmp_path / kind
    yes = np.linspace(0, 255, 300 * 400).reshape(300, 400).astype(np.uint8)
    exif = Image.Exif()
    exif[274] = 6  # to be turned by a quarter
    Image.fromarray(yes).save(path, exif=exif)
    small, times = open_photo(path, 30_000)
    turned_here = kind != "a.gif"  # which has no such data
    assert small.shape == ((200, 150, 3) if turned_here else (150, 200, 3))
    assert times == 2
    whole = open_picture(path)
    np.testing.assert_allclose(small, whole[::2, ::2], atol=4)
    monkeypatch.setattr("assay.subjects.clocks.reading.reader.ENOUGH", 30_000)
    square = read_photo(path, Reader.load(reader)).square
    assert square.left + square.side <= whole.shape[1]
    assert square.top + square.side <= whole.shape[0]
    assert square.side >= 0.3 * 300


def test_maps_are_computed_in_parts_that_fit(reader, monkeypatch):
    images = np.random.default_rng(0).integers(0, 255, (7, 48, 48, 1), np.uint8)
    whole = Reader.load(reader).outputs(images)
    monkeypatch.setattr("assay.subjects.clocks.reading.reader._ROOM", 1)
    for name, outputs in Reader.load(reader).outputs(images).items():
        np.testing.assert_allclose(outputs, whole[name], atol=1e-5)


def test_the_command_reads_what_it_can_and_names_what_it_cannot(reader, tmp_path, capsys):
    good, bad = picture(tmp_path / "a.png", 60, 60), tmp_path / "b.png"
    drawn = tmp_path / "seen.png"
    assert main(["clocks", "read", str(good), str(bad), "--reader", str(reader), "--json"]) == 2
    said = capsys.readouterr()
    (row,) = json.loads(said.out)
    assert row["photo"] == str(good)
    assert row["readable"] is False  # an untrained network is sure of nothing
    assert f"error: {bad}: there is no such file" in said.err
    command = ["clocks", "read", str(good), "--reader", str(reader), "--overlay", str(drawn)]
    assert main(command) == 0
    assert "no clock that I can read" in capsys.readouterr().out
    with Image.open(drawn) as shown:
        assert shown.size == (60, 60)


def test_the_drawing_gets_its_folder_and_a_name_stays_in_its_line(reader, tmp_path, capsys):
    photo, drawn = picture(tmp_path / "two\nlines\x1b.png", 60, 60), tmp_path / "no" / "such.png"
    command = ["clocks", "read", str(photo), "--reader", str(reader), "--overlay", str(drawn)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert said.endswith("/two\\nlines\\x1b.png: no clock that I can read\n")
    assert said.count("\n") == 1
    assert drawn.is_file()


def test_what_is_no_reader_is_refused(tmp_path, reader):
    (tmp_path / "other.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    for name, message in (
        ("nowhere.safetensors", "no such reader"),
        ("other.safetensors", "not a reader of clocks"),
    ):
        with pytest.raises(DataError, match=message):
            find_reader(tmp_path / name)


def test_a_training_does_not_start_from_a_reader_with_another_network(reader, tmp_path, capsys):
    store = tmp_path / "store"
    assert main(["clocks", "train", "--start", str(reader), "--store", str(store)]) == 2
    said = f"error: --start {reader}: another network: tensor 'trunk.1.kernel' is"
    assert capsys.readouterr().err.startswith(said)
    assert not store.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": None}, "size must be a whole number from 8 to 1024, got nothing"),
        ({"size": -1}, "size must be a whole number from 8 to 1024, got -1"),
        ({"size": 10**12}, "size must be a whole number from 8 to 1024, got 10"),
        ({"size": 96}, r"tensor 'trunk.11.kernel' is \(512, 16\), the network needs \(2048, 16\)"),
        ({"mean": "2026"}, "mean must be 1 number in a list, got '2026'"),
        ({"mean": [float("nan")]}, r"mean\[0\] must be a number"),
        ({"std": [0.0]}, r"std\[0\] must be a number"),
        ({"std": [{}]}, r"std\[0\] must be a number"),
        ({"style": 3}, "style must be text, got 3"),
        ({"calibration": [1e9, 0.0]}, r"calibration\[0\] must be a number from 0.2 to 10"),
        ({"calibration": [1.0]}, "calibration must be 2 numbers in a list"),
        ({"network": 7}, "network must be a mapping, got 7"),
        ({"network": "clock-nett"}, "unknown network family 'clock-nett'; did you mean"),
        ({"network": NETWORK | {"filters": [["x"]]}}, "must be a whole number >= 1, got 'x'"),
        ({"network": NETWORK | {"squeeze": 10**14}}, "the network needs"),
        ({"network": NETWORK | {"dense": [10**15]}}, "the network needs"),
        (
            {"network": {"module": "torch:os.system", "command": "exit 1"}},
            "a file never decides which code runs",
        ),
        ({"network": {"family": "gan"}}, "the task trains one network"),
    ],
)
def test_a_readers_file_is_checked_whole(reader, tmp_path, change, message):
    """A description may ask for any amount of memory: none of it is asked for."""
    about, weights = read_tensors(reader, "assay clock reader 1")
    path = tmp_path / "wrong.safetensors"
    write_tensors(path, "assay clock reader 1", about | change, weights)
    with pytest.raises(DataError, match=message) as caught:
        Reader.load(path)
    assert str(caught.value).startswith(f"{path}: not a reader of clocks: ")
    (name,) = change
    write_tensors(path, "assay clock reader 1", {k: about[k] for k in about if k != name}, weights)
    if name != "calibration":
        with pytest.raises(DataError, match=f"not a reader of clocks: {name} is missing"):
            Reader.load(path)


def test_a_readers_tensors_are_those_of_its_network(reader, tmp_path):
    about, weights = read_tensors(reader, "assay clock reader 1")
    path, name = tmp_path / "wrong.safetensors", "head.twelve.0.bias"
    for changed, message in (
        ({n: w for n, w in weights.items() if n != name}, f"tensor '{name}' is missing"),
        (weights | {"head.twelve.0.bia": weights[name]}, f"did you mean '{name}'"),
        (weights | {name: weights[name][None]}, r"is \(1, 120\), the network needs \(120,\)"),
        (weights | {name: weights[name].astype(int)}, "is int64, expected floating-point numbers"),
        (weights | {name: weights[name] + np.float16(np.inf)}, "numbers that are not finite"),
        (
            weights | {"trunk.2.moving_variance": -weights["trunk.2.moving_variance"]},
            "tensor 'trunk.2.moving_variance' contains negative variances",
        ),
    ):
        write_tensors(path, "assay clock reader 1", about, changed)
        with pytest.raises(DataError, match=message):
            Reader.load(path)
    content = bytearray(reader.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="its checksum is wrong"):
        Reader.load(path)


def test_a_turn_of_the_picture_turns_what_is_seen():
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 30), np.uint8))
    whole = Square(0, 0, 30)
    straight, quarter = turned(photo, whole, 30, (0.0, 0.25))
    np.testing.assert_array_equal(quarter, np.rot90(straight, -1))
    dot = np.zeros((31, 31), np.uint8)
    dot[2, 15] = 255  # at 12 o'clock
    near = cut_out(Image.fromarray(dot), Square(0, 0, 31), 31, turn=0.125)[..., 0]
    row, column = np.unravel_index(near.argmax(), near.shape)
    assert (row, column) == (pytest.approx(6, abs=1), pytest.approx(24, abs=1))  # half past one


def test_squares_cover_the_photo_and_stay_inside():
    found = squares(300, 400, 100)
    assert found[0] == Square(50, 0, 300)
    assert len(set(found)) == len(found)
    for square in found:
        assert square.left >= 0
        assert square.left + square.side <= 400.001
        assert square.top + square.side <= 300.001
    assert squares(150, 150, 150) == [Square(0, 0, 150)]


def test_calibrated_certainties_keep_their_word():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.05, 0.99, 4000)
    odds = np.log(truth / (1 - truth))
    said = 1 / (1 + np.exp(-(2 * odds - 1)))  # twice as sure as it should be, and offset
    slope, offset = calibrate(said, rng.random(4000) < truth)
    assert slope == pytest.approx(0.5, abs=0.06)
    assert offset == pytest.approx(0.5, abs=0.12)
    slope, offset = calibrate(np.full(50, 0.9), np.ones(50, bool))
    assert 0.9 < 1 / (1 + np.exp(-(slope * np.log(9) + offset))) < 0.999
