"""The page, live, on loopback only: one process of the standard library's server; the page asks for newer data."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from an_cli.errors import ReportError
from an_cli.report.page.html import as_data, make_page
from an_cli.report.page.snapshot import Reader, snapshot

HOST = "127.0.0.1"
_REST_S = 2.0  # at least so long between two readings of the store


class Live:
    """The newest snapshot; read again when it is asked for and old enough."""

    def __init__(self, reader: Reader, now: Callable[[], str]) -> None:
        self._reader, self._now, self._lock = reader, now, threading.Lock()
        self._next, self._data, self._tag, self._at = 0.0, {}, "", ""

    _data: dict[str, Any]

    def newest(self) -> tuple[dict[str, Any], str, str]:
        """The data, a tag that changes with it, and when it was read."""
        with self._lock:
            start = time.monotonic()
            if start >= self._next:
                self._data, self._at = snapshot(self._reader), self._now()
                self._tag = f'"{hashlib.sha256(as_data(self._data).encode()).hexdigest()[:16]}"'
                took = time.monotonic() - start
                self._next = time.monotonic() + max(_REST_S, 4 * took)  # a large store is not read all the time
            return self._data, self._tag, self._at


def make_server(reader: Reader, port: int, now: Callable[[], str]) -> ThreadingHTTPServer:
    """A server on loopback that is not yet serving.

    Args:
        reader: of the store.
        port: 0 takes a free one.
        now: the time as the page shows it.

    Raises:
        ReportError: the port is taken or not allowed.
    """
    live = Live(reader, now)

    class Handler(_Handler):
        """The handler of this store."""

    Handler.live = live
    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        raise ReportError(f"cannot serve on port {port}: {error}", now="name another with --port, or 0") from error
    server.daemon_threads = True
    Handler.port = server.server_port
    return server


def serve(reader: Reader, port: int, now: Callable[[], str], say: Callable[[str], None]) -> None:
    """Serve the dashboard of a store until interrupted.

    Args:
        reader, port, now: see `make_server`.
        say: is told the address.
    """
    server = make_server(reader, port, now)
    say(f"http://{HOST}:{server.server_port}/ (Ctrl-C ends)")
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Two addresses: the page, and its data."""

    live: Live
    port: int
    server_version, sys_version = "an-cli", ""

    def do_GET(self) -> None:
        # A name that another site has pointed at this machine is not served: that site's scripts could read the answer.
        names = {f"{name}:{self.port}" for name in (HOST, "localhost")}
        if self.headers.get("Host") not in names:
            self._answer(421, b"not served under this name\n", "text/plain")
        elif self.path == "/":
            data, _, at = self.live.newest()
            self._answer(200, make_page(data, at=at, live=True).encode(), "text/html; charset=utf-8")
        elif self.path == "/data.json":
            self._answer_data()
        else:
            self._answer(404, b"not found\n", "text/plain")

    def _answer_data(self) -> None:
        data, tag, at = self.live.newest()
        if self.headers.get("If-None-Match") == tag:
            self._answer(304, b"", "application/json", ETag=tag)
        else:
            value = {**data, "at": at, "live": True, "runs_at": ""}
            self._answer(200, as_data(value).encode(), "application/json", ETag=tag)

    def _answer(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        fixed = {"Content-Type": kind, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        for name, value in {**fixed, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the reader has left

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal is the user's."""
