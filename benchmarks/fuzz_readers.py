"""What reads files of other people, with sound files to begin from: the targets of fuzz.py.

A reader is its name in READERS: sound files by name, what is inside them, and a function that reads
a folder in which one of them was damaged.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["READERS", "Target"]

Files = dict[str, bytes]


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        make: sound files by name; each of them is damaged in its turn.
        read: reads a damaged file; the others lie beside it.
        inside: what `mutated` may open in it.
        refuses: errors other than assay's own that it is documented to raise.
        named: whether an error must name the file.
    """

    make: Callable[[Path], Files]
    read: Callable[[Path], Any]
    inside: str = ""
    refuses: tuple[type[Exception], ...] = ()
    named: bool = True


def _npy(array: np.ndarray) -> bytes:
    made = io.BytesIO()
    np.save(made, array)
    return made.getvalue()


def _npz(**arrays: Any) -> bytes:
    made = io.BytesIO()
    np.savez(made, **arrays)
    return made.getvalue()


def _picture(kind: str, size: tuple[int, int] = (40, 32), mode: str = "RGB", **how: Any) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    made = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(made, kind, **how)
    return made.getvalue()


def _idx(folder: Path) -> Files:
    content = (2051).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in (5, 4, 4))
    content += bytes(80)
    return {"a-idx3": content, "a-idx3.gz": gzip.compress(content)}


def _read_idx(path: Path) -> Any:
    from assay.data.formats import read_idx

    return read_idx(path, 3)


def _cifar(folder: Path) -> Files:
    from assay.data.cifar10 import BATCHES, RECORD

    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name in BATCHES:
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            info.size = RECORD
            archive.addfile(info, io.BytesIO(bytes(RECORD)))
    return {"c.tar.gz": made.getvalue()}


def _read_cifar(path: Path) -> Any:
    from assay.data.cifar10 import read_archive

    return read_archive(path, batch=1)


def _strips(folder: Path) -> Files:
    strip = np.frombuffer(_picture("WEBP", (32, 64), lossless=True), np.uint8)
    edges = np.array([0, len(strip), 2 * len(strip)])
    return {"s.npz": _npz(webp=np.tile(strip, 2), offsets=edges, labels=np.zeros(4, np.uint8))}


def _read_strips(path: Path) -> Any:
    from assay.data.cifar10 import read_strips

    return read_strips([path])


def _jpegs(folder: Path) -> Files:
    one = np.frombuffer(_picture("JPEG", (64, 64)), np.uint8)
    return {"j.npz": _npz(jpeg=np.tile(one, 2), offsets=np.array([0, len(one), 2 * len(one)]))}


def _read_jpegs(path: Path) -> Any:
    from assay.subjects.generation.cat_faces import read_jpegs

    return read_jpegs(path)


def _clocks(folder: Path) -> Files:
    times = np.stack([np.arange(60) % 12, np.arange(60)], -1)
    return {"images.npy": _npy(np.zeros((60, 6, 6), np.uint8)), "labels.npy": _npy(times)}


def _read_clocks(path: Path) -> Any:
    from assay.data import describe, load

    return describe("clocks", path.parent), load("clocks", path.parent)


def _read_npz(path: Path) -> Any:
    from assay.core.array_file import read_arrays

    return read_arrays(path, "x", "y")


