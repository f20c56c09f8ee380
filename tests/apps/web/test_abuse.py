"""What a server must withstand: the right status, a message that can be read, bounded memory."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

pytest.importorskip("starlette")

from web_server import serving

from assay.apps.serving import run_server
from assay.core.errors import ConfigError
from assay.core.store import Store

OURS = {"X-Assay": "1", "Content-Type": "application/json"}


def ask(
    site: str,
    path: str,
    method: str = "GET",
    body: Any = None,
    seconds: float = 60,
    **headers: str,
) -> tuple[int, bytes]:
    """A request as it is written: no client tidies the path or the headers."""
    place = urlsplit(site)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=seconds)
    with contextlib.closing(connection):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_host="Host" in named)
        if isinstance(body, bytes):
            named["Content-Length"] = str(len(body))
        for name, value in named.items():
            connection.putheader(name, value)
        connection.endheaders()
        with contextlib.suppress(ConnectionError):  # it need not read all that is too much
            if isinstance(body, bytes):
                connection.send(body)
        answer = connection.getresponse()
        return answer.status, answer.read()


def said(answer: tuple[int, bytes]) -> str:
    return json.loads(answer[1])["error"]


def memory(site: str) -> int:
    """Megabytes of the process that listens there."""
    port = urlsplit(site).port
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and b"serve" in (folder / "cmdline").read_bytes().split(b"\0"):
                status = dict(
                    line.split(":", 1) for line in (folder / "status").read_text().splitlines()
                )
                sockets = {p.readlink().name for p in (folder / "fd").iterdir() if p.is_symlink()}
                tables = (folder / "net" / "tcp").read_text().splitlines()[1:]
                mine = [t.split()[9] for t in tables if t.split()[1].endswith(f":{port:04X}")]
                if any(f"socket:[{inode}]" in sockets for inode in mine):
                    return int(status["VmRSS"].split()[0]) // 1024
    raise AssertionError(f"nobody listens at {port}")


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of a store with a study of a strange name."""
    store = tmp_path_factory.mktemp("strange") / "store"
    plan = {"study": "<script>alert(1)</script>", "question": "<img src=x onerror=alert(1)>"}
    with Store(store) as opened:
        opened.save_plan({**plan, "scale": "full", "command": "", "trials": [], "factors": {}})
    with serving(store) as address:
        yield address.rstrip("/")


def test_pages_may_load_nothing_from_elsewhere(strange: str):
    place = urlsplit(strange)
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    for path in ("/", "/api/studies", "/static/app.js", "/nothing"):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "://" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    connection.close()


def test_another_host_is_not_answered(strange: str):
    status, body = ask(strange, "/api/studies", Host="evil.example:80")
    assert status == 421
    assert "evil.example" in json.loads(body)["error"]
    assert ask(strange, "/api/studies", Host="localhost:1")[0] == 200
    assert ask(strange, "/api/studies", Host="10.0.0.1")[0] == 421


def test_another_site_may_change_nothing(strange: str):
    body = b'{"study": "tour"}'
    foreign = {**OURS, "Sec_Fetch_Site": "cross-site"}
    assert ask(strange, "/api/start", "POST", body, **foreign)[0] == 403
    assert ask(strange, "/api/start", "POST", body, **OURS, Origin="http://evil.example")[0] == 403
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert ask(strange, "/api/start", "POST", body, **form)[0] == 403
    assert ask(strange, "/api/start", "DELETE", b"", **OURS)[0] == 405


