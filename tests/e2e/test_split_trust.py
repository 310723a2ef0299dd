#!/usr/bin/env python3
"""A label over three services, two of which grant together: who reads while one is away, while two
are, while one lies, and after a removal that one of them missed."""
import base64
import hashlib
import json
import os
import signal
import sqlite3
import sys
import time

from harness import Promises, Stage, check, need_root_and_fuse

LABEL = "Accounting#example.com"
DOMAINS = ("example.com", "example.net", "example.org")
LEASE = 2
AWAY = 5  # the exit status
SOON = 2  # seconds: far below any time-out


class Split:
    def __init__(self, stage):
        self.share = stage.make_share()
        self.services = {domain: stage.service(domain) for domain in DOMAINS}
        com, net, org = (self.services[domain] for domain in DOMAINS)
        self.alice, self.bob, self.carol = (stage.user(name) for name in ("alice", "bob", "carol"))
        self.alice.create_profile(com, net, org)
        for user in (self.bob, self.carol):
            user.create_profile(net, com, org)
            self.alice.run("recryptfs", "profile", "trust", user.account, user.fingerprint())
            user.run("recryptfs", "profile", "trust", self.alice.account, self.alice.fingerprint())
        self.count = 0

    def create(self, label, *options, code=0):
        words = [word for domain in DOMAINS for word in ("--service", domain)]
        return self.alice.run("recryptfs", "label", "create", label, *words, *options, code=code)

    def fresh(self):
        """A document that nobody has opened yet."""
        self.count += 1
        name = f"{self.count}.txt"
        self.alice.shell(f"echo report {self.count} | "
                         f"dd of={self.at}/Accounting/{name} conv=fsync status=none")
        return name, f"report {self.count}\n"

    def remount_bobs(self):
        self.bob.umount(self.bobs)
        self.bob.run("recryptfs", "mount", self.share, self.bobs, "--log-file", self.log)

    def logged_of(self, domain):
        return [line for line in self.log.read_text().splitlines() if domain in line]

    def reads_as_ever(self, without):
        """Bob opens new documents: nothing is said, nothing is waited for."""
        before = self.logged_of(without)
        for _ in range(3):
            done, took = self.reads(self.bob, self.bobs)
            check(took < SOON and done.err == "", f"without {without}: {took:.1f} s, {done!r}")
        check(self.logged_of(without) == before, f"without {without}: {self.logged_of(without)}")

    def reads(self, user, point, code=0):
        return self.reads_of(self.fresh(), user, point, code)

    @staticmethod
    def reads_of(document, user, point, code=0):
        name, text = document
        begun = time.monotonic()
        done = user.run("cat", point / "Accounting" / name, code=code)
        check(code != 0 or done.out == text, f"{name}: {done!r}")
        return done, time.monotonic() - begun

    def a_label_is_made_over_three_services(self):
        made = self.create(LABEL, "--threshold", 2, "--lease", LEASE).out
        check("threshold      2 of 3 services grant together" in made, made)
        self.alice.run("recryptfs", "label", "add", LABEL, self.bob.account, self.carol.account)
        shown = json.loads(self.bob.run("recryptfs", "label", "show", LABEL, "--json").out)
        check(shown["threshold"] == 2 and shown["services"] == list(DOMAINS), shown)
        self.alice.make_labelled_folder(LABEL, self.share, "Accounting")
        self.at = self.alice.mount(self.share)
        self.log = self.bob.home / "mount.log"
        self.bobs = self.bob.mount(self.share, "--log-file", self.log)
        self.reads(self.bob, self.bobs)

    def whichever_is_killed_readers_notice_nothing(self):
        for domain, service in self.services.items():
            service.stop(how=9)
            time.sleep(LEASE + 0.5)
            self.reads_as_ever(without=domain)
            # A mount made anew reads, and writes, as well.
            self.remount_bobs()
            self.reads(self.bob, self.bobs)
            self.bob.shell(f"echo mine > {self.bobs}/Accounting/without-{domain}")
            service.start()

    def whichever_hangs_readers_notice_nothing(self):
        for domain, service in self.services.items():
            service.process.send_signal(signal.SIGSTOP)
            try:
                time.sleep(LEASE + 0.5)
                self.reads_as_ever(without=domain)
            finally:
                service.process.send_signal(signal.SIGCONT)

    def with_two_killed_the_error_names_them(self):
        document = self.fresh()
        for domain in DOMAINS[1:]:
            self.services[domain].stop(how=9)
        time.sleep(LEASE + 0.5)
        done, took = self.reads_of(document, self.bob, self.bobs, code=1)
        check("No route to host" in done.err and took < 15, f"{done!r} after {took:.1f} s")
        why = self.bob.run("recryptfs", "why", self.bobs / "Accounting" / f"{self.count}.txt").out
        check("1 of its 3 services granted, and 2 are needed" in why, why)
        check("example.net: " in why and "example.org: " in why, why)
        for domain in DOMAINS[1:]:
            self.services[domain].start()
        self.remount_bobs()
        self.reads(self.bob, self.bobs)

    def a_removal_that_one_service_missed_holds_and_is_repeated(self):
        carols = self.carol.mount(self.share)
        self.reads(self.carol, carols)
        self.services["example.org"].stop(how=9)
        remove = ("recryptfs", "label", "remove", LABEL, self.carol.account)
        told = self.alice.run(*remove, code=AWAY)
        check("example.org" in told.err and "again" in told.err, told)
        self.services["example.org"].start()
        time.sleep(LEASE + 0.5)
        self.carol.remount(self.share, carols)
        done, _ = self.reads(self.carol, carols, code=1)
        check("Permission denied" in done.err, done)
        told = self.alice.run(*remove)
        check("has a new key, epoch 2, for 2 members" in told.out, told)
        self.remount_bobs()
        self.reads(self.bob, self.bobs)
        check("Permission denied" in self.reads(self.carol, carols, code=1)[0].err, "removed")

    def an_addition_that_was_interrupted_is_completed_by_the_same_command(self):
        self.services["example.org"].stop(how=9)
        add = ("recryptfs", "label", "add", LABEL, self.carol.account)
        told = self.alice.run(*add, code=AWAY)
        check("is a member" in told.out and "example.org" in told.err, told)
        self.services["example.org"].start()
        self.alice.run(*add)
        self.services["example.net"].stop(how=9)
        carols = self.carol.mounts[0]
        self.carol.remount(self.share, carols)
        self.reads(self.carol, carols)
        self.services["example.net"].start()

    def one_that_lies_is_named_and_readers_go_on(self):
        liar = self.services["example.com"]
        liar.stop()
        make_lie(liar.state, self.bob)
        liar.start()
        self.remount_bobs()
        self.reads(self.bob, self.bobs)
        seen = json.loads(self.bob.run("recryptfs", "status", "--json").out)
        wrong = {each["domain"]: each["wrong_results"] for each in seen["services"]}
        check(wrong["example.com"] > 0, wrong)
        check(wrong["example.net"] == wrong["example.org"] == 0, wrong)
        check("GAVE WRONG RESULTS" in self.bob.run("recryptfs", "status").out, "not shown")
        told = [line for line in self.log.read_text().splitlines() if "gave a wrong result" in line]
        check(len(told) == 1 and "service of example.com gave" in told[0], told)
        # Adding the member again puts it right.
        self.alice.run("recryptfs", "label", "add", LABEL, self.bob.account)

    def each_service_has_its_own_log(self):
        lines = self.alice.run("recryptfs", "audit", LABEL, "--event", "grant").out.splitlines()
        for domain in DOMAINS:
            check(any(line.endswith(f"  at {domain}") for line in lines), f"none at {domain}")
        exported = self.alice.run("recryptfs", "audit", LABEL, "--service", "example.net", "--json")
        (self.alice.home / "log.jsonl").write_text(exported.out)
        self.alice.run("recryptfs", "audit", "verify", self.alice.home / "log.jsonl", "--service",
                       "example.net")
        self.alice.run("recryptfs", "audit", LABEL, "--service", "example.info", code=None)

    def what_cannot_be_is_refused(self):
        for options in (("--threshold", 4), ("--threshold", 0), ("--threshold", "two")):
            told = self.create("Other#example.com", *options, code=None)
            check(told.code != 0 and "threshold" in told.err, told)
        told = self.alice.run("recryptfs", "label", "create", "Other#example.com", "--service",
                              "example.net", code=None)
        check(told.code != 0 and "has to be one of the label's" in told.err, told)
        review = ("recryptfs", "label", "policy", LABEL, "--set", "review=all", "--set",
                  f"supervisors={self.alice.account}")
        check(self.alice.run(*review, code=None).code != 0, "under review")


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def make_lie(state, user):
    """Gives a service another half for each of the user's keys, sealed as an administrator would."""
    profile = json.loads((state / "service.profile").read_text())
    key = json.loads(unb64(profile["payload"]))["encrypt"]
    database = sqlite3.connect(state / "recryptd.sqlite")
    rows = database.execute("SELECT id, device, kid, label, service_half FROM entries WHERE "
                            "account = ? AND revoked IS NULL", (user.account,)).fetchall()
    check(rows, "the user has no entry")
    quorums = ["+".join(sorted((DOMAINS[0], other))) for other in DOMAINS[1:]]
    for entry, device, kid, label, half in rows:
        halves = {quorum: b64(clamped()) for quorum in quorums}
        text = json.dumps({"device": device, "halves": halves, "key": kid, "label": label})
        jwe = seal(text.encode(), unb64(key["x"]), json.loads(half))
        database.execute("UPDATE entries SET service_half = ? WHERE id = ?",
                         (json.dumps(jwe, sort_keys=True, separators=(",", ":")), entry))
    database.commit()
    database.close()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def clamped():
    key = bytearray(os.urandom(32))
    key[0] &= 0xf8
    key[31] = key[31] & 0x7f | 0x40
    return bytes(key)


