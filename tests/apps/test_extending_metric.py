"""docs/extending.md, "A metric of your own": its code runs as it stands, in another folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs" / "extending.md"


def blocks(section: str) -> dict[str, str]:
    """Language -> code of a section."""
    text = DOCS.read_text(encoding="utf-8").split(f"## {section}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL))


def test_the_metric_of_the_documentation(tmp_path: Path) -> None:
    code = blocks("A metric of your own")
    (tmp_path / "my_metrics.py").write_text(code["python"])
    (tmp_path / "study.yaml").write_text(code["yaml"] + "engine: numpy\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "assay", *command],
            cwd=elsewhere,
            env={**os.environ, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    run("run", str(tmp_path / "study.yaml"), "--workers", "1")
    table = run("results", "with-my-metric")  # with no plugin: the plan says how it is shown
    assert "judged by macro F1." in table
    assert "Other metrics of with-my-metric" in table
    assert "mistakes" in table
    assert re.search(r"\(baseline\) +2 +[\d.]+ ± [\d.]+ +\d\.\d{3} ± \d\.\d{3}\s", table)
