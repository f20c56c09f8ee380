"""References of a paper, according to what its runs used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from assay.core.records import Config
from assay.reports.paper.blocks import Citation

__all__ = [
    "bibliography",
    "cite",
    "known_keys",
    "of_data",
    "of_network",
    "of_software",
    "of_training",
]

_OPTIMIZERS = {
    "adadelta": ("Adadelta", "zeiler2012"),
    "adagrad": ("Adagrad", "duchi2011"),
    "adam": ("Adam", "kingma2015"),
    "adamw": ("AdamW", "loshchilov2019"),
    "lion": ("Lion", "chen2023"),
    "muon": ("Muon", "jordan2024muon"),
    "rmsprop": ("RMSprop", "tieleman2012"),
    "sgd": ("stochastic gradient descent", "robbins1951"),
}
_DATA = {
    "mnist": "lecun1998",
    "fashion-mnist": "xiao2017",
    "cifar10": "krizhevsky2009",
    "digits": "alpaydin1998",
}
_INITIALIZERS = {
    "glorot_(uniform|normal)": ("Glorot initialization", "glorot2010"),
    "he_(uniform|normal)": ("He initialization", "he2015"),
    "lecun_(uniform|normal)": ("LeCun initialization", "lecun1998backprop"),
    "dirac": ("initialization of convolutions by the identity", "zagoruyko2017"),
}
"""Names as a pattern."""
_ACTIVATIONS = {
    "elu": ("ELU", "clevert2016"),
    "gelu": ("GELU", "hendrycks2016"),
    "leaky_relu": ("leaky ReLU", "maas2013"),
    "relu": ("ReLU", "nair2010"),
    "silu": ("SiLU", "elfwing2018"),
}
_ENGINES = {
    "torch": "paszke2019",
    "keras": "chollet2015",
    "numpy": "harris2020",
    "sklearn": "pedregosa2011",
}
_METHODS = {
    "label_smoothing": ("label smoothing", "szegedy2016"),
    "swa": ("stochastic weight averaging", "izmailov2018"),
    "lookahead": ("lookahead", "zhang2019"),
}
"""Settings of training in words, with their keys."""
_AUGMENTATIONS = {"cutout": "devries2017", "mixup": "zhang2018"}
_KEY = re.compile(r"@\w+\s*\{\s*([^\s,{}]+)\s*,")


def bibliography() -> str:
    """Return the BibTeX file that comes with assay."""
    return (files("assay.reports.paper") / "templates" / "references.bib").read_text("utf-8")


def known_keys(bibtex: str) -> list[str]:
    """Return the keys of the entries of a BibTeX text."""
    return [key for key in _KEY.findall(bibtex) if key.lower() not in ("string", "comment")]


def cite(*keys: str | None) -> Citation:
    """Return a citation of the keys that exist, each once."""
    return Citation(tuple(dict.fromkeys(k for k in keys if k)))


def of_data(name: str) -> str | None:
    """Return the key of a dataset by its name ("mnist, permuted" is mnist)."""
    return _DATA.get(name.split(",")[0].split("@")[0])


def of_software(engine: str) -> str | None:
    """Return the key of an engine's library."""
    return _ENGINES.get(engine)


def of_training(config: Config) -> Iterator[tuple[str, str]]:
    """Return what a configuration's training uses, in words, with keys."""
    training = config.get("training") or {}
    optimizer = _name(training.get("optimizer"))
    if optimizer in _OPTIMIZERS:
        yield _OPTIMIZERS[optimizer]
    if "cosine" in str(_name(training.get("schedule"))):
        yield "a cosine schedule", "loshchilov2017"
    if training.get("ema"):
        yield "an average of the weights", "polyak1992"
    if _name(training.get("schedule")) == "one_cycle":
        yield "a one-cycle schedule", "smith2018"
    yield from (said for name, said in _METHODS.items() if training.get(name))
    augment = training.get("augment") or {}
    yield from ((name, key) for name, key in _AUGMENTATIONS.items() if augment.get(name))
    task = config.get("task")
    if augment.get("flip") == "alternating":
        yield "alternating flips", "jordan2024"
    if isinstance(task, Mapping) and task.get("test_time"):
        yield "test-time augmentation", "jordan2024"


def of_network(config: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Return what a configuration's network uses, in words, with keys."""
    network = config.get("network") or {}
    text = str(network)
    yield from (said for name, said in _INITIALIZERS.items() if re.search(f"'{name}'", text))
    yield from (said for name, said in _ACTIVATIONS.items() if f"'activation': '{name}'" in text)
    if re.search(r"dropout': (?!0(\.0)?[,}])[\d.]", text):
        yield "dropout", "srivastava2014"
    if re.search(r"gaussian_noise': (?!0(\.0)?[,}])[\d.]", text):
        yield "Gaussian noise", "rasmus2015"
    if "'batch_norm': True" in text or "batch_norm'" in text.replace("'batch_norm':", ""):
        yield "batch normalization", "ioffe2015"
    if "'squeeze_excite'" in text:
        yield "squeeze-and-excitation", "hu2018"
    if "'whitening'" in text:
        yield "a whitening convolution", "jordan2024"
    if "residual" in text:
        yield "residual connections", "he2016"


def _name(value: Any) -> str:
    return str(value.get("name", "") if isinstance(value, Mapping) else value or "").lower()
