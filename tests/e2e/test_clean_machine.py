#!/usr/bin/env python3
"""README.md alone, on a machine that has nothing: a Debian made with debootstrap, in which README's
commands are typed in order, from ./quickstart to a labelled directory that two accounts share. It
runs under ./test --full only, since it installs and compiles. CCACHE_DIR, where it is set, is lent
to the compiler there."""
import ctypes
import fcntl
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

import guide
from harness import ROOT, Promises, check, need_root_and_fuse
from test_guides import call, enter

NEW_NETWORK = 0x40000000  # CLONE_NEWNET
SET_FLAGS, UP = 0x8914, 1  # SIOCSIFFLAGS, IFF_UP
INSTALL_AND_BUILD = 3000  # seconds
BY_HAND = 300  # the five minutes, without installing and compiling


def mirror():
    """Where this machine's own packages come from."""
    source = re.compile(r"^(?:URIs: *|deb (?:\[.*?\] )?)(https?://\S*debian/?)(?=\s|$)", re.M)
    apt = pathlib.Path("/etc/apt")
    for file in (apt / "sources.list", *apt.glob("sources.list.d/*.list"),
                 *apt.glob("sources.list.d/*.sources")):
        if file.is_file() and (found := source.search(file.read_text())):
            return found.group(1)
    return ""  # debootstrap knows one


def make_machine(base):
    root = base / "root"
    done = subprocess.run(["debootstrap", "--variant=minbase", "bookworm", root,
                           *filter(None, [mirror()])],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check(done.returncode == 0, "debootstrap: " + done.stdout[-2000:])
    for name in subprocess.run(["git", "ls-files"], cwd=ROOT, stdout=subprocess.PIPE, text=True,
                               check=True).stdout.splitlines():
        target = root / "root/recryptfs" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    for name in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    for folder in ("apt.conf.d", "sources.list.d", "trusted.gpg.d"):
        shutil.copytree(f"/etc/apt/{folder}", root / "etc/apt" / folder, dirs_exist_ok=True)
    return root


def enter_machine(root):
    call("mount", "--make-rprivate", "/")
    call("mount", "-t", "proc", "proc", root / "proc")
    for name in ("dev", "sys"):
        call("mount", "--rbind", f"/{name}", root / name)
    if os.environ.get("CCACHE_DIR"):
        (root / "ccache").mkdir()
        call("mount", "--bind", os.environ["CCACHE_DIR"], root / "ccache")
    os.chroot(root)
    os.chdir("/")
    socket.sethostname("office")
    os.chmod("/dev/fuse", 0o666)
    for name in ("alice", "bob"):
        call("useradd", "--create-home", "--shell", "/bin/bash", name)


def become(who):
    command, env = enter(who)
    env.pop("RECRYPT_BUILD", None)  # it is built there
    if who == "root" and os.environ.get("CCACHE_DIR"):
        env.update(CCACHE_DIR="/ccache", CCACHE_BASEDIR="/root/recryptfs", CCACHE_NOHASHDIR="1",
                   CCACHE_SLOPPINESS="time_macros,include_file_mtime,include_file_ctime,locale,"
                                     "pch_defines")
    return command, env


def leave_the_network():
    """What is served from now on is on ports that nobody else has."""
    check(ctypes.CDLL(None).unshare(NEW_NETWORK) == 0, "no network of one's own")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))


def walk():
    terminals = guide.Terminals(become, INSTALL_AND_BUILD)
    begun, built = time.monotonic(), None
    for block in guide.Guide(pathlib.Path("/root/recryptfs/README.md")).blocks:
        for step in block.steps() if block.is_run() else ():
            seen, problem = terminals.run(step)
            if problem:
                print(f"README.md:{step.line}: {step.command}: {problem}\n" + "\n".join(seen))
                return 1
            if step.command == "./quickstart":
                built = time.monotonic()
                leave_the_network()
                terminals.open.clear()
                terminals.run(guide.Step("root", "cd recryptfs", step.line))
    rest = time.monotonic() - built
    print(f"installed, built and shown in {built - begun:.0f} s, the rest in {rest:.0f} s")
    return 0 if rest < BY_HAND else 1


def on_a_clean_machine():
    base = pathlib.Path(tempfile.mkdtemp(prefix="recryptfs-clean-"))
    base.chmod(0o755)
    try:
        make_machine(base)
        done = subprocess.run(
            ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", sys.executable,
             __file__, "--inside", base / "root"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(done.stdout, end="")
        check(done.returncode == 0, done.stdout[-4000:])
    finally:
        shutil.rmtree(base, ignore_errors=True)


def main():
    if "--inside" in sys.argv:
        enter_machine(pathlib.Path(sys.argv[-1]))
        return walk()
    promises = Promises()
    if not os.environ.get("RECRYPT_FULL"):
        promises.skip("a clean machine", "runs with --full")
    elif need_root_and_fuse(promises):
        if shutil.which("debootstrap"):
            promises.keep("README alone leads from a clean machine to a shared directory",
                          on_a_clean_machine)
        else:
            promises.skip("a clean machine", "debootstrap is not installed")
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
