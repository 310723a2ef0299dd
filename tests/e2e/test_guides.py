#!/usr/bin/env python3
"""Everything that README.md and docs/guide have people type is typed here, and has to print what
they say it prints. Each file has a machine of its own: the tree of this one under an overlay, with
a network of its own, in which there are alice, bob, carol, dave and erin, example.com, example.net.

  test_guides.py [--write] [FILE …]   --write puts what was seen in the place of what is not so
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import guide
from harness import BUILD, ROOT, Promises, check, need_root_and_fuse

PEOPLE = ("alice", "bob", "carol", "dave", "erin")
HOSTS = """127.0.0.1 localhost
192.0.2.1 recrypt.example.com
192.0.2.2 recrypt.example.net
192.0.2.3 recrypt.example.org
"""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MOST_NOT_RUN = 12  # blocks in all guides that the test cannot run


def call(*words):
    subprocess.run([str(word) for word in words], check=True)


def make_machine(base):
    """Mounts the machine's tree, in this process's own namespaces, and enters it."""
    call("mount", "--make-rprivate", "/")
    # A mount does not end while a namespace has a copy of it.
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        if line.split()[2].startswith("fuse"):
            call("umount", "--lazy", line.split()[1])
    # What needs a real file system, shares and homes, lies beside the tree.
    disk = base / "disk"
    for folder in ("srv", "home", "backup", "var", "root"):
        (disk / folder).mkdir(parents=True)
    memory, tree = base / "memory", base / "tree"
    memory.mkdir()
    tree.mkdir()
    call("mount", "-t", "tmpfs", "none", memory)
    (memory / "upper").mkdir()
    (memory / "work").mkdir()
    call("mount", "-t", "overlay", "overlay", "-o",
         f"lowerdir=/,upperdir={memory}/upper,workdir={memory}/work", tree)
    for name in ("srv", "home", "backup", "root"):
        (tree / name).mkdir(exist_ok=True)
        call("mount", "--bind", disk / name, tree / name)
    for name in ("lib/recryptd", "log"):
        (tree / "var" / name).mkdir(parents=True, exist_ok=True)
    call("mount", "-t", "proc", "proc", tree / "proc")
    for name in ("dev", "sys"):
        call("mount", "--rbind", f"/{name}", tree / name)
    call("mount", "-t", "tmpfs", "none", tree / "tmp")
    for folder in ("cli", "daemon"):
        for program in ("recryptfs", "recrypt", "recryptd"):
            if (BUILD / folder / program).exists():
                shutil.copy(BUILD / folder / program, tree / "usr/local/bin" / program)
    shutil.copy(ROOT / "tests/e2e/office.sh", tree / "usr/local/sbin/office")
    (tree / "usr/local/sbin/office").chmod(0o755)
    # What a reader of README has: the tree, and here the programs that are built already.
    source = tree / "root/recryptfs"
    for name in subprocess.run(["git", "ls-files"], cwd=ROOT, stdout=subprocess.PIPE, text=True,
                               check=True).stdout.split("\n"):
        if name and (ROOT / name).is_file() and not name.startswith(("tests/", "core/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    for folder in ("cli", "daemon"):
        (source / "build" / folder).mkdir(parents=True)
        for program in (BUILD / folder).glob("recrypt*"):
            if program.is_file() or program.is_symlink():
                shutil.copy(program, source / "build" / folder, follow_symlinks=False)
    os.chroot(tree)
    os.chdir("/")
    pathlib.Path("/etc/hosts").write_text(HOSTS)
    pathlib.Path("/etc/hostname").write_text("office\n")
    call("hostname", "office")
    if os.path.exists("/dev/fuse"):
        os.chmod("/dev/fuse", 0o666)
    call("ip", "link", "set", "lo", "up")
    for address in ("192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32"):
        call("ip", "address", "add", address, "dev", "lo")
    for name in PEOPLE:
        call("useradd", "--create-home", "--shell", "/bin/bash", name)


def enter(who):
    """`bob@laptop` is bob with another home, as on a machine of its own."""
    name, _, device = who.partition("@")
    home = "/root" if name == "root" else f"/home/{name}"
    if device:
        home += f"-{device}"
        if not os.path.exists(home):
            os.mkdir(home, 0o700)
            call("chown", f"{name}:{name}", home)
    env = {"HOME": home, "USER": name, "LOGNAME": name, "PATH": PATH, "LANG": "C.UTF-8"}
    if name == "root":
        env["RECRYPT_BUILD"] = "/root/recryptfs/build"
    become = ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups", "env", "-C", home]
    return become, env


def run_guide(path, write):
    """Runs the guide on the machine that this process is in; the number of what is wrong."""
    wrong = 0
    terminals = guide.Terminals(enter, 40 if write else 120)
    replaced = {}
    for block in guide.Guide(path).blocks:
        if block.path():
            file = pathlib.Path(block.path())
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text())
        if not block.is_run():
            continue
        for step in block.steps():
            try:
                seen, problem = terminals.run(step)
            except guide.Wrong as hopeless:
                print(f"  {path.name}:{step.line}: {step.command}: {hopeless}", flush=True)
                return wrong + 1, replaced
            if problem is None:
                continue
            wrong += 1
            print(f"  {path.name}:{step.line}: {step.command}: {problem}", "    the guide:",
                  *(f"      {line}" for line in step.shown), "    seen:",
                  *(f"      {line}" for line in seen), sep="\n", flush=True)
            if not write:
                return wrong, replaced
            if not block.hidden:
                replaced[step.line] = (len(step.shown), (step.command or "").count("\n"), seen)
    return wrong, replaced


def inside(path, base, write):
    text = path.read_text()
    make_machine(base)
    os.chdir("/")
    copy = pathlib.Path("/tmp") / path.name
    copy.write_text(text)
    wrong, replaced = run_guide(copy, write)
    if write and replaced:
        lines = text.splitlines()
        for at in sorted(replaced, reverse=True):
            count, more, seen = replaced[at]
            lines[at + more:at + more + count] = seen
        pathlib.Path("/backup/written").write_text("\n".join(lines) + "\n")
    return 1 if wrong else 0


def on_a_machine_of_its_own(path, write):
    base = pathlib.Path(tempfile.mkdtemp(prefix="recryptfs-guide-"))
    base.chmod(0o755)
    try:
        done = subprocess.run(
            ["unshare", "--mount", "--net", "--uts", "--pid", "--fork", "--kill-child",
             sys.executable, __file__, "--inside", path, base, *(["--write"] if write else [])],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        written = base / "disk/backup/written"
        if write and written.exists():
            path.write_text(written.read_text())
        check(done.returncode == 0, done.stdout)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def why_no_namespaces():
    """Why there can be no machine of its own here, as in a chroot; empty when there can."""
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--uts", "--pid", "--fork", "sh", "-ec",
         "mount -t tmpfs none /mnt; mkdir /mnt/upper /mnt/work /mnt/tree; mount -t overlay overlay "
         "-o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/tree"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return " ".join(done.stderr.split()) if done.returncode != 0 else ""


def is_marked(files):
    """Every command stands in a block that is run, or is marked, and these are few."""
    stray = [f"{path.name}: {what}" for path in files for what in guide.Guide(path).stray]
    check(not stray, "\n".join(stray))
    left_out = [f"{path.name}:{block.line}" for path in files for block in guide.Guide(path).blocks
                if block.info[:3] == ["console", "not", "run:"]]
    check(len(left_out) <= MOST_NOT_RUN, f"{len(left_out)} blocks are not run: {left_out}")


def alerts_have_a_runbook():
    """Each sample alert has a heading in the operator's guide, and the other way round; and what it
    looks at is a metric of the service."""
    rules = (ROOT / "docs/guide/recryptd.rules.yml").read_text()
    alerts = re.findall(r"^ *- alert: (\w+)$", rules, re.M)
    runbook = (ROOT / "docs/guide/operation.md").read_text()
    headings = re.findall(r"^### (Recryptd\w+)$", runbook, re.M)
    check(alerts and alerts == headings, f"alerts: {alerts}, runbook: {headings}")
    source = "".join(file.read_text() for file in (ROOT / "service").glob("*.cc"))
    for metric in set(re.findall(r"\brecryptd_\w+", rules)):
        check(re.sub(r"_bucket$", "", metric) in source, f"the service has no metric {metric}")


def main():
    write = "--write" in sys.argv
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    if "--inside" in sys.argv:
        return inside(pathlib.Path(words[0]), pathlib.Path(words[1]), write)
    promises = Promises()
    every = [ROOT / "README.md", *sorted((ROOT / "docs/guide").glob("*.md"))]
    files = [pathlib.Path(word).resolve() for word in words] or every
    promises.keep("every command is run, or is marked", is_marked, files)
    promises.keep("every alert has a runbook, and looks at what there is", alerts_have_a_runbook)
    if not need_root_and_fuse(promises):
        return promises.close()
    if why_not := why_no_namespaces():
        promises.skip("running the guides", why_not)
    else:
        for path in files:
            promises.keep(f"{path.relative_to(ROOT)} is true", on_a_machine_of_its_own, path, write)
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
