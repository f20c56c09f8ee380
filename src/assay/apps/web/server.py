"""The server: addresses and their endpoints. Only this module and `answers` need the extra
`serve`."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from assay.apps.web import editing, run_view, views
from assay.apps.web.answers import (
    answer_of,
    answered,
    attached,
    content_of,
    file_of,
    posted,
    refused,
)
from assay.apps.web.drivers import Drivers, command_of
from assay.apps.web.guard import Guard, TooLarge
from assay.apps.web.pages import PAGES, Answer, Site
from assay.apps.web.shelf import Shelf, encode
from assay.apps.web.shell import BUNDLES, STATIC, bundle, shell
from assay.apps.web.stream import Watcher, summary
from assay.core.errors import StoreError, unknown_name
from assay.execution.live import read_live

__all__ = ["Lab", "make_app"]

WAITING = 32
"""Maximum number of waiting requests of one page; further ones are told to try again."""

PLAN_SECONDS = 20.0
"""Maximum time that a study which is started has until its plan is stored."""

FORMATS = {"csv": "text/csv", "json": "application/json", "markdown": "text/markdown"}


def make_app(
    store: Path,
    data_dir: Path | None = None,
    hosts: frozenset[str] = frozenset({"127.0.0.1", "localhost", "::1"}),
    token: str = "",
) -> Guard:
    """Return the server as an ASGI application.

    Args:
        store: the folder of records, which need not exist yet.
        data_dir: the folder with the datasets.
        hosts: its host names.
        token: see `Guard`.
    """
    return Guard(Lab(store, data_dir).app, hosts, token)


class _PageThread:
    """A thread that computes one response after the other; shutdown does not wait for it."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[tuple[Future[Response], Callable[[], Response]]] = SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    async def answer(self, make: Callable[[], Response]) -> Response:
        """Return the result of a function, computed in its turn."""
        made: Future[Response] = Future()
        self._queue.put((made, make))
        return await asyncio.wrap_future(made)

    def _work(self) -> None:
        while True:
            made, make = self._queue.get()
            if not made.set_running_or_notify_cancel():
                continue  # the client has gone
            try:
                made.set_result(make())
            except BaseException as error:
                made.set_exception(error)


