"""Runs the web server, from Python or from the command line."""

from __future__ import annotations

import ipaddress
import logging
import re
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from assay.core.errors import ConfigError, MissingExtraError, install_extra

__all__ = ["check_serve", "names_of", "run_server"]

LOCAL = ("127.0.0.1", "localhost", "::1")

LEAST = 12
"""Minimum length of a token."""


def check_serve() -> None:
    """Raise MissingExtraError unless the server's libraries are installed."""
    try:
        import starlette
        import uvicorn
    except ImportError as error:
        raise MissingExtraError(
            f"assay serve needs {error.name}, which is part of the extra serve: "
            f"{install_extra('serve')}"
        ) from error
    assert starlette
    assert uvicorn


def run_server(
    store: Path,
    data_dir: Path | None = None,
    host: str | None = None,
    port: int = 8008,
    token: str | None = None,
    say: Callable[[str], None] = print,
) -> int:
    """Serve until Ctrl-C; returns the exit status.

    Args:
        store: the folder of records, which need not exist yet.
        data_dir: the folder with the datasets.
        host: an address for other machines; None accepts only this machine.
        port: 0 chooses a free one.
        token: access token that every page needs; None generates one with `host`, and needs none
            without.
        say: called once with the address.

    Raises:
        MissingExtraError: starlette or uvicorn is missing.
        ConfigError: the address or port is not available, or the token is too short or has
            characters that a cookie cannot keep.
    """
    check_serve()
    import uvicorn

    from assay.apps.web.guard import Guard
    from assay.apps.web.server import Lab

    if not 0 <= port <= 65535:
        raise ConfigError(f"--port {port}: expected a number from 0 to 65535")
    if token is not None:
        _check_token(token)
    if store.exists() and not store.is_dir():
        raise ConfigError(f"{store} is a file; a store is a folder")
    secret = token or (secrets.token_urlsafe(24) if host is not None else "")
    listening = _listen(LOCAL[0] if host is None else host, port)
    number = listening.getsockname()[1]
    lab = Lab(store, data_dir)
    lab.prepare()
    app = Guard(lab.app, names_of(host), secret)
    say(f"store: {store}")
    say(f"open   {_address(host, number, secret)}   (Ctrl-C stops)")
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        limit_concurrency=2000,
        server_header=False,
        lifespan="on",
    )
    server = uvicorn.Server(config)
    # a connection cut off at shutdown is not an error
    logging.getLogger("uvicorn.error").addFilter(lambda _: not server.should_exit)
    server.run(sockets=[listening])
    return 0


def _check_token(token: str) -> None:
    """Raise ConfigError, which does not repeat the token, unless a cookie keeps it as it is."""
    if len(token) < LEAST:
        raise ConfigError(f"a token must have at least {LEAST} characters, got {len(token)}")
    if strange := re.search(r"[^A-Za-z0-9._~+/=-]", token):
        raise ConfigError(
            f"a token must consist of A-Z, a-z, 0-9 and . _ ~ + / = -, got {strange[0]!r}"
        )


def _address(host: str | None, port: int, secret: str) -> str:
    shown = LOCAL[0] if host in (None, "0.0.0.0", "::") else str(host)
    shown = f"[{shown}]" if ":" in shown else shown
    asked = f"?token={quote(secret, safe='')}" if secret else ""
    return f"http://{shown}:{port}/{asked}"


def names_of(host: str | None) -> frozenset[str]:
    """Return the host names that a server accepts; with `host`, those of this machine as well."""
    if host is None:
        return frozenset(LOCAL)
    return frozenset({*LOCAL, host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()})


def _listen(host: str, port: int) -> socket.socket:
    if not host:  # for the system, this would be every address
        raise ConfigError("--host is empty; expected an address, such as 0.0.0.0 for all")
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        family = socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(256)
    except (OSError, OverflowError) as error:
        listening.close()
        said = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"cannot listen at {host}:{port}: {said}; choose another --port"
        ) from error
    return listening
