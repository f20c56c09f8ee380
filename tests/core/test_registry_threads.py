"""Threads that look something up first at the same time all find it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, threading
sys.setswitchinterval(1e-5)
from assay.data.catalog import ENTRIES
from assay.networks.families import FAMILIES
from assay.tasks.task import TASKS

start, wrong = threading.Barrier(16), []

def look(number):
    start.wait()
    for registry, name in ((ENTRIES, "digits"), (FAMILIES, "mlp"), (TASKS, "classify")):
        try:
            registry[name]
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}")

threads = [threading.Thread(target=look, args=(n,)) for n in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit("; ".join(wrong) or 0)
"""


def test_nothing_is_missing_while_a_registry_is_loaded():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