class Lab:
    """The endpoints.

    Attributes:
        app: the application without its guard.
    """

    def __init__(self, store: Path, data_dir: Path | None):
        self.shelf = Shelf(store)
        self.site = Site(store, data_dir, self.shelf)
        self.watcher = Watcher(self.shelf)
        self.drivers = Drivers(store, data_dir)
        self._answers: dict[str, Mapping[str, Answer]] = {}
        self._workers: dict[str, _PageThread] = {}
        self._waiting: dict[str, int] = {}
        self._lock = threading.Lock()
        self._reporting = threading.Lock()

        @asynccontextmanager
        async def lifespan(app: Starlette) -> Any:
            yield
            self.watcher.stop()
            self.shelf.close()

        async def too_large(request: Request, error: Exception) -> Response:
            return refused(413, str(error))

        async def unexpected(request: Request, error: Exception) -> Response:
            return refused(500, f"{type(error).__name__}: {error} (this is a bug in assay)"[:500])

        handlers: Any = {TooLarge: too_large, Exception: unexpected}
        self.app = Starlette(routes=self._routes(), lifespan=lifespan, exception_handlers=handlers)

    def prepare(self) -> None:
        """Do slow work before the first request."""
        import assay.reports

        assert assay.reports
        self._titles()
        with suppress(StoreError):  # its page shows the error
            self._studies()

    def _titles(self) -> dict[str, str]:
        return {name: PAGES[name].title for name in PAGES}

    def _routes(self) -> list[Route]:
        page = [Route(path, self.shell) for path in ("/", "/search", "/new", "/edit/{name:path}")]
        page += [Route(f"/{kind}/{{name:path}}", self.shell) for kind in ("study", "run")]
        return [
            *page,
            Route("/page/{name}", self.shell),
            Route("/page/{name}/{file}", self.page_file),
            Route("/page/{name}/{answer}", self.page_answer, methods=["POST"]),
            Route("/static/{file:path}", self.static),
            Route("/api/stream", self.stream),
            Route("/download/{kind}", answered(self.download)),
            *[Route(f"/api/{name}", answered(get)) for name, get in self._gets().items()],
            *[
                Route(f"/api/{name}", partial(posted, post), methods=["POST"])
                for name, post in self._posts().items()
            ],
            Route("/{path:path}", partial(self.shell, status=404)),
        ]

    def _gets(self) -> dict[str, Callable[[Mapping[str, str]], bytes | Response]]:
        def of_study(name: str, make: Callable[..., Any]) -> Callable[..., bytes]:
            def answer(asked: Mapping[str, str]) -> bytes:
                study = asked.get("name", "")
                key = (name, study, self.shelf.version(study))
                return self.shelf.view(key, lambda: make(self.shelf, study))

            return answer

        return {
            "studies": lambda asked: encode(self._studies()),
            "best": of_study("best", views.best),
            "study": of_study("study", views.study),
            "effects": of_study("effects", views.effects),
            "runs": of_study("runs", views.runs),
            "search": of_study("search", views.search),
            "importances": of_study("importances", views.importances),
            "curves": self._curves,
            "run": lambda asked: encode(run_view.run(self.shelf, asked.get("id", ""))),
            "pictures": lambda asked: self._pictures(asked.get("id", "")),
            "source": lambda asked: encode(editing.source(asked.get("name", ""), self._written)),
            "drivers": lambda asked: encode(self.drivers.list()),
        }

    def _posts(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        return {
            "check": lambda d: self._check(d.get("text")),
            "save": self._save,
            "start": self._start,
            "stop": lambda d: {"stopped": self.drivers.stop(str(d.get("study", "")))},
        }

    @property
    def _written(self) -> Path:
        return self.site.store / editing.STUDIES

    # -- pages -----------------------------------------------------------------------------------

    async def shell(self, request: Request, status: int = 200) -> Response:
        """The page, whose scripts decide by the address what to show."""
        pages = await run_in_threadpool(self._titles)
        return Response(shell(pages), status, media_type="text/html")

    async def static(self, request: Request) -> Response:
        """A static file, or a bundle of several."""
        if (name := request.path_params["file"]) in BUNDLES:
            kind = "text/css" if name.endswith(".css") else "text/javascript"
            text = await run_in_threadpool(bundle, name)
            return Response(text, media_type=kind, headers={"Cache-Control": "no-cache"})
        return file_of(STATIC, request.path_params["file"])

    async def page_file(self, request: Request) -> Response:
        """A file of a subject's page."""
        name = request.path_params["name"]
        if name not in PAGES:
            return refused(404, f"there is no page {name[:80]!r}")
        return file_of(PAGES[name].folder, request.path_params["file"])

    async def page_answer(self, request: Request) -> Response:
        """Call a function of a subject's page."""
        name, answer = request.path_params["name"], request.path_params["answer"]
        if name not in PAGES:
            return refused(404, f"there is no page {name[:80]!r}")
        given = await content_of(request)
        with self._lock:
            worker = self._workers.setdefault(name, _PageThread())
            if self._waiting.get(name, 0) >= WAITING:
                return refused(503, "too many requests at once for this page; try again")
            self._waiting[name] = self._waiting.get(name, 0) + 1
        try:
            return await worker.answer(lambda: self._answer(name, answer, given))
        finally:
            with self._lock:
                self._waiting[name] -= 1

    def _answer(self, name: str, answer: str, given: Any) -> Response:
        def make() -> bytes:
            if name not in self._answers:
                self._answers[name] = PAGES[name].answers(self.site)
            if answer not in self._answers[name]:
                raise StoreError(f"page {name} has no answer {answer[:80]!r}")
            return encode(self._answers[name][answer](given))

        return answer_of(make)

    # -- views -----------------------------------------------------------------------------------

    def _studies(self) -> dict[str, Any]:
        moment = self.shelf.poll()
        made = self.shelf.view(("studies", moment.name), lambda: views.studies(self.shelf))
        own = editing.written(self._written)
        return {
            "store": str(self.site.store),
            "moment": moment.name,
            "studies": json.loads(made),
            "written": own,
            "drivers": [summary(said) for said in read_live(self.site.store)],
        }

    def _curves(self, asked: Mapping[str, str]) -> bytes:
        study = asked.get("name", "")
        chosen = [trial for trial in asked.get("trials", "").split(",") if trial]
        version = self.shelf.version(study)
        live = [said for said in read_live(self.site.store) if said["study"] == study]
        training = {run: curves for said in live for run, curves in said["curves"].items()}
        going = hashlib.sha256(encode(training)).hexdigest()
        key = ("curves", study, version, tuple(chosen), going)
        return self.shelf.view(key, lambda: views.curves(self.shelf, study, chosen, training))

    def _pictures(self, run: str) -> bytes:
        name = self.shelf.read(lambda store: store.find(run))
        key = ("pictures", name, self.shelf.poll().cursor)
        return self.shelf.view(key, lambda: run_view.pictures(self.shelf, name, self.site.data_dir))

    # -- changes ---------------------------------------------------------------------------------

    def _check(self, text: object) -> dict[str, Any]:
        return editing.check(text, self._written, self.site.data_dir, self.site.store)

    def _save(self, given: dict[str, Any]) -> dict[str, Any]:
        said = self._check(given.get("text"))
        if said["problems"]:
            return said
        file = editing.save(said["name"], given.get("text"), self._written)
        return {**said, "file": str(file)}

    def _start(self, given: dict[str, Any]) -> dict[str, Any]:
        study = str(given.get("study", ""))
        stored = self.shelf.poll().versions
        scale = str(given.get("scale") or "full")
        name = study if "@" in study or scale == "full" else f"{study}@{scale}"
        if stored:
            self.shelf.read(lambda store: store.refuse_imported(name))
        plan = self.shelf.plan(name) if name in stored else None
        pid = self.drivers.start(name, command_of(plan, given, self._written))
        last = time.monotonic() + PLAN_SECONDS
        while time.monotonic() < last and self.drivers.running(name):
            if name in self.shelf.poll().versions:  # now it has a page
                break
            time.sleep(0.1)
        return {"pid": pid, "study": name}

    # -- streams and files -----------------------------------------------------------------------

    async def stream(self, request: Request) -> Response:
        """Stream changes for as long as the page listens."""
        since = request.headers.get("last-event-id") or request.query_params.get("since", "")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        events = self.watcher.events(since[:80])
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    def download(self, asked: Mapping[str, str]) -> Response:
        """Download data and reports of a study."""
        from assay.apps.results import Results

        study, kind = asked.get("name", ""), asked["kind"]
        results = Results(self.site.store, self.shelf.plan(study), self.site.data_dir)
        if kind in FORMATS:
            text = results.trials_table().format(kind)
            ending = {"markdown": "md"}.get(kind, kind)
            return attached(text.encode(), FORMATS[kind], f"{study}.{ending}")
        if kind == "runs":
            runs = views.runs(self.shelf, study)
            return attached(views.runs_csv(runs).encode(), "text/csv", f"{study}-runs.csv")
        if kind == "report":
            return self._report(study)
        raise StoreError(unknown_name("download", kind, [*FORMATS, "runs", "report"]))

    def _report(self, study: str) -> Response:
        """Write the report in a separate process, because it needs much memory."""
        from assay.apps.web.making import make_report

        with self._reporting, tempfile.TemporaryDirectory() as folder:
            file = make_report(study, self.site, Path(folder))
            return attached(file.read_bytes(), "text/html", f"{study}.html")
