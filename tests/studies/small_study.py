"""A study that is complete and small, and what is said when it is changed for the worse."""

from __future__ import annotations

from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.studies.study import parse_study

BASE: dict[str, Any] = {
    "study": "small",
    "dataset": "digits",
    "network": {"family": "mlp", "hidden": [16]},
    "training": {"epochs": 2},
}


def small(**changes: Any) -> dict[str, Any]:
    return {**BASE, **changes}


def message(study: Any, **options: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_study(study, **options)
    return str(caught.value).splitlines()
