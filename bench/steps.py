"""What is measured: the steps of a round, in their order, and the rows of the table that each
fills, with what is asked of RecryptFS there.

A step's job runs once for each of its rows' `run` numbers, on one system, one right after the
other: the first with the kernel's caches dropped, the second with what the first left in them.
"""
import shutil
import subprocess
import time

from tree import ABSENT

DATA, NAMES = 0.85, 0.8  # the least share of the pass-through's speed


class Row:
    """`field` of what a job returned is the row's cost, and lower is better. `peer`: how many times
    as fast as the best peer; `limit`: which share of the pass-through's speed."""

    def __init__(self, name, unit, field="seconds", run=0, peer=1.3, limit=None, syncs=None):
        self.name, self.unit, self.field, self.run = name, unit, field, run
        self.peer, self.limit = peer, limit
        # What is synced while the clock runs, "files" or "names" too: who does not pass that on to
        # the disk is left out.
        self.syncs = syncs


class Step:
    """`job`, `before` and `verify` are called with a runner and a system. `needs` names the step
    that makes what this one works on; `before` runs first, and is not timed."""

    def __init__(self, name, job, rows, needs=None, before=None, verify=None, cold=True,
                 only=None):
        self.name, self.job, self.rows, self.needs = name, job, rows, needs
        self.before, self.verify, self.cold, self.only = before, verify, cold, only

    def runs(self):
        return 1 + max((row.run for row in self.rows), default=0)


def program(name, **numbers):
    """A workload of workload.cc; the numbers name options of the runner, or are given."""
    return lambda runner, system: runner.workload(system, name, **numbers)


