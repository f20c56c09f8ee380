"""Datasets in the plane: directions that are known, and pictures that show them."""

from __future__ import annotations

import numpy as np
import pytest

from assay.apps.cli.app import main
from assay.data import load
from assay.data.dataset import Dataset, FitData, Split
from assay.reports.embedding import embed


def fit_data(points: np.ndarray, targets: np.ndarray) -> FitData:
    images = points.astype(np.float32).reshape(len(points), 1, -1, 1)
    split = Split(images, targets)
    return FitData("points", split, split, np.zeros(1, np.float32), np.ones(1, np.float32))


def test_the_first_component_is_the_direction_of_most_variance():
    rng = np.random.default_rng(0)
    along, across = 5 * rng.standard_normal(400), rng.standard_normal(400)
    points = np.stack([along + across, along - across, 0 * along], 1) / np.sqrt(2)
    found = embed(fit_data(points, np.zeros(400, int)), "pca")
    assert found.explained == pytest.approx(1)
    assert np.corrcoef(found.points[:, 0], along)[0, 1] ** 2 > 0.999


def test_tsne_keeps_groups_apart():
    rng = np.random.default_rng(1)
    targets = np.arange(60) % 2
    points = rng.standard_normal((60, 4)) + 40 * targets[:, None]
    found = embed(fit_data(points, targets), "tsne")
    first, second = (found.points[found.targets == k] for k in (0, 1))
    within = max(np.ptp(first, 0).max(), np.ptp(second, 0).max())
    assert np.linalg.norm(first.mean(0) - second.mean(0)) > within / 2


def test_no_test_image_is_looked_at(monkeypatch):
    def sealed(self: Dataset) -> Split:
        raise AssertionError("the test images were read")

    monkeypatch.setattr(Dataset, "read_test", sealed)
    assert embed(load("digits").fit_data, "pca", images=50).points.shape == (50, 2)


def test_the_command_writes_a_figure_and_says_what_it_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "embed", "xor", "--images", "40", "--to", "svg"]) == 0
    assert "<svg" in (tmp_path / "xor-pca.svg").read_text(encoding="utf-8")
    said = " ".join(capsys.readouterr().out.split())
    assert "40 training images of xor: the two components show 100.0 % of the variance" in said


def test_the_name_of_the_file_says_its_kind(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    line = ["data", "embed", "xor", "--images", "40", "--out"]
    assert main([*line, "a.SVG"]) == 0
    assert main([*line, "b", "--to", "svg"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"a.svg", "b.svg"}
    capsys.readouterr()
    assert main([*line, "c.jpg"]) == 2
    said = "error: --out c.jpg: expected a name that ends in .svg, .pdf or .png\n"
    assert capsys.readouterr().err == said
    assert main([*line, "c.png", "--to", "svg"]) == 2
    said = "error: --out c.png: expected a name that ends in .svg, because of --to svg\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("wrong", [["--images", "1"], ["--seed", "-1"], ["--width", "0"]])
def test_what_cannot_be_drawn_is_refused(wrong, capsys):
    assert main(["data", "embed", "xor", *wrong]) == 2
    assert "expected" in (said := capsys.readouterr().err) or "must be" in said
