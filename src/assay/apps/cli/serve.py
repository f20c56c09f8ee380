"""`assay serve`: serves the store as web pages."""

from __future__ import annotations

import os
from typing import Annotated

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.options import Places

__all__ = ["serve"]


def serve(
    *,
    host: str | None = None,
    port: int = 8008,
    token: Annotated[str | None, Parameter(show_default=False)] = None,
    plugin: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = (),
    places: Places | None = None,
) -> int:
    """Serve the store as web pages, which also start and stop training.

    The pages show live curves while studies train, and start, stop and resume them. Training goes
    on when a page or this server is closed. Only this machine can open the pages, unless --host is
    given: other machines then need the token, which is printed once.

    Args:
        host: Address to listen on, so that other machines can connect (0.0.0.0: every address).
        port: Port to listen on; 0 chooses a free one.
        token: Access token of 12 or more letters, digits and . _ ~ + / = -, also for this machine;
            other accounts may see it among the running programs, but not ASSAY_TOKEN
            [ASSAY_TOKEN, or a new one with --host, else none].
        plugin: A Python file or module that registers pages of your own; may be repeated.
    """
    from assay.apps.serving import run_server
    from assay.core.plugins import load

    for name in plugin:
        load(name)
    places = places or Places()
    secret = token if token is not None else os.environ.get("ASSAY_TOKEN") or None
    return run_server(places.store_path, places.data_path, host, port, secret, say=console.say)
