"""A real Chromium that opens a page, driven by its DevTools protocol over a pipe."""

import base64
import contextlib
import fcntl
import json
import os
import shutil
import signal
import time

import pytest


class Tab:
    """One page in Chromium, whose profile is in `folder`, new or empty."""

    def __init__(self, folder):
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if program is None:
            pytest.skip("no Chromium: install it to test the page in a browser (Debian: apt-get install chromium)")
        flags = ("--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
        quiet = ("--disable-background-networking", "--no-first-run", "--disable-dev-shm-usage", "--disable-sync")
        command = [program, *flags, *quiet, f"--user-data-dir={folder}", "--remote-debugging-pipe", "about:blank"]
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (theirs_in, theirs_out)]
        log = os.open(folder / "log.txt", os.O_CREAT | os.O_WRONLY)
        actions = [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
        actions += [(os.POSIX_SPAWN_DUP2, end, 3 + index) for index, end in enumerate(ends)]
        self._process = os.posix_spawn(program, command, os.environ, file_actions=actions, setpgroup=0)
        for end in (*ends, theirs_in, theirs_out, log):
            os.close(end)
        self._read, self._number, self._session, self.errors = b"", 0, None, []

    def open(self, path, width):
        """Open an HTML file in a window of a width in CSS pixels, and wait until it is drawn."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Page", "Log"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        self.call("Page.navigate", url=path.as_uri())
        self.wait("document.documentElement?.dataset.ready !== undefined")

    def call(self, method, **parameters):
        """Call a method of the protocol, and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._read:
                part = os.read(self._in, 1 << 20)
                assert part, f"Chromium has ended during {method}"
                self._read += part
            text, _, self._read = self._read.partition(b"\0")
            answer = json.loads(text)
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer}"
                return answer["result"]
            kind, told = answer.get("method"), answer.get("params", {})
            if kind == "Runtime.exceptionThrown" or (kind == "Runtime.consoleAPICalled" and told["type"] == "error"):
                self.errors.append(told)
            if kind == "Log.entryAdded" and told["entry"]["level"] == "error":
                self.errors.append(told["entry"])

    def value(self, expression):
        """The value of an expression of JavaScript in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def text(self, selector):
        """The text of the first element of a selector."""
        return self.value(f"document.querySelector({json.dumps(selector)}).textContent")

    def wait(self, condition):
        """Wait until a condition in the page holds."""
        for _ in range(600):
            if self.value(condition):
                return
            time.sleep(0.1)
        raise AssertionError(f"not so after a minute: {condition}; {self.errors}")

    def press(self, key, shift=False):
        """Press a key."""
        known = {"key": key, "modifiers": 8 if shift else 0} | ({"text": key} if len(key) == 1 else {})
        self.call("Input.dispatchKeyEvent", type="keyDown", **known)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, modifiers=known["modifiers"])

    def click(self, selector, across=0.5, down=0.5, drag=0):
        """Press the mouse in an element, drag it by `drag` pixels, and let it go."""
        box = self.value(
            f"(e => (e.scrollIntoView({{block: 'center'}}), (b => [b.x, b.y, b.width, b.height])"
            f"(e.getBoundingClientRect())))(document.querySelector({json.dumps(selector)}))"
        )
        x, y = box[0] + across * box[2], box[1] + down * box[3]
        mouse = {"button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, **mouse)
        for part in range(1, 5 if drag else 1):
            self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + drag * part / 4, y=y, button="left")
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=x + drag, y=y, **mouse)

    def pdf(self):
        """The page, printed."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def close(self):
        """End Chromium, and what it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        for end in (self._in, self._out):
            os.close(end)


@pytest.fixture
def open_tab(tmp_path_factory):
    """A function that opens a page in Chromium; every tab must end without an error in its console."""
    tabs = []

    def open_page(path, width=1400):
        tabs.append(Tab(tmp_path_factory.mktemp("chromium")))
        tabs[-1].open(path, width)
        return tabs[-1]

    yield open_page
    for tab in tabs:
        tab.close()
    assert [tab.errors for tab in tabs] == [[]] * len(tabs)
