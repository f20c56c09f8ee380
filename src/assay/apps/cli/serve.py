"""`assay serve`: the lab as a page in a browser."""

from __future__ import annotations

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
    plugin: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    places: Places | None = None,
) -> int:
    """Show the store as pages in a browser, and train from there.

    The pages show studies while they train, in live curves, and start, stop and resume them;
    closing a page or this server ends no training. Only this machine can open them, unless --host
    says otherwise: then whoever opens them must know the token, which is printed once.

    Args:
        host: Listen for other machines as well, at this address (0.0.0.0: at all).
        port: Where to listen; 0 chooses a free port.
        token: What they must know, for --host [a new one].
        plugin: A Python file or module that registers pages of your own; may be repeated.
    """
    from assay.apps.serving import run_server
    from assay.core.plugins import load

    for name in plugin:
        load(name)
    places = places or Places()
    return run_server(places.store_path, places.data_path, host, port, token, say=console.say)
