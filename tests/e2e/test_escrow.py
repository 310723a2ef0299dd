#!/usr/bin/env python3
"""A label outlives everybody who could open it: its keys come back from shares, on a machine that
has never seen it, with the service gone."""
import json
import os
import shutil
import sys

from harness import Promises, Stage, Terminal, check, need_root_and_fuse

LABEL = "Accounting#example.com"
OTHER = "Legal#example.com"
CONTENT = b"what the books of 2026 say\n" * 400


class Escrow:
    def __init__(self, stage):
        self.stage = stage
        self.com = stage.service("example.com")
        self.alice, self.erin = stage.user("alice"), stage.user("erin")
        self.alice.create_profile(self.com)
        self.alice.run("recryptfs", "label", "create", LABEL)
        self.alice.run("recryptfs", "label", "create", OTHER)

    def create(self, label, name, *options):
        """An escrow of alice's; its file and its shares are where everybody gets at them."""
        folder = self.stage.base / name
        folder.mkdir()
        os.chown(folder, self.alice.uid, self.alice.gid)
        file = folder / "keys.escrow"
        made = self.alice.run("recryptfs", "escrow", "create", "--shares", 5, "--threshold", 3, "-o",
                              file, "--to", folder, *options, label)
        shares = sorted(folder.glob("share-*.txt"))
        for share in shares:
            check(share.stat().st_mode & 0o777 == 0o600, f"{share} is readable by others")
            os.chown(share, self.erin.uid, self.erin.gid)
        folder.chmod(0o755)
        return file, shares, made

    def shares_are_made(self):
        document = self.alice.home / "books.txt"
        self.alice.run("tee", document, input=CONTENT)
        self.alice.run("recryptfs", "encrypt", LABEL, document)
        self.stored = self.stage.base / "books.txt.jcd"
        shutil.copy(f"{document}.jcd", self.stored)
        self.file, self.shares, made = self.create(LABEL, "escrow")
        self.other_file, self.other_shares, _ = self.create(OTHER, "other")
        check(len(self.shares) == 5, f"shares: {self.shares}")
        check(LABEL in made.err, repr(made))
        texts = [share.read_text() for share in self.shares]
        check(all(self.alice.fingerprint() in text for text in texts), texts[0])
        check(len({text.splitlines()[-1] for text in texts}) == 5, "two shares are the same")

    def no_signature_key_is_in_it(self):
        keystore = json.loads((self.alice.home / ".config/recryptfs/keystore.json").read_text())
        held = self.file.read_text() + "".join(share.read_text() for share in self.shares)
        for kind in ("master", "sign", "encrypt"):
            check(keystore["keys"][kind]["d"] not in held, f"the {kind} key stands in the escrow")

    def a_machine_is_blank_and_all_else_is_gone(self):
        self.erin.create_profile(self.com)
        shutil.rmtree(self.alice.home)
        self.com.stop()
        self.erin.run("recryptfs", "decrypt", "-o", "-", self.stored, code=None)
        refused = self.recover([], code=4)
        check(self.fingerprint_in(refused.err) != "", repr(refused))
        self.erin.run("recryptfs", "profile", "trust", self.alice.account,
                      self.fingerprint_in(self.shares[0].read_text()))

    @staticmethod
    def fingerprint_in(text):
        return next((word.strip(",:.'") for word in text.split() if len(word.strip(",:.'")) == 34
                     and word.startswith("M")), "")

    def recover(self, shares, code=0):
        words = [word for share in shares for word in ("--share-file", share)]
        return self.erin.run("recryptfs", "escrow", "recover", *(words or ["--share-fd", "0"]),
                             self.file, code=code)

    def too_few_shares_say_how_many_are_missing(self):
        done = self.recover(self.shares[:1], code=3)
        check("1 of the 3" in done.err and "missing: 2" in done.err, repr(done))

    def a_share_of_another_secret_is_named(self):
        done = self.recover([self.shares[0], self.other_shares[1], self.shares[2]], code=2)
        check("share 2 is of another escrow" in done.err, repr(done))

    def a_mistyped_share_is_named(self):
        text = self.shares[1].read_text()
        share = text.splitlines()[-1]
        swapped = share[:5] + share[6] + share[5] + share[7:]
        if swapped == share:
            swapped = share[:5] + ("A" if share[5] != "A" else "B") + share[6:]
        wrong = self.stage.base / "mistyped.txt"
        wrong.write_text(text.replace(share, swapped))
        wrong.chmod(0o644)
        done = self.recover([self.shares[0], wrong, self.shares[2]], code=2)
        check("mistyped.txt, line 3" in done.err and "mistyped" in done.err, repr(done))

    def shares_are_never_arguments(self):
        share = self.shares[0].read_text().splitlines()[-1]
        self.erin.run("recryptfs", "escrow", "recover", self.file, share, code=2)

    def shares_that_are_typed_open_the_documents(self):
        typed = [share.read_text().splitlines()[-1] for share in self.shares]
        other = self.other_shares[0].read_text().splitlines()[-1]
        with Terminal(self.erin, self.erin.home, "recryptfs", "escrow", "recover",
                      self.file) as terminal:
            terminal.wait_for(r"missing: 3\.\s+Share: ")
            terminal.type(typed[4].lower().replace("-", " ") + "\n")
            terminal.wait_for(r"missing: 2\.\s+Share: ")
            terminal.type(typed[0][:-1] + "\n")
            terminal.wait_for(r"no share: it has 36 characters; characters found: 35[\s\S]*Share: ")
            terminal.type(other + "\n")
            terminal.wait_for(r"share 1 is of another escrow[\s\S]*Share: ")
            terminal.type(typed[0] + "\n")
            terminal.wait_for(r"missing: 1\.\s+Share: ")
            terminal.type(typed[2] + "\n")
            terminal.wait_for(r"Recovered the keys of Accounting#example.com")
            check(terminal.wait_for_end() == 0, "recovering failed")
        read = self.erin.run("recryptfs", "decrypt", "-o", "-", self.stored)
        check(read.raw == CONTENT, "another content")
        self.erin.run("recryptfs", "decrypt", "-o", self.erin.home / "books.txt", self.stored)
        check((self.erin.home / "books.txt").read_bytes() == CONTENT, "another content")

    def what_is_kept_opens_nothing_elsewhere(self):
        """recovered.json is sealed to the device: a copy of it is of no use to another one."""
        frank = self.stage.user("frank")
        self.com.start()
        frank.run("recryptfs", "service", "add", self.com.domain, self.com.address, "--ca",
                  self.com.ca)
        frank.create_profile(self.com)
        kept = self.erin.home / ".config/recryptfs/recovered.json"
        check(kept.stat().st_mode & 0o777 == 0o600, "the recovered keys are readable by others")
        stolen = frank.home / ".config/recryptfs/recovered.json"
        shutil.copy(kept, stolen)
        os.chown(stolen, frank.uid, frank.gid)
        done = frank.run("recryptfs", "decrypt", "-o", "-", self.stored, code=None)
        check(done.code != 0 and CONTENT[:20] not in done.raw, repr(done))


