#!/usr/bin/env python3
"""LibreOffice: converts, saves in place, saves as, and locks a document for the other person."""
import sys

from harness import check
from workplace import keep_all, needs

# Works on one document at a time in an soffice of its own: reads a command a line, with its
# argument, and answers each with a line.
DRIVER = r"""
import os, subprocess, sys, time, uno
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException

pipe = f"recrypt{os.getpid()}"
office = subprocess.Popen(
    ["soffice", "--headless", "--norestore", "--nologo", "--nodefault", f"--accept=pipe,name={pipe};urp;",
     f"-env:UserInstallation=file://{os.environ['HOME']}/office"],
    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
local = uno.getComponentContext()
resolver = local.ServiceManager.createInstance("com.sun.star.bridge.UnoUrlResolver")
for attempt in range(600):
    try:
        context = resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        break
    except NoConnectException:
        time.sleep(0.1)
desktop = context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)

def properties(**values):
    return tuple(PropertyValue(name, 0, value, 0) for name, value in values.items())

def url(path):
    return path if path.startswith("private:") else uno.systemPathToFileUrl(path)

class Commands:
    def open(self, path):
        self.document = desktop.loadComponentFromURL(url(path), "_blank", 0, properties(Hidden=True))
        return "read-only" if self.document.isReadonly() else "writable"
    def append(self, text):
        at = self.document.Text
        at.insertString(at.getEnd(), text, False)
        return "done"
    def text(self, _):
        return self.document.Text.getString().replace("\n", "|").replace("\r", "")
    def set(self, assignment):
        cell, _, value = assignment.partition("=")
        self.document.Sheets.getByIndex(0).getCellRangeByName(cell).setFormula("=" + value)
        return "done"
    def value(self, cell):
        return str(self.document.Sheets.getByIndex(0).getCellRangeByName(cell).getValue())
    def store(self, _):
        self.document.store()
        return "done"
    def store_as(self, path):
        filters = {".odt": "writer8", ".docx": "MS Word 2007 XML", ".ods": "calc8", ".xlsx": "Calc MS Excel 2007 XML"}
        self.document.storeAsURL(url(path), properties(FilterName=filters[os.path.splitext(path)[1]]))
        return "done"
    def close(self, _):
        self.document.close(True)
        return "done"
    def end(self, _):
        try:
            desktop.terminate()
        except Exception:  # it may be gone before it has answered
            pass
        office.wait()
        return "done"

commands = Commands()
for line in sys.stdin:
    name, _, argument = line.rstrip("\n").partition(" ")
    try:
        print(getattr(commands, name)(argument), flush=True)
    except Exception as problem:
        print("failed:", type(problem).__name__, str(problem).replace("\n", " "), flush=True)
"""


class Office:
    """LibreOffice as one person uses it."""

    def __init__(self, user):
        self.user = user

    def __enter__(self):
        # The distribution's Python knows its UNO.
        self.process = self.user.start("/usr/bin/python3", "-c", DRIVER)
        return self

    def __exit__(self, *problem):
        if problem[0] is None:
            self.ask("end")
        self.process.kill()
        self.process.communicate()

    def ask(self, command, argument=""):
        self.process.stdin.write(f"{command} {argument}\n".encode())
        self.process.stdin.flush()
        return self.process.stdout.readline().decode().rstrip("\n")

    def does(self, command, argument="", answer="done"):
        said = self.ask(command, argument)
        check(said == answer, f"{self.user.name}: {command} {argument}: {said!r}")


def names(place, folder):
    return place.alice.run("ls", "-A", folder).out.split()


@needs("soffice", full=True)
def soffice_converts(place):
    place.shell("""
        printf 'the quarterly figures\\n' > figures.txt; printf 'a,b\\n1,2\\n3,4\\n' > table.csv
        convert() {{ soffice --headless -env:UserInstallation=file://{home}/office --convert-to "$@" >/dev/null; }}
        for to in odt docx pdf; do convert $to figures.txt; done
        convert ods table.csv; convert xlsx table.ods; convert pdf table.xlsx
        convert txt:Text --outdir back figures.odt; grep -q 'the quarterly figures' back/figures.txt
        convert txt:Text --outdir back figures.docx; grep -q 'the quarterly figures' back/figures.txt
        convert csv --outdir back table.xlsx; cmp back/table.csv table.csv
        head -c 5 figures.pdf | grep -q %PDF; head -c 5 table.pdf | grep -q %PDF
    """, "office", timeout=600)


@needs("soffice", full=True)
def soffice_saves_in_place_and_locks(place):
    """The lock file is seen in the other person's mount, and makes LibreOffice open read-only."""
    folder, alice, bob = place.folder("office-two"), place.alice, place.bob
    report, below = folder / "report.odt", folder.relative_to(place.mount)
    with place.mount_of(bob) as work, Office(alice) as mine, Office(bob) as theirs:
        theirs_report = work.parent / below / "report.odt"
        mine.does("open", "private:factory/swriter", "writable")
        mine.does("append", "the first draft")
        mine.does("store_as", report)
        alice.run("chmod", "666", report)
        lock = ".~lock.report.odt#"
        check(names(place, folder) == [lock, "report.odt"], f"{names(place, folder)}")
        owner = bob.run("cat", theirs_report.parent / lock).out
        check(alice.unix in owner, f"bob reads in the lock: {owner}")
        theirs.does("open", theirs_report, "read-only")
        theirs.does("text", "", "the first draft")
        theirs.does("close")
        for number in range(5):
            mine.does("append", f", change {number}")
            mine.does("store")
        mine.does("store_as", folder / "copy.docx")
        check(sorted(names(place, folder)) == [".~lock.copy.docx#", "copy.docx", "report.odt"],
              f"{names(place, folder)}")
        mine.does("close")
        check(sorted(names(place, folder)) == ["copy.docx", "report.odt"], f"{names(place, folder)}")
        theirs.does("open", theirs_report, "writable")
        theirs.does("append", ", and bob's")
        theirs.does("store")
        mine.does("open", report, "read-only")
        theirs.does("close")
        mine.does("close")
        for name, end in (("report.odt", ", and bob's"), ("copy.docx", "")):
            mine.does("open", folder / name, "writable")
            mine.does("text", "", "the first draft, change 0, change 1, change 2, change 3, change 4"
                      + end)
            mine.does("close")
    place.check_kept(folder, ["report.odt", "copy.docx"])


@needs("soffice", full=True)
def soffice_keeps_sheets(place):
    folder = place.folder("sheets")
    with Office(place.alice) as office:
        for name in "sheet.ods", "sheet.xlsx":
            office.does("open", "private:factory/scalc", "writable")
            office.does("set", "A1=6*7")
            office.does("store_as", folder / name)
            for number in range(3):
                office.does("set", f"B{number + 1}=A1+{number}")
                office.does("store")
            office.does("close")
            office.does("open", folder / name, "writable")
            office.does("value", "B3", "44.0")
            office.does("close")
    place.check_kept(folder, ["sheet.ods", "sheet.xlsx"])


if __name__ == "__main__":
    sys.exit(keep_all(soffice_converts, soffice_saves_in_place_and_locks, soffice_keeps_sheets))
