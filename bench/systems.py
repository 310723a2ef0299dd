"""The file systems that the benchmark compares. Each keeps its files below one folder of the disk
that is measured, and is always taken down.

    with Gocryptfs(base, programs) as system:
        ...work in system.path...
"""
import os
import pathlib
import re
import shutil
import subprocess
import time

DOMAIN = "example.com"
ACCOUNT = f"alice@{DOMAIN}"
LABEL = f"Bench#{DOMAIN}"
LEASE_SECONDS = 3600  # longer than any run: what is measured is the mount, with warm leases


class Unusable(Exception):
    """A system that cannot take part, and why."""


class Programs:
    """The built programs, copied side by side into one folder, as an installation has them."""

    def __init__(self, build, base):
        self.workload = build / "bench" / "workload"
        if not self.workload.exists():
            raise Unusable(f"{self.workload} is not built")
        self.folder = base / "bin"
        self.folder.mkdir()
        for folder in ("cli", "daemon"):
            for program in sorted((build / folder).glob("recrypt*")):
                if program.is_file() and os.access(program, os.X_OK):
                    shutil.copy(program, self.folder / program.name)

    def need(self, *names):
        for name in names:
            if not (self.folder / name).exists():
                raise Unusable(f"{name} is not built")

    def environment(self, home):
        return {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"),
                "XDG_RUNTIME_DIR": str(home / "run"), "LANG": "C.UTF-8",
                "PATH": f"{self.folder}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}


def run(command, **options):
    """Runs a command that has to succeed, and returns what it printed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=120, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n"
                           f"{done.stdout}{done.stderr}")
    return done.stdout


def unmount(point):
    """Takes a mount down, by force in the end."""
    for command in (["fusermount3", "-u", "-q"], ["umount"], ["umount", "-l"]):
        if not os.path.ismount(point):
            return
        subprocess.run([*command, str(point)], capture_output=True)
        time.sleep(0.1)


class Service:
    """recryptd on loopback, and the account that works with it; `prefix` words stand before the
    command, such as taskset's."""

    def __init__(self, programs, base, options=(), prefix=()):
        programs.need("recryptd", "recryptfs")
        self.base, self.home = base, base / "home"
        for folder in (base / "state", self.home, self.home / "config", self.home / "run"):
            folder.mkdir(parents=True)
            folder.chmod(0o700)
        self.environment = programs.environment(self.home)
        self.log = open(base / "recryptd.log", "wb")
        self.process = subprocess.Popen(
            [*prefix, programs.folder / "recryptd", "--domain", DOMAIN, "--listen", "127.0.0.1:0",
             "--state", base / "state", "--self-signed", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log)
        line = self.process.stdout.readline().decode()
        found = re.search(r" on (\S+:\d+)", line)
        if not found:
            self.stop()
            raise RuntimeError(f"recryptd is not ready: {line!r}\n"
                               f"{(base / 'recryptd.log').read_text()}")
        self.address = found.group(1)
        certificates = [c for pattern in ("*.crt", "*.pem") for c in (base / "state").glob(pattern)
                        if b"PRIVATE" not in c.read_bytes()]
        self.certificate = certificates[0]

    def command(self, *words, **options):
        return run(words, env=self.environment, **options)

    def make_account(self):
        self.command("recryptfs", "profile", "create", ACCOUNT, "--service", self.address, "--ca",
                     self.certificate, "--no-passphrase")
        self.command("recryptfs", "label", "create", LABEL, "--lease", str(LEASE_SECONDS))

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self.log.close()


class System:
    """What all have in common: a folder for the stored form, a path to work in."""
    name = None

    def __init__(self, base, programs):
        self.base, self.programs = base / self.name, programs
        self.stored, self.path = self.base / "stored", self.base / "mount"
        for folder in (self.base, self.stored, self.path):
            folder.mkdir()
        # ext4 places what is made in such a folder in different parts of the disk. Otherwise every
        # round creates where the one before has deleted, and ext4 looks at each inode that was
        # deleted in the last minutes before it takes one: that, and not the mount, would be timed.
        subprocess.run(["chattr", "+T", self.stored], capture_output=True)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.set_up()
        self.mount()

    def stop(self):
        unmount(self.path)

    def remount(self):
        unmount(self.path)
        self.mount()

    def set_up(self):
        pass

    def mount(self):
        pass

    def version(self):
        return ""


class Plain(System):
    name = "plain"

    def set_up(self):
        self.path = self.stored

    def remount(self):
        pass


class Gocryptfs(System):
    name = "gocryptfs"

    def set_up(self):
        if not shutil.which("gocryptfs"):
            raise Unusable("the package gocryptfs is not installed")
        run(["gocryptfs", "-init", "-q", "-scryptn", "10", "-extpass", "echo x", self.stored])

    def mount(self):
        run(["gocryptfs", "-q", "-extpass", "echo x", self.stored, self.path])

    def version(self):
        return run(["gocryptfs", "--version"]).strip()


class Recryptfs(System):
    name = "recryptfs"
    service = None

    def set_up(self):
        self.service = Service(self.programs, self.base / "service")
        self.service.make_account()
        self.service.command("recryptfs", "label", "assign", LABEL, self.stored, "--share",
                             self.stored)

    def mount(self):
        self.service.command("recryptfs", "mount", self.stored, self.path)
        self.take_lease()

    def take_lease(self):
        """Reads a document: from then on there is a lease on the label, also for what is created."""
        document = self.path / "first"
        document.write_bytes(b"first")
        if document.read_bytes() != b"first":
            raise RuntimeError("the first document reads as something else")
        document.unlink()

    def stop(self):
        if self.service and os.path.ismount(self.path):
            try:
                self.service.command("recryptfs", "umount", self.path)
            except (RuntimeError, subprocess.TimeoutExpired) as problem:
                print(problem)
        unmount(self.path)
        if self.service:
            self.service.stop()

    def version(self):
        return self.service.command("recryptfs", "--version").strip()


SYSTEMS = {system.name: system for system in (Plain, Recryptfs, Gocryptfs)}
