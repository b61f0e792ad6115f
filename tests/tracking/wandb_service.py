"""A double of the W&B service on the loopback interface, which the real SDK runs against in online mode.

It speaks what the SDK and its public API ask for: GraphQL, the file stream (history, summary, events, console), uploads
and downloads. It keeps what it was told (`service.runs[entity, project, id]`) and how it was told (`service.requests`),
and fails as it is told to: `service.fail(...)`, `service.black_hole(...)`, `service.slow(...)`, until `service.heal()`.
"""

from __future__ import annotations

import base64
import gzip
import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.tracking.answers import Root
from tests.tracking.graphql import Answering, parse
from tests.tracking.kept import Kept, KeptRun, Refused

KEY = "0123456789abcdef" * 2 + "01234567"  # 40 characters, as the SDK demands


@dataclass(frozen=True)
class Asked:
    """A request as it came, without its key.

    `route`: graphql, file_stream, storage, telemetry or other. `operation`: of a GraphQL document.
    """

    method: str
    path: str
    route: str
    operation: str
    body: bytes
    headers: Mapping[str, str]


@dataclass
class Fault:
    """What goes wrong with matching requests, `times` times (None: until healed)."""

    status: int = 0
    retry_after_s: float | None = None
    hole: bool = False
    delay_s: float = 0
    route: str = ""
    operation: str = ""
    times: int | None = None
    after: int = 0  # matching requests that still pass
    hits: int = 0

    def hit(self, asked: Asked) -> bool:
        """Whether it strikes a request; counts it."""
        if (self.route and self.route != asked.route) or (self.operation and self.operation != asked.operation):
            return False
        if self.after:
            self.after -= 1
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.hits += 1
        return True


