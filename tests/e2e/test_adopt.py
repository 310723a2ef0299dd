#!/usr/bin/env python3
"""A tree of plain files on a share becomes documents where it lies, with all that belongs to files,
killed at any point and gone on with; and comes back as it was. Under RECRYPT_FULL, 5,000 files."""
import json
import os
import random
import subprocess
import sys
import time

from harness import Promises, Stage, check, need_root_and_fuse, wait_until

LABEL = "Old#example.com"
FULL = bool(os.environ.get("RECRYPT_FULL"))
FILES = 5000 if FULL else 1200
LONG = "n" * 246  # with a few more bytes a name is longer than what fits with .jcd behind it

# What lies in a folder, to the byte, as its user sees it.
LISTING = """
import hashlib, json, os, stat, sys
top, found, links = os.fsencode(sys.argv[1]), {}, {}
for folder, folders, names in os.walk(top):
    for name in sorted(folders + names):
        path = os.path.join(folder, name)
        at = os.path.relpath(path, top).decode(errors="surrogateescape")
        status = os.lstat(path)
        seen = found[at] = {"mode": status.st_mode, "owner": [status.st_uid, status.st_gid]}
        if stat.S_ISLNK(status.st_mode):
            seen["target"] = os.readlink(path).decode()
            continue
        names_of = [each for each in os.listxattr(path)
                    if each.startswith("user.") or each.startswith("system.posix_acl")]
        seen["attributes"] = {each: os.getxattr(path, each).hex() for each in names_of}
        if not stat.S_ISREG(status.st_mode):
            continue
        digest, zeros = hashlib.sha256(), 0
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
        seen.update(size=status.st_size, time=status.st_mtime_ns, digest=digest.hexdigest(),
                    names=status.st_nlink)
        if status.st_nlink > 1:
            seen["with"] = links.setdefault(status.st_ino, at)
print(json.dumps(found))
"""

TREE = """set -eu; umask 022; cd {tree}
mkdir -p deep/deeper 'with a blank' empty-folder x.jcd .hidden-folder; chmod 750 deep; chmod 2775 'with a blank'
echo plain > plain.txt; : > empty; head -c 524288 /dev/urandom > group; head -c 3000000 /dev/urandom > large
head -c 4096 /dev/urandom > block; head -c 4097 /dev/urandom > deep/block-and-more
echo x > x; echo inside > x.jcd/inside; echo -n 'no newline' > .hidden-folder/.hidden
echo odd > $'new\\nline'; echo odd > $'\\xff\\xfe'; echo ünïcödé > ünïcödé; echo -- > --label
for more in 12345 123456 12345678 123456789; do echo $more > {long}$more; done; echo stem > jcd.name.{hex}
truncate -s 1G deep/sparse; echo middle | dd of=deep/sparse bs=1M seek=600 conv=notrunc status=none
truncate -s 1M deep/only-a-hole; ln group deep/deeper/same; ln group hard; ln -s ../plain.txt deep/link; ln -s nowhere dangling
printf '#!/bin/sh\\necho it runs\\n' > program; chmod 4755 program; echo closed > closed; chmod 400 closed
setfattr -n user.colour -v blue plain.txt; setfattr -n user.long -v "$(seq 300)" large
setfattr -n user.folder -v yes deep; setfacl -m u:{other}:r,m::r plain.txt; setfacl -d -m u:{other}:rx 'with a blank'
echo inherits > 'with a blank/inherits'; echo none > 'with a blank/none'; setfacl -b 'with a blank/none'
touch -d '2001-02-03 04:05:06.789' plain.txt large empty; touch -d 1969-07-20 block; mkfifo pipe
"""


