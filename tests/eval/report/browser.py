"""A headless Chromium that opens a page, driven over a pipe by the DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next(filter(None, map(shutil.which, _NAMES)), None)
_SECONDS = 60
# The codes that a browser gives keys; letters need none in these tests.
_KEYS = {
    **{"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35},
    **{"Tab": 9, " ": 32},
}


class Browser:
    """One tab; `problems` and `requests` collect what the page should not cause."""

    def __init__(self, folder: Path) -> None:
        assert PROGRAM
        commands, self._out = os.pipe()
        self._in, events = os.pipe()

        def connect() -> None:
            # The browser reads commands from file 3 and writes events to file 4.
            first, second = os.dup(commands), os.dup(events)
            os.dup2(first, 3)
            os.dup2(second, 4)

        self._process = subprocess.Popen(
            [
                *(PROGRAM, "--headless=new", "--no-sandbox", "--remote-debugging-pipe"),
                *("--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
                *("--no-first-run", f"--user-data-dir={folder}", "about:blank"),
            ],
            preexec_fn=connect,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(events)
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._session: str | None = None
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._loaded = False
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def send(self, method: str, **values: Any) -> dict[str, Any]:
        """Send a command and wait for its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": values}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            received = self._receive()
            if received.get("id") == number:
                assert "error" not in received, (method, received["error"])
                return received["result"]

    def size(self, width: int, height: int = 900, **media: str) -> None:
        """The size of the window; media features such as prefers_color_scheme="dark"."""
        phone = width < 500
        self.send(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone},
        )
        self.send("Emulation.setTouchEmulationEnabled", enabled=phone)
        features = [{"name": k.replace("_", "-"), "value": v} for k, v in media.items()]
        self.send("Emulation.setEmulatedMedia", media="", features=features)

    def open(self, address: str) -> None:
        """Load a page and wait until it has loaded."""
        # From an empty page, for a new fragment of the same page would not load anything.
        for url in ("about:blank", address):
            self.problems.clear()
            self.requests.clear()
            self._loaded = False
            self.send("Page.navigate", url=url)
            while not self._loaded:
                self._receive()

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression, as JSON; promises are awaited."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, (expression, answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        check = f"const check = () => ({condition}) ? done() : setTimeout(check, 20); check();"
        self.value(f"new Promise((done) => {{ {check} }})")

    def press(self, *keys: str) -> None:
        """Press keys one after the other, as a person would."""
        for key in keys:
            text = {"Enter": "\r", " ": " "}.get(key)
            values = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
            down = {"text": text} if text else {}
            self.send("Input.dispatchKeyEvent", type="keyDown", **values, **down)
            self.send("Input.dispatchKeyEvent", type="keyUp", **values)

    def click(self, selector: str) -> None:
        """Click the middle of an element, with the mouse."""
        place = self.value(
            f"(() => {{ const part = document.querySelector({json.dumps(selector)});"
            "part.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});"
            "const box = part.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send(
                "Input.dispatchMouseEvent",
                **{"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1},
            )

    def picture(self) -> bytes:
        """A screenshot of the window as PNG."""
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])

    def _receive(self) -> dict[str, Any]:
        end = time.monotonic() + _SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(end - time.monotonic(), 0))
            assert ready, "the browser does not answer"
            read = os.read(self._in, 1 << 20)
            assert read, "the browser has ended"
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\0")
        received: dict[str, Any] = json.loads(line)
        self._note(received.get("method"), received.get("params", {}))
        return received

    def _note(self, method: str | None, values: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Runtime.exceptionThrown":
            self.problems.append(str(values["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self.problems.append(str(values["args"]))
        elif method == "Log.entryAdded":
            self.problems.append(values["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(values["request"]["url"][:200])