_MODES = (
    *(("PNG", m) for m in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16")),
    *(("TIFF", m) for m in ("RGB", "CMYK", "L", "1", "I;16", "F", "LAB")),
    *(("JPEG", m) for m in ("RGB", "L", "CMYK")),
    *(("GIF", "P"), ("BMP", "RGB"), ("BMP", "P"), ("WEBP", "RGBA"), ("PPM", "RGB"), ("PPM", "L")),
    *(("TGA", "RGB"), ("PCX", "RGB"), ("ICO", "RGBA"), ("ICNS", "RGBA"), ("SGI", "RGB")),
    *(("DDS", "RGBA"), ("JPEG2000", "RGB"), ("AVIF", "RGB"), ("QOI", "RGB"), ("IM", "RGB")),
    *(("MSP", "1"), ("XBM", "1"), ("EPS", "RGB"), ("BLP", "P"), ("SPIDER", "F"), ("MPO", "RGB")),
)


def _pictures(folder: Path) -> Files:
    files = {
        f"{kind}-{mode}.x".replace(";", ""): _picture(kind, mode=mode) for kind, mode in _MODES
    }
    more = [Image.new("L", (20, 20), n) for n in (1, 2)]
    files["gif-frames.x"] = _picture("GIF", mode="P", save_all=True, append_images=more)
    for how in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg"):
        files[f"tiff-{how}.x"] = _picture("TIFF", compression=how)
    return files


def _read_picture(path: Path) -> Any:
    from assay.data.pictures import open_picture

    return open_picture(path)


STUDY = """\
study: fuzzed
question: Which?
dataset: {name: digits, train: 200, permute: 3}
network: {family: mlp, hidden: [16, 8], dropout: 0.1, kernel_regularizer: {l2: 1e-4}}
training: {epochs: 2, optimizer: {name: sgd, momentum: 0.9}, schedule: {name: cosine, warmup: 0.1}}
repeats: 2
factors:
  network.activation: [relu, tanh]
scales: {quick: {training.epochs: 1}}
"""
SEARCH = """\
study: searched
dataset: digits
network: {family: mlp, hidden: [16]}
training: {epochs: 2}
search:
  sampler: random
  trials: 4
  space:
    layers: {int: [1, 3]}
    network.hidden.0.units: {int: [16, 48], step: 16, when: layers >= 2}
    training.learning_rate: {float: [1e-4, 1e-1], log: true}
  constraints: [layers * 16 <= 48]
  set: {training.batch_size: 16 * layers}
"""
EXPRESSIONS = (
    *("layers >= 2", "16 * layers if units > 3 else [units, 2][0]", "max(layers, units) ** 2"),
    *("all(n < 3 for n in range(layers))", "-units // (layers + 1) % 5 == 2 and not layers"),
)


def _read_study(path: Path) -> Any:
    from assay.studies.study import parse_study

    return parse_study(path)


def _read_expression(path: Path) -> Any:
    from assay.studies.search.expressions import parse_expression

    expression = parse_expression(path.read_text(errors="surrogateescape"), ("layers", "units"))
    return expression.value({"layers": 2, "units": 3})


def _record() -> Any:
    from assay.core.records import Record, run_id, trial_id

    config = {"dataset": {"name": "digits"}, "training": {"epochs": 2}, "seed": 0}
    curve = np.arange(4, dtype=np.float32)
    return Record(
        *(run_id(config), trial_id(config), 0, "finished", config),
        {"step": curve, "epoch": curve, "loss": curve},
        {"test_accuracy": 0.5, "steps": 12},
        {"test_predicted": np.arange(4, dtype=np.uint8)},
        provenance={"device": "cpu", "pixels": {"mean": [0.0], "std": [1.0]}},
        weights={"trunk.0.kernel": np.ones((3, 2), np.float32)},
    )


def _store(folder: Path) -> Files:
    from assay.core.store import Store

    with Store(folder / "store") as store:
        store.add(_record())
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.*"))
            if p.is_file() and p.suffix in (".sqlite", ".safetensors", ".db")}  # fmt: skip


def _weights(folder: Path) -> Files:
    return {n: content for n, content in _store(folder).items() if n.endswith(".safetensors")}


def _read_store(path: Path) -> Any:
    from assay.core.store import Store

    folder = next(p for p in path.parents if p.name == "store")
    with Store(folder, create=False, read_only=True) as store:
        records = store.records(store.run_ids())
        return records, [store.weights(record.run_id) for record in records]


def _checkpoint(folder: Path) -> Files:
    from assay.core.digests import seal

    return {"c.safetensors": seal({"run/steps": np.array(3), "x": np.ones(4, np.float32)})}


def _read_checkpoint(path: Path) -> Any:
    from assay.core.store_format import decode_arrays

    return decode_arrays(path.read_bytes(), str(path))


