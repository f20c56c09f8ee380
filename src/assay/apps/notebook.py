"""Progress in a notebook: one bar that is redrawn in place."""

from __future__ import annotations

import sys
import time
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

from assay.apps.cli.progress import ExecutionState

if TYPE_CHECKING:
    from assay.execution.events import Event

__all__ = ["Notebook", "in_notebook"]

DRAW_SECONDS = 0.5
REMARKS = 5
"""Number of recent remarks shown below the bar."""


def in_notebook() -> bool:
    """Whether this process is a notebook kernel."""
    if "IPython" not in sys.modules:
        return False
    shell = import_module("IPython").get_ipython()
    return getattr(shell, "kernel", None) is not None


class Notebook:
    """A bar below the cell that trains."""

    def __init__(self) -> None:
        self.state = ExecutionState()
        self._remarks: list[str] = []
        self._drawn = 0.0
        self._handle: Any = None

    def __enter__(self) -> Notebook:
        return self

    def __exit__(self, *reason: object) -> None:
        if self._handle is not None:
            self._draw()

    def __call__(self, event: Event) -> None:
        """Process an event."""
        remark = self.state(event)
        if remark:
            self._remarks = [*self._remarks, remark][-REMARKS:]
        if remark or time.monotonic() - self._drawn >= DRAW_SECONDS:
            self._draw()

    def _draw(self) -> None:
        show = import_module("IPython.display")
        content = show.HTML(self.html())
        if self._handle is None:
            self._handle = show.display(content, display_id=True)
        else:
            self._handle.update(content)
        self._drawn = time.monotonic()

    def html(self) -> str:
        """Return the bar, the progress in words, and the last remarks."""
        lines = [self.state.summary(), *self._remarks]
        said = "".join(f"<div>{escape(line)}</div>" for line in lines)
        return f'<progress value="{self.state.fraction:.4f}" style="width: 30em"></progress>{said}'