class Renewal:
    """The keys of a label change; the shares, which lie in five safes, do not."""

    def __init__(self, stage):
        self.stage = stage
        self.net = stage.service("example.net")
        self.bob = stage.user("bob")
        self.bob.create_profile(self.net)

    def personal_groups_are_a_persons_keys(self):
        made = self.bob.run("recryptfs", "escrow", "create", "--shares", 2, "--threshold", 2,
                            "--profile", code=3)
        check("recryptfs label create bob@example.net" in made.err, repr(made))
        self.bob.run("recryptfs", "label", "create", "bob@example.net")
        made = self.bob.run("recryptfs", "escrow", "create", "--shares", 2, "--threshold", 2,
                            "--profile", "--json")
        self.made = json.loads(made.out)
        check(self.made["labels"] == ["bob@example.net"], made.out)
        self.bob.run("recryptfs", "escrow", "create", "--shares", 2, "--threshold", 2, "--profile",
                     code=7)

    def renewing_takes_no_share_and_keeps_them(self):
        before = json.loads((self.bob.home / "keys.escrow").read_text())
        self.bob.run("recryptfs", "escrow", "renew", "keys.escrow")
        check(json.loads((self.bob.home / "keys.escrow").read_text()) != before, "nothing changed")
        self.bob.shell("recryptfs escrow recover keys.escrow --share-fd 0",
                       input="\n".join(self.made["shares"]) + "\n")

    def only_its_maker_renews_it(self):
        eve = self.stage.user("eve")
        eve.create_profile(self.net)
        shutil.copy(self.bob.home / "keys.escrow", eve.home / "keys.escrow")
        os.chown(eve.home / "keys.escrow", eve.uid, eve.gid)
        done = eve.run("recryptfs", "escrow", "renew", "keys.escrow", code=4)
        check("bob@example.net" in done.err, repr(done))


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        escrow = Escrow(stage)
        for promise in (escrow.shares_are_made, escrow.no_signature_key_is_in_it,
                        escrow.a_machine_is_blank_and_all_else_is_gone,
                        escrow.too_few_shares_say_how_many_are_missing,
                        escrow.a_share_of_another_secret_is_named,
                        escrow.a_mistyped_share_is_named, escrow.shares_are_never_arguments,
                        escrow.shares_that_are_typed_open_the_documents,
                        escrow.what_is_kept_opens_nothing_elsewhere):
            promises.keep(promise.__name__.replace("_", " "), promise)
        renewal = Renewal(stage)
        for promise in (renewal.personal_groups_are_a_persons_keys,
                        renewal.renewing_takes_no_share_and_keeps_them,
                        renewal.only_its_maker_renews_it):
            promises.keep(promise.__name__.replace("_", " "), promise)
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
