#!/usr/bin/env python3
"""What a desktop is told and shown: notifications on a session bus, labels in a file manager, the
trash, and a marker for indexers. With real accounts, mounts and a dbus-daemon; the notification
service, and the file manager around its extension, are the test's own."""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from harness import ROOT, Promises, Stage, check, need_root_and_fuse, wait_until

LABEL = "Board#example.com"
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's modules belong to
NEEDED = {"dbus-daemon": "dbus-daemon", "gio": "libglib2.0-bin"}

# Writes a line of JSON for each notification that it is asked to show.
NOTIFICATION_SERVICE = """
import json, sys
import dbus, dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

class Service(dbus.service.Object):
    @dbus.service.method("org.freedesktop.Notifications", in_signature="susssasa{sv}i",
                         out_signature="u")
    def Notify(self, app, replaces, icon, summary, body, actions, hints, timeout):
        print(json.dumps({"app": app, "summary": summary, "body": body}), flush=True)
        return 1

DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
name = dbus.service.BusName("org.freedesktop.Notifications", bus)
service = Service(bus, "/org/freedesktop/Notifications")
print("ready", flush=True)
GLib.MainLoop().run()
"""

# A file manager's side of the extension, without a window: what it shows of the files named, in
# JSON. argv: the extension, "real" or the file manager to stand in for, the files.
FILE_MANAGER = r"""
import importlib.util, json, queue, sys, types
extension, host, *paths = sys.argv[1:]
idle = queue.Queue()

def thing(name, *constructor):
    return type(name, (), {"__init__": lambda self, **given: self.__dict__.update(given)})

def stand_in():
    class Files: pass
    for name in ("ColumnProvider", "InfoProvider", "PropertyPageProvider"):
        setattr(Files, name, type(name, (), {}))
    for name in ("Column", "PropertiesItem", "PropertiesModel", "PropertyPage"):
        setattr(Files, name, thing(name))
    Files.OperationResult = types.SimpleNamespace(COMPLETE=0, IN_PROGRESS=2)
    class Grid(thing("Grid")):
        texts = []
        def attach(self, label, *place): Grid.texts.append(label.label)
        def show_all(self): pass
    class List(list):
        new = classmethod(lambda cls, **given: cls())
    repository = types.ModuleType("gi.repository")
    repository.GObject = types.SimpleNamespace(GObject=type("GObject", (), {}))
    repository.GLib = types.SimpleNamespace()
    repository.Gio = types.SimpleNamespace(ListStore=List)
    repository.Gtk = types.SimpleNamespace(Grid=Grid, Label=thing("Label"))
    if host == "Nautilus":
        Files.PropertiesModelProvider = type("PropertiesModelProvider", (), {})
    setattr(repository, host, Files)
    gi = types.ModuleType("gi")
    gi.require_version = lambda *wanted: None
    gi.repository = repository
    sys.modules.update({"gi": gi, "gi.repository": repository})
    return Grid

Grid = None if host == "real" else stand_in()
spec = importlib.util.spec_from_file_location("recryptfs_labels", extension)
labels = importlib.util.module_from_spec(spec)
spec.loader.exec_module(labels)
labels.GLib = types.SimpleNamespace(idle_add=lambda call, answer: idle.put((call, answer)))

class File:
    def __init__(self, path): self.path, self.texts, self.emblems = path, {}, []
    def get_location(self): return self
    def get_path(self): return self.path
    def add_string_attribute(self, name, text): self.texts[name] = text
    def add_emblem(self, name): self.emblems.append(name)

done, files = [], labels.Files
class Manager:  # its library, but for the call that a window answers
    def __getattr__(self, name): return getattr(files, name)
    def info_provider_update_complete_invoke(self, closure, provider, handle, result):
        done.append(handle)
labels.Files = Manager()

provider = labels.Labels()
shown = {"columns": [column.attribute if host != "real" else column.get_property("attribute")
                     for column in provider.get_columns()]}
for number, path in enumerate(paths):
    file = File(path)
    if provider.update_file_info_full(provider, number, None, file) != files.OperationResult.COMPLETE:
        call, answer = idle.get(timeout=20)
        call(answer)
        assert done[-1] == number
    pages = labels.LabelProperties()
    if hasattr(pages, "get_models"):
        rows = [(item.name, item.value) if host != "real" else (item.get_name(), item.get_value())
                for model in pages.get_models([file])
                for item in (model.model if host != "real" else model.get_model())]
    else:
        del Grid.texts[:]
        pages.get_property_pages([file])
        rows = list(zip(Grid.texts[::2], Grid.texts[1::2]))
    shown[path] = {"label": file.texts[labels.ATTRIBUTE], "emblems": file.emblems,
                   "properties": dict(rows)}
# One that is cancelled is not told of.
file, before = File(paths[0]), len(done)
provider.update_file_info_full(provider, "cancelled", None, file)
provider.cancel_update(provider, "cancelled")
call, answer = idle.get(timeout=20)
call(answer)
assert len(done) == before and not file.texts
print(json.dumps(shown))
"""


