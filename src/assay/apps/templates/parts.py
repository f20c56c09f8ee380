"""Parts of your own for the study {name}: a dataset and a network.

assay imports this file before it reads the study, in every process that trains. docs/extending.md
describes each kind of part.
"""

import numpy as np
from torch import nn

import assay


@assay.register_dataset("{dataset}")
def shapes():
    """Filled squares and discs at random places: images (n, height, width) and their classes."""
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.arange(16), np.arange(16))
    labels = np.arange(600) % 2
    images = np.zeros((600, 16, 16), np.uint8)
    for image, label in zip(images, labels, strict=True):
        left, top = rng.integers(4, 12, 2)
        across, down = abs(x - left), abs(y - top)
        inside = across**2 + down**2 <= 12 if label else np.maximum(across, down) <= 3
        image[inside] = rng.integers(100, 256)
    return images, labels


class Net(nn.Module):
    """A small network: it gets the shape of the images, the number of classes and its settings."""

    def __init__(self, image_shape, num_classes, width=32, activation="relu"):
        super().__init__()
        height, across, channels = image_shape
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * height * across, width),
            nn.Tanh() if activation == "tanh" else nn.ReLU(),
            nn.Linear(width, num_classes),
        )

    def forward(self, x):
        """Images (batch, channels, height, width) to one number for each class, without softmax."""
        return self.layers(x)
