#!/usr/bin/env python3
"""Two mounts of one share that is on the network: the suites of two mounts over two
network mounts of one directory of this machine, each with the caches of a machine of its own.

sshfs runs wherever there is FUSE, in a full run; with its caches of attributes and names off, which
it believes for up to 20 seconds. It has no locks between its mounts and knows files by their paths
alone, so only what takes turns and replaces nothing is tried over it (docs/PROMISES.md, Not
promised). NFS and SMB run where the kernel has clients and, for NFS, the server for them.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("RECRYPT_BUILD", ROOT / "build")).resolve()
SFTP_SERVER = "/usr/lib/openssh/sftp-server"
PROGRAMS = ("mount_two_mounts", "mount_two_mounts_names", "mount_shared_writing")
TURNS = ":".join(f"*TwoMounts.{name}/*" for name in (
    "WhatOneClosesTheOtherSeesAtItsNextOpen", "SeesShrinkingAndGrowing",
    "AnOpenShowsTheSizeThatTheOtherClosedWith", "NamesThatTheOtherChangedAreSeen",
    "AConflictCopyOpensLikeAnyDocument"))
# What one client of a network file system may do to a file that another has open differs.
EVERYTHING = "*:-*ADocumentThatTheOtherRemovesStaysWithWhoHasItOpen*:*BringingRecordsIntoPlace*"


class Skipped(Exception):
    """Why a kind of share cannot be tried here."""


def run(*command, **options):
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def must(*command):
    done = run(*command)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout.strip()}")


def needs_programs(*programs):
    for program in programs:
        if not shutil.which(program) and not os.path.exists(program):
            raise Skipped(f"{program} is not installed")


def needs_kernel(filesystem, name):
    if shutil.which("modprobe"):
        run("modprobe", filesystem)
    if not re.search(rf"\s{filesystem}$", pathlib.Path("/proc/filesystems").read_text(), re.M):
        raise Skipped(f"this kernel has no {name}")


class Shares:
    """A served directory, mounted at two places; what was started is ended."""

    def __init__(self, base):
        self.base, self.served = base, base / "served"
        self.places = [base / "a", base / "b"]
        for folder in (self.served, *self.places):
            folder.mkdir()
        self.at_end = []

    def close(self):
        for place in self.places:
            if os.path.ismount(place):
                run("umount", "-l", place)
        for undo in reversed(self.at_end):
            undo()


def over_sshfs(shares):
    needs_programs("sshfs", SFTP_SERVER)
    wrapper = shares.base / "ssh"
    wrapper.write_text(f"#!/bin/sh\nexec {SFTP_SERVER}\n")
    wrapper.chmod(0o755)
    for place in shares.places:
        must("sshfs", f"share:{shares.served}", place, "-o",
             f"ssh_command={wrapper},dir_cache=no,attr_timeout=0,entry_timeout=0")
    return TURNS


def over_nfs(shares):
    needs_kernel("nfs4", "NFS client")
    needs_kernel("nfsd", "NFS server")
    needs_programs("exportfs", "rpc.nfsd", "rpc.mountd", "mount.nfs")
    if not os.path.exists("/proc/fs/nfsd/threads"):
        must("mount", "-t", "nfsd", "nfsd", "/proc/fs/nfsd")
    client = f"127.0.0.1:{shares.served}"
    must("exportfs", "-o", "rw,no_root_squash,insecure,fsid=4711", client)
    shares.at_end.append(lambda: run("exportfs", "-u", client))
    if int(pathlib.Path("/proc/fs/nfsd/threads").read_text() or 0) == 0:
        must("rpc.nfsd", "8")
        shares.at_end.append(lambda: run("rpc.nfsd", "0"))
        mountd = subprocess.Popen(["rpc.mountd", "-F"])
        shares.at_end.append(mountd.terminate)
        time.sleep(1)
    for place in shares.places:
        must("mount", "-t", "nfs", "-o", "vers=4.2,nosharecache", client, place)
    return EVERYTHING


def over_smb(shares):
    needs_kernel("cifs", "SMB client")
    needs_programs("smbd", "smbpasswd", "mount.cifs")
    conf, state = shares.base / "smb.conf", shares.base / "samba"
    state.mkdir()
    folders = "\n".join(f"{name} = {state}" for name in (
        "private dir", "lock directory", "state directory", "cache directory", "pid directory",
        "ncalrpc dir"))
    conf.write_text(f"[global]\nsmb ports = 4450\nbind interfaces only = yes\ninterfaces = lo\n"
                    f"{folders}\nlog file = {state}/log\nserver role = standalone\n"
                    f"passdb backend = tdbsam:{state}/passdb.tdb\n"
                    f"[share]\npath = {shares.served}\nread only = no\n")
    subprocess.run(["smbpasswd", "-c", str(conf), "-s", "-a", "root"], input="pw\npw\n", text=True,
                   check=True, stdout=subprocess.DEVNULL)
    smbd = subprocess.Popen(["smbd", "-s", str(conf), "-F", "--no-process-group"])
    shares.at_end.append(smbd.terminate)
    time.sleep(2)
    for place in shares.places:
        must("mount", "-t", "cifs", "//127.0.0.1/share", place, "-o",
             "port=4450,username=root,password=pw,cache=strict,nosharesock,mfsymlinks")
    return EVERYTHING


def count(program, pattern, shares):
    env = dict(os.environ, RECRYPT_SHARES=":".join(map(str, shares.places)))
    done = subprocess.run([str(BUILD / "tests" / program), f"--gtest_filter={pattern}",
                           "--gtest_brief=1"], env=env, stdin=subprocess.DEVNULL, timeout=1500,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    passed = re.search(r"\[  PASSED  \] (\d+) test", done.stdout)
    failed = set(re.findall(r"^\[  FAILED  \] (\S+/\S+),", done.stdout, re.M))
    if done.returncode != 0:
        print(done.stdout)
    wrong = len(failed) or int(done.returncode != 0)
    return int(passed.group(1)) if passed else 0, wrong


def main():
    kinds = {"sshfs": over_sshfs, "NFS": over_nfs, "SMB": over_smb}
    passed = failed = skipped = 0
    for name, begin in kinds.items():
        base = pathlib.Path(tempfile.mkdtemp(prefix="recryptfs-net-"))
        shares = Shares(base)
        try:
            if not os.environ.get("RECRYPT_FULL"):
                raise Skipped("only in a full run")
            if os.geteuid() != 0 or not os.access("/dev/fuse", os.R_OK | os.W_OK):
                raise Skipped("it takes root and /dev/fuse")
            pattern = begin(shares)
            for program in PROGRAMS:
                if program == "mount_shared_writing" and pattern == TURNS:
                    continue
                good, bad = count(program, pattern, shares)
                print(f"{name}, {program}: {good} passed, {bad} failed")
                passed, failed = passed + good, failed + bad
        except Skipped as why:
            print(f"skipped: shares over {name}: {why}")
            skipped += 1
        except (RuntimeError, OSError, subprocess.SubprocessError) as wrong:
            print(f"{name}: {wrong}")
            failed += 1
        finally:
            shares.close()
            shutil.rmtree(base, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
