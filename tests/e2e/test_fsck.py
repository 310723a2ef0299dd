#!/usr/bin/env python3
"""recryptfs fsck on a share with real accounts: every kind of damage is told by its name, with a
grant and without one, and what can be repaired without guessing is, behind a copy."""
import json
import os
import signal
import sys
import time

from harness import Promises, Stage, check, need_root_and_fuse

LABEL = "Accounting#example.com"
SIZE = 1_200_000
HEADER, BLOCK, GROUP, TRAILER = 2304, 4096, 128 * 4096, 656
TABLE = HEADER + GROUP  # of group 0
INDEX = SIZE + HEADER + (SIZE + BLOCK - 1) // BLOCK * 40 + 3 * 4 + 2 * 9  # behind the last table


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
        at = file.tell()
        byte = file.read(1)[0] ^ 0x10
        file.seek(at)
        file.write(bytes([byte]))


def swap(path, one, other):
    with open(path, "r+b") as file:
        pieces = []
        for at in (one, other):
            file.seek(at)
            pieces.append(file.read(BLOCK))
        for at, piece in zip((other, one), pieces):
            file.seek(at)
            file.write(piece)


def cut(path, count):
    os.truncate(path, os.path.getsize(path) - count)


def extend(path, count):
    with open(path, "ab") as file:
        file.write(os.urandom(count))


# name: (what is done to the stored file, part that is named, unreadable bytes, found without keys,
# repaired)
DAMAGE = {
    "good": (lambda p: None, None, 0, True, True),
    "header": (lambda p: flip(p, 200), "header", SIZE, True, False),
    "around": (lambda p: flip(p, HEADER - 12), "header", SIZE, True, True),
    "framing": (lambda p: flip(p, HEADER - 2), "framing", 0, True, True),
    "block": (lambda p: flip(p, HEADER + 5 * BLOCK), "block", BLOCK, True, False),
    "swapped": (lambda p: swap(p, HEADER, HEADER + 2 * BLOCK), "block", 2 * BLOCK, True, False),
    "table": (lambda p: flip(p, TABLE + 50), "table", GROUP, True, False),
    "index": (lambda p: flip(p, INDEX + 40), "index", SIZE, True, True),
    "trailer": (lambda p: flip(p, -TRAILER + 36), "trailer", SIZE, True, False),
    "sealed": (lambda p: flip(p, -100), "trailer", SIZE, False, False),
    "cut": (lambda p: cut(p, 100), "trailer", None, True, False),
    "extended": (lambda p: extend(p, 5000), "end", 0, True, True),
}


