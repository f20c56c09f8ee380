"""What every test gets: no network, no traces outside its own folder, reproducible examples."""

from __future__ import annotations

import contextlib
import functools
import gc
import http.server
import importlib.util
import itertools
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"
os.environ["ASSAY_PROGRAM"] = "pytorch"  # fixtures of modules and sessions, too
# the cores are taken by other tests; where more threads matter, a test says how many
os.environ.setdefault("OMP_NUM_THREADS", "1")
# what is compiled for one session of tests does for the next one
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache/numba"))
settings.register_profile("assay", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("assay")


FOLDERS = itertools.count()

EXECUTOR = "assay.execution.execute._Course._default_executor"

LONG = (
    "test_checkpoints",
    "test_compiled",
    "test_courses",
    "test_every_engine",
    "test_execute",
    "test_extending",
    "test_html",
    "test_own_",
    "test_page",
    "test_sklearn",
    "test_store",
    "test_subjects",
    "test_training",
    "test_unscramble",
)
"""How the names of files begin that have few tests, but long ones."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files: one that comes last would be waited for by one process alone."""
    items.sort(key=lambda item: not item.path.name.startswith(LONG))


def pytest_collectstart() -> None:
    """Look for no garbage while tests are imported, which makes hardly any."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Look for it again, but not in the modules of all tests each time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def no_worker() -> Iterator[Callable[..., str]]:
    """Train in the process of a test: a worker takes seconds to start. Tests of workers name their
    executor, start a process, or have what chooses (`chosen_executor`)."""
    from assay.execution.execute import _Course

    chooses = _Course._default_executor
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EXECUTOR, lambda self, missing: "inline")
        yield chooses


@pytest.fixture
def chosen_executor(no_worker: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Train where assay chooses to."""
    monkeypatch.setattr(EXECUTOR, no_worker)


@pytest.fixture(autouse=True)
def closed_world(
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Refuse connections to other hosts; keep stores and caches of the user out of reach."""
    base = tmp_path_factory.getbasetemp()
    if "tmp_path" in request.fixturenames:
        own = request.getfixturevalue("tmp_path")
    else:  # a name alone, because most tests write nothing and folders take time
        own = base / f"outside-{next(FOLDERS)}"
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host not in ("localhost", "127.0.0.1", "::1"):
            raise AssertionError(f"a test tried to reach {host!r}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", local_only)
    monkeypatch.setenv("ASSAY_STORE", str(own / "assay-store"))
    monkeypatch.setenv("XDG_STATE_HOME", str(own / "state"))
    # some test runs come with it set; what a table looks like must not depend on that
    monkeypatch.delenv("COLUMNS", raising=False)
    # which program is the fastest is not to be measured by every test
    monkeypatch.setenv("ASSAY_PROGRAM", "pytorch")
    # one cache for all tests, or each would verify the real files anew
    monkeypatch.setenv("ASSAY_CACHE", str(base / "cache"))


@pytest.fixture(autouse=True)
def no_plugin_left() -> Iterator[None]:
    """Forget the plugins that a test has loaded: the workers of later tests would load them, too,
    and PyTorch with them, which takes each one seconds."""
    from assay.core import plugins

    before = dict(plugins._loaded)
    yield
    for name in plugins._loaded.keys() - before.keys():
        plugin = plugins._loaded.pop(name)
        if plugin.name.endswith(".py"):  # an installed module stays imported
            plugins._unload(plugin.module)


@pytest.fixture(autouse=True)
def equal_draws() -> None:
    """Let a test draw the same numbers after whichever tests its process has run before."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def real_data() -> Path:
    """The folder with the real datasets, or skip."""
    folder = os.environ.get("ASSAY_DATA")
    if not folder:
        pytest.skip("reads the real datasets; set ASSAY_DATA to their folder")
    return Path(folder)


@pytest.fixture
def blank_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write empty reports: to draw one takes a second, and every `assay run` does."""
    monkeypatch.setattr("assay.reports.html.render_html", lambda *given: "<!doctype html>\n")


@pytest.fixture
def all_subjects() -> None:
    """Skip where the folder of a subject was deleted: the documents speak of all three."""
    for name in ("clocks", "generation", "unscrambling"):
        if not importlib.util.find_spec(f"assay.subjects.{name}"):
            pytest.skip(f"assay.subjects.{name} is not here")


STUDY = """\
study: small
question: Does the rate matter?
dataset: {name: digits, train: 200, test: 100}
network: {family: mlp, hidden: [16]}
training: {epochs: 3, batch_size: 32, optimizer: adam, learning_rate: 0.01}
repeats: 2
factors:
  training.learning_rate: [0.01, 0.00001]
"""


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the study."""
    path = tmp_path_factory.mktemp("study") / "small.yaml"
    path.write_text(STUDY)
    return path


CHROMIUM = next(
    (p for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(p).exists()), ""
)
CHROMIUM_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real browser with a camera that shows a test picture.

    Playwright's loop occupies its thread: the next module gets one of its own.
    """
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as p:
        found = p.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        yield found
        found.close()


@pytest.fixture(scope="module")
def hand_out() -> Iterator[Callable[[Path], str]]:
    """Serve a folder as any web server does; returns its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *what: Any) -> None:
            """Nothing."""

    with contextlib.ExitStack() as servers:

        def serve(folder: Path) -> str:
            handler = functools.partial(Quiet, directory=str(folder))
            server = servers.enter_context(
                http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            )
            servers.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            return f"http://127.0.0.1:{server.server_port}"

        yield serve


@pytest.fixture(scope="session")
def store(study: Path) -> Path:
    """A store with all its runs, as the command line leaves it."""
    from assay.apps.cli.app import main

    folder = study.parent / "store"
    assert main(["run", str(study), "--store", str(folder), "--on", "inline"]) == 0
    return folder


@pytest.fixture
def own_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Forgets the plugins that a test has loaded, as a fresh process would; also at its end, so
    that another test may have plugins of the same names."""
    from assay.core import plugins

    def forget() -> None:
        for plugin in plugins.loaded():
            plugins._unload(plugin.module)
        plugins._loaded.clear()

    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(plugins, "_loaded", {})
    yield forget
    forget()


@pytest.fixture
def pinned(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Train the one run of a small study and hold its losses, or other `numbers` by name, against
    `pinned.json`, which lies beside the test: where they have moved, a part needs a new version.

    `ASSAY_PIN=1 pytest ...` writes the numbers of the tests that it runs.
    """
    file = request.path.with_name("pinned.json")
    name = f"{request.node.originalname.removeprefix('test_')}[{request.node.callspec.id}]"

    def check(
        study: dict[str, Any] | None = None,
        *,
        numbers: dict[str, list[float]] | None = None,
        versions: dict[str, int] | None = None,
        within: float = 1e-6,
    ) -> None:
        if study is not None:
            numbers, versions = _losses({"study": "pinned", "precision": "float64", **study})
        assert numbers is not None
        assert versions is not None
        numbers = {key: [float(f"{x:.9g}") for x in found] for key, found in numbers.items()}
        known = json.loads(file.read_text()) if file.exists() else {}
        if os.environ.get("ASSAY_PIN"):
            known[name] = {"versions": versions, "numbers": numbers}
            file.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
        same = known[name]["versions"] == versions
        moved = f"the numbers have moved: give one of {', '.join(versions)} a new version"
        for key, before in known[name]["numbers"].items():
            assert not same or numbers[key] == pytest.approx(before, rel=within), moved
        assert same, f"a new version: write its numbers to {file} with ASSAY_PIN=1"

    return check


def _losses(study: dict[str, Any]) -> tuple[dict[str, list[float]], dict[str, int]]:
    """The losses of a study's only run, and the versions of its parts."""
    from assay.apps.api import plan_of
    from assay.data import load
    from assay.engines.engine import ENGINES, Resources
    from assay.studies.members import cohorts
    from assay.studies.parts import used_parts

    (config,) = plan_of(study).configs()
    (cohort,) = cohorts([config])
    resources = Resources(device="cpu", threads=1, save_weights=False)
    engine, dataset = ENGINES[config["engine"]](), load(config["dataset"])
    (record,) = engine.train(cohort, dataset, resources, lambda progress: None)
    losses = {name: curve.tolist() for name, curve in record.curves.items() if "loss" in name}
    versions = {f"{kind.kind} {part}": kind.version(part) for kind, part in used_parts(config)}
    return losses, dict(sorted(versions.items()))
