"""`mnist` and `fashion-mnist`: the original gzipped IDX files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assay.core.errors import DataError
from assay.core.records import Spec
from assay.data.catalog import ENTRIES, DatasetEntry, DatasetSource, File, Raw
from assay.data.dataset import Split
from assay.data.formats import read_idx
from assay.data.storage import locate

__all__ = ["Idx", "read_pair"]

TRAIN = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
TEST = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")


def read_pair(images: Path, labels: Path, classes: int) -> Split:
    """Read an image file and its label file.

    Raises:
        DataError: a file is damaged, their counts differ, or a label is out of range.
    """
    pixels, targets = read_idx(images, 3), read_idx(labels, 1)
    if len(pixels) != len(targets):
        raise DataError(f"{images} has {len(pixels):,} images, {labels} {len(targets):,} labels")
    if len(targets) and targets.max() >= classes:
        raise DataError(f"{labels}: label {targets.max()}, expected 0..{classes - 1}")
    return Split(pixels[..., None], targets.astype(np.int64))


class Idx(DatasetEntry):
    """A dataset of four IDX files named as MNIST's."""

    def read(self, spec: Spec, data_dir: Path | None = None) -> Raw:
        """Read the four files."""
        _, path = locate(self, data_dir)
        train, test = (
            read_pair(path[images], path[labels], len(self.class_names))
            for images, labels in (TRAIN, TEST)
        )
        return Raw(train, test, self.class_names)


ENTRIES.add("mnist")(
    Idx(
        name="mnist",
        title="handwritten digits, 28x28 greyscale",
        licence="CC BY-SA 3.0, Y. LeCun and C. Cortes (as Keras states it)",
        citation=(
            "Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-Based Learning Applied to "
            "Document Recognition, Proceedings of the IEEE 86(11), 1998"
        ),
        homepage="http://yann.lecun.com/exdb/mnist/",
        image_shape=(28, 28, 1),
        class_names=tuple("0123456789"),
        train=60_000,
        test=10_000,
        folders=("mnist",),
        sources=(
            DatasetSource(
                (
                    File(
                        TRAIN[0],
                        9_912_422,
                        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                    ),
                    File(
                        TRAIN[1],
                        28_881,
                        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                    ),
                    File(
                        TEST[0],
                        1_648_877,
                        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                    ),
                    File(
                        TEST[1],
                        4_542,
                        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                    ),
                ),
                (
                    "https://ossci-datasets.s3.amazonaws.com/mnist/",
                    "https://storage.googleapis.com/cvdf-datasets/mnist/",
                    "http://yann.lecun.com/exdb/mnist/",
                ),
            ),
        ),
    )
)

ENTRIES.add("fashion-mnist")(
    Idx(
        name="fashion-mnist",
        title="articles of clothing, 28x28 greyscale",
        licence="MIT, Copyright (c) 2017 Zalando SE",
        citation=(
            "H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for "
            "Benchmarking Machine Learning Algorithms, arXiv:1708.07747, 2017"
        ),
        homepage="https://github.com/zalandoresearch/fashion-mnist",
        image_shape=(28, 28, 1),
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        train=60_000,
        test=10_000,
        folders=("fashion-mnist",),
        sources=(
            DatasetSource(
                (
                    File(
                        TRAIN[0],
                        26_421_880,
                        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                    ),
                    File(
                        TRAIN[1],
                        29_515,
                        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                    ),
                    File(
                        TEST[0],
                        4_422_102,
                        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                    ),
                    File(
                        TEST[1],
                        5_148,
                        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                    ),
                ),
                (
                    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
                    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
                ),
            ),
        ),
    )
)
