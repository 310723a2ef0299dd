#!/usr/bin/env python3
"""The console in the browser, with a real service and real accounts: by requests over a socket, and
with --full (RECRYPT_FULL=1) by clicks in headless Chromium. RECRYPT_PICTURES names a folder for what
the browser showed."""
import concurrent.futures
import http.client
import json
import os
import re
import signal
import socket
import sys
import time

from browser import Chromium, Visitor
from harness import Failed, Promises, Stage, check, need_root_and_fuse, wait_until
from page_checks import check_spoken, look

LABEL = "Board#example.com"
HOSTILE = "<script>alert('x')</script><b>\"&amp;"
FULL = os.environ.get("RECRYPT_FULL") == "1"


class Console:
    """A running `recryptfs console` of a user."""

    def __init__(self, user, *options):
        self.process = user.start("recryptfs", "console", "--json", *options)
        line = self.process.stdout.readline().decode()
        if not line:
            raise Failed(self.process.stderr.read().decode())
        self.url = json.loads(line)["url"]
        check(re.fullmatch(r"http://127\.0\.0\.1:\d+/enter\?token=[\w-]{43}", self.url), self.url)

    def wait(self, seconds=30):
        return self.process.wait(seconds)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Board:
    """Alice administers and supervises a label; bob is a member, whose openings are reviewed; carol,
    dave and erin are none yet, and alice has not compared their fingerprints."""

    def __init__(self, stage):
        self.stage = stage
        self.service = stage.service("example.com")
        self.alice, self.bob, self.carol, self.dave, self.erin = map(
            stage.user, ("alice", "bob", "carol", "dave", "erin"))
        for user in stage.users:
            user.create_profile(self.service)
        for user in (self.bob, self.carol):
            user.run("recryptfs", "profile", "trust", self.alice.account, self.alice.fingerprint())
        self.alice.run("recryptfs", "profile", "trust", self.bob.account, self.bob.fingerprint())
        self.alice.run("recryptfs", "label", "create", LABEL)
        self.alice.run("recryptfs", "label", "add", LABEL, self.bob.account)
        self.document = self.encrypt("minutes")
        self.bob_reads(0)
        self.policy("quota=member:100/1d", "review-documents=all",
                    f"supervisors={self.alice.account}", "review-holds=1h")
        self.bob_reads(10)
        self.carol.run("recryptfs", "label", "join", LABEL, "--message", HOSTILE)
        self.console = Console(self.alice)
        self.visitor = Visitor(self.console.url)

    def encrypt(self, name):
        plain, stored = self.alice.home / name, self.stage.base / f"{name}.jcd"
        self.alice.shell(f"echo {name} of the board > {plain}")
        stored.write_bytes(self.alice.run("recryptfs", "encrypt", LABEL, plain, "-o", "-").raw)
        stored.chmod(0o644)
        return stored

    def bob_reads(self, code):
        self.bob.run("recryptfs", "decrypt", self.document, "-o", "-", code=code)

    def policy(self, *settings):
        words = [word for setting in settings for word in ("--set", setting)]
        self.alice.run("recryptfs", "label", "policy", LABEL, *words)

    def members(self):
        told = json.loads(self.alice.run("recryptfs", "label", "members", LABEL, "--json").out)
        return sorted(one["account"] for one in told)

    def epoch(self):
        return json.loads(self.alice.run("recryptfs", "label", "show", LABEL, "--json").out)["epoch"]

    def pending(self, user):
        told = json.loads(self.alice.run("recryptfs", "review", "list", LABEL, "--json").out)
        return [one["Id"] for one in told if one["Account"] == user.account]

    # Who gets in

    def without_the_token_nothing_is_shown(self):
        visitor = self.visitor
        for target in ("/", "/label?name=" + LABEL.replace("#", "%23"), "/enter", "/enter?token=",
                       visitor.entry[:-1], visitor.entry[:-4] + "AAAA", "/favicon.ico", "//x/"):
            answer = visitor.ask("GET", target)
            check(answer.status in (400, 403), f"{target}: {answer.status}")
            check("Board" not in answer.text and "alice" not in answer.text, answer.text)
            check(not answer.headers["Set-Cookie"], "a cookie for nobody")

    def the_address_opens_it_once_and_is_not_what_is_shown(self):
        answer = self.visitor.enter()
        cookie = answer.headers["Set-Cookie"]
        check("HttpOnly" in cookie and "SameSite=Strict" in cookie, cookie)
        check(f"Path={self.visitor.home.rstrip('/')};" in cookie + ";", cookie)
        check("token" not in self.visitor.home, self.visitor.home)
        check(Visitor(self.console.url).ask("GET", self.visitor.entry).status == 403, "twice")
        check(LABEL in self.visitor.get(self.visitor.home).text, "no label")

    def another_host_or_page_is_refused(self):
        visitor = self.visitor
        port = visitor.host.split(":")[1]
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port}0"):
            check("Board" not in visitor.get(visitor.home, 403, Host=host).text, host)
        for site in ("cross-site", "same-site"):
            check("Board" not in visitor.get(visitor.home, 403, Sec_Fetch_Site=site).text, site)
        visitor.get(visitor.home, 403, Cookie=None)
        visitor.get(visitor.home, 403, Cookie=visitor.cookie[:-2] + "AA")

    def a_form_of_another_page_changes_nothing(self):
        visitor = self.visitor
        page = visitor.at("rotation", name=LABEL)
        button = "Give the label a new key"
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"},
                        {"Origin": visitor.host}, {"Sec_Fetch_Site": "cross-site"},
                        {"Sec_Fetch_Site": None, "Origin": None}, {"Cookie": None},
                        {"Host": "evil.example"}):
            visitor.submit(page, button, status=403, headers=headers)
        visitor.submit(page, button, status=403, without=("form",))
        visitor.submit(page, button, status=403, form="A" * 43)
        visitor.submit(page, button, status=400, headers={"Content_Type": "text/plain"})
        form = next(f for f in page.page.forms if button in f["buttons"])
        changing = form["action"] + "?form=" + form["fields"]["form"]
        check(visitor.ask("GET", visitor.home + "end").status == 404, "a link ends the console")
        check(visitor.ask("POST", changing, "name=" + LABEL.replace("#", "%23")).status == 403,
              "the token was taken from the address")
        check(self.epoch() == 1, "the key was changed")

    def what_is_too_large_or_no_request_is_refused(self):
        visitor = self.visitor
        check(visitor.ask("POST", visitor.home + "review", "a=" + "x" * 20000).status == 413, "body")
        check(visitor.ask("GET", visitor.home, X="x" * 20000).status == 431, "header")
        many = "&".join(f"f{i}=1" for i in range(100))
        check(visitor.ask("POST", visitor.home + "review", many).status == 400, "fields")
        address = (visitor.host.split(":")[0], int(visitor.host.split(":")[1]))
        with socket.create_connection(address) as peer:
            peer.sendall(b"\x16\x03\x01 no http\r\n\r\n")
            check(b" 400 " in peer.recv(4096), "no http")
        for target in ("label", "label?name=%23", "label?name=a%00", "label?name=A%23x&name=B%23x"):
            check(visitor.ask("GET", visitor.home + target).status == 400, target)
        idle = [socket.create_connection(address) for _ in range(30)]
        visitor.get(visitor.home)  # is served beside them
        for peer in idle:
            peer.close()

    def every_answer_allows_nothing_from_elsewhere(self):
        visitor = self.visitor
        answers = [visitor.get(visitor.home), visitor.get("/style.css"), visitor.ask("GET", "/x"),
                   visitor.ask("GET", visitor.home + "no-such"),
                   visitor.ask("POST", visitor.home + "review", "a=" + "x" * 20000)]
        for answer in answers:
            policy = answer.headers["Content-Security-Policy"]
            check(policy.startswith("default-src 'none'; style-src 'self'"), policy)
            check("unsafe" not in policy and "script" not in policy, policy)
            for name, value in (("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"),
                                ("Cache-Control", "no-store"), ("Referrer-Policy", "same-origin")):
                check(answer.headers[name] == value, f"{name}: {answer.headers[name]}")
        for answer in answers:
            for tag, attributes in answer.page.tags if answer.page else ():
                check(tag not in ("script", "img", "iframe", "object") and "style" not in attributes,
                      f"<{tag} {attributes}>")
                for name in ("href", "src", "action"):
                    check(not re.match(r"\w+:|//", attributes.get(name, "")), attributes)

    # What is shown and done

    def labels_and_members_are_shown(self):
        text = self.visitor.get(self.visitor.home).text
        for one in (LABEL, "administrator, member", "Members 2", "Waiting for review 1", "epoch 1",
                    "Quota member:100/1d", "Lease 15 min"):
            check(one in text, f"{one!r} is not in {text}")
        text = self.visitor.at("label", name=LABEL).text
        for one in (self.bob.account, self.bob.fingerprint(), "1 device", "Leases that run",
                    "review-holds 1h", "100 1 d"):
            check(one in text, f"{one!r} is not in {text}")

    def what_others_write_is_text_and_nothing_else(self):
        answer = self.visitor.at("label", name=LABEL)
        check(HOSTILE in answer.page.text, "the message is not shown as it was written")
        check("<script" not in answer.markup and "<b>" not in answer.markup, "markup of others")
        answer = self.visitor.ask("GET", self.visitor.home + "label?name=%3Cscript%3E%23x.example")
        check("<script" not in answer.markup, answer.markup)

    def a_member_is_added_with_the_fingerprint_shown(self):
        visitor = self.visitor
        page = visitor.submit(visitor.at("label", name=LABEL), "Look at the fingerprint",
                              account=self.carol.account)
        check(self.carol.fingerprint() in page.text, page.text)
        button = f"Add {self.carol.account}"
        visitor.submit(page, button, status=400)  # it was not compared
        visitor.submit(page, button, status=403, compared="yes", udf=self.dave.fingerprint())
        check(self.carol.account not in self.members(), "added without its fingerprint")
        self.alice.run("recryptfs", "profile", "trust", "--replace", self.carol.account,
                       self.carol.fingerprint())
        page = visitor.submit(page, button, compared="yes")
        check(f"{self.carol.account} is a member of {LABEL}." in page.text, page.text)
        check(self.carol.account in self.members(), self.members())
        check("is a member of" not in visitor.at("label", name=LABEL).text, "told twice")

    def another_fingerprint_than_the_pinned_one_is_refused(self):
        self.alice.run("recryptfs", "profile", "trust", self.dave.account, self.bob.fingerprint())
        answer = self.visitor.ask("GET", self.visitor.home + "member/add?name="
                                  + LABEL.replace("#", "%23") + "&account=" + self.dave.account)
        check(answer.status == 403, answer.status)
        for udf in (self.bob.fingerprint(), self.dave.fingerprint()):
            check(udf in answer.text, answer.text)
        check("Nothing was changed" in answer.text, answer.text)
        self.alice.run("recryptfs", "profile", "trust", "--replace", self.dave.account,
                       self.dave.fingerprint())

    def a_removal_says_when_leases_end_and_gives_a_new_key(self):
        visitor = self.visitor
        self.alice.run("recryptfs", "label", "add", LABEL, self.dave.account)
        page = visitor.at("member/remove", name=LABEL, account=self.dave.account)
        check("at the latest, in 15 min" in page.text and "gets a new key by itself" in page.text,
              page.text)
        page = visitor.submit(page, f"Remove {self.dave.account}")
        check(f"{self.dave.account} is no longer a member of {LABEL}." in page.text, page.text)
        self.wait_for_key(2)
        check(self.dave.account not in self.members(), self.members())
        text = visitor.at("rotation", name=LABEL).text
        check("The label has a new key, epoch 2, for 3 members." in text, text)

    def wait_for_key(self, epoch):
        def done():
            answer = self.visitor.at("rotation", name=LABEL)
            running = "A new key is being made" in answer.text
            check(running == ('http-equiv="refresh"' in answer.markup), "refreshes itself, or not")
            return not running
        wait_until(done, 60, "a new key")
        check(self.epoch() == epoch, self.epoch())

    def a_label_is_given_a_new_key(self):
        page = self.visitor.at("rotation", name=LABEL)
        self.visitor.submit(page, "Give the label a new key")
        self.wait_for_key(3)

    def a_review_is_decided(self):
        visitor = self.visitor
        page = visitor.at("reviews", name=LABEL)
        check(self.bob.account in page.text, page.text)
        number = self.pending(self.bob)[0]
        of = f" request {number} of {self.bob.account}"
        page = visitor.submit(page, "Approve" + of)
        check(f"Request {number} is approved" in page.text, page.text)
        self.bob_reads(0)
        self.document = self.encrypt("accounts")
        self.bob_reads(10)
        number = self.pending(self.bob)[0]
        page = visitor.at("reviews", name=LABEL)
        visitor.submit(page, f"Deny request {number} of {self.bob.account}", **{"for": "8h"})
        self.bob_reads(12)
        check(not self.pending(self.bob), "still pending")

    def the_log_is_filtered_and_plotted(self):
        visitor = self.visitor
        self.carol.run("recryptfs", "decrypt", self.document, "-o", "-", code=10)
        page = visitor.at("audit", name=LABEL, since="day")
        counts = re.search(r'aria-label="Grants and refusals of Board#example.com over the last 24 '
                           r'hours: (\d+) grants, (\d+) refusals in all', page.markup)
        check(counts and int(counts[1]) >= 2 and int(counts[2]) >= 3, page.markup[:3000])
        for user in (self.bob, self.carol):
            link = page.page.links[f"Only {user.account}"]
            check(f"Grants and refusals of {user.account} over" in visitor.get(link).markup, link)
        records = lambda **query: re.findall(
            r'data-head="What"><span class="[^"]*">([^<]*)</span></td><td [^>]*data-head="Account">'
            r'([^<]*)<', visitor.at("audit", name=LABEL, since="day", **query).markup)
        check({what for what, _ in records(outcome="refuse")} == {"refuse"}, records())
        check({what for what, _ in records(outcome="grant")} == {"grant"}, "grants")
        administration = {what for what, _ in records(outcome="change")}
        check("set-entry" in administration and "grant" not in administration, administration)
        whose = {who for _, who in records(account=self.bob.account)}
        check(whose == {self.bob.account}, whose)
        check(not records(account=self.dave.account, outcome="grant"), "dave was granted something")
        for wrong in ("account=nobody", "outcome=no-such"):
            target = visitor.home + "audit?name=" + LABEL.replace("#", "%23") + "&" + wrong
            check(visitor.ask("GET", target).status == 400, wrong)
        check(LABEL in visitor.at("activity", since="hour").text, "no activity")

    def who_is_no_administrator_sees_no_members(self):
        console = Console(self.bob)
        visitor = Visitor(console.url)
        visitor.enter()
        text = visitor.at("label", name=LABEL).text
        check("does not administer" in text and self.carol.account not in text, text)
        for page in ("audit", "reviews"):
            answer = visitor.ask("GET", f"{visitor.home}{page}?name={LABEL.replace('#', '%23')}")
            check(answer.status == 403, f"{page}: {answer.status}")
        console.stop()

    # Services that fail, and the end

    def a_service_that_hangs_does_not_freeze_the_page(self):
        self.service.process.send_signal(signal.SIGSTOP)
        try:
            with concurrent.futures.ThreadPoolExecutor() as pool:
                begun = time.monotonic()
                waiting = pool.submit(self.visitor.ask, "GET", self.visitor.home)
                while not waiting.done():
                    check(self.visitor.ask("GET", self.visitor.home + "x").status == 404, "a page")
                    check(time.monotonic() - begun < 40, "not within the deadline")
                    time.sleep(0.5)
            answer = waiting.result()
            check(answer.status == 503, answer.status)
            check("The service does not answer" in answer.text, answer.text)
        finally:
            self.service.process.send_signal(signal.SIGCONT)
        wait_until(lambda: self.visitor.ask("GET", self.visitor.home).status == 200, 60, "labels")

    def it_ends_by_its_button(self):
        page = self.visitor.get(self.visitor.home)
        answer = self.visitor.submit(page, "End", status=200)
        check("has ended" in answer.text, answer.text)
        check(self.console.wait() == 0, "another exit status")
        try:
            self.visitor.ask("GET", self.visitor.home)
            check(False, "it still listens")
        except ConnectionRefusedError:
            pass

    def it_ends_when_nobody_uses_it(self):
        console = Console(self.alice, "--idle", "3s")
        visitor = Visitor(console.url)
        visitor.enter()
        for _ in range(4):
            time.sleep(1)
            visitor.get(visitor.home)
            visitor.ask("GET", visitor.home, Cookie=None)
        begun = time.monotonic()
        while console.process.poll() is None:
            check(time.monotonic() - begun < 20, "it goes on")
            try:
                Visitor(console.url).ask("GET", "/style.css")  # nobody's use
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.2)
        check(console.wait() == 0, "another exit status")

    def wrong_options_are_refused(self):
        for options in (("--port", "0"), ("--port", "70000"), ("--idle", "0"), ("--idle", "x")):
            self.alice.run("recryptfs", "console", *options, code=2)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            done = self.alice.run("recryptfs", "console", "--port", taken.getsockname()[1],
                                  code=None)
            check(done.code != 0 and "in use" in done.err, repr(done))

    # By clicks

    def by_clicks_a_member_comes_and_goes(self):
        browser = self.browser
        self.console = Console(self.alice)
        browser.open(self.console.url)
        browser.wait_for("Labels")
        check("token" not in browser.address(), browser.address())
        browser.click(LABEL)
        browser.type("account", self.erin.account)
        browser.click("Look at the fingerprint")
        browser.wait_for(self.erin.fingerprint())
        look(browser, "add")
        browser.click(f"Add {self.erin.account}")  # the browser asks for the tick first
        check("member/add" in browser.address(), browser.address())
        browser.tick("compared")
        browser.click(f"Add {self.erin.account}")
        browser.wait_for(f"{self.erin.account} is a member of {LABEL}.")
        check(self.erin.account in self.members(), self.members())
        look(browser, "label")
        browser.click(f"Remove {self.erin.account}…")
        browser.wait_for("at the latest")
        look(browser, "remove")
        browser.click(f"Remove {self.erin.account}")
        browser.wait_for("The label has a new key", 60)  # the page asks again by itself
        look(browser, "key")
        check(self.erin.account not in self.members(), self.members())

    def by_clicks_a_review_is_decided_and_the_log_is_seen(self):
        browser = self.browser
        self.document = self.encrypt("salaries")
        self.bob_reads(10)
        number = self.pending(self.bob)[0]
        browser.click("Reviews")
        look(browser, "reviews")
        browser.click(f"Approve request {number} of {self.bob.account}")
        browser.wait_for(f"Request {number} is approved")
        self.bob_reads(0)
        browser.click("Audit log")
        browser.wait_for("Grants and refusals")
        look(browser, "audit")
        browser.click("Activity")
        browser.wait_for(LABEL)
        look(browser, "activity")
        browser.click("Labels")
        look(browser, "labels")

    def pages_are_for_keyboards_and_screen_readers(self):
        browser = self.browser
        browser.click("Labels")
        browser.press("\ue004", "\ue007")  # Tab, Enter: to the content
        check(browser.run("return document.activeElement.id") == "main", "no way past the links")
        for page in ("Labels", "Activity"):
            browser.click(page)
            check_spoken(browser)
        browser.click("Labels")
        browser.click(LABEL)
        for page in ("Members and policy", "Audit log", "Reviews", "Key"):
            browser.click(page)
            check_spoken(browser)
        complaints = browser.complaints()
        check(not complaints, complaints)


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        board = Board(stage)
        steps = [board.without_the_token_nothing_is_shown,
                 board.the_address_opens_it_once_and_is_not_what_is_shown,
                 board.another_host_or_page_is_refused,
                 board.a_form_of_another_page_changes_nothing,
                 board.what_is_too_large_or_no_request_is_refused,
                 board.every_answer_allows_nothing_from_elsewhere,
                 board.labels_and_members_are_shown,
                 board.what_others_write_is_text_and_nothing_else,
                 board.a_member_is_added_with_the_fingerprint_shown,
                 board.another_fingerprint_than_the_pinned_one_is_refused,
                 board.a_removal_says_when_leases_end_and_gives_a_new_key,
                 board.a_label_is_given_a_new_key,
                 board.a_review_is_decided,
                 board.the_log_is_filtered_and_plotted,
                 board.who_is_no_administrator_sees_no_members,
                 board.a_service_that_hangs_does_not_freeze_the_page,
                 board.it_ends_by_its_button,
                 board.it_ends_when_nobody_uses_it,
                 board.wrong_options_are_refused]
        clicks = [board.by_clicks_a_member_comes_and_goes,
                  board.by_clicks_a_review_is_decided_and_the_log_is_seen,
                  board.pages_are_for_keyboards_and_screen_readers]
        for step in steps:
            promises.keep(step.__name__.replace("_", " "), step)
        if not FULL:
            promises.skip("by clicks", "with --full only")
        elif Chromium.missing():
            promises.skip("by clicks", f"{' and '.join(Chromium.missing())} not installed")
        else:
            with Chromium(board.alice) as board.browser:
                for step in clicks:
                    promises.keep(step.__name__.replace("_", " "), step)
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
