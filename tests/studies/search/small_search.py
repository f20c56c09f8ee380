"""A small search on digits, for tests of what is read."""

from __future__ import annotations

from typing import Any

from assay.studies.study import parse_study


def study(space: dict[str, Any], **search: Any) -> Any:
    written = {
        "study": "s",
        "dataset": {"name": "digits", "train": 200},
        "network": {"family": "mlp", "hidden": [16]},
        "training": {"epochs": 9},
    }
    written |= {key: search.pop(key) for key in (*written, "engine", "seed") if key in search}
    written["search"] = {"sampler": "random", "trials": 5, "space": space, **search}
    return parse_study(written).search
