"""Which curves share a panel."""

from __future__ import annotations

import numpy as np

from assay.reports.panels import _panel


def test_clocks_are_ranked_by_minutes_because_losses_of_other_labels_differ():
    def entry(i):
        series = {"val_minutes": {"mean": np.array([9.0, i])}, "val_loss": {"mean": np.array([-i])}}
        return {"trial": f"t{i}", "trial_id": f"t{i}", "series": series}

    panel = _panel("", [(f"t{i}", entry(float(i))) for i in range(8)])
    assert [line["label"] for line in panel["lines"]] == [f"t{i}" for i in range(6)]
    assert panel["left_out"] == 2
