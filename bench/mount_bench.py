#!/usr/bin/env python3
"""Compares a RecryptFS mount with four others, with a file system that only passes through, and
with the plain directory: on one disk, in one run.

  bench/mount_bench.py [--dir DIR] [--rounds N] [--size MIB] [--files N] [--only STEP,...]
                       [--systems SYSTEM,...] [--quick] [--json FILE] [--document FILE]

Runs every step on one system after the other, round by round, so that what disturbs the machine
disturbs all. Needs root (to drop the kernel's caches) and /dev/fuse. What is measured, and how to
read the table: bench/README.md.
"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import plots
import report
from steps import STEPS
from systems import SYSTEMS, Programs, Unusable, run
from tree import SourceTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = "recryptfs"


class Runner:
    """Takes the steps, and keeps what they cost: costs[system][row] is a list of one cost for each
    round; a row that a system fails is kept in `failures`, and not tried again."""

    def __init__(self, options, systems, programs, tree):
        self.options, self.systems, self.programs, self.tree = options, systems, programs, tree
        self.costs = {system.name: {} for system in systems}
        self.amounts, self.failures = {}, {}
        self.grants, self.gcm = [], []
        self.number = 0

    @property
    def first_round(self):
        return self.number == 0

    def place(self, system):
        return system.path / f"round-{self.number + 1}"

    def workload(self, system, name, *words, place=None, operations=None, mebibytes=None):
        numbers = [getattr(self.options, n) if isinstance(n, str) else n
                   for n in (operations, mebibytes)]
        command = [self.programs.workload, name, place or self.place(system),
                   "--size", self.options.size if mebibytes is None else numbers[1],
                   "--files", self.options.files,
                   "--operations", 0 if operations is None else numbers[0], *words]
        return json.loads(run(command))

    @staticmethod
    def drop_caches():
        """The kernel's pages, entries and inodes, of the FUSE mounts and of the disk below them."""
        os.sync()
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")

    def round(self, number, steps):
        self.number = number
        self.gcm.append(json.loads(run([self.programs.gcm_cost, 512])))
        for system in self.systems:
            self.place(system).mkdir()
        shift = number % len(self.systems)
        order = self.systems[shift:] + self.systems[:shift]
        done = set()
        for step in steps:
            for system in order:
                if step.only not in (None, system.name):
                    continue
                if (system.name, step.name) in self.failures:
                    continue
                try:
                    self.take(step, system, done)
                except (RuntimeError, OSError, subprocess.TimeoutExpired) as problem:
                    self.failures[system.name, step.name] = str(problem)
                    self.log(step.name, system, f"FAILED: {problem}")
        for system in self.systems:
            shutil.rmtree(self.place(system), ignore_errors=True)

    def take(self, step, system, done):
        self.make(step.needs, system, done)
        if step.before:
            step.before(self, system)
        if step.cold:
            self.drop_caches()
        measured = [self.measure(step, system) for _ in range(step.runs())]
        done.add((system.name, step.name))
        for row in step.rows:
            cost = measured[row.run].get(row.field)
            if cost is not None:
                self.costs[system.name].setdefault(row.name, []).append(cost)
                self.amounts[row.name] = measured[row.run]
                self.log(row.name, system, f"{cost:10.3f} {row.field}")
        if step.only:
            self.grants.append(measured[0])
        if self.first_round and step.verify:
            self.drop_caches()
            step.verify(self, system)

    def measure(self, step, system):
        before = system.processor_seconds()
        measured = step.job(self, system)
        if before is not None and measured.get("bytes"):
            used = system.processor_seconds() - before
            measured["cpu_per_gib"] = used / (measured["bytes"] / 2**30)
        return measured

    def make(self, name, system, done):
        """What a step works on, where no step of this round made it."""
        if name is None or (system.name, name) in done:
            return
        maker = next(step for step in STEPS if step.name == name)
        if maker.before:
            maker.before(self, system)
        maker.job(self, system)
        done.add((system.name, name))

    def log(self, name, system, text):
        print(f"round {self.number + 1}  {name:<19} {system.name:<12} {text}", file=sys.stderr,
              flush=True)


