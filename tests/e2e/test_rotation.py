#!/usr/bin/env python3
"""A label gets new keys over its life: beside mounts that work on, when a member is removed, killed
at any moment, and by two at once; and a share's documents are brought under the present one."""
import json
import random
import re
import shutil
import sys
import time

from harness import Promises, Stage, check, need_root_and_fuse, wait_until

LABEL = "Accounting#example.com"
LEASE = 2
DOCUMENTS = 200


class Rotation:
    def __init__(self, stage):
        self.stage, self.share = stage, stage.make_share()
        self.com, self.net = stage.service("example.com"), stage.service("example.net")
        self.alice, self.bob, self.carol = map(stage.user, ("alice", "bob", "carol"))
        self.alice.create_profile(self.com, self.net)
        for user in (self.bob, self.carol):
            user.create_profile(self.net, self.com)
            self.alice.run("recryptfs", "profile", "trust", user.account, user.fingerprint())
            user.run("recryptfs", "profile", "trust", self.alice.account, self.alice.fingerprint())
        self.alice.run("recryptfs", "label", "create", LABEL, "--lease", LEASE)
        self.alice.run("recryptfs", "label", "add", LABEL, self.bob.account, self.carol.account)
        self.folder = self.alice.make_labelled_folder(LABEL, self.share, "Books")
        for user in (self.alice, self.bob, self.carol):
            user.at = user.mount(self.share) / "Books"
        self.bob.shell(f"cd {self.bob.at}; umask 0; echo of January > january; "
                       "head -c 3000000 /dev/urandom > large")

    def json(self, user, *words, code=0):
        done = user.run(*words, "--json", code=code, timeout=300)
        return json.loads(done.out.splitlines()[-1])

    def show(self):
        return self.json(self.alice, "recryptfs", "label", "show", LABEL)

    def is_under(self, name, key):
        return key.encode() in (self.folder / f"{name}.jcd").read_bytes()[:2304]

    def comes_under(self, name, key):
        # A change stands behind the document first, and is brought into place a second later.
        wait_until(lambda: self.is_under(name, key), 20, f"{name} comes under the new key")

    def reads(self, user, name, text):
        done = user.run("cat", user.at / name, code=None)
        return done.code == 0 and done.out == text

    # --- beside mounts ---

    def a_label_gets_a_new_key_while_mounts_go_on(self):
        old = self.show()["key"]
        with_it_open = self.bob.start("bash", "-c", f"umask 0; exec >> {self.bob.at}/journal; echo one; "
                                      "read line; echo two; read line; echo three")
        wait_until(lambda: self.reads(self.carol, "journal", "one\n"), 40, "the first line")
        done = self.json(self.alice, "recryptfs", "label", "rotate", LABEL)
        check(done["epoch"] == 2 and len(done["members"]) == 3 and not done["left_out"], f"{done}")
        new = self.show()["key"]
        check(new != old and new == done["key"], "the key is the same")
        time.sleep(1)  # profiles of so short a lease are believed for less
        for user in (self.alice, self.bob, self.carol):
            check(self.reads(user, "january", "of January\n"), f"{user.name} lost what was there")
        self.bob.shell(f"umask 0; echo of February > {self.bob.at}/february")
        self.comes_under("february", new)
        check(not self.is_under("february", old), "the old key")
        for user in (self.alice, self.carol):
            check(self.reads(user, "february", "of February\n"), f"{user.name} cannot read")
        with_it_open.stdin.write(b"go on\n")
        with_it_open.stdin.flush()
        wait_until(lambda: self.reads(self.carol, "journal", "one\ntwo\n"), 20, "the second line")
        check(new.encode() in (self.folder / "journal.jcd").read_bytes(), "it went on as it was")
        with_it_open.communicate(b"go on\n", timeout=30)
        check(self.reads(self.carol, "journal", "one\ntwo\nthree\n"), "another journal")

    def what_is_changed_comes_under_the_new_key(self):
        new = self.show()["key"]
        check(not self.is_under("january", new), "nobody changed it")
        self.bob.shell(f"echo and more >> {self.bob.at}/january")
        self.comes_under("january", new)
        check(self.reads(self.carol, "january", "of January\nand more\n"), "carol cannot read")
        signer = self.carol.run("getfattr", "--only-values", "-n", "user.jcd.signer",
                                self.carol.at / "january").out
        check(signer == self.bob.account, signer)

    # --- who is removed ---

    def who_is_removed_reads_nothing_that_is_written_later(self):
        before = self.show()
        kept = self.stage.base / "kept-by-carol"
        shutil.copy(self.folder / "january.jcd", kept)
        done = self.alice.run("recryptfs", "label", "remove", LABEL, self.carol.account)
        check(re.search(r"carol@example.net is no longer a member of .*The last lease ends at", done.out)
              and "has a new key, epoch 3, for 2 members" in done.out, done.out)
        check(self.show()["key"] != before["key"], "the key is the same")
        time.sleep(LEASE + 1)
        self.bob.shell(f"umask 0; cd {self.bob.at}; echo more >> january; echo of March > march")
        self.comes_under("january", self.show()["key"])
        for name in ("january", "march", "february"):
            refused = self.carol.run("cat", self.carol.at / name, code=1)
            check("Permission denied" in refused.err, repr(refused))
        for stored in (self.folder / "march.jcd", self.folder / "january.jcd", kept):
            self.carol.run("recryptfs", "decrypt", "-o", "-", stored, code=4)
        check(self.reads(self.alice, "january", "of January\nand more\nmore\n"), "alice cannot read")

    def nor_does_she_write(self):
        done = self.carol.shell(f"echo no > {self.carol.at}/april", code=None)
        check(done.code != 0 and "Permission denied" in done.err, repr(done))

    def a_large_label_keeps_its_key_until_somebody_asks(self):
        self.alice.run("recryptfs", "label", "policy", LABEL, "--set", "rotate=1")
        epoch = self.show()["epoch"]
        for option, code, later in ((None, 0, epoch), ("--no-rotate", 0, epoch),
                                    ("--rotate", 0, epoch + 1)):
            self.alice.run("recryptfs", "label", "add", LABEL, self.carol.account)
            words = [option] if option else []
            done = self.alice.run("recryptfs", "label", "remove", *words, LABEL,
                                  self.carol.account, code=code)
            check(self.show()["epoch"] == later, f"{option}: {done!r}")
            offered = f"'recryptfs label rotate {LABEL}'" in done.out
            check(offered == (option is None), f"{option}: {done!r}")
        self.alice.run("recryptfs", "label", "remove", "--rotate", "--no-rotate", LABEL,
                       self.bob.account, code=2)
        check(self.reads(self.bob, "january", "of January\nand more\nmore\n"), "bob was removed")

    # --- killed, and two at once ---

    def works(self, when):
        time.sleep(0.3)
        text = f"written {when}\n"
        self.bob.shell(f"umask 0; cat > '{self.bob.at}/note'", input=text)
        check(self.reads(self.alice, "note", text), f"{when}: alice cannot read what bob writes")
        self.alice.shell(f"cat > '{self.alice.at}/note'", input=text * 2)
        check(self.reads(self.bob, "note", text * 2), f"{when}: bob cannot read what alice writes")
        check(self.reads(self.bob, "february", "of February\n"), f"{when}: what was there is lost")

    def one_that_is_killed_anywhere_is_completed(self):
        before = self.show()["epoch"]
        begun = 0
        for turn in range(12):
            process = self.alice.start("recryptfs", "label", "rotate", LABEL)
            time.sleep(random.uniform(0, 0.15))
            process.kill()
            process.communicate()
            begun += "next_epoch" in self.show()
            self.works(f"after kill {turn}")
        print(f"{begun} of 12 were left begun")
        done = self.json(self.alice, "recryptfs", "label", "rotate", LABEL)
        check(done["epoch"] > before and len(done["members"]) == 2, f"{done}")
        check("next_epoch" not in self.show(), "it is not completed")
        self.works("after the last")

    def of_two_at_once_one_wins_and_the_other_is_told(self):
        told = 0
        for turn in range(6):
            before = self.show()["epoch"]
            both = [self.alice.start("recryptfs", "label", "rotate", LABEL) for _ in range(2)]
            ends = [(process.communicate(timeout=60)[1].decode(), process.returncode)
                    for process in both]
            check(0 in [code for _, code in ends], f"neither won: {ends}")
            for text, code in ends:
                check(code == 0 or (code == 11 and "nothing is lost" in text), f"{code}: {text}")
                told += code != 0
            check(self.show()["epoch"] >= before + 1, "no new key")
            self.works(f"after two at once {turn}")
        print(f"{told} of 6 were told")

    # --- a share under the present key ---

    def relabel(self, *words):
        return self.json(self.alice, "recryptfs", "relabel", "--epoch", *words, self.share)

    def a_share_is_brought_under_the_present_key(self):
        self.bob.shell(f"umask 0; mkdir {self.bob.at}/Many; cd {self.bob.at}/Many; "
                       f"for i in $(seq {DOCUMENTS}); do echo \"document $i\" > $i; done",
                       timeout=300)
        sums = self.bob.shell(f"cd {self.bob.at}; find . -type f | sort | xargs sha256sum").out
        self.json(self.alice, "recryptfs", "label", "rotate", LABEL)
        key = self.show()["key"]
        left = self.relabel("--dry-run")
        check(left["old_headers"] == left["documents"] > DOCUMENTS and left["changed"] == 0,
              f"{left}")
        for _ in range(5):
            process = self.alice.start("recryptfs", "relabel", "--epoch", self.share)
            time.sleep(random.uniform(0.05, 0.3))
            process.kill()
            process.communicate()
        done = self.relabel()
        check(done["failed"] == done["old_headers"] == 0, f"{done}")
        check(self.relabel()["changed"] == 0, "done once more")
        left = self.relabel("--dry-run")
        check(left["old_headers"] == 0 and left["old_data_keys"] == left["documents"], f"{left}")
        self.comes_under("large", key)
        done = self.relabel("--data")
        check(done["failed"] == done["old_data_keys"] == 0, f"{done}")
        left = self.relabel("--dry-run")
        check(left["old_headers"] == left["old_data_keys"] == 0, f"{left}")
        now = self.bob.shell(f"cd {self.bob.at}; find . -type f | sort | xargs sha256sum").out
        check(now == sums, "other content")
        self.alice.run("recryptfs", "fsck", self.share, timeout=300)


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        story = Rotation(stage)
        for step in (story.a_label_gets_a_new_key_while_mounts_go_on,
                     story.what_is_changed_comes_under_the_new_key,
                     story.who_is_removed_reads_nothing_that_is_written_later,
                     story.nor_does_she_write,
                     story.a_large_label_keeps_its_key_until_somebody_asks,
                     story.one_that_is_killed_anywhere_is_completed,
                     story.of_two_at_once_one_wins_and_the_other_is_told,
                     story.a_share_is_brought_under_the_present_key):
            promises.keep(step.__name__.replace("_", " "), step)
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
