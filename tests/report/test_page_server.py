"""The live page's server: loopback, two addresses, nothing else."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from an_cli.errors import ReportError
from an_cli.report.page import Reader
from an_cli.report.page.server import make_server
from tests.report.store_by_hand import small_store


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    server = make_server(Reader(small_store(tmp_path)), 0, lambda: "now")
    assert server.server_address[0] == "127.0.0.1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def ask(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_the_page_is_served_with_a_policy_that_lets_it_ask_its_own_server_only(port: int) -> None:
    status, headers, body = ask(port, "/")
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"connect-src 'self';" in body


def test_data_that_did_not_change_is_not_sent_again(port: int) -> None:
    status, headers, body = ask(port, "/data.json")
    assert status == 200
    assert b'"live":true' in body
    again = ask(port, "/data.json", **{"If-None-Match": headers["ETag"]})
    assert (again[0], again[2]) == (304, b"")


@pytest.mark.parametrize("path", ["/runs/", "/../etc/passwd", "/data.json/..", "/?x"])
def test_nothing_else_is_served(port: int, path: str) -> None:
    assert ask(port, path)[0] == 404


def test_a_foreign_name_for_this_machine_is_refused(port: int) -> None:
    assert ask(port, "/data.json", Host=f"rebound.example:{port}")[0] == 421
    assert ask(port, "/", Host=f"localhost:{port}")[0] == 200


def test_a_taken_port_is_said(port: int, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=f"cannot serve on port {port}"):
        make_server(Reader(small_store(tmp_path / "other")), port, lambda: "now")
