"""What stands between a mount and a service that fails: a proxy that hangs, delays, trickles and
cuts; and a person whose programs do several things at once and say how long each took.

    proxy = Proxy(service)
    user.create_profile(proxy)           # whose service is reached through it
    proxy.answers = Proxy.hang
    someone = Someone(user)
    opening = someone.begin("open", path)
    someone.does("read", path).check_ok()
    opening.end().check_errno("EHOSTUNREACH")
"""
import errno
import json
import queue
import socket
import threading
import time

from harness import check

# Each line is a request {"id", "do", "with"}, served by a thread of its own; files that are open
# have names.
ACTOR = r"""
import hashlib, json, os, sys, threading, time
files, lock = {}, threading.Lock()
def opened(path, flags):
    with open(os.open(path, flags), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
class Do:
    def read(path): return opened(path, os.O_RDONLY)
    def open(path, name="", flags=os.O_RDONLY):
        fd = os.open(path, flags, 0o644)
        if name: files[name] = fd
        else: os.close(fd)
    def pread(name, size, offset=0, cached=False):
        # Without `cached`, from the mount, and not out of the kernel's pages.
        if not cached: os.posix_fadvise(files[name], 0, 0, os.POSIX_FADV_DONTNEED)
        taken = b""
        while len(taken) < size:
            part = os.pread(files[name], size - len(taken), offset + len(taken))
            if not part: break
            taken += part
        return hashlib.sha256(taken).hexdigest()
    def write(name, text, offset=0): return os.pwrite(files[name], text.encode(), offset)
    def sync(name): os.fsync(files[name])
    def close(name): os.close(files.pop(name))
    def make(path, text):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(fd, text.encode()); os.close(fd)
    def ls(path): return sorted(os.listdir(path))
    def stat(path): return os.stat(path).st_size
    def rename(old, new): os.rename(old, new)
def serve(request):
    begun = time.monotonic()
    answer = {"id": request["id"]}
    try: answer["result"] = getattr(Do, request["do"])(*request["with"], **request["named"])
    except OSError as problem: answer["errno"] = problem.errno
    answer["seconds"] = time.monotonic() - begun
    with lock: print(json.dumps(answer), flush=True)
for line in sys.stdin: threading.Thread(target=serve, args=(json.loads(line),), daemon=True).start()
"""


class Ended:
    """What became of something that somebody did: `result` or `errno` (by name), `seconds`."""

    def __init__(self, what, answer):
        self.what, self.result, self.seconds = what, answer.get("result"), answer["seconds"]
        self.errno = errno.errorcode[answer["errno"]] if "errno" in answer else None

    def __repr__(self):
        return f"{self.what}: {self.errno or str(self.result)[:80]} after {self.seconds:.2f} s"

    def check_ok(self, within=1.5):
        check(self.errno is None and self.seconds <= within, f"within {within} s: {self!r}")
        return self.result

    def check_errno(self, name, within):
        check(self.errno == name and self.seconds <= within, f"{name} within {within} s: {self!r}")
        return self


class Doing:
    def __init__(self, what):
        self.what, self.answers = what, queue.Queue()

    def is_under_way(self):
        return self.answers.empty()

    def end(self, within=60):
        try:
            return Ended(self.what, self.answers.get(timeout=within))
        except queue.Empty:
            raise AssertionError(f"not over after {within} s: {self.what}") from None


class Someone:
    """A process of a user's that does what it is told, all at once."""

    def __init__(self, user):
        self.process = user.start("python3", "-c", ACTOR)
        self.doing = {}
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            self.doing.pop(answer["id"]).answers.put(answer)

    def begin(self, do, *arguments, **named):
        arguments = [str(a) if hasattr(a, "parts") else a for a in arguments]
        doing = Doing(f"{do} {arguments}")
        self.doing[id(doing)] = doing
        request = {"id": id(doing), "do": do, "with": arguments, "named": named}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        return doing

    def does(self, do, *arguments, **named):
        return self.begin(do, *arguments, **named).end()

    def leaves(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait(30)


class Proxy:
    """A way to a service, on a port of its own. `answers` decides what happens to the bytes that
    come back: a function of the proxy, the program's socket and the bytes, which sends them."""

    def __init__(self, service):
        self.service, self.domain, self.ca = service, service.domain, service.ca
        self.answers = Proxy.at_once
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                program, _ = self.listener.accept()
                host, port = self.service.address.rsplit(":", 1)
                service = socket.create_connection((host, int(port)))
            except OSError:
                return
            for way in ((program, service, lambda to, data: to.sendall(data)),
                        (service, program, lambda to, data: self.answers(to, data))):
                threading.Thread(target=self.carry, args=way, daemon=True).start()

    @staticmethod
    def carry(source, target, send):
        try:
            while data := source.recv(65536):
                send(target, data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @staticmethod
    def at_once(program, data):
        program.sendall(data)

    @staticmethod
    def hang(program, data):
        """Takes requests, and never gives an answer."""

    @staticmethod
    def late(seconds):
        def send(program, data):
            time.sleep(seconds)
            program.sendall(data)
        return send

    @staticmethod
    def trickle(program, data):
        for byte in data:
            program.sendall(bytes([byte]))
            time.sleep(0.05)

    @staticmethod
    def cut(program, data):
        """Breaks off in the middle."""
        program.sendall(data[:len(data) // 2])
        raise OSError("cut")
