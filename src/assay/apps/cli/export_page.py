"""`assay export-page`: a web page that works without a server of assay."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.completion import stored_runs
from assay.apps.cli.options import Places

__all__ = ["export_page"]


def _pages(context: object = None) -> Iterable[str]:
    """Completer: pages and runs."""
    from assay.apps.web.pages import PAGES

    yield from PAGES.names()
    yield from stored_runs(context)


def export_page(
    what: Annotated[str, Parameter(completer=_pages)],
    /,
    *,
    out: Path,
    places: Places | None = None,
) -> None:
    """Write a web page that reads clocks or classifies pictures in the browser.

    Any web server can host the folder; no picture leaves the visitor's browser.
    Try it: `python -m http.server --directory DIR`.

    Args:
        what: clock, or a run of a classifier (the start of its name) that kept its weights.
        out: The folder to write into.
    """
    from assay.apps.web.pages import Site
    from assay.apps.web.shelf import Shelf
    from assay.apps.web.static_pages import export_page

    places = places or Places()
    shelf = Shelf(places.store_path)
    try:
        files = export_page(what, Site(places.store_path, places.data_path, shelf), out)
    finally:
        shelf.close()
    size = sum(file.stat().st_size for file in files) / 1e6
    console.say(f"written: {len(files)} files in {out}, {size:.0f} MB")
    console.say(f"try it: python -m http.server --directory {out}")
