"""Networks that cannot be built for their images: the place that is named, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.core.config import LocatedError, Mark
from assay.core.errors import ConfigError
from assay.studies.study import parse_study


def said(path: Path, text: str) -> list[str]:
    """What is wrong with a study, line by line."""
    path.write_text(f"study: s\ndataset: digits\n{text}")
    with pytest.raises(ConfigError) as caught:
        parse_study(path)
    return str(caught.value).splitlines()


def test_an_impossible_network_is_named_at_the_level_that_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    assert said(path, "network: cnn\nfactors:\n  network.padding: [same, valid]\n") == [
        f"{path}:5:27: layer trunk.3 (conv2d): conv2d with a window of 3 and padding 'valid' does "
        "not fit into an input side of 1 (images of digits are 8x8x1)"
    ]


@pytest.mark.parametrize("design", ["one_at_a_time", "full_factorial"])
def test_an_impossible_network_of_the_study_itself_is_said_once(
    design: str, tmp_path: Path
) -> None:
    path = tmp_path / "s.yaml"
    (line,) = said(
        path,
        "network: {family: cnn, padding: valid}\n"
        f"design: {design}\nfactors:\n  network.activation: [relu, tanh, elu]\n"
        "  training.learning_rate: [0.1, 0.01]\n",
    )
    assert line.startswith(f"{path}:3:10: layer trunk.3 (conv2d)")


@pytest.mark.parametrize(
    ("training", "place", "begins"),
    [
        ("{swa: 0.5, ema: 0.9}", "4:17", "training.swa 0.5 and training.ema 0.9 average"),
        ("{epochs: 3, steps: 5, stop_after: 2}", "4:45", "training.stop_after counts epochs"),
    ],
)
def test_settings_that_do_not_fit_are_named_where_they_are(
    training: str, place: str, begins: str, tmp_path: Path
) -> None:
    path = tmp_path / "s.yaml"
    (line,) = said(path, f"network: mlp\ntraining: {training}\n")
    assert line.startswith(f"{path}:{place}: {begins}")
    assert "images of" not in line


def test_an_error_that_names_its_place_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def wrong(*_: Any) -> None:
        raise LocatedError("no", Mark("parts.py", 3, 1))

    monkeypatch.setattr("assay.studies.members.build_network", wrong)
    (line,) = said(tmp_path / "s.yaml", "network: {family: mlp, hidden: [17]}\n")
    assert line == "parts.py:3:1: no"
