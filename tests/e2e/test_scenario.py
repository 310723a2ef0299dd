#!/usr/bin/env python3
"""The scenario of the draft's section 4, whole: three accounts at two services, one share."""
import hashlib
import os
import re
import sys
import time

from harness import Promises, Stage, check, need_root_and_fuse, stored_documents

LABEL = "Accounting#example.com"
LEASE = 4
SECRET = "the quarterly figures that nobody else may read"


class Scenario:
    def __init__(self, stage):
        self.stage = stage
        self.share = stage.make_share()

    # 1
    def profiles_are_created_and_pinned(self):
        self.com = self.stage.service("example.com")
        self.net = self.stage.service("example.net")
        self.alice, self.bob, self.carol = map(self.stage.user, ("alice", "bob", "carol"))
        for user, own, other in ((self.alice, self.com, self.net), (self.bob, self.net, self.com),
                                 (self.carol, self.net, self.com)):
            user.create_profile(own, other)
        people = (self.alice, self.bob, self.carol)
        for user in people:
            for other in people:
                if other is not user:
                    user.run("recryptfs", "profile", "trust", other.account, other.fingerprint())

    # 2
    def alice_makes_a_label_for_bob_and_carol(self):
        self.alice.run("recryptfs", "label", "create", LABEL, "--lease", LEASE)
        self.alice.run("recryptfs", "label", "add", LABEL, self.bob.account)
        self.alice.run("recryptfs", "label", "add", LABEL, self.carol.account)
        members = self.alice.run("recryptfs", "label", "members", LABEL).out
        check(self.bob.account in members and self.carol.account in members, members)
        self.alice.make_labelled_folder(LABEL, self.share, "Accounting")

    # 3
    def alices_programs_work_in_the_mount(self):
        self.alice.at = self.alice.mount(self.share)
        work = self.alice.at / "Accounting"
        self.report = os.urandom(60_000) + b"%PDF-1.7 " + SECRET.encode() + os.urandom(50_000)
        source = self.alice.home / "source.pdf"
        source.write_bytes(self.report)
        os.chown(source, self.alice.uid, self.alice.gid)
        self.alice.shell(f"""set -eu
            cp {source} {work}/copied.pdf
            cp {source} {work}/.report.pdf.tmp; mv {work}/.report.pdf.tmp {work}/report.pdf
            printf '%s\\n' '{SECRET}' > {work}/note.txt
            vim -u NONE -N -es -c 'normal oa second line' -c wq {work}/note.txt
            grep -q 'a second line' {work}/note.txt
            mkdir {work}/src; for i in $(seq 50); do echo "{SECRET} $i" > {work}/src/$i.txt; done
            tar cf {work}/src.tar -C {work} src; mkdir {work}/out; tar xf {work}/src.tar -C {work}/out
            diff -r {work}/src {work}/out/src
            git -C {work} init -q repo; cd {work}/repo
            git config user.email a@example.com; git config user.name a
            cp -r ../src .; git add .; git commit -qm one; git gc -q; git fsck --strict
            git clone -q {work}/repo {work}/clone; diff -r {work}/src {work}/clone/src
            sqlite3 {work}/books.db 'create table t(a); insert into t values (1),(2),(3);'
            sqlite3 {work}/books.db 'pragma journal_mode=wal; insert into t values (4);' >/dev/null
            test "$(sqlite3 {work}/books.db 'pragma integrity_check; select sum(a) from t')" = "ok
10"
        """, timeout=120)

    # 3
    def the_share_holds_documents_only_and_no_plaintext(self):
        for path, stored in stored_documents(self.share):
            check(SECRET.encode() not in stored, f"{path} holds plaintext")
        for user in (self.alice, self.bob, self.carol):
            for place in (user.home / ".config", user.home / "run", "/tmp", "/var/tmp"):
                for folder, below, names in os.walk(place):
                    # What lies in users' homes there is theirs, mounts and sources; and others
                    # may have mounts of their own.
                    below[:] = [b for b in below if not b.startswith("recryptfs-e2e-")
                                and not os.path.ismount(os.path.join(folder, b))]
                    for name in names:
                        path = os.path.join(folder, name)
                        if not os.path.isfile(path) or os.stat(path).st_uid != user.uid:
                            continue
                        if os.path.getsize(path) < 1 << 22:
                            check(SECRET.encode() not in open(path, "rb").read(),
                                  f"{path} holds plaintext")

    def grants(self):
        audit = self.alice.run("recryptfs", "audit", LABEL, "--json").out
        return len(re.findall(r'"event": ?"grant"', audit))

    # 4
    def bob_reads_byte_for_byte_and_asks_once(self):
        self.bob.at = self.bob.mount(self.share)
        report = self.bob.at / "Accounting/report.pdf"
        before = self.grants()
        first = self.bob.run("cat", report)
        check(hashlib.sha256(first.raw).digest() == hashlib.sha256(self.report).digest(),
              "bob read other bytes")
        after = self.grants()
        check(after > before, "bob's first read asked for no grant")
        self.bob.run("cat", report)
        check(self.grants() == after, "bob's second read asked for a grant again")
        self.bob.run("recryptfs", "lock", self.bob.at)
        check(self.bob.run("cat", report).raw == self.report, "bob read other bytes after locking")
        check(self.grants() > after, "bob's read after locking asked for no grant")
        signer = self.bob.run("getfattr", "--only-values", "-n", "user.jcd.signer", report).out
        check(self.alice.account in signer, f"signer: {signer}")

    # 5
    def carol_is_closed_out_within_the_lease(self):
        self.carol.at = self.carol.mount(self.share)
        report = self.carol.at / "Accounting/report.pdf"
        check(self.carol.run("cat", report).raw == self.report, "carol could not read at first")
        reader = self.carol.start("python3", "-c", f"""
import os, sys
f = os.open({str(report)!r}, os.O_RDONLY)
os.read(f, 4096); print("open", flush=True)
sys.stdin.readline()
try:
    print("read", len(os.pread(f, 4096, 0)), flush=True)
except OSError as e:
    print("errno", e.errno, flush=True)
""")
        check(reader.stdout.readline() == b"open\n", "carol's reader did not start")
        told = self.alice.run("recryptfs", "label", "remove", LABEL, self.carol.account).out
        check(re.search(r"\d\d:\d\d", told), f"remove did not say when the last lease ends: {told}")
        time.sleep(LEASE + 1)
        refused = self.carol.run("cat", report, code=1)
        check("Permission denied" in refused.err, repr(refused))
        reader.stdin.write(b"\n")
        reader.stdin.flush()
        check(reader.stdout.readline() == b"errno 13\n",
              "carol's open descriptor was served after the lease")
        reader.wait(10)
        why = self.carol.run("recryptfs", "why", report).out
        check("revoked" in why or "no longer" in why, f"why: {why}")
        self.bob.run("cat", self.bob.at / "Accounting/report.pdf")

    # 5
    def bob_notices_nothing(self):
        reader = self.bob.run("python3", "-c", f"""
import os, time
f = os.open({str(self.bob.at / 'Accounting/report.pdf')!r}, os.O_RDONLY)
end = time.time() + {LEASE * 2}
while time.time() < end:
    assert len(os.pread(f, 4096, 0)) == 4096
    time.sleep(0.05)
""", timeout=60)
        check(reader.code == 0, repr(reader))

    # 6
    def a_writer_without_an_entry_has_a_drop_box(self):
        self.dave = self.stage.user("dave")
        self.dave.create_profile(self.net, self.com)
        self.dave.run("recryptfs", "profile", "trust", self.alice.account, self.alice.fingerprint())
        box = "Dropbox#example.com"
        self.alice.run("recryptfs", "label", "create", box, "--writers", "anyone", "--lease", LEASE)
        self.alice.make_labelled_folder(box, self.share, "Dropbox")
        self.dave.at = self.dave.mount(self.share)
        letter = self.dave.at / "Dropbox/letter.txt"
        self.dave.shell(f"echo 'dear alice' > {letter}")
        refused = self.dave.run("cat", letter, code=1)
        check("Permission denied" in refused.err, repr(refused))
        self.alice.umount(self.alice.at)
        self.alice.at = self.alice.mount(self.share)
        read = self.alice.run("cat", self.alice.at / "Dropbox/letter.txt").out
        check(read == "dear alice\n", f"alice read {read!r}")

    # 6
    def a_document_by_an_outsider_is_refused(self):
        folder = self.share / "Accounting"
        forged = self.dave.home / "forged.txt"
        self.dave.shell(f"echo 'pay dave' > {forged}")
        self.dave.run("recryptfs", "encrypt", LABEL, forged, "--unsigned")
        self.dave.run("cp", f"{forged}.jcd", folder / "forged.txt.jcd")
        refused = self.bob.run("cat", self.bob.at / "Accounting/forged.txt", code=1)
        check("Permission denied" in refused.err or "Input/output" in refused.err, repr(refused))
        why = self.bob.run("recryptfs", "why", self.bob.at / "Accounting/forged.txt").out
        check("sign" in why or "author" in why, f"why: {why}")

    # 7
    def the_drafts_spellings_work(self):
        group = "privatealice@example.com"
        text = self.alice.home / "test.txt"
        self.alice.shell(f"echo 'this is a test' > {text}")
        self.alice.run("recrypt", "/newgroup", group)
        self.alice.run("recrypt", "add", group, self.bob.account)
        self.alice.run("recrypt", "/encrypt", group, text)
        stored = self.alice.home / "test.txt.jcd"
        for_bob = self.bob.home / "test.txt.jcd"
        for_bob.write_bytes(stored.read_bytes())
        os.chown(for_bob, self.bob.uid, self.bob.gid)
        self.bob.run("recrypt", "/decrypt", "test.txt.jcd")
        check((self.bob.home / "test.txt").read_text() == "this is a test\n", "other text")
        piped = self.alice.run("recryptfs", "encrypt", group, "-", input="through a pipe\n").raw
        check(b"through a pipe" not in piped, "plaintext in a stream")
        check(self.bob.run("recryptfs", "decrypt", "-", input=piped).out == "through a pipe\n",
              "other text")
        cut = self.bob.run("recryptfs", "decrypt", "-", input=piped[:-40], code=None)
        check(cut.code != 0, "a cut stream was taken for whole")

    def long_names_are_known_to_the_commands(self):
        name = "n" * 255
        self.alice.shell(f"echo 'a long name' > {self.alice.at}/Accounting/{name}")
        check(name in self.bob.run("ls", self.bob.at / "Accounting").out, "bob does not see it")
        stored = [path for path in (self.share / "Accounting").iterdir()
                  if path.name.startswith("jcd.name.") and path.suffix == ".jcd"]
        check(len(stored) == 1, f"stored as {stored}")
        self.bob.run("recryptfs", "inspect", stored[0])
        # As it comes by mail, without the file beside it.
        out = self.bob.home / "out"
        self.bob.run("mkdir", out)
        self.bob.run("cp", stored[0], self.bob.home)
        for source in (stored[0], self.bob.home / stored[0].name):
            self.bob.run("recryptfs", "decrypt", source, "-o", out)
            check((out / name).read_text() == "a long name\n", "other text, or none")
            (out / name).unlink()
            check(not list(out.iterdir()), "something is left behind")
        (self.alice.home / name).write_text("encrypted by the command\n")
        self.alice.run("recryptfs", "encrypt", LABEL, self.alice.home / name, "-f",
                       "-o", self.share / "Accounting")
        check(self.bob.run("cat", self.bob.at / "Accounting" / name).out ==
              "encrypted by the command\n", "other text")
        self.alice.run("rm", self.alice.at / "Accounting" / name)
        left = [path.name for path in (self.share / "Accounting").iterdir()]
        check(not any(name.startswith("jcd.name.") for name in left), f"left behind: {left}")

    def unmounting_leaves_everything_committed(self):
        for user in (self.alice, self.bob):
            user.umount(user.at)
            check(not os.path.ismount(user.at), f"{user.at} is still mounted")


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        scenario = Scenario(stage)
        for step in (scenario.profiles_are_created_and_pinned,
                     scenario.alice_makes_a_label_for_bob_and_carol,
                     scenario.alices_programs_work_in_the_mount,
                     scenario.the_share_holds_documents_only_and_no_plaintext,
                     scenario.bob_reads_byte_for_byte_and_asks_once,
                     scenario.carol_is_closed_out_within_the_lease,
                     scenario.bob_notices_nothing,
                     scenario.a_writer_without_an_entry_has_a_drop_box,
                     scenario.a_document_by_an_outsider_is_refused,
                     scenario.the_drafts_spellings_work,
                     scenario.long_names_are_known_to_the_commands,
                     scenario.unmounting_leaves_everything_committed):
            if not promises.keep(step.__name__.replace("_", " "), step) and promises.passed < 3:
                break
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
