"""A server of a small real store in a process of its own, and its pages in a real browser."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from web_server import serving

SEARCH = """\
study: small-search
question: How good can a small MLP get?
dataset: {name: digits, train: 200, test: 100}
network: {family: mlp, hidden: [16]}
training: {epochs: 2, batch_size: 32, optimizer: adam}
repeats: 1
search:
  sampler: random
  trials: 9
  space:
    training.learning_rate: {float: [5e-4, 1e-1], log: true}
    network.activation: {choice: [relu, tanh]}
"""


@pytest.fixture(scope="session")
def lab_store(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the small study with a small search in it as well; the others' stays as it is."""
    pytest.importorskip("starlette")
    from assay.apps.cli.app import main

    folder = tmp_path_factory.mktemp("lab")
    lab = shutil.copytree(store, folder / "store")
    file = folder / "small-search.yaml"
    file.write_text(SEARCH)
    assert main(["run", str(file), "--store", str(lab), "--on", "inline"]) == 0
    table = folder / "elsewhere.csv"
    table.write_text("activation,seed,accuracy\nrelu,0,0.91\ntanh,0,0.93\ntanh,1,inf\n")
    assert main(["import", str(table), "--store", str(lab)]) == 0
    add_broken(lab)
    return lab


def add_broken(lab: Path) -> None:
    """Add a study whose only run failed."""
    from assay.core.records import Record
    from assay.core.store import Store

    with Store(lab) as opened:
        plan = opened.plan("small")
        trial = {**plan["trials"][0], "trial_id": "f" * 16, "runs": ["f" * 16], "label": "broken"}
        said = {"study": "broken", "question": "", "command": "assay run broken.yaml"}
        opened.save_plan({**plan, **said, "trials": [trial], "comparisons": [], "factors": {}})
        failed = Record(
            "f" * 16, "f" * 16, 0, "failed", trial["config"], {}, {}, message="KeyError: 'units'"
        )
        opened.add(failed)


@pytest.fixture(scope="session")
def site(lab_store: Path) -> Iterator[str]:
    """The address of a server of that store."""
    pytest.importorskip("uvicorn")
    with serving(lab_store) as address:
        yield address.rstrip("/")


@pytest.fixture
def visit(browser: Any, site: str) -> Iterator[Callable[..., Any]]:
    """Open an address; at the end no page may have had an error or asked another host."""
    opened, wrong = [], []

    def go(address: str = "/", width: int = 1280, height: int = 900, **how: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **how)
        page = context.new_page()
        opened.append(context)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("console", lambda m: m.type == "error" and wrong.append(f"console: {m.text}"))
        own = (site, "file:", "data:", "blob:")
        page.on("request", lambda r: r.url.startswith(own) or wrong.append(f"asked {r.url}"))
        page.goto(address if "://" in address else site + address)
        page.wait_for_selector("h1")
        return page

    go.wrong = wrong  # type: ignore[attr-defined]
    yield go
    for context in opened:
        context.close()
    assert wrong == []