def test_what_is_sent_is_bounded(strange: str):
    before = memory(strange)
    status, body = ask(strange, "/api/check", "POST", b"x" * 50_000_000, **OURS)
    assert status == 413
    assert "at most 20 MB" in json.loads(body)["error"]
    # in pieces, without saying how much it will be
    place = urlsplit(strange)
    with socket.create_connection((place.hostname, place.port), timeout=60) as plug:
        head = f"POST /api/check HTTP/1.1\r\nHost: {place.netloc}\r\nX-Assay: 1\r\n"
        plug.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        with contextlib.suppress(OSError):
            for _ in range(50):
                plug.sendall(b"F4240\r\n" + b"x" * 1_000_000 + b"\r\n")
        assert b" 413 " in plug.recv(100), "though it does not say that this was all"
    assert memory(strange) < before + 150


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"{", "JSON"), (b"[1]", "JSON"), (b"[" * 100_000, "JSON"), (b'{"text": 3}', "missing")],
)
def test_what_is_no_json_is_said(strange: str, body: bytes, words: str):
    answer = ask(strange, "/api/check", "POST", body, **OURS)
    assert answer[0] == 400
    assert words in said(answer)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py", "/static/..%2fserver.py", "/static/%2e%2e/server.py",
        "/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/..\\server.py",
        "/static/vendor/../../server.py", "/static/%00", "/page/..%2f..%2f/x", "/page/none/page.js",
    ],
)  # fmt: skip
def test_paths_stay_below_their_folder(strange: str, path: str):
    status, body = ask(strange, path)
    assert status == 404
    assert b"import" not in body
    assert b"root:" not in body


@pytest.mark.parametrize(
    ("name", "status"),
    [("..", 404), ("%2e%2e%2fx", 404), ("a%2Fb", 404), ("%00", 404), ("x" * 5000, 404), ("", 404)],
)
def test_names_that_are_none(strange: str, name: str, status: int):
    for view in ("study?name=", "run?id=", "curves?name=", "best?name="):
        answer = ask(strange, f"/api/{view}{name}")
        assert answer[0] == status
        assert len(said(answer)) < 1000


def test_a_name_that_no_file_can_have_is_refused_without_the_place_of_the_server(strange: str):
    long = "a" * 5000
    for path in (f"/static/{long}", "/static/" + "a/" * 3000, f"/page/clock/{long}"):
        answer = ask(strange, path)
        assert (answer[0], said(answer)) == (404, "there is no such file")
    for path, body in (
        ("start", {"study": long}),
        ("check", {"text": f"study: x\ndataset: {{name: folder, path: {long}}}\n"}),
    ):
        answer = ask(strange, f"/api/{path}", "POST", json.dumps(body).encode(), **OURS)
        assert answer[0] == 400 or json.loads(answer[1])["problems"]
        assert b"/" not in answer[1]


def test_half_of_a_pair_of_surrogates_is_no_text(strange: str):
    for name in (b'"\\ud800"', b'"\xed\xa0\x80"'):
        for path in ("start", "stop", "check", "save"):
            body = b'{"study": ' + name + b', "text": ' + name + b"}"
            answer = ask(strange, f"/api/{path}", "POST", body, **OURS)
            assert (answer[0], said(answer)) == (400, "expected a JSON object")
    whole = b'{"study": "\\ud83d\\ude00"}'
    assert "\U0001f600" in said(ask(strange, "/api/stop", "POST", whole, **OURS))


def test_only_a_search_has_importances(strange: str):
    name = quote("<script>alert(1)</script>")
    for view in ("search", "importances"):
        answer = ask(strange, f"/api/{view}?name={name}")
        assert answer[0] == 404
        assert "has no search" in said(answer)


@pytest.mark.parametrize("name", ["..", "../../x", "a/b", "-x", "", "x" * 100, "tour"])
def test_a_study_is_kept_under_a_plain_name_only(strange: str, name: str):
    text = f"study: {json.dumps(name)}\ndataset: digits\nnetwork: {{family: mlp, hidden: [4]}}\n"
    text += "training: {epochs: 1}\n"
    answer = ask(strange, "/api/save", "POST", json.dumps({"text": text}).encode(), **OURS)
    found = json.loads(answer[1])
    assert answer[0] == 400 or found["problems"]
    assert answer[0] == 404 or "file" not in found


