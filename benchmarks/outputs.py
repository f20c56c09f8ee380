"""Run the examples of a text and record their output, so that the text can be checked.

    python benchmarks/outputs.py README.md docs/sklearn.md

In Markdown, Python blocks are run in order, in one process, and an output block (```text) that
begins with `$ assay engines` is a command to run. Writes results/outputs-DATE.json, which the check
of numbers (`scripts/check-numbers`) reads: a block of output in a text must be in such a file.
"""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from assay.core.machine import machine

ROOT = Path(__file__).resolve().parents[1]
_BLOCKS = re.compile(r"(?ms)^```(\w+)\n(.*?)^```$")
_RERUN = "$ assay engines "


def outputs_of(text: str) -> list[str]:
    """What the examples of a text print."""
    found, names = [], {}
    for kind, block in _BLOCKS.findall(text):
        if kind == "python" and not block.startswith("import assay\n"):  # README trains a study
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(block, "example", "exec"), names)
            found.append(printed.getvalue())
        elif kind == "text" and block.startswith(_RERUN):
            command = block.splitlines()[0]
            words = [sys.executable, "-m", *shlex.split(command[2:])]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            found.append(f"{command}\n{done.stdout}")
    return [output for output in found if output.strip()]


def main() -> None:
    """Run, write."""
    date = datetime.date.today().isoformat()
    load = os.getloadavg()[0]
    outputs: list[str] = []
    texts = [Path(name).resolve() for name in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for text in texts:
            outputs += outputs_of(text.read_text())
    result: dict[str, Any] = {
        "date": date,
        "machine": machine(),
        "load_before": load,
        "command": f"python benchmarks/outputs.py {' '.join(sys.argv[1:])}",
        "outputs": outputs,
    }
    path = ROOT / "benchmarks" / "results" / f"outputs-{date}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