class Adopting:
    def __init__(self, stage):
        self.stage, self.share = stage, stage.make_share()

    def listing(self, user, folder):
        return json.loads(user.run("python3", "-c", LISTING, folder, timeout=600).out)

    def adopt(self, *words, user=None, code=0, timeout=600):
        done = (user or self.alice).run("recryptfs", "adopt", *words, "--label", LABEL, "--json",
                                        code=code, timeout=timeout)
        return json.loads(done.out.splitlines()[-1]) if done.out else None, done.err

    def check_same(self, before, after, but=()):
        for name in sorted(before.keys() | after.keys()):
            one, other = before.get(name), after.get(name)
            for each in but:
                one, other = ({k: v for k, v in (of or {}).items() if k != each}
                              for of in (one, other))
            check(one == other, f"{name!r}: {one} became {other}")

    def plain_left(self, folder):
        """Regular files that are no documents, nor the names of long ones."""
        left = []
        for at, _, names in os.walk(os.fsencode(folder)):
            for name in names:
                path = os.path.join(at, name)
                plain = os.path.isfile(path) and not os.path.islink(path)
                if plain and not name.endswith((b".jcd", b".name")):
                    left.append(path)
        return left

    def folder(self, name):
        folder = self.share / name
        self.alice.run("mkdir", folder)
        return folder

    def a_tree_with_everything_in_it(self):
        self.com = self.stage.service("example.com")
        self.alice, self.bob = map(self.stage.user, ("alice", "bob"))
        for user in (self.alice, self.bob):
            user.create_profile(self.com)
        self.alice.run("recryptfs", "profile", "trust", self.bob.account, self.bob.fingerprint())
        self.bob.run("recryptfs", "profile", "trust", self.alice.account, self.alice.fingerprint())
        self.alice.run("recryptfs", "label", "create", LABEL)
        self.alice.run("recryptfs", "label", "add", LABEL, self.bob.account)
        self.tree = self.folder("Old")
        self.alice.shell(TREE.format(tree=self.tree, long=LONG, hex="ab" * 32, other=self.bob.unix))
        self.before = self.listing(self.alice, self.tree)
        check(len(self.before) > 30, f"the tree has {len(self.before)} entries")

    def a_dry_run_changes_nothing(self):
        told, err = self.adopt(self.tree, "--dry-run")
        check(told["files"] == 24 and told["documents"] == 0, f"{told}")
        check(told["in_the_way"] == [str(self.tree / "x.jcd")], f"{told}")
        check("label assign" in self.alice.run("recryptfs", "adopt", self.tree, "--label", LABEL,
                                               "--dry-run").err, "no offer to assign the label")
        self.check_same(self.before, self.listing(self.alice, self.tree))

    def every_file_becomes_a_document_with_all_that_belongs_to_it(self):
        told, err = self.adopt(self.tree, "--assign", "--share", self.share)
        check(told["adopted"] == 24 and told["failed"] == 0, f"{told} {err}")
        check(not self.plain_left(self.tree), f"left plain: {self.plain_left(self.tree)}")
        self.at = self.alice.mount(self.share)
        self.check_same(self.before, self.listing(self.alice, self.at / "Old"))
        for path in self.share.rglob("*.jcd"):
            if path.is_file():
                check(path.read_bytes()[:8] == b'[{"jcd":', f"{path} is no document")
        sparse = (self.tree / "deep/sparse.jcd").stat()
        check(sparse.st_blocks * 512 < 3_000_000, f"holes were filled: {sparse.st_blocks} sectors")
        self.alice.run("recryptfs", "fsck", self.share, timeout=300)
        # A member reads, new files have the label.
        at = self.bob.mount(self.share)
        check(self.bob.run("cat", at / "Old/plain.txt").out == "plain\n", "bob reads something else")
        self.alice.shell(f"echo new > {self.at}/Old/new.txt; rm {self.at}/Old/new.txt")
        self.bob.umount(at)

    def what_is_adopted_already_is_left_alone(self):
        told, _ = self.adopt(self.tree)
        check(told["adopted"] == 0 and told["documents"] == 26, f"{told}")

    def it_comes_back_as_it_was(self):
        back = self.alice.home / "back"
        told = json.loads(self.alice.run("recryptfs", "export", self.tree, "--to", back, "--json",
                                         timeout=600).out)
        check(told["failed"] == 0 and told["documents"] == 24, f"{told}")
        expected = {name: entry for name, entry in self.before.items() if name != "pipe"}
        after = self.listing(self.alice, back)
        self.check_same(expected, after)
        check((back / "deep/sparse").stat().st_blocks * 512 < 1_000_000, "holes were filled")
        # What is there is never replaced; what is the same counts.
        (back / "plain.txt").write_text("mine\n")
        again = self.alice.run("recryptfs", "export", self.at / "Old", "--to", back, "--json",
                               code=7, timeout=600)
        told = json.loads(again.out)
        check(told["documents"] == 0 and told["there"] == 23 and told["failed"] == 1, f"{told}")
        check("plain.txt" in again.err and (back / "plain.txt").read_text() == "mine\n", again.err)
        one = self.alice.home / "one"
        self.alice.run("recryptfs", "export", self.at / "Old/plain.txt", "--to", one)
        check((one / "plain.txt").read_text() == "plain\n", "one document alone")

    def what_cannot_be_decrypted_leaves_nothing_behind(self):
        broken = self.folder("Broken")
        self.alice.shell(f"cp {self.tree}/large.jcd {self.tree}/group.jcd {broken}")
        with open(broken / "large.jcd", "r+b") as file:
            file.seek(1_000_000)
            file.write(b"damage")
        to = self.alice.home / "broken"
        done = self.alice.run("recryptfs", "export", broken, "--to", to, code=6)
        check("large.jcd" in done.err, done.err)
        check(os.listdir(to) == ["group"], f"{os.listdir(to)}")
        inside = self.alice.run("recryptfs", "export", broken, "--to", broken / "below", code=2)
        check("lies in what is to be exported" in inside.err, inside.err)

    def what_stands_in_the_way_is_told_and_left(self):
        both = self.folder("Both")
        self.alice.shell(f"cd {both}; echo one > x; cp {self.tree}/plain.txt.jcd x.jcd; echo y > y")
        told, err = self.adopt(both, code=7)
        check(told["adopted"] == 1 and told["failed"] == 1, f"{told}")
        check(f"{both}/x: " in err and "holds something else" in err, err)
        check((both / "x").read_text() == "one\n", "the plain file changed")
        refused = self.bob.run("recryptfs", "adopt", both, "--label", "Nobody#example.com",
                               code=None)
        check(refused.code != 0 and (both / "x").exists(), repr(refused))

    def what_is_in_use_stays_plain_and_is_adopted_later(self):
        used = self.folder("Used")
        self.alice.shell(f"cd {used}; echo 1 > log; echo 2 > quiet")
        writer = self.alice.start("bash", "-c", f"exec 3>>{used}/log; echo more >&3; read")
        wait_until(lambda: (used / "log").read_text() == "1\nmore\n", 10, "the writer")
        told, err = self.adopt(used, code=8)
        check(told["adopted"] == 1 and told["failed"] == 1, f"{told}")
        check("open for writing" in err, err)
        writer.communicate(b"\n", timeout=20)
        told, _ = self.adopt(used)
        check(told["adopted"] == 1, f"{told}")

    def a_name_outside_keeps_a_file_plain(self):
        partly = self.folder("Partly")
        self.alice.shell(f"cd {self.share}; echo x > outside; ln outside Partly/inside")
        told, err = self.adopt(partly, code=2)
        check(told["adopted"] == 0 and "2 names" in err, err)
        check((partly / "inside").read_text() == "x\n", "it is gone")

    def a_full_disk_leaves_everything_readable(self):
        small = self.stage.base / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=777", "none", small], check=True)
        try:
            self.alice.shell(f"""mkdir {small}/tree; cd {small}/tree
                for i in $(seq 9); do head -c 900000 /dev/urandom > part$i; done
                head -c 3000000 /dev/urandom > too-large; sha256sum * > {self.alice.home}/sums""")
            # Together they have no room, one by one they do, but for the last.
            told, err = self.adopt(small / "tree", code=1)
            check("no room left" in err, err)
            point = self.alice.mount(small)
            self.alice.shell(f"cd {point}/tree && sha256sum -c {self.alice.home}/sums")
            self.alice.umount(point)
            left = self.plain_left(small / "tree")
            check([os.path.basename(path) for path in left] == [b"too-large"], f"{left}")
            check(not list((small / "tree").glob("*.name")), "something was left behind")
            subprocess.run(["mount", "-o", "remount,size=30m", small], check=True)
            self.adopt(small / "tree")
            check(not self.plain_left(small / "tree"), "something stayed plain")
        finally:
            subprocess.run(["umount", "-l", small])

    def what_is_killed_goes_on(self):
        many = self.folder("Many")
        self.alice.shell(f"""cd {many}; mkdir a b
            for i in $(seq {FILES}); do echo "file $i" > a/$i; done
            for i in $(seq 20); do head -c 700000 /dev/urandom > b/$i; ln b/$i b/link$i; done
            echo long > {LONG}123456789""", timeout=600)
        before = self.listing(self.alice, many)
        kills = 0
        for _ in range(60):
            process = self.alice.start("recryptfs", "adopt", many, "--label", LABEL)
            try:
                process.communicate(timeout=random.uniform(0.02, 0.35))
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
        check(kills > 3, f"it was killed {kills} times only")
        told, err = self.adopt(many)
        check(told["failed"] == 0, f"{told} {err}")
        check(not self.plain_left(many), f"left plain: {self.plain_left(many)}")
        # Of a long name that was just being written, as of one in use, there may be a file.
        left = [path for path in many.rglob("*.name") if path.read_bytes() != (LONG + "123456789").encode()]
        check(all(path.stat().st_size == 0 for path in left), f"left behind: {left}")
        self.check_same(before, self.listing(self.alice, self.at / "Many"))
        self.alice.run("recryptfs", "fsck", many, timeout=600)

    def between_kills_every_file_can_be_read(self):
        many = self.folder("Readable")
        self.alice.shell(f"""cd {many}; for i in $(seq 150); do echo "file $i" > $i; done
            sha256sum * > {self.alice.home}/sums""")
        for _ in range(6):
            process = self.alice.start("recryptfs", "adopt", many, "--label", LABEL)
            time.sleep(random.uniform(0.05, 0.3))
            process.kill()
            process.communicate()
            time.sleep(1.1)  # names are believed for a second
            self.alice.shell(f"cd {self.at}/Readable && sha256sum --quiet -c {self.alice.home}/sums")

    def root_keeps_owners(self):
        root = self.stage.root()
        root.create_profile(self.com)
        self.alice.run("recryptfs", "profile", "trust", root.account, root.fingerprint())
        root.run("recryptfs", "profile", "trust", self.alice.account, self.alice.fingerprint())
        self.alice.run("recryptfs", "label", "add", LABEL, root.account)
        owned = self.folder("Owned")
        self.bob.shell(f"echo mine > {self.bob.home}/mine")
        root.run("cp", "-p", self.bob.home / "mine", owned / "mine")
        told, err = self.adopt(owned, user=root)
        check(told["adopted"] == 1 and told["owners_changed"] == 0, f"{told} {err}")
        check((owned / "mine.jcd").stat().st_uid == self.bob.uid, "another owner")


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        story = Adopting(stage)
        for promise in (story.a_tree_with_everything_in_it,
                        story.a_dry_run_changes_nothing,
                        story.every_file_becomes_a_document_with_all_that_belongs_to_it,
                        story.what_is_adopted_already_is_left_alone,
                        story.it_comes_back_as_it_was,
                        story.what_cannot_be_decrypted_leaves_nothing_behind,
                        story.what_stands_in_the_way_is_told_and_left,
                        story.what_is_in_use_stays_plain_and_is_adopted_later,
                        story.a_name_outside_keeps_a_file_plain,
                        story.a_full_disk_leaves_everything_readable,
                        story.what_is_killed_goes_on,
                        story.between_kills_every_file_can_be_read,
                        story.root_keeps_owners):
            promises.keep(promise.__name__.replace("_", " "), promise)
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
