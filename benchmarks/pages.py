"""The web pages of a store with 5,000 runs of 50 epochs: time to open, memory of the server, delay
of new records, and fifty listeners at once; compared with other tools on the same runs.

    python benchmarks/pages.py [--runs 5000] [--store DIR] [--peers VENV --data DIR]

Each page is opened in chromium, by a server that has just been started ("cold") and once again, in
a fresh browser context each. "first_paint" is the browser's first contentful paint; "shown" is when
all named elements are drawn, both in seconds from the start of the navigation. VENV is an
environment with optuna-dashboard 0.21, tensorboard 2.21 and trackio 0.43; without it there is no
comparison. DIR keeps their input, which takes minutes to write, for later calls. Nothing
else should run meanwhile; the load of the machine before each part is in the results.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from assay.core.machine import machine
from assay.core.store import Store
from pages_peers import measure_peers, write_peers
from pages_store import LARGE, LATE, fill

RESULTS = Path(__file__).parent / "results"
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]

LISTENERS = 50

TRIES = 3

PAGES = {
    "studies": ("/", ["table.studies tbody tr:nth-child(9) b"]),
    "study of 1,000 runs": (
        f"/study/{LARGE}",
        ["#effects table.forest tr", "#curve-grid canvas", "#trials tbody tr", "table.runs tr td"],
    ),
}


@contextlib.contextmanager
def serving(store: Path) -> Iterator[tuple[str, int]]:
    """`assay serve`, freshly started: its address and its process."""
    command = [sys.executable, "-m", "assay", "serve", "--store", str(store), "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout
            said = ""
            while not (found := re.search(r"open\s+(http://\S+)/", said)):
                said += process.stdout.readline()
            yield found[1], process.pid
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def used(pids: list[int]) -> dict[str, float]:
    """Memory of processes, in megabytes now and at most, and seconds that they have computed."""
    found = dict.fromkeys(("megabytes", "megabytes_most", "cpu_seconds"), 0.0)
    for pid in pids:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            said = dict(line.split(":", 1) for line in lines)
            found["megabytes"] += int(said["VmRSS"].split()[0]) / 1024
            found["megabytes_most"] += int(said["VmHWM"].split()[0]) / 1024
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found["cpu_seconds"] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return {name: round(value, 2) for name, value in found.items()}


def opened(browser: Any, address: str, wanted: list[str], seconds: float = 60) -> dict[str, float]:
    """Open a page in a fresh context; seconds to the first paint and until all is shown."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(address, wait_until="commit")
    tests = " && ".join(f"document.querySelector({json.dumps(what)})" for what in wanted)
    paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    # one question: a page may be too busy to answer a second one
    asked = f"() => {tests} && {paint} !== undefined && [{paint}, performance.now()]"
    found = page.wait_for_function(asked, polling="raf", timeout=1000 * seconds).json_value()
    context.close()
    return dict(zip(("first_paint", "shown"), (round(ms / 1000, 3) for ms in found), strict=True))


def measure_pages(browser: Any, store: Path) -> dict[str, Any]:
    """Every page, by servers that have just been started and again; the seconds of each try."""
    found: dict[str, Any] = {}
    for name, (path, wanted) in PAGES.items():
        tries = found[name] = {"cold": [], "warm": [], "server": []}
        for _ in range(TRIES):
            with serving(store) as (site, pid):
                before = used([pid])["cpu_seconds"]
                tries["cold"].append(opened(browser, site + path, wanted))
                computed = round(used([pid])["cpu_seconds"] - before, 2)
                tries["warm"].append(opened(browser, site + path, wanted))
                tries["server"].append({**used([pid]), "cpu_seconds_cold": computed})
    return found


