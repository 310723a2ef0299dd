"""A root to install packages into: a layer over this machine's own, in a mount namespace of the
test's, of which nothing is left when the test has ended. What is changed lies in the layer, where it
can be looked at.

    with InstalledRoot() as root:
        root.run("dpkg", "-i", "/var/tmp/packages/recryptfs.deb")
        print(root.left_in_layer())
"""
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

from harness import Done, Failed, check

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MNT_DETACH = 0x20000, 2
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 0x20, 0x1000, 0x4000, 1 << 18


class NotPossible(Exception):
    """This machine does not let a test make such a root."""


def mount(source, target, kind=None, flags=0, options=None):
    words = [None if word is None else str(word).encode() for word in (source, target, kind)]
    if LIBC.mount(*words, ctypes.c_ulong(flags), options.encode() if options else None) != 0:
        raise NotPossible(f"mounting {target}: {os.strerror(ctypes.get_errno())}")


class NotifySocket:
    """Where a service manager would listen: a path, or a name of the abstract kind ('@')."""

    def __init__(self, root, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if name.startswith("@"):
            self.socket.bind("\0" + name[1:])
        else:
            path = root.path(name)
            self.socket.bind(str(path))
            path.chmod(0o666)

    def next(self, seconds=30):
        """What is told next, as a dictionary."""
        self.socket.settimeout(seconds)
        try:
            text = self.socket.recv(4096).decode()
        except TimeoutError:
            raise Failed(f"{self.name}: nothing was told within {seconds} s") from None
        return dict(line.split("=", 1) for line in text.splitlines())

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.socket.close()


class InstalledRoot:
    def __init__(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="recryptfs-root-"))
        self.root, self.layer = self.base / "root", self.base / "layer"
        self.processes = []
        self.enter = ["chroot", str(self.root)]

    def __enter__(self):
        # Who ends the test does not end what it has started.
        signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        try:
            if LIBC.unshare(CLONE_NEWNS) != 0:
                raise NotPossible(f"a mount namespace: {os.strerror(ctypes.get_errno())}")
            mount("none", "/", None, MS_REC | MS_PRIVATE)
            self.root.mkdir()
            self.layer.mkdir()
            mount("tmpfs", self.layer, "tmpfs", 0, "mode=755")
            (self.layer / "upper").mkdir()
            (self.layer / "work").mkdir()
            mount("overlay", self.root, "overlay", 0,
                  f"lowerdir=/,upperdir={self.layer}/upper,workdir={self.layer}/work")
            mount("proc", self.root / "proc", "proc")
            mount("/sys", self.root / "sys", None, MS_BIND)
            mount("none", self.root / "sys", None, MS_BIND | MS_REMOUNT | MS_RDONLY)
            for name in ("tmp", "dev"):
                mount("tmpfs", self.root / name, "tmpfs", 0, "mode=1777")
            self.make_devices()
        except NotPossible:
            self.__exit__()
            raise
        return self

    def make_devices(self):
        """Those that programs need; none by which something could be done to the machine."""
        devices = self.root / "dev"
        for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "fuse"):
            os.mknod(devices / name, stat.S_IFCHR, os.stat(f"/dev/{name}").st_rdev)
            (devices / name).chmod(0o666)
        devices.chmod(0o755)
        os.symlink("/proc/self/fd", devices / "fd")
        for name in ("pts", "shm"):
            (devices / name).mkdir()
        mount("/dev/pts", devices / "pts", None, MS_BIND)
        (devices / "shm").chmod(0o1777)

    def __exit__(self, *problem):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        for line in reversed(pathlib.Path("/proc/self/mountinfo").read_text().splitlines()):
            point = line.split()[4]
            if point.startswith(f"{self.base}/"):
                LIBC.umount2(point.encode(), MNT_DETACH)
        shutil.rmtree(self.base, ignore_errors=True)

    def path(self, inside):
        return self.root / str(inside).lstrip("/")

    def words(self, words, user=None):
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"]
        return [*self.enter, *(become if user else []), *map(str, words)]

    def environment(self, user, extra):
        home = f"/home/{user}" if user else "/root"
        return {"HOME": home, "USER": user or "root", "LANG": "C.UTF-8",
                "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                "DEBIAN_FRONTEND": "noninteractive", **extra}

    def run(self, *words, user=None, code=0, env=(), timeout=120):
        done = subprocess.run(self.words(words, user), capture_output=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, env=self.environment(user, dict(env)))
        result = Done(done.returncode, done.stdout, done.stderr)
        check(code is None or result.code == code,
              f"{' '.join(map(str, words))}: expected exit {code}, got {result!r}")
        return result

    def start(self, *words, user=None, env=()):
        self.processes.append(subprocess.Popen(
            self.words(words, user), env=self.environment(user, dict(env)),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
        return self.processes[-1]

    def left_in_layer(self):
        """Everything that is here and not on the machine itself, or other than there."""
        upper = self.layer / "upper"
        left = set()
        for folder, folders, files in os.walk(upper):
            for name in folders + files:
                path = pathlib.Path(folder, name)
                inside = path.relative_to(upper)
                mode = path.lstat().st_mode
                if stat.S_ISCHR(mode) or (stat.S_ISDIR(mode) and os.path.isdir(f"/{inside}")):
                    continue  # removed; was there before
                left.add(str(inside))
        return left


class RunningSystem:
    """systemd as the first process of an InstalledRoot, in namespaces and a group of processes of its
    own; while it runs, root.run() is in there.

        with RunningSystem(root):
            root.run("systemctl", "start", "recryptd")
    """
    # Nothing of this machine's kernel may be changed from within. What is read-only is left alone by
    # the units of systemd; /sys is already.
    BOOT = """set -e
echo $$ > "$group/cgroup.procs"
exec unshare --pid --fork --kill-child --mount --cgroup --uts --ipc bash -c '
  mount -t proc proc "$root/proc"
  mount --bind "$root/proc/sys" "$root/proc/sys"
  mount -o remount,bind,ro "$root/proc/sys"
  mount -t tmpfs tmpfs "$root/run"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  printf "[Unit]\\nDefaultDependencies=no\\n" > "$root/run/nothing.target"
  mkdir -p "$root/run/systemd/system"
  mv "$root/run/nothing.target" "$root/run/systemd/system/"
  exec chroot "$root" env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    /usr/lib/systemd/systemd --system --unit=nothing.target --log-target=null --show-status=no'
"""

    def __init__(self, root):
        self.root = root
        self.groups = root.base / "cgroup"
        self.group = self.groups / root.base.name
        self.process = None

    def __enter__(self):
        if not os.access("/usr/lib/systemd/systemd", os.X_OK):
            raise NotPossible("systemd is not installed")
        self.groups.mkdir()
        mount("cgroup2", self.groups, "cgroup2")
        try:
            self.group.mkdir()
            self.boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def boot(self):
        self.process = subprocess.Popen(
            ["bash", "-c", self.BOOT], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={"PATH": os.environ["PATH"], "group": str(self.group),
                                           "root": str(self.root.root)})
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            children = pathlib.Path(
                f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if children:
                self.root.enter = ["nsenter", "-t", children[0], "-m", "-p", "-C", "-u", "-i", "-r",
                                   "-w", "--"]
                if self.root.run("systemctl", "is-active", "nothing.target", code=None).code == 0:
                    return
            time.sleep(0.2)
        if self.process.poll() is not None:
            raise NotPossible(f"systemd does not start: {self.process.stdout.read().decode()}")
        raise NotPossible("systemd does not start within a minute")

    def __exit__(self, *problem):
        self.root.enter = ["chroot", str(self.root.root)]
        if self.process:
            self.process.kill()  # and with it all that is in there
            self.process.wait()
        # They are empty in a moment.
        end = time.monotonic() + 20
        while self.group.exists() and time.monotonic() < end:
            for folder, _, _ in os.walk(self.group, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    time.sleep(0.05)
