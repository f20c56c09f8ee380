"""Pictures of every kind: what they show is kept, or they are refused by name."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from assay import data
from assay.core.errors import DataError
from assay.data.pictures import printable, read_picture, read_pictures


def png(path, depth, color, pixels, clear=None):
    """A PNG of one row, two pixels wide, from its packed pixels; Pillow writes no such files."""

    def chunk(kind, content):
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    head = struct.pack(">IIBBBBB", 2, 1, depth, color, 0, 0, 0)
    clear = b"" if clear is None else chunk(b"tRNS", struct.pack(f">{len(clear)}H", *clear))
    body = chunk(b"IDAT", zlib.compress(b"\0" + pixels)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + clear + body)
    return path


def saved(path, image, **options):
    image.save(path, **options)
    return path


def row(values, dtype):
    return Image.fromarray(np.array([values], dtype))


def seen(path, grayscale=True):
    return read_picture(path, (1, 2), grayscale)[0].squeeze().tolist()


@pytest.mark.parametrize(
    ("depth", "color", "pixels", "clear", "expected"),
    [
        (1, 0, b"\x40", (0,), [255, 255]),
        (2, 0, b"\x70", (1,), [255, 255]),
        (2, 0, b"\x70", (0,), [85, 255]),
        (4, 0, b"\x5a", (5,), [255, 170]),
        (8, 0, b"\x05\x0a", (5,), [255, 10]),
        (16, 0, struct.pack(">2H", 258, 515), (258,), [255, 2]),
        (16, 0, struct.pack(">2H", 258, 515), (259,), [1, 2]),
        (8, 2, bytes([1, 1, 1, 9, 9, 9]), (1, 1, 1), [255, 9]),
        (16, 2, struct.pack(">6H", 257, 257, 257, 771, 771, 771), (257, 257, 257), [255, 3]),
        (16, 2, struct.pack(">6H", 257, 257, 257, 257, 257, 258), (257, 257, 258), [1, 255]),
        (16, 4, struct.pack(">4H", 0, 0, 0, 65_535), None, [255, 0]),
        (16, 6, struct.pack(">8H", 0, 0, 0, 0, 0, 0, 0, 65_535), None, [255, 0]),
    ],
)
def test_what_is_transparent_in_a_png_is_white(tmp_path, depth, color, pixels, clear, expected):
    path = png(tmp_path / "a.png", depth, color, pixels, clear)
    assert seen(path) == expected
    assert [rgb[0] for rgb in seen(path, grayscale=False)] == expected


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.pgm"])
def test_sixteen_bits_become_eight(tmp_path, name):
    assert seen(saved(tmp_path / name, row([257, 65_535], np.uint16))) == [1, 255]
    if name == "a.tif":
        assert seen(saved(tmp_path / name, row([257, 65_535], ">u2"))) == [1, 255]
        white_is_0 = saved(tmp_path / name, row([257, 65_535], np.uint16), tiffinfo={262: 0})
        assert seen(white_is_0) == [254, 0]


@pytest.mark.parametrize(
    ("name", "dtype", "said"),
    [
        ("a.tif", np.int32, "signed or 32-bit integers have no known range to map to 0..255"),
        ("a.tif", np.float32, "floating-point values have no known range to map to 0..255"),
        ("a.pgm", np.float32, "floating-point values have no known range to map to 0..255"),
    ],
)
def test_values_without_a_range_are_refused(tmp_path, name, dtype, said):
    path = saved(tmp_path / name, row([0, 239], dtype))
    with pytest.raises(DataError, match=rf"{name}: unreadable picture \({said}\)"):
        seen(path)


def test_sixteen_bits_of_which_few_are_used_are_said(tmp_path):
    for kind, most in (("dark", 200), ("light", 765)):
        (tmp_path / kind).mkdir()
        for i in range(6):
            values = np.random.default_rng(i).integers(0, most, (8, 8)).astype(np.uint16)
            values[0, :2] = 0, most
            Image.fromarray(values).save(tmp_path / kind / f"{i}.png")
    spec = {"name": "folder", "path": str(tmp_path), "size": [8, 8]}
    notes = "\n".join(data.load(spec).notes)
    assert "12 pictures with more than 8 bits use only a small part of their range" in notes
    assert "0.png, 0 to 200 of 0 to 65,535)" in notes


@pytest.mark.parametrize(
    ("values", "short"),
    [
        ([0, 65_535], False),
        ([0, 20_000], False),
        ([0, 4_095], True),
        ([40_000, 42_000], True),
        ([65_535, 65_535], False),
    ],
)
def test_a_short_part_of_the_range_is_a_quarter_or_a_sixteenth(tmp_path, values, short):
    grey = saved(tmp_path / "a.png", row(values, np.uint16))
    colour = png(tmp_path / "b.png", 16, 2, np.repeat(values, 3).astype(">u2").tobytes())
    found = read_pictures([grey, colour], (1, 2), grayscale=True)
    assert [facts.short for facts in found.facts] == [short, short]
    assert not found.failures


def test_other_kinds_of_colours_are_those_that_people_see(tmp_path):
    red = Image.new("RGB", (2, 1), (200, 30, 30))
    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    kinds = {
        "cmyk.tif": red.convert("CMYK"),
        "ycc.tif": red.convert("YCbCr"),
        "lab.tif": ImageCms.profileToProfile(red, rgb, lab, outputMode="LAB"),
        "p.png": red.quantize(2),
        "p.gif": red.quantize(2),
        "rgba.png": red.convert("RGBA"),
        "x.webp": red,
    }
    for name, image in kinds.items():
        found = seen(saved(tmp_path / name, image), grayscale=False)
        np.testing.assert_allclose(found, [(200, 30, 30)] * 2, atol=5, err_msg=name)


def test_transparent_palettes_show_what_is_behind_them(tmp_path):
    image = Image.new("P", (2, 1), 0)
    image.putpalette([0, 0, 0, 40, 40, 40])
    image.putpixel((1, 0), 1)
    for name in ("a.png", "a.gif"):
        assert seen(saved(tmp_path / name, image, transparency=0)) == [255, 40]
    assert seen(saved(tmp_path / "a.tif", Image.new("LA", (2, 1), (0, 0)))) == [255, 255]


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *((name, mode) for name in ("a.tif", "a.png") for mode in ("L", "RGB", "I;16")),
        *((name, mode) for name in ("a.jpg", "a.webp") for mode in ("L", "RGB")),
    ],
)
def test_every_kind_is_turned_upright(tmp_path, name, mode):
    values = np.zeros((16, 24), np.uint16 if mode == "I;16" else np.uint8)
    values[:8, :8] = 65_535 if mode == "I;16" else 255
    image = Image.fromarray(values)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    path = saved(tmp_path / name, image if mode == "I;16" else image.convert(mode), exif=exif)
    found, own = read_picture(path, (24, 16), True)
    assert own == (24, 16)
    expected = np.zeros((24, 16), bool)
    expected[:8, -8:] = True
    assert np.array_equal(found[..., 0] > 127, expected)


def test_of_several_frames_the_first_is_used_and_that_is_said(tmp_path):
    frames = [Image.new("L", (2, 1), grey) for grey in (0, 255)]
    paths = [
        saved(tmp_path / name, frames[0], save_all=True, append_images=frames[1:])
        for name in ("a.gif", "a.tif", "a.webp", "a.png")
    ]
    found = read_pictures(paths, (1, 2), grayscale=True)
    assert all(facts.frames for facts in found.facts)
    assert found.images.max() < 20


def test_a_name_is_shown_so_that_it_can_be_written_anywhere():
    assert printable("é 中文 a.png") == "é 中文 a.png"
    assert printable("caf\udce9") == "caf\\xe9"
    assert printable("a\x1b[31m\n\x7f") == "a\\x1b[31m\\n\\x7f"
