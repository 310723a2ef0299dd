"""What the end-to-end tests stand on: real Unix accounts with homes of their own, recryptd
processes over TLS on loopback, mounts that are always taken down, and a counter of promises.

    with Stage() as stage:
        net = stage.service("example.net")
        bob = stage.user("bob")
        bob.run("recryptfs", "profile", "show")
"""
import fcntl
import os
import pathlib
import pty
import pwd
import re
import select
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("RECRYPT_BUILD", ROOT / "build"))


class Failed(Exception):
    """A promise that was not kept."""


class Done:
    """A finished command: code, out and err as text, raw as bytes."""

    def __init__(self, code, out, err):
        self.code, self.raw = code, out
        self.out, self.err = out.decode(errors="replace"), err.decode(errors="replace")

    def __repr__(self):
        return f"exit {self.code}\n{self.out}\n{self.err}"


def check(condition, what):
    if not condition:
        raise Failed(what)


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise Failed(f"not within {seconds} s: {what}")


class Service:
    """A recryptd with a state directory and a certificate of its own."""

    def __init__(self, stage, domain, options):
        self.stage, self.domain, self.options = stage, domain, options
        self.state = stage.base / f"service-{domain}"
        self.state.mkdir()
        self.address = "127.0.0.1:0"
        self.process = None
        self.start()

    def start(self):
        log = open(self.stage.base / f"{self.domain}.log", "ab")
        self.process = subprocess.Popen(
            [str(self.stage.bin / "recryptd"), "--domain", self.domain, "--listen", self.address,
             "--state", str(self.state), "--self-signed", *self.options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        line = self.process.stdout.readline().decode()
        found = re.search(r" on (\S+:\d+)", line)
        check(found, f"recryptd for {self.domain} is not ready: {line!r}")
        self.address = found.group(1)
        if "--admin-listen" in self.options:
            self.admin = self.process.stdout.readline().decode().split()[-1]
        self.ca = self.stage.base / f"{self.domain}.crt"
        certificates = list(self.state.glob("*.crt")) + list(self.state.glob("*.pem"))
        certificates = [c for c in certificates if b"PRIVATE" not in c.read_bytes()]
        shutil.copy(certificates[0], self.ca)
        self.ca.chmod(0o644)

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20)
        return self.process.returncode if self.process else 0


class User:
    """A Unix account without privileges, with a home and a keystore of its own."""

    def __init__(self, stage, name):
        self.stage, self.name = stage, name
        # Another run at the same time has accounts of its own: this one's are killed at the end.
        self.unix = f"rfs-{name}-{stage.base.name[-4:].lower()}"
        self.home = stage.base / f"home-{name}"
        try:
            pwd.getpwnam(self.unix)
        except KeyError:
            subprocess.run(["useradd", "--no-create-home", "--home-dir", str(self.home), "--shell",
                            "/bin/bash", self.unix], check=True)
        account = pwd.getpwnam(self.unix)
        self.uid, self.gid = account.pw_uid, account.pw_gid
        for folder in (self.home, self.home / "run"):
            folder.mkdir()
            os.chown(folder, self.uid, self.gid)
            folder.chmod(0o700)
        self.mounts = []

    def environment(self):
        return {"HOME": str(self.home), "USER": self.unix, "LOGNAME": self.unix,
                "XDG_RUNTIME_DIR": str(self.home / "run"), "LANG": "C.UTF-8",
                "PATH": f"{self.stage.bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}

    def command(self, words):
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--",
                *[str(w) for w in words]]

    def run(self, *words, input=b"", code=0, timeout=60, cwd=None):
        """Runs a command as this user; `code` is the exit status that it must have (None: any)."""
        if isinstance(input, str):
            input = input.encode()
        # Root, who starts it, may not enter this user's mounts.
        done = subprocess.run(self.command(["env", "-C", cwd or self.home, *words]), input=input,
                              capture_output=True, env=self.environment(), timeout=timeout)
        result = Done(done.returncode, done.stdout, done.stderr)
        check(code is None or result.code == code,
              f"{self.name}: {' '.join(map(str, words))}: expected exit {code}, got {result!r}")
        return result

    def shell(self, script, **options):
        return self.run("bash", "-c", script, **options)

    def start(self, *words):
        return subprocess.Popen(self.command(words), env=self.environment(), cwd=self.home,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def fingerprint(self):
        return re.search(r"\bM[A-Z2-7]{3}(?:-[A-Z2-7]{4}){6}\b",
                         self.run("recryptfs", "profile", "show").out).group(0)

    def create_profile(self, own, *others):
        """An account at the service `own`, which knows the services `others`."""
        self.account = f"{self.name}@{own.domain}"
        for other in others:
            self.run("recryptfs", "service", "add", other.domain, other.address, "--ca", other.ca)
        self.run("recryptfs", "profile", "create", self.account, "--service", own.address, "--ca",
                 own.ca, "--no-passphrase")

    def make_labelled_folder(self, label, share, name):
        """A folder of the share, open to everybody, whose new files get the label."""
        folder = share / name
        self.run("mkdir", folder)
        folder.chmod(0o777)
        self.run("recryptfs", "label", "assign", label, folder, "--share", share)
        return folder

    def mount(self, share, *options):
        point = self.home / f"mnt{len(self.mounts)}"
        point.mkdir()
        os.chown(point, self.uid, self.gid)
        self.mounts.append(point)
        self.run("recryptfs", "mount", share, point, *options)
        return point

    def umount(self, point):
        self.run("recryptfs", "umount", point, timeout=300)

    def leave(self):
        subprocess.run(["pkill", "-KILL", "-u", str(self.uid)], capture_output=True)

    def remove(self):
        subprocess.run(["userdel", self.unix], capture_output=True)

    def remount(self, share, point):
        self.umount(point)
        self.run("recryptfs", "mount", share, point)


class Root(User):
    """The administrator of the machine, with a home and a keystore made for the test."""

    def __init__(self, stage):
        self.stage, self.name, self.unix, self.uid, self.gid = stage, "root", "root", 0, 0
        self.home = stage.base / "home-root"
        (self.home / "run").mkdir(parents=True)
        self.mounts = []

    def leave(self):
        pass

    remove = leave


class Terminal:
    """A program in a pseudo terminal, and somebody who types and reads the screen.

        with Terminal(user, folder, "nano", "letter") as terminal:
            terminal.wait_for("letter")
            terminal.type("hello\\x0f")
    """
    ESCAPES = re.compile(r"\x1b(?:\[[0-9;?>=]*[A-Za-z@]|[()#][A-Z0-9]|[=>78cDEHM])|[\x00\x07\x0e\x0f]")

    def __init__(self, user, folder, *words):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.words, self.fd, self.seen, self.all = words, ours, "", ""
        self.process = subprocess.Popen(
            user.command(["env", "-C", folder, "setsid", "--ctty", "--wait", *words]),
            stdin=theirs, stdout=theirs, stderr=theirs, env=dict(user.environment(), TERM="vt100"))
        os.close(theirs)

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.process.kill()
        self.process.wait()
        os.close(self.fd)

    def read(self, seconds):
        """Takes in what the program writes; False when it has nothing more to say."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            text = os.read(self.fd, 65536).decode(errors="replace")
        except OSError:  # the program has closed its side
            return False
        self.seen, self.all = self.seen + text, self.all + text
        return True

    def screen(self):
        return self.ESCAPES.sub("", self.seen)

    def screen_of_all(self):
        return self.ESCAPES.sub("", self.all)

    def wait_for(self, pattern, seconds=30):
        """Waits until the program has written this since the last time; the match."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.screen())):
            check(time.monotonic() < end and self.read(0.2),
                  f"{self.words}: no {pattern!r} in {self.screen_of_all()[-2000:]!r}")
        self.seen = ""
        return found

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def wait_for_end(self, seconds=30):
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            check(time.monotonic() < end,
                  f"{self.words} does not end: {self.screen_of_all()[-2000:]!r}")
            if not self.read(0.1):
                time.sleep(0.05)
        return self.process.returncode


class Stage:
    """One test's world: a folder, services, users. Leaves nothing behind."""

    def __init__(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="recryptfs-e2e-"))
        self.base.chmod(0o755)
        self.services, self.users = [], []
        # Users cannot reach a build folder below somebody's home: give them copies.
        self.bin = self.base / "bin"
        self.bin.mkdir()
        for folder in ("cli", "daemon"):
            for program in ("recryptfs", "recrypt", "recryptd"):
                if (BUILD / folder / program).exists():
                    shutil.copy(BUILD / folder / program, self.bin / program)
        # udev's rule makes the device usable by everybody; a bare container may lack udev.
        device = pathlib.Path("/dev/fuse")
        if device.exists() and stat.S_IMODE(device.stat().st_mode) != 0o666:
            device.chmod(0o666)

    def __enter__(self):
        # Who ends the test does not end what it has started.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        return self

    def service(self, domain, *options):
        self.services.append(Service(self, domain, options))
        return self.services[-1]

    def user(self, name):
        self.users.append(User(self, name))
        return self.users[-1]

    def root(self):
        self.users.append(Root(self))
        return self.users[-1]

    def make_share(self):
        share = self.base / "share"
        share.mkdir()
        share.chmod(0o777)
        return share

    def __exit__(self, kind, value, trace):
        for user in self.users:
            for point in user.mounts:
                subprocess.run(["fusermount3", "-u", "-z", "-q", str(point)], capture_output=True)
                subprocess.run(["umount", "-l", str(point)], capture_output=True)
        for user in self.users:
            user.leave()
        for service in self.services:
            try:
                service.stop()
            except subprocess.TimeoutExpired:
                service.process.kill()
        if os.environ.get("RECRYPT_KEEP"):
            print(f"kept: {self.base}")
        else:
            shutil.rmtree(self.base, ignore_errors=True)
        for user in self.users:
            user.remove()


def stored_documents(share):
    """The path and the bytes of every document of a share; fails where something else lies."""
    for folder, _, names in os.walk(share):
        if ".recryptfs" in folder:
            continue
        for name in names:
            path = pathlib.Path(folder, name)
            if path.is_symlink():
                continue
            check(name.endswith(".jcd"), f"{path} is no document")
            stored = path.read_bytes()
            check(stored[:8] == b'[{"jcd":', f"{path} is no document")
            yield path, stored


class Promises:
    """Counts what was kept: each promise is a function, run in order on one stage."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def keep(self, name, function, *arguments):
        try:
            function(*arguments)
            self.passed += 1
            print(f"kept: {name}", flush=True)
            return True
        except Exception as problem:  # the report must say which promise broke, whatever broke it
            self.failed += 1
            print(f"BROKEN: {name}: {problem}", flush=True)
            if not isinstance(problem, Failed):
                traceback.print_exc(file=sys.stdout)
            return False

    def skip(self, name, why):
        self.skipped += 1
        print(f"skipped: {name}: {why}")

    def close(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed else 0


def need_root_and_fuse(promises):
    """False, with a skip recorded, where this machine cannot make accounts and mounts."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        promises.skip("end to end", "needs root and /dev/fuse")
        return False
    return True