@dataclass
class Service:
    """The double. `with wandb_service() as service:` starts one and stops it."""

    key: str = KEY
    kept: Kept = field(default_factory=Kept)
    requests: list[Asked] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    answering: Answering = field(default_factory=Answering)

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._healed = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """For WANDB_BASE_URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to find the double, and nothing else of its user's settings."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": self.key, "WANDB_ENTITY": self.kept.entity}

    @property
    def runs(self) -> dict[tuple[str, str, str], KeptRun]:
        """What was told about runs, by entity, project and id."""
        return self.kept.runs

    @property
    def missing(self) -> set[str]:
        """Fields that clients asked for and the double does not know."""
        return self.answering.missing

    def start(self) -> None:
        """Listen."""
        self._thread.start()

    def stop(self) -> None:
        """Let every held request go and close the port; later requests are refused by the machine."""
        self.heal()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail(
        self,
        status: int,
        *,
        retry_after_s: float | None = None,
        route: str = "",
        operation: str = "",
        times: int | None = None,
        after: int = 0,
    ) -> Fault:
        """Answer matching requests with a status."""
        return self._add(
            Fault(
                status=status,
                retry_after_s=retry_after_s,
                route=route,
                operation=operation,
                times=times,
                after=after,
            )
        )

    def black_hole(self, *, route: str = "", operation: str = "", times: int | None = None, after: int = 0) -> Fault:
        """Accept matching requests and never answer them."""
        return self._add(Fault(hole=True, route=route, operation=operation, times=times, after=after))

    def slow(self, delay_s: float, *, route: str = "", operation: str = "") -> Fault:
        """Answer matching requests late."""
        return self._add(Fault(delay_s=delay_s, route=route, operation=operation))

    def _add(self, fault: Fault) -> Fault:
        with self._lock:
            self._healed.clear()
            self.faults.append(fault)
        return fault

    def heal(self) -> None:
        """End all faults; requests in the black hole are dropped."""
        with self._lock:
            self.faults.clear()
            self._healed.set()

    def delete(self, run: KeptRun) -> None:
        """Delete a run; its id answers 409 from now on."""
        with self._lock:
            self.kept.delete(run)

    # what the handler calls

    def struck(self, asked: Asked) -> Fault | None:
        """The fault that strikes a request, which is kept in any case."""
        with self._lock:
            self.requests.append(asked)
            return next((fault for fault in self.faults if fault.hit(asked)), None)

    def wait_healed(self) -> None:
        """Hold a request in the black hole."""
        self._healed.wait()

    def graphql(self, body: bytes) -> dict[str, Any]:
        """Answer a GraphQL request."""
        message = json.loads(body)
        operation = parse(message["query"])
        with self._lock:
            root = Root(self.kept, self.url)
            return {"data": self.answering.answer(operation, message.get("variables") or {}, root)}

    def file_stream(self, path: str, body: bytes) -> dict[str, Any]:
        """Take a message of the file stream: /files/ENTITY/PROJECT/RUN/file_stream."""
        _, entity, project, name, _ = path.strip("/").split("/")
        with self._lock:
            run = self.kept.run(entity, project, name)
            if run is None:
                raise Refused(404, "no such run")
            run.take(json.loads(body))
            return {"exitcode": run.exit_code, "limits": {}, "stopped": False}

    def store(self, path: str, body: bytes) -> None:
        """Take an upload."""
        kind, *rest = path.strip("/").split("/")[1:]
        with self._lock:
            if kind == "run":
                self.kept.runs[rest[0], rest[1], rest[2]].files["/".join(rest[3:])] = body
            elif kind == "manifest":
                self.kept.artifacts[int(rest[0]) - 1].manifest = body
            else:
                self.kept.artifacts[int(rest[0]) - 1].files["/".join(rest[1:])] = body

    def stored(self, path: str) -> bytes:
        """What a download holds."""
        kind, *rest = path.strip("/").split("/")[1:]
        with self._lock:
            if kind == "run":
                return self.kept.runs[rest[0], rest[1], rest[2]].files["/".join(rest[3:])]
            artifact = self.kept.artifacts[int(rest[0]) - 1]
            return artifact.manifest if kind == "manifest" else artifact.files["/".join(rest[1:])]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news; anything else would be a bug of the double, and its thread says so."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def _route(path: str) -> str:
    if path == "/graphql":
        return "graphql"
    if path.endswith("/file_stream"):
        return "file_stream"
    if path.startswith("/sdk/otel/"):
        return "telemetry"
    return "storage" if path.startswith("/storage/") else "other"


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            asked = self._asked()
            fault = service.struck(asked)
            if fault is not None:
                if fault.hole:
                    service.wait_healed()
                    self.close_connection = True
                    return
                time.sleep(fault.delay_s)
                if fault.status:
                    self._refuse(fault.status, f"made up: {fault.status}", fault.retry_after_s)
                    return
            if asked.route == "telemetry":
                self._send(200, b"", {"Content-Type": "application/x-protobuf"})
                return
            if asked.route != "storage" and not self._allowed():
                self._refuse(401, "invalid api key")
                return
            try:
                self._route(asked)
            except Refused as refused:
                self._refuse(refused.status, str(refused))

        do_GET = do_POST = do_PUT = _serve  # noqa: N815

        def _asked(self) -> Asked:
            body = self._body()
            path = unquote(urlsplit(self.path).path)
            route = _route(path)
            operation = ""
            if route == "graphql":
                operation = parse(json.loads(body)["query"]).name
            headers = {key: value for key, value in self.headers.items() if key.lower() != "authorization"}
            return Asked(self.command, path, route, operation, body, headers)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                body = b"".join(iter(self._chunk, b""))
            else:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

        def _chunk(self) -> bytes:
            size = int(self.rfile.readline(), 16)
            chunk = self.rfile.read(size)
            self.rfile.readline()
            return chunk

        def _allowed(self) -> bool:
            kind, _, credentials = self.headers.get("Authorization", "").partition(" ")
            if kind == "Bearer":
                return credentials == service.key
            return kind == "Basic" and base64.b64decode(credentials).decode().partition(":")[2] == service.key

        def _route(self, asked: Asked) -> None:
            if asked.route == "graphql":
                self._answer(200, service.graphql(asked.body))
            elif asked.route == "file_stream":
                self._answer(200, service.file_stream(asked.path, asked.body))
            elif asked.route == "storage" and asked.method == "PUT":
                service.store(asked.path, asked.body)
                self._answer(200, {})
            elif asked.route == "storage":
                self._send(200, service.stored(asked.path), {"Content-Type": "application/octet-stream"})
            else:
                self._refuse(404, "no such page")

        def _refuse(self, status: int, message: str, retry_after_s: float | None = None) -> None:
            headers = {} if retry_after_s is None else {"Retry-After": f"{retry_after_s:g}"}
            self._answer(status, {"errors": [{"message": message}]}, headers)

        def _answer(self, status: int, value: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
            self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

        def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing: `service.requests` has it."""

    return Handler


@contextmanager
def wandb_service(key: str = KEY) -> Iterator[Service]:
    """A running double, stopped at the end."""
    service = Service(key=key)
    service.start()
    try:
        yield service
    finally:
        service.stop()
