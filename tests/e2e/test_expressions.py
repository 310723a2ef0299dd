#!/usr/bin/env python3
"""Label expressions over two domains, each with a service of its own: who has all that a
conjunction asks for reads, who lacks a label is told which."""
import os
import sys

from harness import Promises, Stage, check, need_root_and_fuse

COM, NET = "Accounts#example.com", "Board#example.net"
BOTH, EITHER = f"{COM} + {NET}", f"{COM} | {NET}"


class Expressions:
    def __init__(self, stage):
        self.stage, self.share = stage, stage.make_share()

    # Alice's label is on X25519, nina's on P-256. Bob is in both, carol in alice's, dave in nina's.
    def labels_of_two_domains(self):
        self.com, self.net = self.stage.service("example.com"), self.stage.service("example.net")
        self.alice, self.nina, self.bob, self.carol, self.dave = map(
            self.stage.user, ("alice", "nina", "bob", "carol", "dave"))
        for user, own, other in ((self.alice, self.com, self.net), (self.nina, self.net, self.com),
                                 (self.bob, self.net, self.com), (self.carol, self.com, self.net),
                                 (self.dave, self.net, self.com)):
            user.create_profile(own, other)
        people = (self.alice, self.nina, self.bob, self.carol, self.dave)
        for user in people:
            for other in people:
                if other is not user:
                    user.run("recryptfs", "profile", "trust", other.account, other.fingerprint())
        self.alice.run("recryptfs", "label", "create", COM)
        self.nina.run("recryptfs", "label", "create", NET, "--curve", "p256")
        self.alice.run("recryptfs", "label", "add", COM, self.bob.account, self.carol.account)
        self.nina.run("recryptfs", "label", "add", NET, self.bob.account, self.dave.account,
                      self.alice.account)

    def directories_under_expressions(self):
        # Nina's label is pinned for the others by nina's profile, at first use.
        self.nested = f"({COM} | {NET}) + {NET}"
        for name, expression in (("both", BOTH), ("either", EITHER), ("nested", self.nested)):
            self.alice.make_labelled_folder(expression, self.share, name)
        self.alice.at = self.alice.mount(self.share)
        for name in ("both", "either", "nested"):
            self.alice.shell(f"echo '{name}, said alice' > {self.alice.at}/{name}/note.txt")
        self.alice.umount(self.alice.at)
        of = lambda name: self.alice.run("recryptfs", "label", "of",
                                         self.share / name / "note.txt.jcd").out.strip()
        check(of("both") == BOTH and of("either") == EITHER, f"{of('both')}, {of('either')}")
        # Whoever has nina's label has one of the two.
        check(of("nested") == NET, of("nested"))

    def read(self, user, name, code=0):
        return user.run("cat", user.at / name / "note.txt", code=code)

    def who_has_all_labels_reads(self):
        for user in (self.bob, self.carol, self.dave):
            user.at = user.mount(self.share)
        for name in ("both", "either", "nested"):
            read = self.read(self.bob, name).out
            check(read == f"{name}, said alice\n", f"bob read {read!r}")
        for user in (self.carol, self.dave):
            self.read(user, "either")
        self.read(self.dave, "nested")

    def who_lacks_one_is_told_which(self):
        for user, missing in ((self.carol, NET), (self.dave, COM)):
            refused = self.read(user, "both", code=1)
            check("Permission denied" in refused.err, repr(refused))
            why = user.run("recryptfs", "why", user.at / "both/note.txt").out
            check(missing in why, f"why does not name {missing}: {why}")
            check("entry" in why, f"why: {why}")
            command = user.run("recryptfs", "decrypt", self.share / "both/note.txt.jcd", "-o", "-",
                               code=None)
            check(command.code != 0 and missing in command.err and not command.out, repr(command))
            check(not list(user.home.glob("note*")), "something is left behind")
        self.read(self.carol, "nested", code=1)
        why = self.carol.run("recryptfs", "why", self.carol.at / "nested/note.txt").out
        check(NET in why, f"why: {why}")

    def a_single_document_may_have_one(self):
        text = self.bob.home / "single.txt"
        self.bob.shell(f"echo 'for both' > {text}")
        self.bob.run("recryptfs", "encrypt", BOTH, text, "-o", self.share / "single.txt.jcd")
        self.share.joinpath("single.txt.jcd").chmod(0o644)
        check(self.alice.run("recryptfs", "decrypt", self.share / "single.txt.jcd", "-o", "-").out ==
              "for both\n", "other text")
        refused = self.carol.run("recryptfs", "decrypt", self.share / "single.txt.jcd", "-o", "-",
                                 code=None)
        check(refused.code != 0 and NET in refused.err, repr(refused))

    def a_label_that_is_gone_for_a_while_is_named(self):
        self.net.stop()
        self.bob.run("recryptfs", "lock", self.bob.at)
        self.read(self.bob, "both", code=1)
        why = self.bob.run("recryptfs", "why", self.bob.at / "both/note.txt").out
        check(NET in why and COM not in why, f"why: {why}")
        self.read(self.bob, "either")
        self.net.start()

    def eight_alternatives_fit(self):
        names = [f"Team{i}#example.com" for i in range(12)]
        for i, name in enumerate(names):
            self.alice.run("recryptfs", "label", "create", name, "--curve",
                           "p256" if i % 2 else "x25519")
        eight, twelve = " | ".join(names[:8]), " | ".join(names)
        self.alice.make_labelled_folder(eight, self.share, "eight")
        self.alice.at = self.alice.mount(self.share)
        self.alice.shell(f"echo fits > {self.alice.at}/eight/note.txt")
        check(self.read(self.alice, "eight").out == "fits\n", "other text")
        self.too_large = twelve

    def what_does_not_fit_is_refused_before_anything_is_written(self):
        share, text = self.share, self.alice.home / ("n" * 252)
        text.write_text("not to be encrypted")
        before = sorted(share.rglob("*")), (share / ".recryptfs/policy.jcp").read_bytes()
        folder = share / "eight"
        point = self.alice.home / "empty"
        self.alice.run("mkdir", point)
        for words in (("label", "assign", self.too_large, folder),
                      ("encrypt", self.too_large, text, "-o", folder),
                      ("mount", share, point, "--label", self.too_large)):
            refused = self.alice.run("recryptfs", *words, code=None)
            check(refused.code != 0 and "too large" in refused.err, repr(refused))
        after = sorted(share.rglob("*")), (share / ".recryptfs/policy.jcp").read_bytes()
        check(before == after, "something was written")
        check(not os.path.ismount(point), "it was mounted")


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        story = Expressions(stage)
        for step in (story.labels_of_two_domains, story.directories_under_expressions,
                     story.who_has_all_labels_reads, story.who_lacks_one_is_told_which,
                     story.a_single_document_may_have_one,
                     story.a_label_that_is_gone_for_a_while_is_named, story.eight_alternatives_fit,
                     story.what_does_not_fit_is_refused_before_anything_is_written):
            if not promises.keep(step.__name__.replace("_", " "), step):
                break
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
