"""Labels in the file managers Nautilus, Nemo and Caja: an emblem on everything in a mount of
RecryptFS, a column "Label", and the label, the signer and the lease among a file's properties.

It belongs into python-extensions of the file manager, for one user (docs/guide/desktop.md):

    ~/.local/share/nautilus-python/extensions/     with the package python3-nautilus
    ~/.local/share/nemo-python/extensions/         python3-nemo, or nemo-python
    ~/.local/share/caja-python/extensions/         python3-caja

What it shows comes from the mount's extended attributes `user.jcd.*` (recryptfs(1)). Looking a label
up reads the head of a document and may wait for a file server, so a thread does it.
"""
import errno
import os
import queue
import re
import threading

import gi

# One file for three file managers: each has its own copy, in a folder that is named after it.
HOST = next((name for name in ("Nemo", "Caja") if f"{name.lower()}-python" in __file__), "Nautilus")
gi.require_version(HOST, {"Nemo": "3.0", "Caja": "2.0", "Nautilus": "4.0"}[HOST])
from gi.repository import GLib, GObject  # noqa: E402
Files = getattr(__import__("gi.repository", fromlist=[HOST]), HOST)

MOUNT_TYPE = "fuse.recryptfs"
ATTRIBUTE = "recryptfs_label"
EMBLEM, EMBLEM_OF_PLAIN = "security-high", "security-low"
PLAIN = "none: stored in plain"
MAX_SHOWN = 200  # characters; labels come from documents


def mountpoints():
    """Those of RecryptFS. Elsewhere anybody may give a file an attribute of that name."""
    found = []
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
            for line in table:
                before, _, after = line.partition(" - ")
                if after.startswith(MOUNT_TYPE + " "):
                    point = before.split(" ")[4]
                    found.append(re.sub(r"\\([0-7]{3})", lambda o: chr(int(o[1], 8)), point))
    except OSError:
        pass
    return found


def lies_in_a_mount(path):
    return any(path == point or path.startswith(point.rstrip("/") + "/") for point in mountpoints())


def attribute(path, name):
    """The text of one of the mount's attributes; None where there is none or it cannot be had."""
    try:
        text = os.getxattr(path, "user.jcd." + name, follow_symlinks=False).decode("utf-8", "replace")
    except OSError as problem:
        return "" if problem.errno == errno.EACCES else None
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def describe(path):
    """(label, emblem) of what lies in a mount; ("", None) elsewhere and of what has no label."""
    if path is None or os.path.islink(path) or not lies_in_a_mount(path):
        return "", None
    label = attribute(path, "label")
    if label:
        return label, EMBLEM
    if label is None and os.path.isfile(path):
        return PLAIN, EMBLEM_OF_PLAIN
    return "", None


def properties(path):
    """[(name, value)] of what lies in a mount, for people."""
    rows = [("Label", describe(path)[0])]
    # Asking who signed would ask for a grant: only where the keys are here anyway.
    lease = attribute(path, "lease") if os.path.isfile(path) else None
    if lease and lease != "0 s":
        rows += [("Signed by", attribute(path, "signer")), ("Lease left", lease)]
    rows.append(("Last refused", attribute(path, "why")))
    return [(name, value) for name, value in rows if value]


def path_of(file):
    return file.get_location().get_path()  # None: not on this machine


class Worker:
    """Looks labels up in the order in which they are asked for, in a thread that waits for nobody
    at the end."""

    def __init__(self):
        self.asked = queue.Queue()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            path, found = self.asked.get()
            try:
                answer = describe(path)
            except Exception:  # or no label would be shown any more
                answer = "", None
            GLib.idle_add(found, answer)

    def ask(self, path, found):
        self.asked.put((path, found))


class Labels(GObject.GObject, Files.ColumnProvider, Files.InfoProvider):
    def __init__(self):
        super().__init__()
        self.worker, self.waiting = None, set()

    def get_columns(self):
        return (Files.Column(name="RecryptFS::label", attribute=ATTRIBUTE, label="Label",
                             description="The security label that protects the document"),)

    def update_file_info_full(self, provider, handle, closure, file):
        path = path_of(file)
        if path is None or not lies_in_a_mount(path):
            file.add_string_attribute(ATTRIBUTE, "")
            return Files.OperationResult.COMPLETE
        self.worker = self.worker or Worker()
        self.waiting.add(handle)

        def found(answer):
            if handle in self.waiting:
                self.waiting.discard(handle)
                self.show(file, answer)
                Files.info_provider_update_complete_invoke(closure, provider, handle,
                                                           Files.OperationResult.COMPLETE)
            return False  # not again

        self.worker.ask(path, found)
        return Files.OperationResult.IN_PROGRESS

    def cancel_update(self, provider, handle):
        self.waiting.discard(handle)

    @staticmethod
    def show(file, answer):
        label, emblem = answer
        file.add_string_attribute(ATTRIBUTE, label)
        if emblem:
            file.add_emblem(emblem)


if hasattr(Files, "PropertiesModelProvider"):  # Nautilus since 43

    class LabelProperties(GObject.GObject, Files.PropertiesModelProvider):
        def get_models(self, files):
            from gi.repository import Gio
            path = path_of(files[0]) if len(files) == 1 else None
            if path is None or not lies_in_a_mount(path):
                return []
            model = Gio.ListStore.new(item_type=Files.PropertiesItem)
            for name, value in properties(path):
                model.append(Files.PropertiesItem(name=name, value=value))
            return [Files.PropertiesModel(title="RecryptFS", model=model)]

else:  # Nemo and Caja

    class LabelProperties(GObject.GObject, Files.PropertyPageProvider):
        def get_property_pages(self, files):
            from gi.repository import Gtk
            path = path_of(files[0]) if len(files) == 1 else None
            if path is None or not lies_in_a_mount(path):
                return []
            grid = Gtk.Grid(row_spacing=6, column_spacing=12, margin=12)
            for row, (name, value) in enumerate(properties(path)):
                for column, text in enumerate((name, value)):
                    grid.attach(Gtk.Label(label=text, xalign=0, selectable=True, wrap=True),
                                column, row, 1, 1)
            grid.show_all()
            return [Files.PropertyPage(name="RecryptFS::page", label=Gtk.Label(label="RecryptFS"),
                                       page=grid)]
