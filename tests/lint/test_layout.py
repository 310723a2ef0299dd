#!/usr/bin/env python3
"""The house rules that a machine can check: who may include whom, one place for each third-party
header, formatting, manual pages, and that the project speaks of itself alone."""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# What each folder may include (itself always).
MAY_INCLUDE = {
    "core/base": [],
    "core/crypto": ["core/base"],
    "core/json": ["core/base"],
    "core/recryption": ["core/base", "core/crypto"],
    "core/udf": ["core/base", "core/crypto"],
    "core/label": ["core/base"],
    "core/jose": ["core/base", "core/crypto", "core/json", "core/udf", "core/recryption"],
    "core/identity": ["core"],
    "core/escrow": ["core"],
    "core/protocol": ["core"],
    "core/jcd": ["core"],
    "client": ["core"],
    "service": ["core"],
    "fs": ["core", "client"],
    "daemon": ["core", "client", "fs", "service"],
    "cli": ["core", "client", "fs", "daemon"],
    "cli/console": ["core", "client", "cli"],
}
# Third-party headers: the folders (or files) that alone may include them.
THIRD_PARTY = {
    r"fuse_lowlevel\.h|fuse\.h|fuse_opt\.h|fuse3/": ["fs/", "bench/"],
    r"openssl/": ["core/", "service/", "tests/", "bench/"],
    r"curl/": ["client/", "tests/", "bench/"],
    r"ares\.h": ["client/"],
    r"boost/": ["service/", "cli/console/", "tests/"],
    r"SQLiteCpp/|sqlite3\.h": ["service/", "tests/", "bench/"],
    r"CLI/": ["daemon/", "cli/"],
    r"toml\+\+/": ["core/", "client/", "service/"],
    r"systemd/": ["daemon/mount/"],
    r"qrencode\.h": ["cli/"],
}
ONE_FILE = [r"boost/beast", r"SQLiteCpp/", r"curl/curl\.h", r"ares\.h", r"toml\+\+/", r"systemd/",
            r"qrencode"]


def tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard",
                             *patterns], cwd=ROOT, capture_output=True, check=True).stdout
    return [p for p in listed.decode().split("\0") if p and (ROOT / p).exists()]


def folder_of(path):
    for folder in sorted(MAY_INCLUDE, key=len, reverse=True):
        if path.startswith(folder + "/"):
            return folder
    return None


def check_includes():
    wrong, users = [], {}
    for path in tracked("*.cc", "*.h"):
        folder = folder_of(path)
        for line in (ROOT / path).read_text().splitlines():
            found = re.match(r'#include [<"]([^>"]+)[>"]', line)
            if not found:
                continue
            header = found.group(1)
            target = folder_of(header)
            if folder and target and target != folder and not any(
                    target == m or target.startswith(m + "/") for m in MAY_INCLUDE[folder]):
                wrong.append(f"{path} includes {header}")
            for pattern, places in THIRD_PARTY.items():
                if re.match(pattern, header) and not any(path.startswith(p) for p in places):
                    wrong.append(f"{path} includes {header}, which belongs in {', '.join(places)}")
            for pattern in ONE_FILE:
                if re.match(pattern, header) and folder:
                    users.setdefault((pattern, folder), set()).add(path)
    for (pattern, folder), files in users.items():
        if len(files) > 1:
            wrong.append(f"{pattern} is included in more than one file of {folder}: {sorted(files)}")
    return wrong


def check_headers_open_with_a_comment():
    return [f"{p} does not open with what it is for" for p in tracked("*.h")
            if not (ROOT / p).read_text().startswith("//")]


def check_formatting():
    if not shutil.which("clang-format"):
        return None
    files = tracked("*.cc", "*.h")
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], cwd=ROOT,
                          capture_output=True, text=True)
    return sorted(set(re.findall(r"^(\S+?):\d+", done.stderr, re.M)))


def check_manual():
    if not shutil.which("mandoc"):
        return None
    wrong = []
    for page in tracked("man/*.[158]"):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], cwd=ROOT,
                              capture_output=True, text=True)
        wrong += [line for line in done.stdout.splitlines() if "WARNING" in line or "ERROR" in line]
    return wrong


def main():
    passed = failed = skipped = 0
    for check in (check_includes, check_headers_open_with_a_comment, check_formatting, check_manual):
        wrong = check()
        name = check.__name__[6:].replace("_", " ")
        if wrong is None:
            skipped += 1
            print(f"skipped: {name}: the tool is not installed")
        elif wrong:
            failed += 1
            print(f"{name}:\n  " + "\n  ".join(wrong[:40]))
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
