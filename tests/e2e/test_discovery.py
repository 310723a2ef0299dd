#!/usr/bin/env python3
"""A service is found by DNS, over its second host when the first one is gone, and where it has
moved to. The DNS server is a real one (dnsmasq)."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

from harness import Promises, Stage, check, wait_until

LABEL = "Board#example.com"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Dns:
    """A dnsmasq on loopback that has SRV records for example.com: (priority, port)."""

    def __init__(self, stage):
        self.stage, self.port, self.process = stage, free_port(), None

    def serve(self, *records):
        self.stop()
        words = ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--bind-interfaces",
                 "--listen-address=127.0.0.1", f"--port={self.port}", "--local=/example.com/",
                 "--user=root", "--conf-file=", f"--pid-file={self.stage.base}/dnsmasq.pid"]
        words += [f"--srv-host=_meshrecrypt._tcp.example.com,localhost,{port},{priority},0"
                  for priority, port in records]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        wait_until(self.answers, 10, "an answer of dnsmasq")

    def answers(self):
        # A question for the SRV record; any answer with its number will do.
        name = b"".join(bytes([len(part)]) + part for part in
                        (b"_meshrecrypt", b"_tcp", b"example", b"com")) + b"\0"
        question = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0" + name + b"\0\x21\0\x01"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.settimeout(0.5)
            try:
                one.sendto(question, ("127.0.0.1", self.port))
                return one.recv(512).startswith(b"\x12\x34")
            except OSError:
                return False

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)


class Discovery:
    def __init__(self, stage, dns):
        self.stage, self.dns = stage, dns
        self.service = stage.service("example.com")
        self.alice = stage.user("alice")
        self.alice.create_profile(self.service)
        self.configure()
        self.dns.serve((1, self.service_port()))
        self.alice.run("recryptfs", "label", "create", LABEL)
        self.stored = self.alice.home / "minutes.jcd"
        self.alice.run("recryptfs", "encrypt", LABEL, "-o", self.stored, "-",
                       input="for the board\n")

    def configure(self):
        """No address: only where to ask for it, and whose certificate to believe."""
        text = (f'[dns]\nservers = ["127.0.0.1:{self.dns.port}"]\n\n'
                f'[service."example.com"]\nca = "{self.service.ca}"\n')
        self.alice.run("sh", "-c", "cat > .config/recryptfs/recryptfs.conf", input=text)

    def service_port(self):
        return int(self.service.address.rsplit(":", 1)[1])

    def reads(self, code=0):
        done = self.alice.run("recryptfs", "decrypt", "-o", "-", self.stored, code=code)
        check(code != 0 or done.out == "for the board\n", done)
        return done.err

    def a_service_is_found_by_dns(self):
        self.reads()
        self.dns.serve()
        check("it has no SRV record _meshrecrypt._tcp" in self.reads(code=5), "no such record")

    def the_next_host_is_asked_when_the_first_one_is_gone(self):
        self.dns.serve((1, free_port()), (2, self.service_port()))
        self.reads()
        self.dns.serve((1, free_port()), (2, free_port()))
        self.reads(code=5)

    def who_runs_a_service_moves_it(self):
        backup = self.stage.base / "backup"
        there = self.stage.base / "service-there"
        recryptd = self.stage.bin / "recryptd"
        self.dns.serve((1, self.service_port()))
        self.service.stop()
        for words in (("backup", "--state", self.service.state, backup),
                      ("restore", "--state", there, backup)):
            subprocess.run([recryptd, *words], check=True, capture_output=True)
        for name in ("tls.crt", "tls.key"):  # of the domain, wherever it is served
            shutil.copy(self.service.state / name, there / name)
        moved = subprocess.Popen(
            [recryptd, "--domain", "example.com", "--listen", "127.0.0.1:0", "--state", there,
             "--self-signed"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        try:
            address = re.search(r" on (\S+:\d+)", moved.stdout.readline().decode()).group(1)
            self.service.options = ("--moved-to", f"https://{address}")
            self.service.start()
            self.reads()
            check(self.alice.run("recryptfs", "audit", LABEL, "--json").out.count("grant") > 0,
                  "the audit log")
        finally:
            moved.send_signal(signal.SIGTERM)
            moved.wait(20)
        # Nobody is there any more, and the old place does not serve.
        self.reads(code=5)


def main():
    promises = Promises()
    if os.geteuid() != 0:
        promises.skip("discovery", "needs root")
        return promises.close()
    if not shutil.which("dnsmasq"):
        promises.skip("discovery", "dnsmasq is not installed")
        return promises.close()
    with Stage() as stage:
        dns = Dns(stage)
        try:
            discovery = Discovery(stage, dns)
            for step in (discovery.a_service_is_found_by_dns,
                         discovery.the_next_host_is_asked_when_the_first_one_is_gone,
                         discovery.who_runs_a_service_moves_it):
                promises.keep(step.__name__.replace("_", " "), step)
        finally:
            dns.stop()
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
