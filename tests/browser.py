"""A headless Chromium, driven over a pipe: open a page, run a script in it, press keys, count what it asks the network.

It speaks the browser's own protocol (JSON messages that end in a zero byte, on file descriptors 3 and 4), so that no
driver has to be installed.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from typing import Any

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
    "--disable-extensions", "--mute-audio", "--disable-dev-shm-usage", "--remote-debugging-pipe",
)  # fmt: skip
LONGEST_S = 60.0
# Puts the pipes where the browser looks for them; they may stand on each other's places.
_START = """
import os, sys
into, out = (os.dup(int(word)) for word in sys.argv[1:3])
high = [os.dup2(one, 100 + place, inheritable=True) for place, one in enumerate((into, out))]
for place, one in zip((3, 4), high):
    os.dup2(one, place, inheritable=True)
os.closerange(5, 200)
os.execvp(sys.argv[3], sys.argv[3:])
"""


def find_chromium() -> str | None:
    """The browser's command, or None."""
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )


class Browser:
    """One tab. `requests` are the addresses that it asked for."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read, self._number, self._buffer, self._session = write, read, 0, b"", ""
        self.requests: list[str] = []
        self.console: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """Call a method of the browser's protocol and give its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        raw = json.dumps(message).encode() + b"\0"
        while raw:
            raw = raw[os.write(self._write, raw) :]
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _message(self) -> dict[str, Any]:
        end = time.monotonic() + LONGEST_S
        while b"\0" not in self._buffer:
            ready, _, _ = select([self._read], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            chunk = os.read(self._read, 1 << 20)
            assert chunk, "the browser has ended"
            self._buffer += chunk
        raw, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded":
            self.console.append(params["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.console.append(str(params["exceptionDetails"].get("exception", {}).get("description")))

    def open(self, url: str) -> None:
        """Go to an address and wait until the page has drawn itself."""
        self.call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete' && performance.getEntriesByName('drawn').length > 0")

    def run(self, script: str) -> Any:
        """Value of a JavaScript expression; promises are awaited."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, script: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + LONGEST_S
        while not self.run(script):
            assert time.monotonic() < end, f"never true: {script}; console: {self.console}"
            time.sleep(0.02)

    def click(self, selector: str) -> None:
        """Press the middle of an element with a real mouse event."""
        place = f"document.querySelector({json.dumps(selector)})"
        assert self.run(f"{place} !== null"), f"no element {selector}"
        x, y = self.run(
            f"(() => {{ const e = {place}; e.scrollIntoView({{block: 'nearest'}}); const r = e.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        self.settle()

    def type(self, selector: str, text: str) -> None:
        """Replace what a field holds by typing."""
        self.run(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.focus(); e.select(); }})()")
        if text:
            self.call("Input.insertText", text=text)
        else:
            for kind in ("keyDown", "keyUp"):
                self.call("Input.dispatchKeyEvent", type=kind, key="Delete", code="Delete", windowsVirtualKeyCode=46)
        self.settle()

    def settle(self) -> None:
        """Wait until two frames have been drawn."""
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the window's size and the wanted color scheme."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path) -> None:
        """Write what is seen as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A fresh browser with an empty profile; ended with the block."""
    command = find_chromium()
    assert command, "no Chromium"
    (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        words = [command, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        start = [sys.executable, "-c", _START, str(theirs_in), str(theirs_out), *words]
        process = subprocess.Popen(
            start, pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for descriptor in (theirs_in, theirs_out):
            os.close(descriptor)
        try:
            browser = Browser(ours_out, ours_in)
            yield browser
            browser._session = ""
            browser.call("Browser.close")
        finally:
            for descriptor in (ours_out, ours_in):
                os.close(descriptor)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