class Desktop:
    """A user's session: a bus where sessions have theirs, and somebody who shows notifications."""

    def __init__(self, user):
        self.user, self.socket = user, user.home / "run/bus"
        self.log = user.home / "notifications"
        self.log.write_bytes(b"")
        self.bus = self.start("dbus-daemon", "--session", "--nofork", "--nopidfile",
                              f"--address=unix:path={self.socket}")
        wait_until(self.socket.exists, 20, "a session bus")
        self.service = self.start("env", f"DBUS_SESSION_BUS_ADDRESS=unix:path={self.socket}",
                                  SYSTEM_PYTHON, "-c", NOTIFICATION_SERVICE)
        wait_until(lambda: "ready" in self.log.read_text(), 30, "a notification service")

    def start(self, *words):
        with open(self.log, "ab") as log:
            return subprocess.Popen(self.user.command(words), env=self.user.environment(),
                                    cwd=self.user.home, stdin=subprocess.DEVNULL, stdout=log,
                                    stderr=subprocess.DEVNULL)

    def notices(self):
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def stop(self):
        for process in (self.service, self.bus):
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
        self.socket.unlink(missing_ok=True)


class Office:
    """Alice administers, carol supervises, bob sits at a desktop."""

    def __init__(self, stage):
        self.stage, self.share = stage, stage.make_share()
        self.com = stage.service("example.com")
        self.alice, self.bob, self.carol = map(stage.user, ("alice", "bob", "carol"))
        for user in (self.alice, self.bob, self.carol):
            user.create_profile(self.com)
        self.alice.run("recryptfs", "label", "create", LABEL, "--lease", "2")
        for user in (self.bob, self.carol):
            self.alice.run("recryptfs", "profile", "trust", user.account, user.fingerprint())
            user.run("recryptfs", "profile", "trust", self.alice.account, self.alice.fingerprint())
        self.admit(self.bob)
        self.admit(self.carol)
        self.alice.make_labelled_folder(LABEL, self.share, "Board")
        self.work = self.alice.mount(self.share) / "Board"
        self.alice.shell(f"cd {self.work}; for i in 1 2 3 4; do echo minutes $i > $i.txt; done; "
                         "chmod 666 *; sync *")
        self.at = self.bob.mount(self.share)

    def admit(self, user):
        self.alice.run("recryptfs", "label", "add", LABEL, user.account)

    def remove(self, user):
        self.alice.run("recryptfs", "label", "remove", "--no-rotate", LABEL, user.account)

    def policy(self, *settings):
        words = [word for setting in settings for word in ("--set", setting)]
        self.alice.run("recryptfs", "label", "policy", LABEL, *words)

    def read(self, name, code=0):
        return self.bob.run("cat", self.at / "Board" / name, code=code)

    @contextlib.contextmanager
    def desktop(self):
        self.session = Desktop(self.bob)
        try:
            yield self.session
        finally:
            self.session.stop()

    def wait_for_notice(self, count):
        wait_until(lambda: len(self.session.notices()) >= count, 60, f"{count} notifications")
        notices = self.session.notices()
        check(len(notices) == count, f"{notices}")
        check(notices[-1]["app"] == "RecryptFS", f"{notices}")
        return notices[-1]

    # Notifications

    def a_decision_about_a_review_is_notified(self):
        self.policy("review-documents=all", f"supervisors={self.carol.account}", "review-holds=1h")
        with self.desktop():
            for number, decision, summary in ((1, "approve", "Access approved"),
                                              (2, "deny", "Access denied")):
                done = self.read(f"{number}.txt", code=1)
                check("temporarily unavailable" in done.err, f"{done}")
                listed = self.carol.run("recryptfs", "review", "list", LABEL, "--json").out
                self.carol.run("recryptfs", "review", decision, LABEL, json.loads(listed)[0]["Id"])
                notice = self.wait_for_notice(number)
                check(notice["summary"] == summary, f"{notice}")
                check(LABEL in notice["body"] and self.carol.account in notice["body"], f"{notice}")
                check("minutes" not in notice["body"], f"{notice}")
            check(self.read("1.txt").out == "minutes 1\n", "approved, and not opened")
            self.read("2.txt", code=1)
        self.policy("review-documents=none")

    def the_end_of_access_is_notified_once_and_a_lease_that_is_renewed_is_not(self):
        with self.desktop():
            for _ in range(3):
                self.read("1.txt")
                time.sleep(2.2)
            self.read("3.txt")
            check(not self.session.notices(), f"{self.session.notices()}")
            self.remove(self.bob)
            wait_until(lambda: self.read("3.txt", code=None).code != 0, 20, "the end of the lease")
            for name in ("1.txt", "3.txt", "4.txt"):
                self.read(name, code=1)
            notice = self.wait_for_notice(1)
            check(notice["summary"] == "Access has ended" and LABEL in notice["body"], f"{notice}")
            time.sleep(3)
            self.read("1.txt", code=1)
            self.wait_for_notice(1)
            # Who is admitted again, and removed again, is told again.
            self.admit(self.bob)
            wait_until(lambda: self.read("1.txt", code=None).code == 0, 20, "access again")
            self.remove(self.bob)
            wait_until(lambda: self.read("1.txt", code=None).code != 0, 20, "the end of the lease")
            self.wait_for_notice(2)
        self.admit(self.bob)

    def lose_access(self):
        wait_until(lambda: self.read("1.txt", code=None).code == 0, 20, "access")
        self.remove(self.bob)
        wait_until(lambda: self.read("1.txt", code=None).code != 0, 20, "the end of access")
        self.admit(self.bob)

    def without_a_bus_or_a_service_on_it_nothing_happens(self):
        self.lose_access()
        with self.desktop():
            self.session.service.kill()
            self.session.service.wait()
            self.lose_access()
        self.lose_access()

    def a_bus_that_hangs_holds_up_nobody(self):
        with self.desktop():
            self.session.bus.send_signal(signal.SIGSTOP)
            before = time.monotonic()
            self.lose_access()
            check(time.monotonic() - before < 25, "programs wait for the bus")
            before = time.monotonic()
            self.bob.remount(self.share, self.at)
            check(time.monotonic() - before < 15, "the unmount waits for the bus")

    def notifications_can_be_switched_off(self):
        self.bob.umount(self.at)
        self.bob.run("recryptfs", "mount", self.share, self.at, "--no-notifications")
        with self.desktop():
            self.lose_access()
            time.sleep(2)
            check(not self.session.notices(), f"{self.session.notices()}")
        self.bob.remount(self.share, self.at)

    # The file manager

    def ask_extension(self, host, *paths):
        folder = self.bob.home / f"{host.lower()}-python"
        folder.mkdir(exist_ok=True)
        extension = folder / "recryptfs_labels.py"
        shutil.copy(ROOT / "desktop/recryptfs_labels.py", extension)
        folder.chmod(0o755)
        return json.loads(self.bob.run(SYSTEM_PYTHON, "-c", FILE_MANAGER, extension, host,
                                       *paths).out)

    def a_file_manager_shows_labels(self):
        (self.share / "Board/plain").write_text("plain")
        outside = self.bob.home / "outside"
        self.bob.shell(f"echo x > {outside}; setfattr -n user.jcd.label -v {LABEL} {outside}; "
                       f"ln -s 1.txt {self.at}/Board/link")
        document, folder = f"{self.at}/Board/1.txt", f"{self.at}/Board"
        plain, link = f"{self.at}/Board/plain", f"{self.at}/Board/link"
        hosts = ["Nautilus", "Nemo", "Caja"]
        real = self.bob.run(SYSTEM_PYTHON, "-c", "import gi; gi.require_version('Nautilus', '4.0'); "
                            "from gi.repository import Nautilus", code=None)
        if real.code == 0:
            hosts.append("real")
        self.read("1.txt")
        for host in hosts:
            shown = self.ask_extension(host, document, folder, plain, link, self.at, outside)
            check(shown["columns"] == ["recryptfs_label"], f"{host}: {shown}")
            for path in (document, folder):
                check(shown[path]["label"] == LABEL, f"{host}: {shown}")
                check(shown[path]["emblems"] == ["security-high"], f"{host}: {shown}")
                check(shown[path]["properties"]["Label"] == LABEL, f"{host}: {shown}")
            check(shown[plain]["label"] == "none: stored in plain", f"{host}: {shown}")
            check(shown[plain]["emblems"] == ["security-low"], f"{host}: {shown}")
            for path in (link, self.at, outside):  # the last claims to have a label
                check(shown[str(path)]["label"] == "" and not shown[str(path)]["emblems"],
                      f"{host}: {shown}")
            check(not shown[str(outside)]["properties"], f"{host}: {shown}")

    def showing_labels_asks_for_no_grant(self):
        self.bob.run("recryptfs", "lock", self.at)
        granted = lambda: json.loads(self.bob.run("recryptfs", "status", "--json").out)[
            "mounts"][0]["figures"]["granted"]
        before = granted()
        self.ask_extension("Nautilus", *[f"{self.at}/Board/{i}.txt" for i in (1, 2, 3, 4)])
        check(granted() == before, "a label cost a grant")

    # Trash

    def trash_needs_a_label_for_its_notes(self):
        """Where none rules, nothing is lost."""
        done = self.bob.run("gio", "trash", f"{self.at}/Board/4.txt", code=None)
        check(done.code != 0, f"{done}")
        check(self.read("4.txt").out == "minutes 4\n", "it is gone")

    def what_is_put_into_the_trash_stays_sealed_and_comes_back(self):
        trash = f".Trash-{self.bob.uid}"
        self.bob.run("mkdir", "-m", "700", self.at / trash, code=None)
        self.alice.run("recryptfs", "label", "assign", LABEL, self.share / trash, "--share",
                       self.share, code=None)
        time.sleep(1.1)  # the policy is looked at again
        file = f"{self.at}/Board/4.txt"
        self.bob.run("gio", "trash", file)
        self.bob.run("test", "!", "-e", file)
        inside = f"{self.at}/{trash}/files/4.txt"
        check(self.bob.run("cat", inside).out == "minutes 4\n", "other content in the trash")
        label = self.bob.run("getfattr", "--only-values", "-n", "user.jcd.label", inside).out
        check(label == LABEL, f"in the trash under {label}")
        note = self.bob.run("cat", f"{self.at}/{trash}/info/4.txt.trashinfo").out
        check(re.search(r"^Path=Board/4\.txt$", note, re.M), note)
        self.bob.run("sync", "-f", self.at)
        stored = (self.share / trash / "info/4.txt.trashinfo.jcd").read_bytes()
        check(stored.startswith(b'[{"jcd":') and b"DeletionDate" not in stored, "a note in plain")
        if shutil.which("trash-restore"):
            self.bob.run("trash-restore", cwd=self.at / "Board", input="0\n")
        else:
            self.bob.shell(f"mv {inside} {file}; rm {self.at}/{trash}/info/*")
        check(self.read("4.txt").out == "minutes 4\n", "other content after restoring")
        label = self.bob.run("getfattr", "--only-values", "-n", "user.jcd.label", file).out
        check(label == LABEL, f"came back under {label}")
        left = self.bob.run("find", self.at / trash, "-type", "f").out
        check(left == "", f"left in the trash: {left}")

    # Indexers

    def a_marker_on_the_share_is_seen_in_every_mount(self):
        """A file without content, in plain: no label has to rule at the root, nobody needs a grant."""
        (self.share / ".trackerignore").touch()
        other = self.alice.mount(self.share)
        for user, at in ((self.bob, self.at), (self.alice, other)):
            check(user.run("stat", "-c", "%s", at / ".trackerignore").out == "0\n", "not found")
            check(".trackerignore" in user.run("ls", "-A", at).out, "not listed")
            check(user.run("cat", at / ".trackerignore").out == "", "not empty")


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    modules = subprocess.run([SYSTEM_PYTHON, "-c", "import dbus, gi"], capture_output=True)
    if missing or modules.returncode != 0:
        promises.skip("desktop", f"{(missing + ['python3-dbus or python3-gi'])[0]} is not installed")
        return promises.close()
    with Stage() as stage:
        office = Office(stage)
        for step in (office.a_decision_about_a_review_is_notified,
                     office.the_end_of_access_is_notified_once_and_a_lease_that_is_renewed_is_not,
                     office.without_a_bus_or_a_service_on_it_nothing_happens,
                     office.a_bus_that_hangs_holds_up_nobody,
                     office.notifications_can_be_switched_off,
                     office.a_file_manager_shows_labels,
                     office.showing_labels_asks_for_no_grant,
                     office.trash_needs_a_label_for_its_notes,
                     office.what_is_put_into_the_trash_stays_sealed_and_comes_back,
                     office.a_marker_on_the_share_is_seen_in_every_mount):
            promises.keep(step.__name__.replace("_", " "), step)
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
