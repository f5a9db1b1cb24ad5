"""A real browser without a window, driven through a pipe: the Chromium that .ci/browser installs."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from servers import Absent

PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome")
_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")


def _pipe() -> tuple[int, int]:
    """Both ends above the descriptors that the browser has for it."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


class Browser:
    """One page at a time, by the DevTools protocol: commands go down one pipe, answers and events come up another.

    `requests` and `complaints` are what the page that is open asked the network for, and what the browser said of it.
    """

    def __init__(self) -> None:
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            raise Absent("no Chromium: apt-get install chromium-headless-shell")
        self._folder = tempfile.mkdtemp(prefix="ropeway-browser-")
        down, self._down = _pipe()
        self._up, up = _pipe()
        # The browser reads descriptor 3 and writes descriptor 4; of the shells, dash cannot number them so.
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{down} 4>&{up}', "bash", program, *_OPTIONS, "--remote-debugging-pipe",
             f"--user-data-dir={self._folder}", "about:blank"],
            pass_fds=(down, up), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={"HOME": self._folder, "PATH": os.environ["PATH"]},
        )  # fmt: skip
        os.close(down)
        os.close(up)
        self._kept, self._number, self._session = b"", 0, ""
        self.requests: list[str] = []
        self.complaints: list[str] = []
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    def _attach(self) -> None:
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")

    def open(self, file: Path, width: int = 1280, *, dark: bool = False) -> None:
        """Load a page at a width in pixels."""
        self.requests, self.complaints = [], []
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call("Page.navigate", url=file.as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def ask(self, script: str) -> Any:
        """What an expression is worth in the page."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def draw(self, file: Path) -> None:
        """The whole page as a PNG, for people."""
        answer = self._call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(answer["data"]))

    def print(self) -> bytes:
        """The page as a PDF."""
        return base64.b64decode(self._call("Page.printToPDF", printBackground=False)["data"])

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._send("Browser.close")
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._down)
        os.close(self._up)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _send(self, method: str, **parameters: Any) -> int:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self._session
        os.write(self._down, json.dumps(message).encode() + b"\0")
        return self._number

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = self._send(method, **parameters)
        while (answer := self._next()).get("id") != number:
            pass
        assert "error" not in answer, (method, answer)
        found: dict[str, Any] = answer["result"]
        return found

    def _next(self) -> dict[str, Any]:
        """The next message; pytest's own limit ends a browser that says nothing."""
        while b"\0" not in self._kept:
            read = os.read(self._up, 1 << 16)
            if not read:
                raise Absent(f"the browser ended with {self._process.wait(20)}")
            self._kept += read
        text, _, self._kept = self._kept.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        if message.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening"):
            self.complaints.append(json.dumps(message["params"]))
        return message