def seal(plaintext, recipient, like):
    """A JWE (ECDH-ES+A256KW, A256GCM) in the form of another one to the same key."""
    from cryptography.hazmat.primitives import keywrap, serialization
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    ephemeral = X25519PrivateKey.generate()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    alg = b"ECDH-ES+A256KW"
    other = len(alg).to_bytes(4, "big") + alg + bytes(8) + (256).to_bytes(4, "big")
    kek = hashlib.sha256((1).to_bytes(4, "big") + shared + other).digest()
    content, nonce = os.urandom(32), os.urandom(12)
    sealed = AESGCM(content).encrypt(nonce, plaintext, like["protected"].encode())
    public = ephemeral.public_key().public_bytes(serialization.Encoding.Raw,
                                                 serialization.PublicFormat.Raw)
    jwe = json.loads(json.dumps(like))
    for holder in (jwe.get("unprotected", {}), jwe.get("header", {}),
                   *(one.get("header", {}) for one in jwe.get("recipients", []))):
        if "epk" in holder:
            holder["epk"]["x"] = b64(public)
    wrapped = b64(keywrap.aes_key_wrap(kek, content))
    if "recipients" in jwe:
        jwe["recipients"][0]["encrypted_key"] = wrapped
    else:
        jwe["encrypted_key"] = wrapped
    jwe.update(iv=b64(nonce), ciphertext=b64(sealed[:-16]), tag=b64(sealed[-16:]))
    return jwe


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        story = Split(stage)
        steps = [story.a_label_is_made_over_three_services,
                 story.whichever_is_killed_readers_notice_nothing,
                 story.whichever_hangs_readers_notice_nothing,
                 story.with_two_killed_the_error_names_them,
                 story.a_removal_that_one_service_missed_holds_and_is_repeated,
                 story.an_addition_that_was_interrupted_is_completed_by_the_same_command,
                 story.one_that_lies_is_named_and_readers_go_on,
                 story.each_service_has_its_own_log,
                 story.what_cannot_be_is_refused]
        for step in steps:
            name = step.__name__.replace("_", " ")
            if "lies" in name:
                try:
                    import cryptography  # noqa: F401, to seal the lie with
                except ImportError:
                    promises.skip(name, "python3-cryptography is not installed")
                    continue
            promises.keep(name, step)
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