def test_two_hundred_at_once_are_all_answered(strange: str):
    answers: list[int] = []

    def one() -> None:
        answers.append(ask(strange, "/api/studies")[0])

    threads = [threading.Thread(target=one) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [200] * 200
    assert memory(strange) < 400


def test_a_listener_that_goes_in_the_middle_is_forgotten(strange: str):
    place = urlsplit(strange)
    for _ in range(30):
        plug = socket.create_connection((place.hostname, place.port), timeout=30)
        plug.sendall(f"GET /api/stream HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
        assert b"200" in plug.recv(200)
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        plug.close()
    assert ask(strange, "/api/studies")[0] == 200


def test_a_name_with_marks_is_shown_as_text(strange: str, browser: Any):
    page = browser.new_page()
    asked: list[str] = []
    page.on("dialog", lambda d: asked.append(d.message))
    page.goto(strange)
    page.locator("table.studies th", has_text="<script>alert(1)</script>").wait_for()
    page.goto(f"{strange}/study/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    page.locator("h1", has_text="<img src=x").wait_for()
    assert asked == []
    page.close()


def test_other_machines_must_know_the_token(tmp_path: Path):
    with serving(tmp_path / "store", "--host", "127.0.0.1", "--token", "a-long-secret-token") as to:
        site, _, token = to.rstrip("/").partition("/?token=")
        assert token == "a-long-secret-token"
        assert ask(site, "/")[0] == 401
        wrong = ask(site, "/?token=wrong")
        assert wrong[0] == 401
        assert "token" in said(wrong)
        assert ask(site, "/api/studies", Cookie="assay_token=wrong")[0] == 401
        assert ask(site, "//evil.example/?token=a-long-secret-token")[0] == 303
        assert ask(site, "/?token=a-long-secret-token")[0] == 303
        assert ask(site, "/api/studies", Cookie="assay_token=a-long-secret-token")[0] == 200
        assert ask(site, "/", Host="evil.example", Cookie=f"assay_token={token}")[0] == 421


def test_a_token_keeps_other_accounts_of_this_machine_out(tmp_path: Path):
    with serving(tmp_path / "store", "--token", "a-long-secret-token") as to:
        site, _, token = to.rstrip("/").partition("/?token=")
        assert token == "a-long-secret-token"
        assert ask(site, "/api/studies")[0] == 401
        assert ask(site, "/api/studies", Cookie=f"assay_token={token}")[0] == 200


def test_a_token_of_base64_opens_the_address_that_is_printed_and_stays_in_its_cookie(
    tmp_path: Path,
):
    token = "q3+Zk9/abcdEFGH="
    with serving(tmp_path / "store", "--token", token) as to:
        site, _, printed = to.partition("/?")
        assert ask(site, f"/?{printed}")[0] == 303
        assert ask(site, "/api/studies", Cookie=f"assay_token={token}")[0] == 200


@pytest.mark.parametrize("mark", ["&", "#", ";", " ", '"', "é", "\n"])
def test_a_token_that_no_cookie_can_keep_is_refused_and_not_repeated(tmp_path: Path, mark: str):
    with pytest.raises(ConfigError) as error:
        run_server(tmp_path, port=0, token=f"a-long{mark}secret-token")
    assert f"got {mark!r}" in str(error.value)
    assert "secret-token" not in str(error.value)


def test_an_empty_host_is_no_address(tmp_path: Path):
    with pytest.raises(ConfigError, match="--host is empty; expected an address"):
        run_server(tmp_path, host="", port=0)


@pytest.mark.parametrize("token", ["", "short"])
def test_a_token_that_is_too_short_is_refused_even_if_it_is_empty(tmp_path: Path, token: str):
    with pytest.raises(ConfigError, match=f"at least 12 characters, got {len(token)}"):
        run_server(tmp_path, port=0, token=token)


def test_a_download_that_there_is_not_is_said_with_all_that_there_are(strange: str):
    name = quote("<script>alert(1)</script>")
    known = "known: csv, json, markdown, report, runs"
    assert known in said(ask(strange, f"/download/pdf?name={name}"))


def test_another_site_starts_no_download(strange: str):
    path = "/download/csv?name=none"
    assert ask(strange, path, **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert ask(strange, path, **{"Sec-Fetch-Site": "same-origin"})[0] != 403
    assert ask(strange, path)[0] != 403  # a program
