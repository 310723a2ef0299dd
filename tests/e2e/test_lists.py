#!/usr/bin/env python3
"""A mailing list (the draft, 3.2): letters in a Maildir from senders who can read none of them, nor
know the members."""
import sys
import time

from harness import Promises, Stage, Terminal, check, need_root_and_fuse

LIST, LEASE = "Staff#example.com", 2
DELIVER = """
import mailbox, os, sys
os.umask(0)
box = mailbox.Maildir(sys.argv[1], create=False)
box.add(f"From: sam@example.org\\nTo: staff@example.com\\nSubject: {sys.argv[2]}\\n\\n{sys.argv[3]}\\n")
"""
MUTTRC = """
set folder="." mbox_type=Maildir spoolfile="list" realname=Bob from=bob@example.com
set quit=yes delete=yes sort=subject mail_check=1 timeout=1
"""


class Lists:
    def __init__(self, stage):
        self.com, self.share = stage.service("example.com"), stage.make_share()
        self.alice, self.bob, self.carol, self.sam = map(stage.user,
                                                         ("alice", "bob", "carol", "sam"))
        for user in (self.alice, self.bob, self.carol, self.sam):
            user.create_profile(self.com)
        for user in (self.bob, self.carol):
            self.alice.run("recryptfs", "profile", "trust", user.account, user.fingerprint())
        for user in (self.bob, self.carol, self.sam):
            user.run("recryptfs", "profile", "trust", self.alice.account,
                     self.alice.fingerprint())
        self.alice.run("recryptfs", "label", "create", LIST, "--writers", "anyone", "--lease", LEASE)
        self.alice.run("recryptfs", "label", "add", LIST, self.bob.account, self.carol.account)
        self.alice.make_labelled_folder(LIST, self.share, "Staff")
        for user in (self.alice, self.bob, self.carol, self.sam):
            user.at = user.mount(self.share)
        self.box = "Staff/list"
        self.alice.shell(f"umask 0; cd {self.alice.at}/Staff && mkdir -p list/new list/cur list/tmp")

    def deliver(self, subject, text):
        self.sam.run("python3", "-c", DELIVER, self.sam.at / self.box, subject, text)

    def letters(self, user):
        found = user.run("find", user.at / self.box, "-type", "f", "-printf", "%P\n").out.split()
        return sorted((name.partition("/")[0], name.partition(":")[2]) for name in found)

    def a_sender_delivers_and_reads_nothing(self):
        for number in (1, 2):
            self.deliver(f"letter {number}", f"the figures of month {number}")
        check(self.letters(self.sam) == [("new", "")] * 2, self.letters(self.sam))
        done = self.sam.run("grep", "-r", "figures", self.sam.at / self.box, code=2)
        check("figures of" not in done.out, repr(done))
        stored = [one for one in (self.share / self.box).rglob("*") if one.is_file()]
        check(len(stored) == 2 and all(one.suffix == ".jcd" for one in stored), stored)
        check(not any(b"figures" in one.read_bytes() for one in stored), "plaintext on the share")

    def nor_does_a_sender_know_the_members(self):
        done = self.sam.run("recryptfs", "label", "members", LIST, code=4)
        check("bob" not in done.out + done.err, repr(done))
        for one in (self.share / self.box).rglob("*.jcd"):
            check(b"bob" not in one.read_bytes() and b"carol" not in one.read_bytes(), one)

    def a_member_reads_them_with_a_mail_reader(self):
        rc = self.bob.home / "muttrc"
        self.bob.run("tee", rc, input=MUTTRC)
        with Terminal(self.bob, self.bob.at / "Staff", "mutt", "-F", rc, "-f", "list") as mutt:
            mutt.wait_for(r"2 *N.*letter 2")
            mutt.type("\r")
            mutt.wait_for("the figures of month 1")
            mutt.type("i")
            self.deliver("letter 3", "the figures of month 3")
            mutt.wait_for("letter 3")
            mutt.type("q")
            mutt.wait_for_end()
        check(("cur", "2,S") in self.letters(self.bob), self.letters(self.bob))

    def who_leaves_the_list_reads_what_comes_no_more(self):
        count = self.carol.run("grep", "-rl", "figures", self.carol.at / self.box).out
        check(len(count.splitlines()) == 3, count)
        self.alice.run("recryptfs", "label", "remove", LIST, self.carol.account)
        self.deliver("letter 4", "the figures of month 4")
        time.sleep(LEASE + 1)
        done = self.carol.run("grep", "-rl", "figures", self.carol.at / self.box, code=2)
        check(not done.out, repr(done))
        found = self.bob.run("grep", "-rl", "figures", self.bob.at / self.box).out
        check(len(found.splitlines()) == 4, found)


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        lists = Lists(stage)
        for promise in (lists.a_sender_delivers_and_reads_nothing,
                        lists.nor_does_a_sender_know_the_members,
                        lists.a_member_reads_them_with_a_mail_reader,
                        lists.who_leaves_the_list_reads_what_comes_no_more):
            promises.keep(promise.__name__.replace("_", " "), promise)
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
