#!/usr/bin/env python3
"""Programs that serve or watch what lies in a mount: Samba, a mail reader over a Maildir,
inotifywait."""
import os
import pathlib
import signal
import socket
import subprocess
import sys

from harness import Terminal, check, wait_until
from workplace import keep_all, needs

SMB_CONF = """
[global]
  workgroup = TEST
  server role = standalone server
  passdb backend = tdbsam:{at}/passdb.tdb
  private dir = {at}/private
  state directory = {at}/state
  lock directory = {at}/lock
  cache directory = {at}/cache
  pid directory = {at}/pid
  ncalrpc dir = {at}/rpc
  bind interfaces only = yes
  interfaces = lo
  smb ports = {port}
  disable netbios = yes
  disable spoolss = yes
  load printers = no
  server min protocol = NT1
  client min protocol = NT1
  unix extensions = yes
[work]
  path = {path}
  read only = no
  store dos attributes = yes
  ea support = yes
  vfs objects = acl_xattr streams_xattr
  create mask = 0644
"""
PASSWORD = "a word for the test"


class Samba:
    """An smbd on loopback that exports a folder."""

    def __init__(self, stage, path, *users):
        self.at = stage.base / "samba"
        for folder in ("private", "state", "lock", "cache", "pid", "rpc"):
            (self.at / folder).mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.conf = self.at / "smb.conf"
        self.conf.write_text(SMB_CONF.format(at=self.at, port=self.port, path=path))
        for user in users:
            subprocess.run(["smbpasswd", "-c", self.conf, "-a", "-s", user.unix], check=True,
                           input=f"{PASSWORD}\n{PASSWORD}\n".encode(), capture_output=True)

    def __enter__(self):
        self.log = self.at / "log"
        self.process = subprocess.Popen(
            ["smbd", "--foreground", f"--configfile={self.conf}",
             f"--log-basename={self.at}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        wait_until(self.answers, 30, "smbd answers")
        return self

    def __exit__(self, *problem):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def command(self, user, commands, *options):
        return ["smbclient", f"--configfile={self.conf}", "-p", str(self.port), "-U",
                f"{user.unix}%{PASSWORD}", *options, "//127.0.0.1/work", "-c", commands]

    def client(self, user, *commands, options=(), fails=False):
        """What smbclient printed. It goes on after a command that fails, which says NT_STATUS_…"""
        done = user.run(*self.command(user, "; ".join(commands), *options), code=None)
        check(fails or done.code == 0 and "NT_STATUS_" not in done.out, f"{commands}: {done!r}")
        return done.out


class Exported:
    """A mount of root's for everybody, with a folder of the share that Samba exports."""

    def __init__(self, place, name):
        self.place, self.alice, self.bob = place, place.alice, place.bob
        self.folder = place.folder(name)
        self.root = place.stage.root()
        place.add_member(self.root)
        self.point = self.root.mount(place.share, "-o", "allow_other")
        self.at = self.point / "Work" / name
        self.samba = Samba(place.stage, self.at, self.alice, self.bob)

    def __enter__(self):
        self.samba.__enter__()
        return self

    def __exit__(self, *problem):
        self.samba.__exit__()
        if problem[0] is None:
            self.place.check_kept(self.folder)
        self.root.umount(self.point)

    def client(self, *commands, user=None, **options):
        return self.samba.client(user or self.alice, *commands, **options)

    def keeps_files(self, tree, home):
        alice, folder = self.alice, self.folder
        self.client(f"lcd {tree}", "put large.bin", "put 7.txt seven", "put 2.txt two", "mkdir sub",
                    "cd sub", "put group.bin", "mkdir päckchen", "put 9.txt päckchen/ünïcödé")
        for name, source in (("large.bin", "large.bin"), ("seven", "7.txt"),
                             ("sub/group.bin", "group.bin"), ("sub/päckchen/ünïcödé", "9.txt")):
            alice.run("cmp", folder / name, tree / source)
        self.client(f"lcd {home}", "get large.bin back", "get SEVEN seven-back", user=alice)
        alice.run("cmp", home / "back", tree / "large.bin")
        alice.run("cmp", home / "seven-back", tree / "7.txt")
        self.client(f"lcd {home}", "reget large.bin back", "reput back large.bin")
        listed = self.client("ls", user=self.bob)
        size = alice.run("stat", "-c", "%s", tree / "7.txt").out.strip()
        check(f" {size} " in listed, listed)
        # What is made through Samba belongs to the person who made it.
        owner = alice.run("stat", "-c", "%U", folder / "seven").out.strip()
        check(owner == alice.unix, f"seven is {owner}'s")

    def renames_and_deletes(self):
        self.client("rename seven sub/eight", "mkdir empty", "rmdir empty", "del large.bin")
        said = self.client("rename two sub/eight", fails=True)
        check("NT_STATUS_OBJECT_NAME_COLLISION" in said, said)
        self.client("rename two sub/eight -f", "hardlink sub/eight twin")
        check(self.alice.run("stat", "-c", "%h", self.folder / "twin").out == "2\n", "no hard link")
        said = self.client("del sub/eight", user=self.bob, fails=True)
        check("NT_STATUS_ACCESS_DENIED" in said, said)

    def keeps_dos_attributes_and_streams(self, tree, home):
        self.client("setmode twin +rhs", f"lcd {tree}", "put 3.txt twin.txt",
                    "put 4.txt twin.txt:more", f"lcd {home}", "get twin.txt:more stream",
                    'utimes twin.txt -1 2001:02:03-04:05:06 2002:03:04-05:06:07 -1')
        said = self.client("allinfo twin", "allinfo twin.txt")
        check("RHS" in said.replace("A", ""), said)
        check("[:more:$DATA]" in said, said)
        self.alice.run("cmp", home / "stream", tree / "4.txt")
        names = self.alice.run("getfattr", self.folder / "twin", self.folder / "twin.txt").out
        check("user.DOSATTRIB" in names and "user.DosStream.more:$DATA" in names, names)
        modified = self.alice.run("stat", "-c", "%y", self.folder / "twin.txt").out
        check(modified.startswith("2002-03-04"), modified)

    def locks_ranges_for_local_programs_too(self):
        attempt = f"""
import fcntl
with open("{self.at}/twin.txt", "r+") as file:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, %d)
"""
        words = self.samba.command(self.alice, "")[:-2]
        with Terminal(self.alice, "/", *words, "-m", "NT1") as client:
            client.wait_for("smb: ")
            client.type("posix\nposix_open twin.txt rw 644\n")
            number = client.wait_for(r"fnum (\d+)").group(1)
            client.type(f"lock {number} w 0 a\n")
            client.wait_for("smb: ")
            wait_until(lambda: self.alice.run("python3", "-c", attempt % 0, code=None).code != 0, 20,
                       "a local program finds the range locked")
            self.alice.run("python3", "-c", attempt % 10)
            client.type(f"unlock {number} 0 a\nquit\n")
            client.wait_for_end()
        self.alice.run("python3", "-c", attempt % 0)


@needs("smbd", "smbclient", full=True)
def samba_exports_the_mount(place):
    with Exported(place, "samba") as exported:
        exported.keeps_files(place.tree, place.alice.home)
        exported.renames_and_deletes()
        exported.keeps_dos_attributes_and_streams(place.tree, place.alice.home)
        exported.locks_ranges_for_local_programs_too()


WATCHED = [
    "CREATE report", "OPEN report", "MODIFY report", "CLOSE_WRITE,CLOSE report", "ATTRIB report",
    "MODIFY report", "MOVED_FROM report", "MOVED_TO final", "CREATE twin", "DELETE twin",
    "CREATE,ISDIR below", "DELETE final", "DELETE,ISDIR below"]


@needs("inotifywait")
def inotifywait_sees_what_is_done_in_the_mount(place):
    folder = place.folder("watched")
    with Terminal(place.alice, folder, "inotifywait", "--monitor", "--format", "%e %f", ".") as watch:
        watch.wait_for("Watches established")
        place.script(place.alice, folder, """
            echo one > report; chmod 600 report; echo two >> report; cat report
            mv report final; ln final twin; rm twin; mkdir below; rm final; rmdir below; echo > end""")
        watch.wait_for("CREATE end")
        seen = iter(watch.screen_of_all().splitlines())
    for event in WATCHED:
        check(event in seen, f"{event} is not seen, or not in its turn: {watch.screen_of_all()}")
    place.check_kept(folder, ["end"])


DELIVER = """
import mailbox, sys
box = mailbox.Maildir(sys.argv[1])
for number in range(1, 4):
    message = mailbox.MaildirMessage(f"From: Carol <carol@example.org>\\nTo: alice@example.com\\n"
                                     f"Subject: letter {number}\\n\\nthe figures of month {number}\\n")
    box.add(message)
"""
MUTTRC = """
set folder="." mbox_type=Maildir spoolfile="box" realname=Alice from=alice@example.com
set quit=yes delete=yes confirmappend=no confirmcreate=no sort=subject mail_check=1 timeout=1
"""


@needs("mutt")
def mutt_reads_and_files_mail(place):
    """New letters become old, read, flagged, answered, deleted, by renaming as Maildir does."""
    folder, alice = place.folder("mail"), place.alice
    rc = alice.home / "muttrc"
    alice.run("tee", rc, input=MUTTRC)
    alice.run("python3", "-c", DELIVER, folder / "box")

    def letters():
        found = alice.run("find", folder, "-type", "f", "-printf", "%P\n").out.split()
        return sorted((name.rsplit("/", 1)[0], name.partition(":")[2]) for name in found)

    check(letters() == [("box/new", "")] * 3, f"{letters()}")
    with Terminal(alice, folder, "mutt", "-F", rc, "-f", "box") as mutt:
        mutt.wait_for(r"3 *N.*letter 3")
        mutt.type("\r")
        mutt.wait_for("the figures of month 1")
        # Back to the list; the first is filed, the second flagged, the third deleted.
        mutt.type("is\x15=archive\r")
        mutt.wait_for("archive")
        mutt.type("2\rF3\rd")
        # Another one arrives while the box is open.
        alice.run("python3", "-c", DELIVER.replace("range(1, 4)", "range(7, 8)"), folder / "box")
        mutt.wait_for("letter 7")
        mutt.type("$")
        mutt.wait_for("2 deleted")
        check(letters() == [("archive/cur", "2,S"), ("box/new", ""), ("box/new", "2,F")], letters())
        mutt.type("q")
        mutt.wait_for_end()
    check(letters() == [("archive/cur", "2,S"), ("box/cur", "2,"), ("box/cur", "2,F")], letters())
    found = alice.run("grep", "-rl", "figures of month 1", folder).out
    check("/archive/cur/" in found, found)
    place.check_kept(folder)


if __name__ == "__main__":
    sys.exit(keep_all(
        inotifywait_sees_what_is_done_in_the_mount, mutt_reads_and_files_mail,
        samba_exports_the_mount))
