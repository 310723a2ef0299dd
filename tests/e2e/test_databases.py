#!/usr/bin/env python3
"""Databases in files: sqlite3 in each of its journal modes, by one process, by several, and by two
people in two mounts; Python's dbm and shelve."""
import sys

from harness import check
from workplace import keep_all, needs


@needs("sqlite3")
def sqlite_keeps_what_it_committed(place):
    count = 200_000 if place.full else 3000
    place.shell("""
        rows="with recursive n(i) as (select 1 union all select i+1 from n where i<{count})
              insert into t select i, hex(randomblob(20)) from n"
        for mode in delete truncate persist wal; do
          sqlite3 $mode.db "pragma journal_mode=$mode" "create table t(a, b); create index i on t(b)" \\
            "$rows" "begin" "delete from t" "rollback" "begin" "update t set a = a + 1" "commit" >/dev/null
          test "$(sqlite3 $mode.db 'pragma integrity_check; select sum(a), count(*) from t')" = \\
            "ok
$(({count} * ({count} + 3) / 2))|{count}"
        done
        sqlite3 wal.db 'pragma mmap_size=268435456' 'select count(b) from t' 'vacuum' >/dev/null
        sqlite3 wal.db 'pragma journal_mode=delete' 'pragma integrity_check' | grep -qx ok
        sqlite3 delete.db '.backup copy.db'; sqlite3 copy.db 'pragma integrity_check' | grep -qx ok
    """, "sqlite", timeout=600, count=count)


# A client of a database that others change at the same time: prints a number for each transaction
# that it was told is committed.
CLIENT = """
import sqlite3, sys
path, mode, me, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
base = sqlite3.connect(path, timeout=60, isolation_level=None)
if mode in ("truncate", "persist"):  # which the file does not say
    base.execute("pragma journal_mode=" + mode)
base.execute("pragma synchronous=full")
base.execute("pragma mmap_size=268435456")

def transact(n):
    base.execute("begin immediate")
    before = base.execute("select count(*) from t").fetchone()[0]
    base.execute("insert into t values (?, ?, randomblob(?))", (me, n, 100 + 37 * n % 3000))
    if n % 7 == 3:
        base.execute("rollback")
        return
    if n % 5 == 4:
        base.execute("delete from t where who = ? and n = ?", (me, n - 4))
    base.execute("commit")
    print(n, flush=True)
    if n % 10 == 0:
        check = base.execute("pragma quick_check").fetchone()[0]
        assert check == "ok", check

for n in range(count):
    try:
        transact(n)
    except sqlite3.Error as problem:
        sys.exit(f"transaction {n}: {problem} ({problem.sqlite_errorname})")
"""


def committed(count):
    kept = {n for n in range(count) if n % 7 != 3}
    return sorted(kept - {n - 4 for n in kept if n % 5 == 4})


class SharedBase:
    """A database that several clients write to at once; `works`: each one's user and mount."""

    def __init__(self, place, name, mode, works, count):
        self.place, self.mode, self.works, self.count = place, mode, works, count
        self.folder = place.folder(name)
        place.alice.shell(f"""sqlite3 {self.folder}/base.db 'pragma journal_mode={mode}' \\
            'create table t (who integer, n integer, filler blob, primary key (who, n))'
            chmod 666 {self.folder}/*""")
        running = [user.start("python3", "-c", CLIENT, work / name / "base.db", mode, number, count)
                   for number, (user, work) in enumerate(works)]
        for number, process in enumerate(running):
            out, err = process.communicate(timeout=300)
            check(process.returncode == 0, f"{mode}, client {number}: {err.decode()}")
            told = [int(line) for line in out.split()]
            check(told == [n for n in range(count) if n % 7 != 3], f"{mode}, client {number}: {told}")

    def has_lost_nothing(self):
        """All transactions that were acknowledged are there, once."""
        query = "pragma integrity_check; select who || ' ' || n from t order by who, n"
        found = self.place.alice.run("sqlite3", self.folder / "base.db", query).out.splitlines()
        expected = ["ok", *(f"{who} {n}" for who in range(len(self.works))
                            for n in committed(self.count))]
        check(found == expected, f"{self.mode}: {len(found)} rows instead of {len(expected)}")
        keeps_journal = self.mode in ("truncate", "persist")
        self.place.check_kept(self.folder,
                              ["base.db"] + (["base.db-journal"] if keeps_journal else []))


@needs("sqlite3")
def sqlite_clients_at_once_lose_nothing(place):
    """Two processes of one mount; a write-ahead log's index is memory that they share."""
    works = [(place.alice, place.work)] * (4 if place.full else 2)
    for mode in ("delete", "wal") + (("truncate", "persist") if place.full else ()):
        SharedBase(place, f"sqlite-{mode}", mode, works, 150 if place.full else 30).has_lost_nothing()


@needs("sqlite3")
def sqlite_clients_in_two_mounts_lose_nothing(place):
    """By the locks between mounts. A write-ahead log is for one machine, as sqlite's manual says."""
    modes = ("delete",) + (("truncate", "persist") if place.full else ())
    with place.mount_of(place.bob) as work:
        works = [(place.alice, place.work), (place.bob, work)] * (2 if place.full else 1)
        bases = [SharedBase(place, f"sqlite-two-{mode}", mode, works, 100 if place.full else 15)
                 for mode in modes]
    # Until the mount is gone, bob's brings records into place, which changes the time of alice's file.
    for base in bases:
        base.has_lost_nothing()


@needs("sqlite3", full=True)
def sqlite_recovers_after_being_killed(place):
    place.shell("""
        for mode in delete wal; do
          sqlite3 $mode.db "pragma journal_mode=$mode" 'create table t(a integer primary key, b)' >/dev/null
          for round in 1 2 3 4 5; do
            (while :; do echo 'insert into t(b) select hex(randomblob(500)); '; done | sqlite3 $mode.db) &
            sleep 1; kill -9 $(pgrep -P $! sqlite3); wait $! || true
            test "$(sqlite3 $mode.db 'pragma integrity_check')" = ok
          done
          test "$(sqlite3 $mode.db 'select count(*) = max(a) and count(*) > 0 from t')" = 1
        done
    """, "sqlite-killed", timeout=300)


SHELVES = """
import dbm.dumb, dbm.ndbm, shelve, sys
for kind in dbm.dumb, dbm.ndbm:
    at = sys.argv[1] + "/" + kind.__name__
    for step in range(3):
        with shelve.Shelf(kind.open(at, "c")) as shelf:
            for number in range(200):
                key = f"key {number}"
                assert step == 0 or shelf[key] == (step - 1, list(range(number)))
                shelf[key] = (step, list(range(number)))
            if step == 1:
                del shelf["key 3"]
                shelf["key 3"] = (step, [0, 1, 2])
"""


@needs("python3")
def python_shelves_keep_their_objects(place):
    folder = place.folder("shelves")
    # The distribution's Python has all kinds.
    place.alice.run("/usr/bin/python3", "-c", SHELVES, folder)
    place.check_kept(folder)


if __name__ == "__main__":
    sys.exit(keep_all(
        sqlite_keeps_what_it_committed, sqlite_clients_at_once_lose_nothing,
        sqlite_clients_in_two_mounts_lose_nothing,
        sqlite_recovers_after_being_killed, python_shelves_keep_their_objects))
