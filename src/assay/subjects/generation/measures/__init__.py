"""Measures of how close generated images are to real ones, without a pretrained network.

The functions take arrays, however these were generated. Most take feature vectors (n, d), which
`assay.subjects.generation.features.Features` computes from images. The numbers depend on those
features and are not comparable with distances on Inception features.
"""

from __future__ import annotations

from assay.statistics import Interval
from assay.subjects.generation.measures.everything import measure_all, measure_sides, numbers
from assay.subjects.generation.measures.frechet import frechet_distance, frechet_interval
from assay.subjects.generation.measures.kernel import kernel_distance, kernel_interval
from assay.subjects.generation.measures.manifold import (
    Manifold,
    coverage,
    density,
    precision,
    recall,
)
from assay.subjects.generation.measures.measure import MEASURES, Measure, Measurement, Number, Sides
from assay.subjects.generation.measures.neighbours import Memorisation, memorisation, nearest
from assay.subjects.generation.measures.paths import PathLengths, path_lengths
from assay.subjects.generation.measures.reconstruction import Reconstruction, reconstruction_error
from assay.subjects.generation.measures.sliced import sliced_wasserstein
from assay.subjects.generation.measures.variety import variety

__all__ = [
    "MEASURES",
    "Interval",
    "Manifold",
    "Measure",
    "Measurement",
    "Memorisation",
    "Number",
    "PathLengths",
    "Reconstruction",
    "Sides",
    "coverage",
    "density",
    "frechet_distance",
    "frechet_interval",
    "kernel_distance",
    "kernel_interval",
    "measure_all",
    "measure_sides",
    "memorisation",
    "nearest",
    "numbers",
    "path_lengths",
    "precision",
    "recall",
    "reconstruction_error",
    "sliced_wasserstein",
    "variety",
]
