"""Two browsers for a console: one that is a few lines over a socket and says what it is told to, and
headless Chromium, driven by clicks over WebDriver (W3C), with nothing but Python's own library.

    visitor = Visitor(url); page = visitor.get("/…"); visitor.submit(page, "Add bob@example.net")
    with Chromium(user) as browser: browser.open(url); browser.click("Audit log")
"""
import base64
import html.parser
import http.client
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from harness import Failed, check, wait_until


class Reader(html.parser.HTMLParser):
    """What a page has: its text, links, forms with their fields and buttons."""

    def __init__(self, markup):
        super().__init__()
        self.links, self.forms, self.words, self.tags = {}, [], [], []
        self.link = self.button = None
        self.feed(markup)
        self.text = re.sub(r"\s+", " ", "".join(self.words))

    def handle_starttag(self, tag, pairs):
        attributes = dict(pairs)
        self.tags.append((tag, attributes))
        if tag in ("p", "td", "th", "li", "dt", "dd", "tr", "h1", "h2", "caption", "title"):
            self.words.append(" ")
        if tag == "form":
            self.forms.append({"action": attributes["action"], "method": attributes["method"],
                               "fields": {}, "buttons": {}})
        elif tag in ("input", "select") and attributes.get("type") != "checkbox":
            self.forms[-1]["fields"][attributes["name"]] = attributes.get("value", "")
        elif tag == "button":
            self.button = (attributes, [])
        elif tag == "a":
            self.link = (attributes["href"], [])

    def handle_data(self, data):
        self.words.append(data)
        for open_tag in (self.link, self.button):
            if open_tag:
                open_tag[1].append(data)

    def handle_endtag(self, tag):
        if tag == "a":
            self.links["".join(self.link[1])] = self.link[0]
            self.link = None
        elif tag == "button":
            self.forms[-1]["buttons"]["".join(self.button[1])] = self.button[0]
            self.button = None


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.markup = response.read().decode()
        is_page = "text/html" in (self.headers["Content-Type"] or "")
        self.page = Reader(self.markup) if is_page and self.markup else None

    @property
    def text(self):
        return self.page.text if self.page else self.markup


class Visitor:
    """Keeps the cookie and follows what the console says; `headers` replace what a browser sends."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.entry, self.cookie = parts.netloc, f"{parts.path}?{parts.query}", None

    def ask(self, method, target, body=None, **headers):
        sent = {"Host": self.host, "Sec-Fetch-Site": "same-origin", "Cookie": self.cookie}
        if body is not None:
            sent.update({"Content-Type": "application/x-www-form-urlencoded",
                         "Origin": f"http://{self.host}"})
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, target, body,
                               {name: value for name, value in sent.items() if value is not None})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def enter(self):
        answer = self.ask("GET", self.entry, Sec_Fetch_Site="none")
        check(answer.status == 303, answer.text)
        self.cookie = answer.headers["Set-Cookie"].split(";")[0]
        self.home = answer.headers["Location"]
        return answer

    def get(self, target, status=200, **headers):
        answer = self.ask("GET", target, **headers)
        check(answer.status == status, f"{target}: {answer.status} {answer.text}")
        return answer

    def at(self, page, **query):
        return self.get(self.home + page + "?" + urllib.parse.urlencode(query))

    def submit(self, answer, button, status=303, without=(), headers={}, **fields):
        """Presses the button; of a form that changed something, the page that it leads to."""
        form = next((f for f in answer.page.forms if button in f["buttons"]), None)
        check(form, f"no button {button!r} on {answer.text}")
        pressed = form["buttons"][button]
        sent = dict(form["fields"], **fields)
        if "name" in pressed:
            sent[pressed["name"]] = pressed["value"]
        sent = {name: value for name, value in sent.items() if name not in without}
        if form["method"] == "get":
            return self.get(form["action"] + "?" + urllib.parse.urlencode(sent))
        done = self.ask("POST", form["action"], urllib.parse.urlencode(sent), **headers)
        check(done.status == status, f"{button}: {done.status} {done.text}")
        return self.get(done.headers["Location"]) if status == 303 else done


class Chromium:
    """A window of headless Chromium, as a user of the stage."""
    ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # by which WebDriver names an element

    @staticmethod
    def missing():
        return [one for one in ("chromium", "chromedriver") if not shutil.which(one)]

    def __init__(self, user):
        self.user = user
        self.driver = user.start("chromedriver", "--port=0")
        line = ""
        while not (found := re.search(r"started successfully on port (\d+)", line)):
            line = self.driver.stdout.readline().decode()
            check(line, "chromedriver does not start")
        self.base = f"http://127.0.0.1:{found.group(1)}"
        # The user has no privileges to lose, and a container no sandbox to give.
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                            "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
                            f"--user-data-dir={user.home}/chromium"]}
        session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.session = f"/session/{session['sessionId']}"

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        try:
            self.call("DELETE", self.session)
        except (Failed, OSError):
            pass
        self.driver.terminate()
        self.driver.wait(20)

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            self.base + path, method=method, headers={"Content-Type": "application/json"},
            data=None if method != "POST" else json.dumps(body or {}).encode())
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as problem:
            raise Failed(f"{path}: {json.load(problem)['value']['message'][:500]}")

    def do(self, method, path, body=None):
        return self.call(method, self.session + path, body)

    def devtools(self, command, **parameters):
        return self.do("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self.do("POST", "/url", {"url": url})

    def address(self):
        return self.do("GET", "/url")

    def run(self, script):
        return self.do("POST", "/execute/sync", {"script": script, "args": []})

    def text(self):
        return self.run("return document.body.innerText")

    def find(self, xpath):
        found = self.do("POST", "/elements", {"using": "xpath", "value": xpath})
        check(found, f"no {xpath} on {self.address()}: {self.text()}")
        return f"/element/{found[0][self.ELEMENT]}"

    def click(self, words):
        """Clicks the link or button that says this, as a person would, and waits for the page."""
        named = f"[normalize-space(.)={json.dumps(words, ensure_ascii=False)}]"
        at = self.find(f"//a{named} | //button{named} | //summary{named}")
        self.do("POST", at + "/click")

    def tick(self, name):
        self.do("POST", self.find(f"//input[@name='{name}']") + "/click")

    def type(self, name, text):
        at = self.find(f"//*[@name='{name}'][not(@type='hidden')]")
        self.do("POST", at + "/value", {"text": text})

    def press(self, *keys):
        """Keys of the keyboard, wherever the focus is."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.do("POST", "/actions", {"actions": [{"type": "key", "id": "keys",
                                                  "actions": actions}]})

    def wait_for(self, words, seconds=30):
        wait_until(lambda: words in self.text(), seconds, f"{words!r} on the page: {self.text()}")

    def show_as(self, width, scheme):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900,
                      deviceScaleFactor=1, mobile=False)
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path):
        time.sleep(0.2)
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self):
        """What the browser has to say about pages: refused by their policy, for one."""
        return [line["message"] for line in self.do("POST", "/se/log", {"type": "browser"})
                if "favicon" not in line["message"]]

    def spoken(self):
        """The page as a screen reader is given it: (role, name) of each thing."""
        tree = self.devtools("Accessibility.getFullAXTree")["nodes"]
        return [(node.get("role", {}).get("value"), node.get("name", {}).get("value", ""))
                for node in tree if not node.get("ignored")]
