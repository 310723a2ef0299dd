"""Two people with a label in common at work on one share, and what has to be true of everything
that their programs write.

    @needs("cp")
    def cp_keeps_content(place):
        place.shell("cp -a {tree} copy", "cp")  # alice, in a folder of her mount

    sys.exit(keep_all(cp_keeps_content))

What a program left in a folder is what the other one sees there in a mount made anew; on the share
lie documents for it, one for each file, without a run of its bytes.
"""
import contextlib
import json
import os
import re
import shutil
import sys

from harness import Promises, Stage, check, need_root_and_fuse, stored_documents

LABEL = "Work#example.com"
HEADER = 2304  # bytes of a document before its first block
CHANCE = 8  # characters of base64 that are not the same in two headers by chance: one in 2^48
STRAY = re.compile(r"^\.[0-9a-f]{16}$|^\.fuse_hidden|^\.nfs")

# What lies in a folder, as its user sees it: of each file its attributes, its digest and some runs
# of its bytes.
LISTING = """
import hashlib, json, os, sys
found = {}
def closed(problem):
    found[os.path.relpath(problem.filename, sys.argv[1])] = {"closed": True}
for folder, _, names in os.walk(sys.argv[1], onerror=closed):
    for name in names:
        path = os.path.join(folder, name)
        at = os.path.relpath(path, sys.argv[1])
        if os.path.islink(path):
            found[at] = {"link": os.readlink(path)}
            continue
        # What another mount changed is seen by who opens it.
        try:
            with open(path, "rb") as file:
                status, content = os.fstat(file.fileno()), file.read()
        except PermissionError:
            status, content = os.lstat(path), None
        seen = found[at] = {"size": status.st_size, "mode": status.st_mode,
                            "mtime": status.st_mtime_ns, "links": status.st_nlink}
        if content is None:
            seen["closed"] = True
            continue
        runs = [content[i:i + 24] for i in range(0, len(content) - 23, 24 + len(content) // 16)]
        seen["digest"] = hashlib.sha256(content).hexdigest()
        seen["runs"] = [run.hex() for run in runs if len(set(run)) > 8]
        seen["attributes"] = {name: os.getxattr(path, name).hex() for name in os.listxattr(path)
                              if name.startswith("user.")}
print(json.dumps(found))
"""

# A folder as a person's may be: texts, an empty file, one of some groups, a link, a program, names.
TREE = """set -eu; mkdir -p {tree}/below/deeper; cd {tree}
for i in $(seq {files}); do seq -f "line %.0f of file $i, for the accountants" $((i * 7)) > $i.txt; done
: > empty; head -c {large} /dev/urandom > large.bin; head -c 524288 /dev/urandom > group.bin
printf '#!/bin/sh\\necho it runs\\n' > program; chmod 750 program; chmod 440 1.txt
ln -s ../1.txt below/link; ln -s nowhere below/dangling
echo with a blank > 'a name with blanks'; echo ünïcödé > 'ünïcödé'; echo hidden > .hidden
truncate -s 3000000 sparse; echo end >> sparse
touch -d '2001-02-03 04:05:06.789' 2.txt; cp -a 1.txt below/deeper/copy
"""

# Stops at the first command that fails, and says which.
STRICT = """set -eEu -o pipefail; trap 'echo "failed: $BASH_COMMAND" >&2' ERR; cd {}
"""


