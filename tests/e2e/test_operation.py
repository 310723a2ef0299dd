#!/usr/bin/env python3
"""What an operator does with a recryptd: settings, pages and metrics, reload and stop, backup and
restore, a new key; and what its users see of that."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request

from harness import Promises, Stage, check, wait_until

LABEL = "Board#example.com"


class Operation:
    def __init__(self, stage):
        self.stage = stage
        self.config = stage.base / "recryptd.toml"
        self.config.write_text('log-format = "json"\nlog-level = "info"\n')
        self.service = stage.service("example.com", "--config", str(self.config),
                                     "--admin-listen", "127.0.0.1:0")
        self.alice, self.bob, self.carol = (stage.user(n) for n in ("alice", "bob", "carol"))
        for user in (self.alice, self.bob, self.carol):
            user.create_profile(self.service)
            user.run("recryptfs", "profile", "trust", self.alice.account, self.alice.fingerprint())
        for user in (self.bob, self.carol):
            self.alice.run("recryptfs", "profile", "trust", user.account, user.fingerprint())
        self.alice.run("recryptfs", "label", "create", LABEL)
        self.alice.run("recryptfs", "label", "add", LABEL, self.bob.account)
        plain = self.alice.home / "minutes.txt"
        self.alice.shell(f"echo 'the minutes' > {plain}")
        self.stored = stage.base / "minutes.txt.jcd"
        self.alice.run("recryptfs", "encrypt", LABEL, plain)
        shutil.copy(f"{plain}.jcd", self.stored)
        self.stored.chmod(0o644)

    def recryptd(self, *words, code=0):
        done = subprocess.run([str(self.stage.bin / "recryptd"), *map(str, words)],
                              capture_output=True, text=True, timeout=60)
        check(done.returncode == code, f"recryptd {words}: exit {done.returncode}\n"
              f"{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def reads(self, user, code=0):
        done = user.run("recryptfs", "decrypt", "-o", "-", self.stored, code=code)
        check(code != 0 or done.out == "the minutes\n", done)

    def page(self, path):
        try:
            with urllib.request.urlopen(f"http://{self.service.admin}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, series):
        text = self.page("/metrics")[1]
        found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.M)
        return float(found.group(1)) if found else None

    def log(self):
        text = (self.stage.base / "example.com.log").read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def says(self, text):
        return [line for line in self.log() if text in line["message"]]

    def settings_are_checked_before_anything_starts(self):
        wrong = self.stage.base / "wrong.toml"
        for text, line in (('domain = "example.com"\nlisten-to = "x"\n', 2),
                           ('threads = "many"\n', 1), ('\n\nmax-requests = 0\n', 3),
                           ('audit-sync = "later"\n', 1), ('\n= 1\n', 2)):
            wrong.write_text(text)
            said = self.recryptd("--config", wrong, "--check", code=2)
            check(f"wrong.toml, line {line}: " in said, said)
            self.recryptd("--config", wrong, code=2)
        self.recryptd("--config", self.config, "--domain", "example.com", "--state",
                      self.service.state, "--self-signed", "--check")

    def pages_and_metrics_tell_how_it_goes(self):
        check(self.page("/healthz") == (200, "ok\n"), "healthz")
        check(self.page("/readyz") == (200, "ready\n"), "readyz")
        granted = 'recryptd_grants_total{outcome="granted"}'
        before = self.metric(granted)
        self.reads(self.bob)
        check(self.metric(granted) == before + 1, "the grant is not counted")
        self.reads(self.carol, code=4)
        check(self.metric('recryptd_grants_total{outcome="no-entry"}') == 1, "a refusal")
        text = self.page("/metrics")[1]
        for name in ("Board", "example.com", "alice", "bob"):
            check(name not in text, f"{name} stands in the metrics")
        check(self.metric("recryptd_certificate_expires_timestamp_seconds") > 1.7e9, "expiry")

    def a_reload_takes_what_is_good_and_nothing_else(self):
        hang_up = lambda: self.service.process.send_signal(signal.SIGHUP)
        good = self.config.read_text()
        self.config.write_text(good + "log-requests = 7\n")
        hang_up()
        wait_until(lambda: self.says("not reloaded: "), 10, "the mistake in the log")
        check("line 3: log-requests is " in self.says("not reloaded: ")[0]["message"], self.log())
        self.reads(self.bob)
        self.config.write_text(good + 'log-requests = "all"\nthreads = 3\n')
        hang_up()
        wait_until(lambda: self.says("reloaded"), 10, "a reload")
        wait_until(lambda: self.says("threads changes at the next start"), 10, "what is not taken")
        check(not self.says("answered"), "requests were logged before")
        self.reads(self.bob)
        answered = self.says("answered")
        check(any(line["transaction"] == "Get" and line["status"] == "201" and line["request"]
                  for line in answered), answered)
        self.config.write_text(good)

    def it_stops_in_order(self):
        check(self.service.stop() == 0, "the exit status")
        check(self.says("stopped"), self.log())
        said = self.recryptd("audit", "verify", "--state", self.service.state)
        check("checkpoints signed by" in said, said)
        self.service.start()
        self.reads(self.bob)

    def a_backup_is_restored_and_misses_what_came_later(self):
        backup = self.stage.base / "backup"
        said = self.recryptd("backup", "--state", self.service.state, backup)
        check("Backed up, with " in said, said)
        check(backup.stat().st_mode & 0o777 == 0o600, oct(backup.stat().st_mode))
        self.recryptd("backup", "--state", self.service.state, backup, code=1)
        for _ in range(2):
            self.reads(self.bob)  # receipts that the backup knows nothing of
        for lease in ("10m", "11m"):
            self.alice.run("recryptfs", "label", "policy", LABEL, "--set", f"lease={lease}")
        self.bob.run("recryptfs", "label", "show", LABEL)
        self.service.stop()
        self.recryptd("restore", "--state", self.service.state, backup, code=1)  # not over anything
        self.service.state.rename(self.stage.base / "lost")
        said = self.recryptd("restore", "--state", self.service.state, backup)
        check("Restored, with " in said, said)
        self.service.start()
        check("is older than version 3" in self.bob.run("recryptfs", "decrypt", "-o", "-",
                                                        self.stored, code=11).err, "an old label")
        published = self.alice.run("recryptfs", "label", "publish", LABEL).out
        check("has version 3" in published, published)
        self.reads(self.bob)
        self.recryptd("audit", "verify", "--state", self.service.state)
        export = self.alice.home / "export.jsonl"
        export.write_text(self.alice.run("recryptfs", "audit", LABEL, "--json").out)
        self.alice.run("recryptfs", "audit", "verify", export)
        receipts = self.stage.base / "receipts-of-bob.jsonl"
        shutil.copy(self.bob.home / ".config/recryptfs/receipts.jsonl", receipts)
        receipts.chmod(0o644)
        missing = self.alice.run("recryptfs", "audit", "verify", export, "--receipt", receipts,
                                 code=6)
        check("receipt" in missing.err, missing)
        self.alice.run("recryptfs", "label", "policy", LABEL, "--set", "lease=12m")
        self.reads(self.bob)

    def a_new_key_is_taken_without_anybody_noticing(self):
        state = self.service.state
        keys = (state / "service.key").read_text()
        check("stop it first" in self.recryptd("rotate-key", "--state", state, code=1), "serving")
        self.service.stop()
        said = self.recryptd("rotate-key", "--state", state)
        check("2 halves are sealed to the new key" in said and "version 2" in said, said)
        old, new = json.loads(keys), json.loads((state / "service.key").read_text())
        check(old["encrypt"] != new["encrypt"] and old["sign"] == new["sign"], "the keys")
        check("earlier" not in new, "the old key is still there")
        self.service.start()
        self.reads(self.bob)
        self.alice.run("recryptfs", "label", "add", LABEL, self.carol.account)
        self.reads(self.carol)


def main():
    promises = Promises()
    if os.geteuid() != 0:
        promises.skip("operation", "needs root")
        return promises.close()
    with Stage() as stage:
        operation = Operation(stage)
        for step in (operation.settings_are_checked_before_anything_starts,
                     operation.pages_and_metrics_tell_how_it_goes,
                     operation.a_reload_takes_what_is_good_and_nothing_else,
                     operation.it_stops_in_order,
                     operation.a_backup_is_restored_and_misses_what_came_later,
                     operation.a_new_key_is_taken_without_anybody_noticing):
            promises.keep(step.__name__.replace("_", " "), step)
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
