"""Checks before every request: access, size of the request, and what a page may load.

A page of another site must neither read responses of this server nor trigger actions, not even if
its name resolves to this server (DNS rebinding): the Host header must name this server, requests
that change something must come from its own pages, and responses may load nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote

__all__ = ["CSP", "MOST_BYTES", "Guard", "TooLarge"]

MOST_BYTES = 20_000_000
"""Maximum size of a request in bytes, the size of a photo of a good camera."""

MOST_CHUNKS = 4000
"""Chunks of up to 64 kB that are read of a request that is too large before it is refused."""

DRAIN_SECONDS = 2.0
"""Maximum time for reading them."""

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

HEADERS = [
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
]

COOKIE = "assay_token"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class TooLarge(Exception):
    """The request is too large."""


class Guard:
    """ASGI middleware that checks every request.

    Args:
        app: the application that responds.
        hosts: host names of this server, without ports.
        token: access token that requests need if the server accepts other machines; "" for none.
    """

    def __init__(self, app: App, hosts: frozenset[str], token: str = ""):
        self._app, self._hosts, self._token = app, hosts, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond, or refuse."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        refused = self._refusal(scope, headers)
        if refused:
            status, said = refused
            if status == 413:
                await _drain(receive)
            await _answer(send, status, said)
            return
        if self._token and _given(scope) is not None and scope["method"] == "GET":
            await _welcome(send, scope, self._token)
            return
        await self._pass(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen = 0

        async def limited() -> MutableMapping[str, Any]:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > MOST_BYTES:
                await _drain(receive)
                raise TooLarge(_TOO_LARGE)
            return message

        async def marked(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in message["headers"]}
                more = [(k, v) for k, v in HEADERS if k not in names]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._app(scope, limited, marked)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """Return status and message if a request is refused."""
        host = headers.get("host", "")
        if not self._ours(host):
            return 421, f"this server does not serve the host {host[:100]!r}"
        if self._token and not self._knows(scope, headers):
            return 401, "a token is required: open the address that `assay serve` printed"
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return 405, f"the method {scope['method'][:20]} is not allowed"
        if scope["method"] == "POST":
            return _foreign(headers) or _oversized(headers)
        if scope["path"].startswith("/download/"):  # which may take minutes to make
            return _of_another_site(headers)
        return None

    def _ours(self, host: str) -> bool:
        name = re.sub(r":\d+$", "", host).strip("[]").lower()
        if name in self._hosts:
            return True
        if not self._token:
            return False
        try:  # an IP address cannot be the target of DNS rebinding
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _knows(self, scope: Scope, headers: dict[str, str]) -> bool:
        given = _given(scope)
        if given is None:
            try:
                cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
            except CookieError:
                cookie = None
            given = cookie.value if cookie else ""
        return hmac.compare_digest(given.encode(), self._token.encode())


_OURS = "only this server's own pages may change or download anything"
_TOO_LARGE = f"the request is too large: at most {MOST_BYTES / 1e6:.0f} MB are read"


def _given(scope: Scope) -> str | None:
    """Return the token in the address, if there is one."""
    found = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token")
    return found[0] if found else None


def _foreign(headers: dict[str, str]) -> tuple[int, str] | None:
    """Refuse requests of other sites' pages, which cannot forge these headers."""
    origin = headers.get("origin")
    same = origin is None or origin.partition("://")[2] == headers.get("host")
    if not same:
        return 403, _OURS
    if "x-assay" not in headers:  # neither a form nor a script of another site can send this type
        return 403, f"{_OURS}; programs send the header X-Assay: 1"
    return _of_another_site(headers)


def _of_another_site(headers: dict[str, str]) -> tuple[int, str] | None:
    site = headers.get("sec-fetch-site", "same-origin")
    return None if site in ("same-origin", "none") else (403, _OURS)


def _oversized(headers: dict[str, str]) -> tuple[int, str] | None:
    length = headers.get("content-length", "0")
    if not length.isdigit():
        return 400, "the length of the content is not a number"
    return (413, _TOO_LARGE) if int(length) > MOST_BYTES else None


async def _drain(receive: Receive) -> None:
    """Read and discard the rest for a while: a client that is cut off reads no response."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            for _ in range(MOST_CHUNKS):
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return


async def _answer(send: Send, status: int, said: str) -> None:
    body = json.dumps({"error": said}).encode()
    kind = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    close = [(b"connection", b"close")] if status == 413 else []
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": [*kind, *close, *HEADERS]})
    await send({"type": "http.response.body", "body": body})


async def _welcome(send: Send, scope: Scope, token: str) -> None:
    """Keep the token in a cookie, and remove it from the address."""
    cookie = f"{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/"
    address = "/" + quote(scope["path"].lstrip("/\\"))  # never that of another server
    headers = [(b"location", address.encode()), *HEADERS]
    headers = [*headers, (b"set-cookie", cookie.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