def measure_news(browser: Any, store: Path, record: Any) -> dict[str, Any]:
    """Seconds from the start of storing a record until an open page shows it; memory after all
    pages of the store were opened."""
    with serving(store) as (site, pid):
        page = browser.new_page()
        for plan in studies_of(store):
            page.goto(f"{site}/study/{plan}")
            page.locator("#curve-grid canvas").first.wait_for()
        page.goto(f"{site}/study/{LATE}")
        page.locator(".facts", has_text="499 of 500 runs finished").wait_for()
        page.locator("#curve-grid canvas").first.wait_for()
        shows = "() => document.querySelector('.facts').textContent.includes('500 of 500')"
        page.evaluate(f"() => {{ window.shown = {shows}; }}")
        began = time.perf_counter()
        with Store(store) as opened_store:
            opened_store.add(record)
        stored = time.perf_counter()
        page.wait_for_function("() => window.shown()", polling="raf")
        seen = time.perf_counter()
        page.close()
        seconds = {"from_start": seen - began, "from_commit": seen - stored}
        return {"seconds": seconds, **used([pid])}


def studies_of(store: Path) -> list[str]:
    """Names of the studies in a store."""
    with Store(store, read_only=True) as opened_store:
        return [str(plan["study"]) for plan in opened_store.plans()]


class Listener(threading.Thread):
    """A page without a browser: it fetches what a study's page does, and listens.

    Attributes:
        told: when it was told that a study has something new, after its first answer.
    """

    VIEWS = ("study", "effects", "runs", "curves")

    def __init__(self, site: str, ready: threading.Barrier):
        super().__init__(daemon=True)
        self.place, self.ready = urlsplit(site), ready
        self.fetched = self.told = 0.0
        self.news = threading.Event()

    def run(self) -> None:
        """Fetch, then listen."""
        began = time.perf_counter()
        connection = http.client.HTTPConnection(self.place.hostname or "", self.place.port)
        for view in self.VIEWS:
            connection.request("GET", f"/api/{view}?name={LARGE}")
            connection.getresponse().read()
        self.fetched = time.perf_counter() - began
        connection.request("GET", "/api/stream")
        stream = connection.getresponse()
        seen = 0
        while line := stream.fp.readline():
            if line == b"event: store\n":
                seen += 1
                if seen == 1:
                    self.ready.wait()
                else:
                    self.told = time.perf_counter()
                    self.news.set()
                    return


def measure_listeners(store: Path, record: Any) -> dict[str, Any]:
    """Fifty at once: each has a study of 1,000 runs, and all are told of a record."""
    with serving(store) as (site, pid):
        ready = threading.Barrier(LISTENERS + 1)
        listeners = [Listener(site, ready) for _ in range(LISTENERS)]
        for listener in listeners:
            listener.start()
        ready.wait()
        with Store(store) as opened_store:
            opened_store.add(record)
        stored = time.perf_counter()
        for listener in listeners:
            listener.news.wait(60)
        fetched = sorted(listener.fetched for listener in listeners)
        return {
            "listeners": LISTENERS,
            "seconds_to_fetch": {"median": fetched[LISTENERS // 2], "most": fetched[-1]},
            "seconds_until_all_are_told": max(one.told for one in listeners) - stored,
            **used([pid]),
        }


def forget(store: Path, run: str) -> None:
    """Take a record out again."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(store / "index.sqlite")) as index, index:
        for table in ("runs", "arrays"):
            index.execute(f"DELETE FROM {table} WHERE run_id = ?", (run,))


def main() -> None:
    """Measure, print, write."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--store", type=Path, help="kept, and not written anew")
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--data", type=Path, default=Path("peers-data"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        store = given.store or Path(folder) / "store"
        late = fill(store, given.runs)
        took = write_peers(store, given.peers, given.data) if given.peers else {}
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *QUIET])
        result: dict[str, Any] = {
            "date": f"{datetime.date.today()}",
            "machine": machine(),
            "runs": given.runs,
            "epochs": 50,
            "load_before": os.getloadavg()[0],
            "chromium": browser.version,
        }
        result["pages"] = measure_pages(browser, store)
        result["news"] = measure_news(browser, store, late)
        forget(store, late.run_id)
        result["fifty"] = measure_listeners(store, late)
        forget(store, late.run_id)
        result["load_before_peers"] = os.getloadavg()[0]
        if given.peers:
            result["peers"] = measure_peers(browser, given.peers, given.data, opened, used)
            result["seconds_to_write_for_peers"] = took
        result["load_after"] = os.getloadavg()[0]
    text = json.dumps(result, indent=1)
    print(text)
    out = given.out or RESULTS / f"pages-{result['date']}.json"
    out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
