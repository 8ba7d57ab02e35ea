"""A page in a headless Chromium, steered over its DevTools protocol. It reaches this machine alone."""
import asyncio
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request

from tornado.websocket import websocket_connect

from fleet import servers


class BrowserError(RuntimeError):
    """The browser does not start, or a page is not as it should be."""


class Browser:
    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="swift-celery-browser-")
        port = servers.free_port()
        self.process = subprocess.Popen(
            [servers.find("chromium"), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
             f"--remote-debugging-port={port}", f"--user-data-dir={self.folder}", "--window-size=1400,1000", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.loop = asyncio.new_event_loop()
        self.number = 0
        try:
            self.socket = self.loop.run_until_complete(self._connect(self._page(port)))
        except BaseException:
            self.__exit__()
            raise
        return self

    async def _connect(self, url):
        return await websocket_connect(url, max_message_size=2**26)

    def _page(self, port, seconds=30):
        """The address of its page, once it has one."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=5) as reply:
                    pages = [one for one in json.load(reply) if one["type"] == "page"]
                if pages:
                    return pages[0]["webSocketDebuggerUrl"]
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise BrowserError(f"chromium does not come up (status {self.process.poll()})")
            time.sleep(0.05)

    def __exit__(self, *_):
        self.loop.close()
        os.killpg(self.process.pid, 9)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, method, **parameters):
        """What the browser answers."""
        return self.loop.run_until_complete(asyncio.wait_for(self._call(method, parameters), 30))

    async def _call(self, method, parameters):
        self.number += 1
        await self.socket.write_message(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = await self.socket.read_message()
            if message is None:
                raise BrowserError("chromium has gone")
            reply = json.loads(message)
            if reply.get("id") != self.number:
                continue
            if "error" in reply:
                raise BrowserError(f"{method}: {reply['error']['message']}")
            return reply["result"]

    def run(self, script):
        """The value of a script in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{script}: {answer['exceptionDetails']['exception'].get('description')}")
        return answer["result"].get("value")

    def open(self, url):
        # So that the page before, which may have the same address, is not taken for it.
        self.run("window.isLeft = true")
        self.call("Page.navigate", url=url)
        self.until("!window.isLeft && document.readyState == 'complete'", f"{url} is loaded")

    def until(self, script, what, seconds=15):
        """Waits until a script gives something true, and returns that."""
        deadline = time.monotonic() + seconds
        while not (value := self.run(script)):
            if time.monotonic() > deadline:
                raise BrowserError(f"not within {seconds} s: {what}\n{self.text()[-2000:]}")
            time.sleep(0.05)
        return value

    def text(self):
        return self.run("document.body.innerText")

    def click(self, identifier):
        self.run(f"document.getElementById({json.dumps(identifier)}).click()")

    def type(self, selector, value):
        self.run(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(value)}")

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))
