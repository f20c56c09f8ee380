"""`--to json`: configuration, command, machine and every run's numbers, in one small file."""

from __future__ import annotations

import json
from pathlib import Path

from assay.apps.exporters.exporter import EXPORTERS, StudyExporter
from assay.apps.results import Results
from assay.reports.study_data import study_data

__all__ = ["Json"]


class Json(StudyExporter):
    """Plain data of a study; see `assay.reports.study_data`."""

    suffix = ".json"

    def write(self, results: Results, path: Path) -> None:
        """Write the file."""
        data = study_data(results.plan, results.records(arrays=False), results.tried())
        path.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n")


EXPORTERS.add("json")(Json())
