# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, steered over its DevTools protocol by a pair of pipes, and what a page must
hold to be readable: nothing wider than the window, text and bars that stand out, no error, no
request to another host."""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PATIENCE = 120
WIDTHS = {"narrow": 390, "wide": 1280}
SCHEMES = ("light", "dark")

# Returns what is wrong with the page as texts. Contrast is that of WCAG 2.2: 4.5 for text (1.4.3),
# 3 for parts that carry meaning (1.4.11), which are the elements that match `marks`.
PROBLEMS = r"""
(marks => {
  const found = [];
  for (const details of document.querySelectorAll("details")) details.open = true;
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth)
    found.push(`the page is ${root.scrollWidth} px wide in a window of ${root.clientWidth} px`);
  const probe = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = text => {
    probe.clearRect(0, 0, 1, 1); probe.fillStyle = text; probe.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = probe.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const canvas = document.createElement("div");
  canvas.style.background = "Canvas"; document.body.append(canvas);
  const ground = rgba(getComputedStyle(canvas).backgroundColor); canvas.remove();
  const behind = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), ground);
  };
  const light = color => {
    const [r, g, b] = color.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + .05) / (low + .05);
  };
  const need = (element, color, least, what) => {
    const below = behind(what === "text" ? element : element.parentElement);
    const ratio = contrast(over(color, below), below);
    if (ratio < least) found.push(`${what} ${element.className.baseVal ?? element.className} ` +
      `"${element.textContent.trim().slice(0, 40)}": contrast ${ratio.toFixed(2)}, expected ${least}`);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let counted = 0;
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility() || element.closest("script, style")) continue;
    const style = getComputedStyle(element);
    const color = rgba(element.closest("svg") ? style.fill : style.color);
    need(element, color, 4.5, "text");
    ++counted;
  }
  if (counted === 0) found.push("the page has no text");
  for (const mark of marks ? document.querySelectorAll(marks) : [])
    need(mark, rgba(getComputedStyle(mark).backgroundColor), 3, "mark");
  for (const box of document.querySelectorAll("*"))
    if (box.scrollWidth > box.clientWidth && /auto|scroll/.test(getComputedStyle(box).overflowX) &&
        box.tabIndex < 0 && box.checkVisibility())
      found.push(`${box.tagName} ${box.className} scrolls, and no key reaches it`);
  return found;
})
"""


class Browser:
    """One page in a browser of its own, with a profile that is thrown away. Use it as a context."""

    def __init__(self, program):
        self.profile = tempfile.mkdtemp(prefix="faasnap-browser-")
        commands, self.commands = os.pipe()
        self.events, events = os.pipe()
        # The browser reads its descriptor 3 and writes 4.
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", f'exec "$@" 3<&{commands} 4>&{events}', "sh", program,
             "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-dev-shm-usage", "--hide-scrollbars",
             "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "about:blank"],
            pass_fds=(commands, events), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(commands)
        os.close(events)
        self.numbers = itertools.count(1)
        self.pending = b""
        self.seen = []
        self.session = None
        target = next(each for each in self.call("Target.getTargets")["targetInfos"]
                      if each["type"] == "page")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.commands)
        os.close(self.events)
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, **params):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") != number:
                self.seen.append(answer)
            elif "error" in answer:
                raise AssertionError(f"{method}: {answer['error']}")
            else:
                return answer["result"]

    def receive(self):
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self.pending:
            if not select.select([self.events], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"the browser is silent for {PATIENCE} s")
            part = os.read(self.events, 1 << 20)
            if not part:
                raise AssertionError(f"the browser has ended with {self.process.wait()}")
            self.pending += part
        message, self.pending = self.pending.split(b"\0", 1)
        return json.loads(message)

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise AssertionError(result["exceptionDetails"])
        return result["result"].get("value")

    def show(self, url, width, scheme, ready):
        """Opens a page, and returns when the expression `ready` is true of it."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=800,
                  deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.seen.clear()
        self.call("Page.navigate", url=url)
        deadline = time.monotonic() + PATIENCE
        while not self.value(f'document.readyState === "complete" && ({ready})'):
            if time.monotonic() > deadline:
                raise AssertionError(f"{url}: not shown within {PATIENCE} s: {self.complaints(url)}")
            time.sleep(0.1)

    def complaints(self, url):
        """What the page since show() has logged as an error, thrown, or asked of others than `url`."""
        found = []
        for event in self.seen:
            params = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(f"exception: {params['exceptionDetails']['text']}")
            elif event.get("method") == "Runtime.consoleAPICalled" and params["type"] == "error":
                found.append(f"console: {params['args']}")
            elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
                found.append(f"log: {params['entry']['text']}")
            elif event.get("method") == "Network.requestWillBeSent":
                asked = params["request"]["url"]
                if not asked.startswith((url, "data:")):
                    found.append(f"asks for {asked}")
        return found

    def problems(self, marks=""):
        return self.value(f"{PROBLEMS}({json.dumps(marks)})")

    def picture(self, file):
        """Writes the whole page as a PNG."""
        height = self.value("document.documentElement.scrollHeight")
        width = self.value("innerWidth")
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1})
        with open(file, "wb") as image:
            image.write(base64.b64decode(shot["data"]))
