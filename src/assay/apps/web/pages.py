"""Pages of subjects and plugins: a script for the browser, and functions that it calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.registry import Registry, register

if TYPE_CHECKING:
    from assay.apps.web.shelf import Shelf

__all__ = ["PAGES", "Answer", "Page", "Site"]


@dataclass(frozen=True)
class Site:
    """What the functions of a page may use.

    Attributes:
        store: the folder of records; data_dir: the folder with datasets, if any.
        shelf: reads the store.
    """

    store: Path
    data_dir: Path | None
    shelf: Shelf


Answer = Callable[[Any], Any]
"""Function from what the script sent, JSON data or the bytes of a file, to JSON data. It is called
by one thread at a time, may be slow, and raises an AssayError for invalid input."""


@dataclass(frozen=True)
class Page:
    """A page of the server.

    Attributes:
        title: its title in the navigation; about: one sentence on what it offers.
        folder: files that the browser may load; `page.js` calls `assay.page(NAME, component)`.
        answers: returns the functions that answer the browser, by name; called once, on first use.
        export: writes the page into a folder, so that it works without a server; None if it
            cannot.
    """

    title: str
    about: str
    folder: Path
    answers: Callable[[Site], Mapping[str, Answer]]
    export: Callable[[Site, Path], list[Path]] | None = field(default=None)


PAGES: Registry[Page] = Registry("page")
"""Name, which is also its address (/page/NAME) -> page."""

register("page", "network", "assay.apps.web.playground:PAGE")
