"""Requests and responses of the server: JSON, files, and errors in words."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response

from assay.apps.web.guard import TooLarge
from assay.apps.web.shelf import encode
from assay.core.errors import NO_BUG, AssayError, StoreError

__all__ = ["answer_of", "answered", "attached", "content_of", "file_of", "posted", "refused"]

LONGEST = 400
"""Maximum length of a name or argument in a request."""


def answered(
    get: Callable[[Mapping[str, str]], bytes | Response],
) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that responds with a function of the request's arguments."""

    async def answer(request: Request) -> Response:
        asked = {**request.query_params, **request.path_params}
        if any(len(value) > LONGEST for value in asked.values()):
            return refused(404, f"a name has at most {LONGEST} characters")
        return await run_in_threadpool(lambda: answer_of(lambda: get(asked)))

    return answer


async def posted(post: Callable[[dict[str, object]], object], request: Request) -> Response:
    """Respond to a JSON object that was sent."""
    given = await content_of(request)
    if not isinstance(given, dict):
        return refused(400, "expected a JSON object")
    return await run_in_threadpool(lambda: answer_of(lambda: encode(post(given))))


async def content_of(request: Request) -> Any:
    """Return JSON data, or the bytes of any other content; None for invalid JSON."""
    try:
        body = await request.body()
    except ClientDisconnect as error:
        raise TooLarge from error  # the client has gone
    if not request.headers.get("content-type", "").startswith("application/json"):
        return body
    try:
        found = json.loads(str(body, "utf-8"))
        if b"\\u" in body:  # half of a surrogate pair is no text, and nothing can send it back
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found


def answer_of(make: Callable[[], bytes | Response]) -> Response:
    """Return the response, or an error; browsers must not cache JSON."""
    try:
        found = make()
    except StoreError as error:
        return refused(404, str(error))
    except AssayError as error:
        return refused(400, str(error))
    except OSError as error:
        if error.errno not in NO_BUG:
            raise
        return refused(400, error.strerror or "it cannot be read")  # its path is the server's
    if isinstance(found, Response):
        return found
    return Response(found, media_type="application/json", headers={"Cache-Control": "no-store"})


def refused(status: int, reason: str) -> Response:
    """Return an error status with its reason."""
    return JSONResponse({"error": reason}, status)


def file_of(folder: Path, name: str) -> Response:
    """Return a file in a folder; 404 for paths outside it."""
    file, found = folder / name, False
    with suppress(OSError, ValueError):  # a NUL in the name, or a name that is too long
        file = file.resolve()
        found = file.is_relative_to(folder.resolve()) and file.is_file() and file.suffix != ".py"
    if not found:
        return refused(404, "there is no such file")
    kind = {".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm"}
    known = kind.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "text/plain"
    return FileResponse(file, media_type=known, headers={"Cache-Control": "no-cache"})


def attached(content: bytes, kind: str, name: str) -> Response:
    """Return a file as a download."""
    header = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, media_type=kind, headers={"Content-Disposition": header})