class Fsck:
    def __init__(self, stage):
        self.stage = stage
        self.share = stage.make_share()

    def fsck(self, user, *options, code=None):
        """Exit status, what each document's report is by its name, and the counts."""
        done = user.run("recryptfs", "fsck", "--json", *options, code=None)
        check(code is None or done.code == code, f"exit {done.code}, expected {code}: {done!r}")
        objects = [json.loads(line) for line in done.out.splitlines()]
        check(objects and "summary" in objects[-1], repr(done))
        return {os.path.basename(o["file"]).removesuffix(".jcd"): o
                for o in objects[:-1]}, objects[-1]["summary"]

    def a_share_in_use_is_clean(self):
        self.com = self.stage.service("example.com")
        self.alice, self.bob = self.stage.user("alice"), self.stage.user("bob")
        for user in (self.alice, self.bob):
            user.create_profile(self.com)
        self.bob.run("recryptfs", "profile", "trust", self.alice.account, self.alice.fingerprint())
        self.alice.run("recryptfs", "label", "create", LABEL)
        self.folder = self.alice.make_labelled_folder(LABEL, self.share, "Accounting")
        self.alice.at = self.alice.mount(self.share)
        self.content = {}
        for name in DAMAGE:
            self.content[name] = os.urandom(SIZE)
            source = self.alice.home / "source"
            source.write_bytes(self.content[name])
            source.chmod(0o644)
            self.alice.run("cp", source, self.alice.at / "Accounting" / name)
        self.alice.shell(f": > {self.alice.at}/Accounting/nothing")
        reports, summary = self.fsck(self.alice, self.share, code=0)
        check(summary["good"] == len(DAMAGE) + 1 and summary["noGrant"] == 0, summary)
        check(all(r["authenticated"] and r["author"] == self.alice.account
                  for n, r in reports.items() if n in DAMAGE), reports)
        # A path in the mount is that place of the share.
        reports, _ = self.fsck(self.alice, self.alice.at / "Accounting", code=0)
        check(reports["good"]["file"] == str(self.folder / "good.jcd"), reports["good"])
        reports, _ = self.fsck(self.alice, self.alice.at / "Accounting/good", code=0)
        check(reports["good"]["file"] == str(self.folder / "good.jcd"), reports["good"])
        shared = self.alice.home
        shared.chmod(0o711)
        refused = self.bob.run("recryptfs", "fsck", self.alice.at, code=None)
        check(refused.code not in (0, 6), repr(refused))
        shared.chmod(0o700)
        self.alice.umount(self.alice.at)
        text = self.alice.run("recryptfs", "fsck", self.share).out
        check(text.splitlines()[-1] == f"{len(DAMAGE) + 1} documents: {len(DAMAGE) + 1} good", text)
        self.before = {name: (self.folder / f"{name}.jcd").read_bytes() for name in DAMAGE}

    def grants_are_asked_for_together_and_logged(self):
        log = self.alice.run("recryptfs", "audit", LABEL, "--event", "grant", "--json").out
        check(len(log.splitlines()) >= len(DAMAGE), "grants of a check are not in the audit log")

    def each_damage_is_named(self):
        for name, (damage, *_) in DAMAGE.items():
            damage(self.folder / f"{name}.jcd")
        reports, summary = self.fsck(self.alice, self.share, code=6)
        for name, (_, part, unreadable, _, _) in DAMAGE.items():
            found = reports[name]
            parts = {finding["part"] for finding in found["findings"]}
            check(parts == ({part} if part else set()), f"{name}: {found}")
            check(unreadable is None or found["unreadable"] == unreadable, f"{name}: {found}")
            check((found["state"] == "damaged") == (name not in ("good", "extended")),
                  f"{name}: {found}")
        check(summary["damaged"] == len(DAMAGE) - 2, summary)

    def without_a_grant_what_decayed_is_found(self):
        for user, options in ((self.bob, ()), (self.bob, ("--structure",))):
            reports, summary = self.fsck(user, *options, self.share, code=6)
            for name, (_, part, _, found, _) in DAMAGE.items():
                damaged = reports[name]["state"] == "damaged"
                expected = found and name not in ("good", "extended")
                check(damaged == expected, f"{name}: {reports[name]}")
                check(not reports[name]["authenticated"], f"{name}: {reports[name]}")
            check((summary["noGrant"] > 0) == (not options), summary)

    def without_a_grant_nothing_is_repaired(self):
        damaged = {name: (self.folder / f"{name}.jcd").read_bytes() for name in DAMAGE}
        self.bob.run("recryptfs", "fsck", "--repair", "--copies", self.bob.home / "copies",
                     self.share, code=6)
        check(not (self.bob.home / "copies").exists(), "something was copied")
        for name, stored in damaged.items():
            check((self.folder / f"{name}.jcd").read_bytes() == stored, f"{name} was changed")

    def a_repair_makes_good_what_it_can_behind_a_copy(self):
        damaged = {name: (self.folder / f"{name}.jcd").read_bytes() for name in DAMAGE}
        reports, summary = self.fsck(self.alice, "--repair", self.share, code=6)
        for name, (_, part, _, _, repaired) in DAMAGE.items():
            stored = (self.folder / f"{name}.jcd").read_bytes()
            if name == "good" or not repaired:
                check(stored == damaged[name], f"{name} was changed")
                continue
            check(stored == self.before[name], f"{name} is not as it was")
            check(reports[name]["state"] == "good", reports[name])
            copy = reports[name]["repair"]["copy"]
            check(copy.startswith(str(self.share / ".recryptfs/fsck-")), copy)
            check(open(copy, "rb").read() == damaged[name], f"{name}: another copy")
        check(summary["repaired"] == sum(d[4] for d in DAMAGE.values()) - 1, summary)

    def what_is_left_is_damaged_still_and_the_rest_is_clean(self):
        reports, summary = self.fsck(self.alice, self.share, code=6)
        check(summary["damaged"] == sum(not d[4] for d in DAMAGE.values()), summary)
        for name, (*_, repaired) in DAMAGE.items():
            if not repaired:
                (self.folder / f"{name}.jcd").unlink()
        self.fsck(self.alice, self.share, code=0)
        self.alice.at = self.alice.mount(self.share)
        for name, (*_, repaired) in DAMAGE.items():
            if repaired:
                check((self.alice.run("cat", self.alice.at / "Accounting" / name).raw
                       == self.content[name]), f"{name} reads otherwise")
        check(".recryptfs" not in os.listdir(self.share / "Accounting"), "copies in the folder")

    def what_a_killed_mount_left_is_good_and_repaired(self):
        path = self.alice.at / "Accounting/killed"
        reader = self.alice.start("python3", "-c", f"""
import os, sys
f = os.open({str(path)!r}, os.O_RDWR | os.O_CREAT)
os.pwrite(f, b'a' * 500000, 0); os.fsync(f)
for i in range(5):
    os.pwrite(f, b'b' * 30000, i * 50000); os.fsync(f)
print('synced', flush=True)
sys.stdin.readline()
""")
        check(reader.stdout.readline() == b"synced\n", "not written")
        self.kill_mount(self.alice.at)
        reader.kill()
        expected = bytearray(b"a" * 500000)
        for i in range(5):
            expected[i * 50000:i * 50000 + 30000] = b"b" * 30000
        reports, _ = self.fsck(self.alice, self.folder / "killed.jcd", code=0)
        check(reports["killed"]["state"] == "good" and reports["killed"]["authenticated"], reports)
        parts = [finding["part"] for finding in reports["killed"]["findings"]]
        check("record" in parts, reports)
        stored = (self.folder / "killed.jcd").read_bytes()
        # A repair that is killed on its way loses nothing.
        for wait in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3):
            (self.folder / "killed.jcd").write_bytes(stored)
            repair = self.alice.start("recryptfs", "fsck", "--repair", "--quick",
                                      self.folder / "killed.jcd")
            time.sleep(wait)
            repair.kill()
            repair.wait()
            self.alice.run("recryptfs", "decrypt", "-f", "-o", "out", self.folder / "killed.jcd")
            check((self.alice.home / "out").read_bytes() == expected, f"killed after {wait} s")
        (self.folder / "killed.jcd").write_bytes(stored)
        reports, summary = self.fsck(self.alice, "--repair", self.folder / "killed.jcd", code=13)
        check(summary["repaired"] == 1, summary)
        self.fsck(self.alice, "--repair", self.folder / "killed.jcd", code=0)
        self.alice.run("recryptfs", "decrypt", "-f", "-o", "out", self.folder / "killed.jcd")
        check((self.alice.home / "out").read_bytes() == expected, "the repair changed a byte")

    def kill_mount(self, point):
        for name in os.listdir("/proc"):
            try:
                words = open(f"/proc/{name}/cmdline", "rb").read().split(b"\0")
            except OSError:
                continue
            if b"mount" in words and str(point).encode() in words:
                os.kill(int(name), signal.SIGKILL)
        self.alice.run("fusermount3", "-u", "-z", point, code=None)

    def a_terabyte_of_holes_takes_no_time(self):
        self.alice.at = self.alice.mount(self.share)
        self.alice.shell(f"truncate -s 1T {self.alice.at}/Accounting/sparse; "
                         f"echo end >> {self.alice.at}/Accounting/sparse")
        self.alice.umount(self.alice.at)
        reports, _ = self.fsck(self.alice, self.folder / "sparse.jcd", code=0)
        check(reports["sparse"]["size"] == (1 << 40) + 4, reports)
        check(reports["sparse"]["contentChecked"], reports)

    def a_long_name_that_was_lost_is_written_again(self):
        name = "n" * 255
        self.alice.at = self.alice.mount(self.share)
        self.alice.shell(f"echo long > {self.alice.at}/Accounting/{name}; "
                         f"stat {self.alice.at}/Accounting/{name} > /dev/null")
        self.alice.umount(self.alice.at)
        sidecar = next(self.folder.glob("jcd.name.*.name"))
        self.fsck(self.alice, self.folder, code=0)
        sidecar.unlink()
        self.fsck(self.alice, self.folder, code=6)
        self.alice.run("recryptfs", "fsck", "--repair", self.folder, code=13)
        check(sidecar.read_text() == name, sidecar.read_text())
        self.fsck(self.alice, self.folder, code=0)

    def a_policy_that_was_changed_is_damage(self):
        policy = self.share / ".recryptfs/policy.jcp"
        good = policy.read_bytes()
        text = self.alice.run("recryptfs", "fsck", "-v", self.share).out
        check("policy.jcp: good" in text, text)
        signed = json.loads(good)
        signature = signed["signature"] if "signature" in signed else None
        changed = good.replace(signature.encode(), signature[::-1].encode()) if signature else b"{}"
        policy.write_bytes(changed)
        done = self.alice.run("recryptfs", "fsck", self.share, code=6)
        check("policy.jcp: damaged" in done.out, repr(done))
        policy.write_bytes(good)

    def without_a_service_nothing_is_called_damaged(self):
        self.com.stop()
        _, summary = self.fsck(self.alice, self.folder / "good.jcd", code=5)
        check(summary["damaged"] == 0 and summary["noService"] == 1, summary)
        self.fsck(self.alice, "--structure", self.folder / "good.jcd", code=0)


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        fsck = Fsck(stage)
        for step in (fsck.a_share_in_use_is_clean,
                     fsck.grants_are_asked_for_together_and_logged,
                     fsck.each_damage_is_named,
                     fsck.without_a_grant_what_decayed_is_found,
                     fsck.without_a_grant_nothing_is_repaired,
                     fsck.a_repair_makes_good_what_it_can_behind_a_copy,
                     fsck.what_is_left_is_damaged_still_and_the_rest_is_clean,
                     fsck.what_a_killed_mount_left_is_good_and_repaired,
                     fsck.a_terabyte_of_holes_takes_no_time,
                     fsck.a_long_name_that_was_lost_is_written_again,
                     fsck.a_policy_that_was_changed_is_damage,
                     fsck.without_a_service_nothing_is_called_damaged):
            if not promises.keep(step.__name__.replace("_", " "), step) and promises.passed < 1:
                break
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