def _tensors(folder: Path) -> Files:
    from assay.core.tensor_file import write_tensors

    path = folder / "t.safetensors"
    write_tensors(path, "fuzz 1", {"a": [1]}, {"x": np.ones((2, 3)), "y": np.arange(3)})
    return {path.name: path.read_bytes()}


def _read_tensors(path: Path) -> Any:
    from assay.core.tensor_file import read_tensors

    return read_tensors(path, "fuzz 1")


def _reader(folder: Path) -> Files:
    from assay.networks.families import build_network
    from assay.networks.network import initial_weights
    from assay.subjects.clocks.labels.relational import HEADS
    from assay.subjects.clocks.reading.reader import Reader

    said = {"family": "clock-net", "filters": [[4], [4, 4]], "squeeze": 4, "dense": [4]}
    network = build_network(said, (24, 24, 1), dict.fromkeys(HEADS, 120))
    about = {"network": said, "size": 24, "mean": [120.0], "std": [60.0], "style": "any"}
    Reader(about | {"calibration": [1.0, 0.0]}, initial_weights(network, 0)).save(folder / "r.x")
    return {"r.x": (folder / "r.x").read_bytes()}


def _read_reader(path: Path) -> Any:
    from assay.subjects.clocks.reading.reader import Reader

    return Reader.load(path).read(np.arange(24 * 24 * 3, dtype=np.uint8).reshape(24, 24, 3))


def _classifier(folder: Path) -> Files:
    from assay.apps.sklearn.classifier import AssayClassifier

    X = np.random.default_rng(0).normal(size=(40, 4))
    AssayClassifier(hidden=[3], epochs=1, random_state=0).fit(X, X[:, 0] > 0).save(folder / "c.x")
    return {"c.x": (folder / "c.x").read_bytes()}


def _read_classifier(path: Path) -> Any:
    from assay.apps.sklearn.classifier import AssayClassifier

    found = AssayClassifier.load(path).set_params(device="cpu")  # another may be right elsewhere
    return found.predict(np.zeros((2, found.n_features_in_)))


def _features(folder: Path) -> Files:
    from assay.subjects.generation.features import Features, FeatureSettings

    images = np.random.default_rng(0).integers(0, 256, (32, 16, 16, 1), np.uint8)
    settings = FeatureSettings(widths=(4, 6), steps=1, pairs=4)
    Features.fit(images, settings=settings, cache=False).save(folder / "f.x")
    return {"f.x": (folder / "f.x").read_bytes()}


def _read_features(path: Path) -> Any:
    from assay.subjects.generation.features import Features

    return Features.load(path)


READERS: dict[str, Target] = {
    "idx": Target(_idx, _read_idx, "gzip"),
    "cifar": Target(_cifar, _read_cifar, "gzip"),
    "strips": Target(_strips, _read_strips, "zip"),
    "jpegs": Target(_jpegs, _read_jpegs, "zip"),
    "npy": Target(_clocks, _read_clocks, "text"),
    "npz": Target(
        lambda _: {"a.npz": _npz(x=np.arange(6).reshape(2, 3), y=np.float32(3))},
        *(_read_npz, "zip", (ValueError, OSError), False),
    ),
    "picture": Target(_pictures, _read_picture),
    "yaml": Target(
        lambda _: {"a.yaml": STUDY.encode(), "b.yaml": SEARCH.encode()},
        *(_read_study, "text", (), False),
    ),
    "expression": Target(
        lambda _: {f"{i}.txt": text.encode() for i, text in enumerate(EXPRESSIONS)},
        *(_read_expression, "text", (), False),
    ),
    "store": Target(_store, _read_store, "safetensors", named=False),
    "weights": Target(_weights, _read_store, "safetensors", named=False),
    "checkpoint": Target(_checkpoint, _read_checkpoint, "safetensors"),
    "safetensors": Target(_tensors, _read_tensors, "safetensors", (ValueError, OSError), False),
    "clock-reader": Target(_reader, _read_reader, "safetensors"),
    "classifier": Target(_classifier, _read_classifier, "safetensors"),
    "features": Target(_features, _read_features, "safetensors"),
}
"""Name -> reader."""