def parse_options():
    parser = argparse.ArgumentParser(description="compares mounts on one disk in one run")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("/var/tmp"),
                        help="where to work: a folder on the disk to measure")
    numbers = {"rounds": (3, "how often"), "size": (256, "of the large file, in MiB"),
               "calls": (64, "MiB written in calls of 4 KiB"), "files": (5000, "small files"),
               "reads": (2048, "random reads"), "writes": (1024, "random overwrites"),
               "opens": (2000, "openings whose latency is taken"),
               "tree": (2000, "files of the source tree"),
               "transactions": (200, "of SQLite"), "openings": (100, "without a grant, and with")}
    for name, (value, text) in numbers.items():
        parser.add_argument(f"--{name}", type=int, help=f"{text} ({value})")
    parser.add_argument("--only", help="steps, separated by commas: "
                        + ", ".join(step.name for step in STEPS))
    parser.add_argument("--systems", help="separated by commas: " + ", ".join(SYSTEMS))
    parser.add_argument("--quick", action="store_true",
                        help="one small round, to see that everything runs; no figures")
    parser.add_argument("--json", type=pathlib.Path, help="default: BUILD/bench/mount_bench.json")
    parser.add_argument("--document", type=pathlib.Path, help="put the table into this text, as "
                        "docs/PERFORMANCE.md has it, and the plots into a folder beside it")
    options = parser.parse_args()
    small = {"rounds": 1, "size": 16, "calls": 4, "files": 500, "reads": 256, "writes": 64,
             "opens": 200, "tree": 100, "transactions": 20, "openings": 10}
    for name, (value, _) in numbers.items():
        if getattr(options, name) is None:
            setattr(options, name, small[name] if options.quick else value)
    options.json = options.json or options.build / "bench" / "mount_bench.json"
    options.settings = {name: getattr(options, name) for name in numbers}
    return options


def chosen(what, names, known):
    wanted = names.split(",") if names else list(known)
    unknown = set(wanted) - set(known)
    if unknown:
        sys.exit(f"mount_bench: unknown {what}: {', '.join(sorted(unknown))}")
    return [name for name in known if name in wanted]


def start_systems(stack, options, base, programs):
    """Those asked for have to start; otherwise a peer that is not installed is left out."""
    started, left_out = [], {}
    for name in chosen("system", options.systems, SYSTEMS):
        try:
            started.append(stack.enter_context(SYSTEMS[name](base, programs)))
        except Unusable as why:
            if options.systems or name == OURS:
                sys.exit(f"mount_bench: {name}: {why}")
            left_out[name] = str(why)
            print(f"left out: {name}: {why}", flush=True)
    return started, left_out


def measure(options, steps):
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        sys.exit("mount_bench: needs root and /dev/fuse")
    disk = run(["findmnt", "-n", "-o", "FSTYPE", "-T", options.dir]).strip()
    if disk == "tmpfs":
        sys.exit(f"mount_bench: {options.dir} is in memory; --dir names a folder on a disk")
    base = pathlib.Path(tempfile.mkdtemp(prefix="recryptfs-bench-", dir=options.dir))
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        programs = Programs(options.build, base)
        systems, left_out = start_systems(stack, options, base, programs)
        runner = Runner(options, systems, programs, SourceTree(base, options.tree))
        for number in range(options.rounds):
            runner.round(number, steps)
        facts = {
            "command": sys.argv, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": {"kernel": platform.release(), "cores": os.cpu_count(), "disk": disk,
                        "processor": report.processor()},
            "versions": {system.name: system.version() for system in systems},
            "left_out": left_out, "settings": options.settings,
            "peak_mebibytes": {system.name: system.peak_mebibytes() for system in systems},
            "unsynced": {system.name: system.unsynced for system in systems}}
    facts["seconds"] = round(time.monotonic() - begun)
    return runner, facts


def main():
    options = parse_options()
    names = chosen("step", options.only, [step.name for step in STEPS])
    steps = [step for step in STEPS if step.name in names]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("mount_bench: stopped"))
    try:
        runner, facts = measure(options, steps)
    except Unusable as why:
        sys.exit(f"mount_bench: {why}")
    result = report.summarize(steps, runner, facts)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=1) + "\n")
    print(report.table(result))
    folder = options.json.parent
    if options.document:
        report.put_into(options.document, result)
        folder = options.document.parent / "performance"
    plots.draw(result, folder)
    print(f"every round: {options.json}; plots: {folder}")


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, subprocess.TimeoutExpired) as problem:
        sys.exit(f"mount_bench: {problem}")