class Workplace:
    """Alice, who has the share mounted, and bob, who mounts it to see what she did."""

    def __init__(self, stage, full):
        self.stage, self.full = stage, full
        self.service = stage.service("example.com")
        self.share = stage.make_share()
        self.alice, self.bob = stage.user("alice"), stage.user("bob")
        self.alice.create_profile(self.service)
        self.alice.run("recryptfs", "label", "create", LABEL)
        self.alice.make_labelled_folder(LABEL, self.share, "Work")
        self.add_member(self.bob)
        self.mount = self.alice.mount(self.share)
        self.work = self.mount / "Work"
        self.alice.shell(f"echo x > {self.work}/other; sync {self.work}/other")
        self.header = (self.share / "Work/other.jcd").read_bytes()[:HEADER]
        self.tree = self.alice.home / "tree"
        self.make_tree(self.tree, files=40, large=1_300_000)

    def add_member(self, user):
        user.create_profile(self.service)
        self.alice.run("recryptfs", "profile", "trust", user.account, user.fingerprint())
        user.run("recryptfs", "profile", "trust", self.alice.account, self.alice.fingerprint())
        self.alice.run("recryptfs", "label", "add", LABEL, user.account)

    def make_tree(self, tree, **sizes):
        self.alice.shell(TREE.format(tree=tree, **sizes))

    def folder(self, name):
        """A new folder in alice's mount, open to bob."""
        folder = self.work / name
        self.alice.run("mkdir", folder)
        self.alice.run("chmod", "777", folder)
        return folder

    @contextlib.contextmanager
    def mount_of(self, user):
        """A mount of the share by a user, made anew."""
        point = user.mount(self.share)
        try:
            yield point / "Work"
        finally:
            user.umount(point)

    def shell(self, script, name, timeout=100, **values):
        """Runs a script of alice's in a new folder of her mount, and then looks what is left of
        that folder. Stops at the first command that fails. Returns what it printed."""
        folder = self.folder(name)
        done = self.script(self.alice, folder, script, timeout, **values)
        self.check_kept(folder)
        return done.out

    def script(self, user, folder, script, timeout=100, **values):
        script = script.format(tree=self.tree, home=user.home, at=folder, **values)
        return user.shell(STRICT.format(folder) + script, timeout=timeout)

    def listing(self, user, folder):
        return json.loads(user.run("python3", "-c", LISTING, folder, timeout=300).out)

    def check_kept(self, folder, names=None):
        """What alice sees is what bob sees, as far as modes let him, and what she sees later; and
        it lies on the share in documents. `names`: all that there is to see."""
        before = self.listing(self.alice, folder)
        check(before, f"nothing in {folder}")
        check(names is None or sorted(names) == sorted(before), f"other files: {sorted(before)}")
        strays = [name for name in before if STRAY.search(os.path.basename(name))]
        check(not strays, f"left behind: {strays}")
        below = folder.relative_to(self.work)
        with self.mount_of(self.bob) as work:
            seen = self.listing(self.bob, work / below)
        if any("closed" in entry for entry in seen.values()):
            self.check_seen(before, seen)
            self.alice.remount(self.share, self.mount)
            seen = self.listing(self.alice, folder)
        self.check_same(before, seen)
        self.check_stored(before, self.share / "Work" / below)

    def check_same(self, before, after):
        for name in sorted(before.keys() | after.keys()):
            check(before.get(name) == after.get(name),
                  f"{name}: {before.get(name)} became {after.get(name)}")

    def check_seen(self, before, seen):
        """Bob sees what is not closed to him."""
        hidden = tuple(name + "/" for name, entry in seen.items() if entry == {"closed": True})
        for name, entry in before.items():
            if name.startswith(hidden):
                continue
            other = dict(seen[name])
            if other.pop("closed", False):
                check(entry["mode"] & 0o004 == 0, f"{name}: closed to bob")
            check(other.items() <= entry.items(), f"{name}: bob sees {other} for {entry}")

    def check_stored(self, before, place):
        stored = {str(path.relative_to(place))[:-4]: content
                  for path, content in stored_documents(place)}
        check(stored.keys() == {name for name in before if "link" not in before[name]},
              f"other documents than files: {sorted(stored)}")
        for name, content in stored.items():
            for run in map(bytes.fromhex, before[name]["runs"]):
                inside = run in content[HEADER:] or run in content[:HEADER] and not self.in_any_header(run)
                check(not inside, f"{name}: plaintext on the share")

    def in_any_header(self, run):
        """Sources may hold what every header says, and beside it a character or two of a value that
        is random in a header, and happens to be the same there: `7","protected":"eyJlbmMi`."""
        said = len(run) - CHANCE + 1
        return any(run[at:at + said] in self.header for at in range(CHANCE))


def needs(*programs, full=False):
    """Marks a promise with the programs that it is about; `full`: too long for every run."""
    def mark(function):
        function.programs, function.full = programs, full
        return function
    return mark


def keep_all(*promised):
    """Keeps promises about programs in a workplace; those named on the command line, if any are."""
    promises = Promises()
    full = bool(os.environ.get("RECRYPT_FULL"))
    wanted = [each for each in promised if full or not each.full]
    if sys.argv[1:]:
        wanted = [each for each in promised if any(word in each.__name__ for word in sys.argv[1:])]
    ready = []
    for each in wanted:
        missing = [program for program in each.programs if not shutil.which(program)]
        if missing:
            promises.skip(each.__name__.replace("_", " "), f"{missing[0]} is not installed")
        else:
            ready.append(each)
    if not ready or not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        place = Workplace(stage, full)
        for each in ready:
            promises.keep(each.__name__.replace("_", " "), each, place)
    return promises.close()