def timed(runner, words, **options):
    """A command of the system's, by its wall-clock time."""
    begun = time.monotonic()
    done = subprocess.run([str(word) for word in words], env=runner.tree.environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    seconds = time.monotonic() - begun
    if done.returncode != options.get("status", 0) or (options.get("silent") and done.stdout):
        raise RuntimeError(f"{words}: exit {done.returncode}\n{done.stdout.decode()[-2000:]}")
    return {"seconds": seconds, "operations": runner.options.tree, "bytes": 0}


def untar(runner, system):
    tree = runner.place(system) / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    return timed(runner, ["tar", "-xf", runner.tree.tar, "-C", tree.parent])


def verify_tree(runner, system):
    timed(runner, ["diff", "-r", runner.tree.folder, runner.place(system) / "tree"], silent=True)


def grep(runner, system):
    return timed(runner, ["grep", "-r", ABSENT, runner.place(system) / "tree"], status=1)


def copy_repository(runner, system):
    target = runner.place(system) / "tree.git"
    if not target.exists():
        shutil.copytree(runner.tree.repository, target)


def git_clone(runner, system):
    place = runner.place(system)
    shutil.rmtree(place / "clone", ignore_errors=True)
    return timed(runner, ["git", "clone", "-q", "--no-hardlinks", place / "tree.git",
                          place / "clone"])


def verify_clone(runner, system):
    timed(runner, ["diff", "-r", "-x", ".git", runner.tree.folder, runner.place(system) / "clone"],
          silent=True)


def git_status(runner, system):
    return timed(runner, ["git", "-C", runner.place(system) / "clone", "status", "--porcelain"],
                 silent=True)


def grants(runner, system):
    """The two questions about grants: a tree read for the first time, and one document opened.
    Of single documents each has a directory of its own, so that none is fetched ahead."""
    options, answer = runner.options, {}
    tree, singles = system.path / "grants", system.path / "singles"
    alone = ["--files", options.openings, "--in-directory", 1]
    for place, words in ((tree, []), (singles, alone)):
        if not place.exists():
            place.mkdir()
            runner.workload(system, "create", *words, place=place)
    system.lock()
    granted = system.grants() if runner.first_round else None
    for held in (False, True):  # the first reading leaves all grants behind
        runner.drop_caches()
        answer["tree_held" if held else "tree_fresh"] = \
            runner.workload(system, "read-files", place=tree)["seconds"]
        if granted is not None and not held and system.grants() - granted < options.files:
            raise RuntimeError("the documents were read without a grant for each")
    for held in (False, True):
        words = alone if held else [*alone, "--lock", system.path]
        granted = system.grants() if runner.first_round else None
        answer["open_held" if held else "open_fresh"] = runner.workload(
            system, "open-one", *words, place=singles)["p50_us"]
        if granted is not None and not held and system.grants() - granted < options.openings:
            raise RuntimeError("the documents were opened without a grant for each")
    system.take_lease()
    return answer


STEPS = [
    Step("seq-write", program("seq-write"), [
        Row("seq-write", "MiB/s", peer=2, limit=DATA, syncs="files"),
        Row("cpu-write", "s/GiB", field="cpu_per_gib", peer=None)],
        verify=program("verify-big", operations=0)),
    Step("seq-read", program("seq-read"), [
        Row("seq-read-cold", "MiB/s", peer=2, limit=DATA),
        Row("seq-read-warm", "MiB/s", run=1, peer=5, limit=DATA),
        Row("cpu-read", "s/GiB", field="cpu_per_gib", peer=None)], needs="seq-write"),
    Step("random-read", program("random-read", operations="reads"), [
        Row("random-read-cold", "op/s", limit=DATA)], needs="seq-write"),
    Step("random-write", program("random-write", operations="writes"), [
        Row("random-write-fsync", "op/s", peer=2, limit=DATA, syncs="files")], needs="seq-write",
        verify=program("verify-big", operations="writes")),
    Step("call-write", program("call-write", mebibytes="calls"), [
        Row("write-4k-calls", "MiB/s", peer=2, limit=DATA, syncs="files")],
        verify=program("verify-calls", mebibytes="calls")),
    Step("par-write", program("par-write"), [
        Row("four-write", "MiB/s", limit=DATA, syncs="files")], verify=program("verify-parts")),
    Step("par-read", program("par-read"), [
        Row("four-read-cold", "MiB/s", limit=DATA),
        Row("four-read-warm", "MiB/s", run=1, limit=DATA)], needs="par-write"),
    Step("create", program("create"), [Row("create", "files/s", limit=NAMES)],
         verify=program("verify-small")),
    Step("read-files", program("read-files"), [
        Row("read-files-cold", "files/s", limit=NAMES),
        Row("read-files-warm", "files/s", run=1, limit=NAMES)], needs="create"),
    Step("open-read", program("open-read", operations="opens"), [
        Row("open-p50", "us", field="p50_us", limit=NAMES),
        Row("open-p99", "us", field="p99_us", limit=NAMES)], needs="create", cold=False),
    Step("stat", program("stat"), [
        Row("stat-cold", "files/s", limit=NAMES),
        Row("stat-warm", "files/s", run=1, limit=NAMES)], needs="create"),
    Step("delete", program("delete"), [Row("delete", "files/s", limit=NAMES)], needs="create",
         before=program("stat"), cold=False),
    Step("untar", untar, [
        Row("untar-cold", "files/s", limit=NAMES),
        Row("untar-warm", "files/s", run=1, limit=NAMES)], verify=verify_tree),
    Step("grep", grep, [
        Row("grep-cold", "files/s", limit=NAMES),
        Row("grep-warm", "files/s", run=1, peer=2, limit=NAMES)], needs="untar"),
    Step("git-clone", git_clone, [
        Row("git-clone-cold", "files/s", limit=NAMES),
        Row("git-clone-warm", "files/s", run=1, limit=NAMES)], before=copy_repository,
        verify=verify_clone),
    Step("git-status", git_status, [
        Row("git-status-cold", "files/s", limit=NAMES),
        Row("git-status-warm", "files/s", run=1, limit=NAMES)], needs="git-clone",
        before=git_status),
    Step("sqlite-rollback", program("sqlite-rollback", operations="transactions"), [
        Row("sqlite-rollback", "op/s", syncs="names")],
        verify=program("verify-sqlite", operations="transactions")),
    Step("sqlite-wal", program("sqlite-wal", operations="transactions"), [
        Row("sqlite-wal", "op/s", syncs="files")],
        verify=program("verify-sqlite", operations="transactions")),
    Step("grants", grants, [], only="recryptfs"),
]
