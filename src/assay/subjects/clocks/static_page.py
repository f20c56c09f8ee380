"""The clock's page without a server: the reader as an ONNX file, decoded in the browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assay.apps.web.pages import Site
from assay.apps.web.static_pages import onnx_bytes, write_page
from assay.networks.families import build_network
from assay.subjects.clocks.app import find_reader
from assay.subjects.clocks.labels.relational import BINS, HEADS
from assay.subjects.clocks.looks import TURNS

__all__ = ["export_clock"]

FILES = Path(__file__).with_name("page_files")


def export_clock(site: Site, folder: Path) -> list[Path]:
    """Write the page into a folder; returns its files.

    The network evaluates the same rotated views of a picture as `assay clocks read`, and the time
    is decoded as by `labels.relational`.
    """
    reader = find_reader(store=site.store)
    size = reader.size
    network = build_network(reader.about["network"], (size, size, 1), reader.scheme.heads())
    weights = {name: np.asarray(array, np.float32) for name, array in reader.weights.items()}
    mean, std = (np.asarray(reader.about[key], np.float32) for key in ("mean", "std"))
    about = {
        "title": "Clock",
        "size": size,
        "style": reader.about["style"],
        "heads": list(HEADS),
        "bins": BINS,
        "turns": list(TURNS[: reader.looks]),
        "calibration": list(reader.about.get("calibration") or (1.0, 0.0)),
    }
    scripts = [FILES / "page.js", FILES / "alone.js"]
    return write_page(
        folder, about, scripts, [FILES / "page.css"], onnx_bytes(network, weights, mean, std)
    )
