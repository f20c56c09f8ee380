"""Downloads from a real server on this machine that behaves, breaks off, lies or is not there."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from assay import data
from assay.core.errors import ConfigError, DataError
from assay.core.registry import CodePlace, Registered
from assay.data.catalog import ENTRIES, DatasetEntry, DatasetSource, File
from assay.data.download import fetch

CONTENT = bytes(range(256)) * 2000
FILE = File("a.bin", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class Handler(BaseHTTPRequestHandler):
    """The first part of a path names the behaviour: /good/a.bin, /broken/a.bin, ..."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        mode = self.path.split("/")[1]
        asked = self.headers.get("Range")
        self.server.requests.append((mode, asked))
        if mode == "gone":
            return self.send_error(404)
        start = int(asked[6:-1]) if asked and mode != "norange" else 0
        content = {"wrong": CONTENT[::-1], "long": CONTENT + b"x"}.get(mode, CONTENT)[start:]
        self.send_response(206 if start else 200)
        if start:
            shown = start + (mode == "shifted")
            self.send_header("Content-Range", f"bytes {shown}-{FILE.bytes - 1}/{FILE.bytes}")
        self.send_header("Content-Encoding", "gzip")  # as careless servers label a .gz
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if mode == "broken":
            content = content[: FILE.bytes // 3]
        self.wfile.write(b"" if mode == "stuck" else content)


@pytest.fixture
def server(monkeypatch, tmp_path) -> Iterator[ThreadingHTTPServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ASSAY_DATA", raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(server, folder, *modes, progress=None):
    return fetch(FILE, tuple(f"{server.url}/{m}/" for m in modes), folder, progress)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_once_and_its_progress_is_told(server, tmp_path):
    told = []
    path = get(server, tmp_path / "x", "good", progress=lambda *args: told.append(args))
    assert path.read_bytes() == CONTENT
    assert told[-1] == ("a.bin", FILE.bytes, FILE.bytes)
    assert names(tmp_path / "x") == ["a.bin"]
    get(server, tmp_path / "x", "good")
    assert len(server.requests) == 1


def test_a_download_that_breaks_off_is_continued_where_it_was(server, tmp_path):
    get(server, tmp_path, "broken")
    third = FILE.bytes // 3
    ranges = [asked for _, asked in server.requests]
    assert ranges == [None, *(f"bytes={third * i}-" for i in (1, 2, 3))]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("mode", ["good", "norange"])
def test_an_earlier_part_is_used_where_the_server_can_continue(server, tmp_path, mode):
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:1000])
    assert get(server, tmp_path, mode).read_bytes() == CONTENT
    assert server.requests == [(mode, "bytes=1000-")]
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("part", [b"z" * 1000, b"z" * FILE.bytes, CONTENT + b"more"])
def test_a_part_that_is_damaged_is_fetched_again_from_its_beginning(server, tmp_path, part):
    (tmp_path / "a.bin.part").write_bytes(part)
    assert get(server, tmp_path, "good").read_bytes() == CONTENT


def test_the_next_mirror_is_tried_and_what_each_did_is_said(server, tmp_path):
    assert get(server, tmp_path / "x", "gone", "wrong", "good").read_bytes() == CONTENT
    with pytest.raises(DataError) as caught:
        get(server, tmp_path / "y", "gone", "stuck", "wrong", "long")
    words = str(caught.value)
    assert "/gone/a.bin: HTTP 404" in words
    assert "/stuck/a.bin: " in words
    assert "/wrong/a.bin: wrong content" in words
    assert "/long/a.bin: wrong content" in words
    assert "a.bin" not in names(tmp_path / "y")


def test_a_server_that_continues_elsewhere_is_not_believed(server, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:1000])
    with pytest.raises(DataError, match="continued at 'bytes 1001'"):
        get(server, tmp_path, "shifted")
    assert (tmp_path / "a.bin.part").read_bytes() == CONTENT[:1000]


def test_a_host_that_is_not_there_is_named(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match="Connection"):
        get(server, tmp_path, "good")


def test_a_damaged_file_under_the_final_name_is_replaced(server, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"damaged")
    assert get(server, tmp_path, "good").read_bytes() == CONTENT


def test_downloads_of_one_file_at_once_wait_for_each_other(server, tmp_path):
    folder = tmp_path / "x"
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: get(server, folder, "broken"), range(4)))
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert names(folder) == ["a.bin"]
    assert len(server.requests) == 4  # one download in four pieces


def test_get_looks_before_it_downloads(server, monkeypatch, tmp_path):
    source = DatasetSource((FILE,), (f"{server.url}/good/",))
    entry = DatasetEntry("tiny", "a test", "none", "none", sources=(source,), folders=("tiny",))
    monkeypatch.setitem(
        ENTRIES._entries, "tiny", Registered(entry, CodePlace("tests", __file__, 1))
    )
    folder = data.get("tiny")
    assert folder == tmp_path / "cache" / "data" / "tiny"
    assert data.find("tiny") == folder
    assert data.get("tiny") == folder
    own = tmp_path / "own" / "tiny"
    own.mkdir(parents=True)
    (own / "a.bin").write_bytes(CONTENT)
    assert data.get("tiny", tmp_path / "own") == own
    (own / "a.bin").write_bytes(b"damaged")
    with pytest.raises(DataError, match="7 bytes, expected"):
        data.get("tiny", tmp_path / "own")
    assert (own / "a.bin").read_bytes() == b"damaged"
    assert len(server.requests) == 1


def test_datasets_without_files_need_no_download():
    assert data.get("digits") is None
    assert data.get("folder") is None
    with pytest.raises(ConfigError, match="did you mean 'mnist'"):
        data.get("mnits")


def test_a_place_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"file.a\.bin: cannot be written"):
        get(server, tmp_path / "file", "good")
