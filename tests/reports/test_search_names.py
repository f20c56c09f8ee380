"""How parameters are called in tables and figures of a search."""

from __future__ import annotations

from assay.reports.search_views import short_names


def test_names_are_as_short_as_they_can_be_told_apart():
    names = [
        "units",
        "network.hidden.0.units",
        "network.hidden.1.units",
        "network.filters.0.0",
        "network.dropout",
        "training.learning_rate",
    ]
    assert list(short_names(names).values()) == [
        "units",
        "hidden.0",
        "hidden.1",
        "filters.0.0",
        "dropout",
        "learning_rate",
    ]
    assert short_names(["a.rate", "b.rate"]) == {"a.rate": "a.rate", "b.rate": "b.rate"}
