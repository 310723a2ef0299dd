#!/usr/bin/env python3
"""Three recryptd on one PostgreSQL database, behind HAProxy: a session goes on at all of them, one is
killed under load, a recorded request is replayed at the others, the database goes away and comes
back, and is backed up."""
import glob
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

from harness import ROOT, Promises, Stage, check, need_root_and_fuse, wait_until

LABEL = "Board#example.com"
DOCUMENTS = 60


class Database:
    def __init__(self, stage):
        self.folder = stage.base / "pg"
        self.folder.mkdir()
        self.start()
        self.make("recryptd")

    def uri(self, name):
        return f"postgresql:///{name}?host={self.folder}&user=postgres"

    def start(self):
        self.process = subprocess.Popen([ROOT / "tests/postgres_server", self.folder])
        wait_until(lambda: self.answers("postgres"), 60, "the database answers")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def program(self, *words, **options):
        program = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{words[0]}"))[-1]
        return subprocess.run([program, *words[1:]], capture_output=True, text=True, **options)

    def answers(self, name):
        return self.program("psql", self.uri(name), "-c", "SELECT 1").returncode == 0

    def make(self, name):
        done = self.program("psql", self.uri("postgres"), "-c",
                            f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        check(done.returncode == 0, done.stderr)


class Instance:
    def __init__(self, stage, store, number, first=None):
        self.stage, self.store, self.number = stage, store, number
        self.state, self.address = stage.base / f"instance{number}", "127.0.0.1:0"
        if first:
            shutil.copytree(first.state, self.state)
        else:
            self.state.mkdir()
        self.start()

    def start(self):
        log = open(self.stage.base / f"instance{self.number}.log", "ab")
        self.process = subprocess.Popen(
            [self.stage.bin / "recryptd", "--domain", "example.com", "--listen", self.address,
             "--state", self.state, "--store", self.store, "--self-signed"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        line = self.process.stdout.readline().decode()
        check(found := re.search(r" on (\S+:\d+)", line), f"recryptd is not ready: {line!r}")
        self.address = found.group(1)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(30)

    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def send(self, request):
        """The answer to the bytes of a request."""
        with secure(socket.create_connection(("127.0.0.1", self.port()), 10)) as connection:
            connection.sendall(request)
            answer = b""
            while part := connection.recv(65536):
                answer += part
            return answer.decode()


def secure(connection):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(connection, server_hostname="example.com")


class Balancer:
    """HAProxy: connections in turn to the instances that are ready."""
    domain = "example.com"

    def __init__(self, stage, instances):
        self.ca = stage.base / "example.com.crt"
        shutil.copy(instances[0].state / "tls.crt", self.ca)
        self.ca.chmod(0o644)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = "127.0.0.1:%d" % free.getsockname()[1]
        servers = "".join(f"  server s{i.number} {i.address} check check-ssl verify none inter 200ms "
                          "fall 1 rise 1 on-marked-down shutdown-sessions\n" for i in instances)
        config = stage.base / "haproxy.cfg"
        config.write_text(f"""
defaults
  mode tcp
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  retries 2
  option redispatch 1
listen recryptd
  bind {self.address}
  balance roundrobin
  option httpchk
  http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host example.com
{servers}""")
        self.process = subprocess.Popen(["haproxy", "-db", "-q", "-f", config],
                                        stderr=open(stage.base / "haproxy.log", "ab"))

    def stop(self):
        self.process.kill()
        self.process.wait(10)


class Listener:
    """An end of TLS on the way, which sees and keeps what goes through it."""
    domain = "example.com"

    def __init__(self, balancer, state):
        self.balancer, self.ca, self.seen = balancer, balancer.ca, []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(state / "tls.crt", state / "tls.key")
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        host, port = self.balancer.address.split(":")
        try:
            with self.context.wrap_socket(client, server_side=True) as program, \
                    secure(socket.create_connection((host, int(port)))) as service:
                while request := self.message(program):
                    self.seen.append(request)
                    service.sendall(request)
                    program.sendall(self.message(service))
        except OSError:
            pass

    @staticmethod
    def message(source):
        """One request or answer: its head, and as many bytes as that says."""
        taken = b""
        while b"\r\n\r\n" not in taken:
            if not (part := source.recv(65536)):
                return b""
            taken += part
        head = taken.index(b"\r\n\r\n") + 4
        size = re.search(rb"content-length: (\d+)", taken[:head], re.I)
        while len(taken) < head + int(size.group(1)):
            taken += source.recv(65536)
        return taken


class Readers:
    """Programs of a user's that open documents, one after the other, until they are told to stop."""

    def __init__(self, user, documents, count):
        self.stopping, self.opened, self.failed = False, 0, []
        self.user, self.documents = user, documents
        self.threads = [threading.Thread(target=self.read, args=(i,)) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def read(self, number):
        while not self.stopping:
            number += 1
            done = self.user.run("recryptfs", "decrypt", "-o", "-",
                                 self.documents[number % len(self.documents)], code=None)
            if done.code == 0 and done.out.startswith("document "):
                self.opened += 1
            else:
                self.failed.append((time.monotonic(), repr(done)))

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()


class Office:
    def __init__(self, stage):
        self.stage = stage
        self.database = Database(stage)
        self.store = self.database.uri("recryptd")
        self.instances = [Instance(stage, self.store, 0)]
        self.instances += [Instance(stage, self.store, n, self.instances[0]) for n in (1, 2)]
        self.balancer = Balancer(stage, self.instances)
        self.alice, self.bob, self.carol = (stage.user(n) for n in ("alice", "bob", "carol"))
        wait_until(lambda: self.begins(self.alice), 30, "the balancer serves")
        self.bob.create_profile(self.balancer)
        self.carol.create_profile(self.balancer)
        for user in (self.bob, self.carol):
            user.run("recryptfs", "profile", "trust", self.alice.account, self.alice.fingerprint())
            self.alice.run("recryptfs", "profile", "trust", user.account, user.fingerprint())
        self.alice.run("recryptfs", "label", "create", LABEL)
        self.alice.run("recryptfs", "label", "add", LABEL, self.bob.account)
        self.share = stage.make_share()
        folder = self.alice.make_labelled_folder(LABEL, self.share, "Board")
        for n in range(DOCUMENTS):
            plain = self.alice.home / f"{n}.txt"
            self.alice.shell(f"echo 'document {n}' > {plain}")
        self.alice.shell(f"recryptfs encrypt {LABEL} {self.alice.home}/*.txt && "
                         f"cp {self.alice.home}/*.jcd {folder} && chmod 644 {folder}/*")
        self.documents = sorted(folder.glob("*.jcd"))
        check(len(self.documents) == DOCUMENTS, self.documents)

    def begins(self, user):
        try:
            user.create_profile(self.balancer)
            return True
        except Exception:  # the balancer has not found the instances yet
            return False

    def recryptd(self, *words, code=0):
        done = subprocess.run([self.stage.bin / "recryptd", *map(str, words)], capture_output=True,
                              text=True, timeout=60)
        check(done.returncode == code, f"recryptd {words}: exit {done.returncode}\n"
              f"{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def verify(self, store=None):
        return self.recryptd("audit", "verify", "--state", self.instances[0].state, "--store",
                             store or self.store)

    def check_receipts(self):
        """That every grant which bob's programs got is on record."""
        export = self.alice.home / "export.jsonl"
        self.alice.shell(f"recryptfs audit {LABEL} --json > {export}")
        receipts = self.stage.base / "receipts.jsonl"
        shutil.copy(self.bob.home / ".config/recryptfs/receipts.jsonl", receipts)
        receipts.chmod(0o644)
        self.alice.run("recryptfs", "audit", "verify", export, "--receipt", receipts)

    def clients_go_on_when_an_instance_is_killed(self):
        point = self.bob.mount(self.share)
        opens = lambda names: self.bob.run("cat", *[point / "Board" / f"{n}.txt" for n in names])
        opens(range(10))
        readers = Readers(self.bob, self.documents, 3)
        wait_until(lambda: readers.opened > 15, 60, "there is load")
        victim = self.instances[1]
        killed = time.monotonic()
        victim.stop(signal.SIGKILL)
        check("document 15\n" in opens(range(10, 20)).out, "the mount goes on")
        before = readers.opened
        wait_until(lambda: readers.opened > before + 15, 60, "the others go on")
        victim.start()
        opens(range(20, 40))
        wait_until(lambda: readers.opened > before + 30, 60, "all go on")
        readers.stop()
        late = [why for when, why in readers.failed if when > killed + 3]
        check(not late and len(readers.failed) <= 3, f"{readers.opened}, failed: {readers.failed}")
        opens(range(40, DOCUMENTS))
        self.bob.umount(point)

    def every_grant_is_on_record_in_one_chain(self):
        check("checkpoints signed by" in self.verify(), "the log is whole")
        self.check_receipts()

    def a_recorded_request_is_taken_by_none_of_them_again(self):
        listener = Listener(self.balancer, self.instances[0].state)
        self.carol.run("recryptfs", "service", "add", "example.com", listener.address, "--ca",
                       listener.ca)
        self.carol.run("recryptfs", "label", "list")
        recorded = [r for r in listener.seen if b"\r\nAuthorization: MeshRecrypt" in r]
        check(recorded, f"{listener.seen}")
        for instance in self.instances:
            for request in recorded:
                request = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
                answer = instance.send(request)
                check(" 401 " in answer.splitlines()[0] and '"stale"' in answer, answer)
                check("meshrecrypt-mac" not in answer.lower(), answer)

    def a_removal_holds_at_all_of_them_at_once(self):
        self.alice.run("recryptfs", "label", "add", LABEL, self.carol.account)
        reads = lambda code: self.carol.run("recryptfs", "decrypt", "-o", "-", self.documents[0],
                                            code=code)
        for _ in self.instances:
            reads(0)
        self.alice.run("recryptfs", "label", "remove", LABEL, self.carol.account)
        for _ in self.instances:
            reads(4)

    def the_database_may_go_away_and_come_back(self):
        self.database.stop()
        for instance in self.instances:
            answer = instance.send(b"GET /readyz HTTP/1.1\r\nHost: example.com\r\n"
                                   b"Connection: close\r\n\r\n")
            check(" 503 " in answer.splitlines()[0], answer)
        failed = self.bob.run("recryptfs", "decrypt", "-o", "-", self.documents[0], code=None)
        check(failed.code != 0 and not failed.out, failed)
        self.database.start()
        reads = lambda: self.bob.run("recryptfs", "decrypt", "-o", "-", self.documents[0],
                                     code=None).code == 0
        wait_until(reads, 20, "bob reads again")
        self.verify()
        self.check_receipts()

    def a_backup_is_made_by_the_means_of_the_database(self):
        said = self.recryptd("backup", "--state", self.instances[0].state,
                             self.stage.base / "backup", code=1)
        check("pg_dump --no-unlogged-table-data" in said, said)
        dump = self.stage.base / "dump.sql"
        done = self.database.program("pg_dump", "--no-unlogged-table-data", self.store, "-f", dump)
        check(done.returncode == 0, done.stderr)
        self.database.make("restored")
        done = self.database.program("psql", "-q", "-v", "ON_ERROR_STOP=1",
                                     self.database.uri("restored"), "-f", dump)
        check(done.returncode == 0, done.stderr)
        check(self.verify() == self.verify(self.database.uri("restored")), "the same log")

    def no_password_stands_on_a_command_line(self):
        said = self.recryptd("--domain", "example.com", "--state", self.instances[0].state,
                             "--self-signed", "--check", "--store",
                             "postgresql://recryptd:hunter2@db.example.com/recryptd", code=2)
        check("passfile" in said and "hunter2" not in said, said)

    def end(self):
        for one in (*self.instances, self.balancer, self.database):
            if one.process.poll() is None:
                one.stop()


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    if not shutil.which("haproxy") or not os.path.exists("/usr/lib/postgresql"):
        promises.skip("instances", "HAProxy or PostgreSQL is not installed")
        return promises.close()
    with Stage() as stage:
        office = Office(stage)
        try:
            for step in (office.clients_go_on_when_an_instance_is_killed,
                         office.every_grant_is_on_record_in_one_chain,
                         office.a_recorded_request_is_taken_by_none_of_them_again,
                         office.a_removal_holds_at_all_of_them_at_once,
                         office.the_database_may_go_away_and_come_back,
                         office.a_backup_is_made_by_the_means_of_the_database,
                         office.no_password_stands_on_a_command_line):
                promises.keep(step.__name__.replace("_", " "), step)
        finally:
            office.end()
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
