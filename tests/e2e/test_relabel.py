#!/usr/bin/env python3
"""Documents that are there are given other labels, where they lie: beside mounts, by whoever may,
killed and gone on with. Under RECRYPT_FULL, 10,000 of them."""
import json
import os
import random
import sys
import time

from harness import Promises, Stage, check, need_root_and_fuse

FROM, TO = "Drafts#example.com", "Archive#example.com"
LEASE = 3
FULL = bool(os.environ.get("RECRYPT_FULL"))
DOCUMENTS = 10_000 if FULL else 300


class Relabelling:
    def __init__(self, stage):
        self.stage, self.share = stage, stage.make_share()

    def relabel(self, *words, user=None, code=0):
        done = (user or self.alice).run("recryptfs", "relabel", *words, "--json", timeout=600,
                                        code=code)
        return json.loads(done.out.splitlines()[-1])

    def label_of(self, path):
        return self.alice.run("recryptfs", "label", "of", path).out.strip()

    def stored(self, folder=None):
        return {path.name: path.read_bytes() for path in (folder or self.folder).glob("*.jcd")}

    # Alice has both labels, bob the one and carol the other.
    def documents_of_one_label(self):
        self.com = self.stage.service("example.com")
        self.alice, self.bob, self.carol = map(self.stage.user, ("alice", "bob", "carol"))
        for user in (self.alice, self.bob, self.carol):
            user.create_profile(self.com)
        for user in (self.bob, self.carol):
            self.alice.run("recryptfs", "profile", "trust", user.account, user.fingerprint())
            user.run("recryptfs", "profile", "trust", self.alice.account, self.alice.fingerprint())
        for label, member in ((FROM, self.bob), (TO, self.carol)):
            self.alice.run("recryptfs", "label", "create", label, "--lease", LEASE)
            self.alice.run("recryptfs", "label", "add", label, member.account)
        self.folder = self.alice.make_labelled_folder(FROM, self.share, "Work")
        for user in (self.alice, self.bob, self.carol):
            user.at = user.mount(self.share)
        self.bob.shell(f"""cd {self.bob.at}/Work; umask 0
            for name in one two three; do echo "$name, by bob" > $name.txt; done
            head -c 3000000 /dev/urandom > large; setfattr -n user.colour -v blue large; : > empty
            truncate -s 5000000 sparse; echo end >> sparse""")
        self.sums = self.bob.shell(f"cd {self.bob.at}/Work; sha256sum *").out
        # Unmounting brings everything into place; later bytes change by relabelling alone.
        self.bob.remount(self.share, self.bob.at)

    def what_would_be_done_is_told_and_not_done(self):
        before = self.stored()
        told = self.relabel("--to", TO, "--dry-run", self.share)
        check(told["old_headers"] == told["documents"] == len(before) and told["changed"] == 0,
              f"{told}")
        check(self.stored() == before, "a dry run changed something")
        told = self.relabel("--epoch", self.share)
        check(told["changed"] == told["old_headers"] == 0, f"{told}")
        check(self.stored() == before, "something was under an old key")

    def who_may_not_is_refused(self):
        before = self.stored()
        for user, missing in ((self.bob, TO), (self.carol, FROM)):
            refused = user.run("recryptfs", "relabel", "--to", TO, self.folder / "one.txt.jcd",
                               code=None)
            check(refused.code != 0 and missing in refused.err, repr(refused))
        for words in ((), ("--epoch", "--to", TO)):
            check(self.alice.run("recryptfs", "relabel", *words, self.folder, code=None).code != 0,
                  f"{words} were taken")
        check(self.stored() == before, "something was changed")

    def one_is_given_another_label_beside_mounts(self):
        path = self.folder / "one.txt.jcd"
        # A path in a mount is as good.
        done = self.relabel("--to", TO, self.alice.at / "Work/one.txt")
        check(done["changed"] == 1 and done["old_headers"] == 0, f"{done}")
        check(self.label_of(path) == TO, self.label_of(path))
        for user in (self.alice, self.carol):
            check(user.run("cat", user.at / "Work/one.txt").out == "one, by bob\n", "other text")
        time.sleep(LEASE + 1)
        refused = self.bob.run("cat", self.bob.at / "Work/one.txt", code=1)
        check("Permission denied" in refused.err, repr(refused))
        check(TO in self.bob.run("recryptfs", "why", self.bob.at / "Work/one.txt").out, "no label")

    def who_signed_stays_the_author_as_long_as_a_label_stays(self):
        both = f"{FROM} | {TO}"
        self.relabel("--to", both, self.folder / "two.txt.jcd")
        for user in (self.bob, self.carol):
            check(user.run("cat", user.at / "Work/two.txt").out == "two, by bob\n", "other text")
            signer = user.run("getfattr", "--only-values", "-n", "user.jcd.signer",
                              user.at / "Work/two.txt").out
            check(signer == self.bob.account, f"the author became {signer}")

    def a_tree_is_encrypted_again_whole(self):
        done = self.relabel("--to", TO, "--data", self.share)
        check(done["failed"] == done["old_headers"] == done["old_data_keys"] == 0, f"{done}")
        left = self.relabel("--to", TO, "--dry-run", self.share)
        check(left["old_headers"] == left["old_data_keys"] == 0, f"{left}")
        sums = self.carol.shell(f"cd {self.carol.at}/Work; sha256sum *").out
        check(sums == self.sums, f"other content:\n{sums}\n{self.sums}")
        colour = self.carol.run("getfattr", "--only-values", "-n", "user.colour",
                                self.carol.at / "Work/large").out
        check(colour == "blue", f"attributes: {colour!r}")
        self.alice.run("recryptfs", "fsck", self.share, timeout=300)
        self.bob.run("recryptfs", "lock", self.bob.at)
        self.bob.run("cat", self.bob.at / "Work/large", code=1)

    def many_changes_of_label_make_room_for_one_another(self):
        path = self.folder / "large.jcd"
        for turn in range(6):
            label = (FROM, TO)[turn % 2]
            done = self.relabel("--to", label, path)
            check(done["changed"] == 1 and self.label_of(path) == label, f"{turn}: {done}")
        sums = self.carol.shell(f"cd {self.carol.at}/Work; sha256sum large").out
        check(sums.strip() in self.sums, "other content")
        self.alice.run("recryptfs", "fsck", path, timeout=300)

    def what_is_killed_goes_on(self):
        many = self.alice.make_labelled_folder(FROM, self.share, "Many")
        self.alice.shell(f"cd {self.alice.at}/Many; for i in $(seq {DOCUMENTS}); do "
                         "echo \"document $i\" > $i; done", timeout=600)
        self.alice.umount(self.alice.at)
        if FULL:
            done = self.relabel("--to", TO, many)
            print(f"{done['documents']} documents in {done['seconds']:.1f} s: "
                  f"{done['documents'] / done['seconds']:.0f} a second")
            check(done["changed"] == DOCUMENTS, f"{done}")
        target = FROM if FULL else TO
        for _ in range(8):
            process = self.alice.start("recryptfs", "relabel", "--to", target, many)
            time.sleep(random.uniform(0.05, 0.5))
            process.kill()
            process.communicate()
        self.alice.run("recryptfs", "fsck", many, timeout=600)
        done = self.relabel("--to", target, many)
        check(done["failed"] == done["old_headers"] == 0, f"{done}")
        again = self.relabel("--to", target, many)
        check(again["changed"] == 0, f"{again}")
        self.alice.run("recryptfs", "fsck", many, timeout=600)
        reader = self.bob if FULL else self.carol
        lines = reader.shell(f"cat {reader.at}/Many/* | wc -l", timeout=600).out
        check(int(lines) == DOCUMENTS, f"{lines} of {DOCUMENTS} are read")


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        story = Relabelling(stage)
        for step in (story.documents_of_one_label, story.what_would_be_done_is_told_and_not_done,
                     story.who_may_not_is_refused, story.one_is_given_another_label_beside_mounts,
                     story.who_signed_stays_the_author_as_long_as_a_label_stays,
                     story.a_tree_is_encrypted_again_whole,
                     story.many_changes_of_label_make_room_for_one_another,
                     story.what_is_killed_goes_on):
            if not promises.keep(step.__name__.replace("_", " "), step) and promises.passed < 2:
                break
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
