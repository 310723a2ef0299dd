"""The file systems that the benchmark compares. Each keeps its files below one folder of the disk
that is measured, and is always taken down.

    with SYSTEMS["gocryptfs"](base, programs) as system:
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
        self.workload, self.passthrough, self.gcm_cost = (
            build / "bench" / name for name in ("workload", "passthrough", "gcm_cost"))
        for program in (self.workload, self.passthrough, self.gcm_cost):
            if not program.exists():
                raise Unusable(f"{program} is not built")
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
                          timeout=300, **options)
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
    """What all have in common: a folder for the stored form, a path to work in, and the process
    that serves it, where there is one."""
    name = None
    unsynced = ()  # what of "files" and "names" an fsync does not bring to the disk
    process = None

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
            self.set_up()
            self.mount()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def set_up(self):
        pass

    def mount(self):
        pass

    def stop(self):
        unmount(self.path)
        if self.process:
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def serve(self, command, password=None, **options):
        """Starts the process that serves the mount, in the foreground, and waits for the mount."""
        log = self.base / "log"
        with open(log, "wb") as output:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                            stdout=output, stderr=output, **options)
        if password:
            self.process.stdin.write(password.encode() + b"\n")
        self.process.stdin.close()
        until = time.monotonic() + 60
        while not os.path.ismount(self.path):
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{self.name} does not mount:\n{log.read_text()}")
            time.sleep(0.02)
        # The peak of memory counts from here: some spend much on deriving a key from a password.
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5\n")

    def processor_seconds(self):
        """What the serving process has used, to the nanosecond (clock_getcpuclockid(3))."""
        return time.clock_gettime((~self.process.pid << 3) | 2) if self.process else None

    def peak_mebibytes(self):
        if not self.process:
            return None
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024

    def version(self):
        return ""


class Plain(System):
    name = "plain"

    def set_up(self):
        self.path = self.stored


class Passthrough(System):
    name = "passthrough"

    def mount(self):
        self.serve([self.programs.passthrough, self.stored, self.path])


class Recryptfs(System):
    name = "recryptfs"
    service = None

    def set_up(self):
        self.service = Service(self.programs, self.base / "service", ["--audit-sync", "os"])
        self.service.make_account()
        self.service.command("recryptfs", "label", "assign", LABEL, self.stored, "--share",
                             self.stored)

    def mount(self):
        self.serve(["recryptfs", "mount", "-f", self.stored, self.path],
                   env=self.service.environment)
        self.take_lease()

    def take_lease(self):
        """Reads a document: from then on there is a lease on the label, for new documents too."""
        document = self.path / "first"
        document.write_bytes(b"first")
        if document.read_bytes() != b"first":
            raise RuntimeError("the first document reads as something else")
        document.unlink()

    def lock(self):
        """Takes every grant out of the mount; a lease is there again, for new documents."""
        os.setxattr(self.path, "user.jcd.lock", b"1")

    def grants(self):
        """How many documents the service has granted, by its own log."""
        words = ["recryptfs", "audit", LABEL, "--event", "grant", "--json"]
        return self.service.command(*words).count("\n")

    def stop(self):
        if self.service and os.path.ismount(self.path):
            try:
                self.service.command("recryptfs", "umount", self.path)
            except (RuntimeError, subprocess.TimeoutExpired) as problem:
                print(problem)
        super().stop()
        if self.service:
            self.service.stop()

    def version(self):
        return self.service.command("recryptfs", "--version").strip()


class Peer(System):
    """Of a Debian package of the same name, with the settings that it has by itself."""

    def __init__(self, base, programs):
        if not shutil.which(self.name):
            raise Unusable(f"the package {self.name} is not installed")
        super().__init__(base, programs)

    def version(self):
        listed = subprocess.run(["dpkg-query", "-W", "-f=${Version}", self.name],
                                capture_output=True, text=True)
        return listed.stdout


class Gocryptfs(Peer):
    name = "gocryptfs"

    def set_up(self):
        run([self.name, "-init", "-q", "-scryptn", "10", "-extpass", "echo x", self.stored])

    def mount(self):
        self.serve([self.name, "-fg", "-q", "-extpass", "echo x", self.stored, self.path])


class Securefs(Peer):
    name = "securefs"
    unsynced = ("names",)  # it does not pass on a directory's fsync

    def set_up(self):
        run([self.name, "create", "--pass", "x", self.stored])

    def mount(self):
        self.serve([self.name, "mount", "--pass", "x", self.stored, self.path])


class Cryfs(Peer):
    name = "cryfs"
    unsynced = ("files", "names")  # it passes on no fsync

    def mount(self):
        self.serve([self.name, "-f", self.stored, self.path], password="x",
                   env={**os.environ, "HOME": str(self.base), "CRYFS_FRONTEND": "noninteractive",
                        "CRYFS_NO_UPDATE_CHECK": "true",
                        "CRYFS_LOCAL_STATE_DIR": str(self.base / "state")})


class Encfs(Peer):
    name = "encfs"
    unsynced = ("names",)  # it does not pass on a directory's fsync

    def mount(self):
        self.serve([self.name, "-f", "--standard", "--extpass=echo x", self.stored, self.path])


SYSTEMS = {system.name: system
           for system in (Plain, Passthrough, Recryptfs, Gocryptfs, Securefs, Cryfs, Encfs)}
PEERS = [Gocryptfs.name, Securefs.name, Cryfs.name, Encfs.name]
