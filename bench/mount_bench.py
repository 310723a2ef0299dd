#!/usr/bin/env python3
"""Compares a RecryptFS mount with gocryptfs and with the plain directory, on one disk in one run.

  bench/mount_bench.py [--dir DIR] [--rounds N] [--size MIB] [--files N] [--only WORKLOAD,...]
                       [--systems SYSTEM,...] [--quick] [--json FILE]

Runs every workload on one system after the other, round by round, so that what disturbs the machine
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
import statistics
import subprocess
import sys
import tempfile
import time

from systems import SYSTEMS, Programs, Unusable, run

ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS, PEER, LIMIT = "recryptfs", "gocryptfs", "plain"


class Step:
    """One workload of the table. `warmed`: the workload that runs, unmeasured, right before it; the
    kernel's caches are dropped where there is none. `target`: the least ratio to gocryptfs that is
    asked for, None where it is only shown."""

    def __init__(self, name, workload, unit, target=None, warmed=None):
        self.name, self.workload, self.unit = name, workload, unit
        self.target, self.warmed = target, warmed


STEPS = [
    Step("seq-write", "seq-write", "MiB/s", target=1.0),
    Step("seq-read-cold", "seq-read", "MiB/s", target=1.0),
    Step("seq-read-warm", "seq-read", "MiB/s", target=1.0, warmed="seq-read"),
    Step("random-read-cold", "random-read", "op/s", target=1.0),
    Step("random-write-fsync", "random-write", "op/s"),
    Step("create", "create", "files/s", target=1.0),
    Step("read-files-cold", "read-files", "files/s", target=1.0),
    Step("read-files-warm", "read-files", "files/s", target=1.0, warmed="read-files"),
    Step("stat-cold", "stat", "files/s"),
    Step("stat-warm", "stat", "files/s", warmed="stat"),
    Step("delete", "delete", "files/s", warmed="stat"),
]
# What has to exist before a workload, and what makes it.
MAKER = {"seq-read": "seq-write", "random-read": "seq-write", "random-write": "seq-write",
         "read-files": "create", "stat": "create", "delete": "create"}


def drop_caches():
    """The kernel's pages, entries and inodes, of the FUSE mounts and of the disk below them."""
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")


class Runner:
    def __init__(self, options, systems, programs):
        self.options, self.systems, self.programs = options, systems, programs
        self.seconds = {system.name: {} for system in systems}
        self.amounts = {}
        self.folder = None  # of this round, in every system

    def workload(self, system, name, operations=None):
        count = self.options.reads if name == "random-read" else self.options.writes
        text = run([self.programs.workload, name, system.path / self.folder,
                    "--size", self.options.size, "--files", self.options.files,
                    "--operations", count if operations is None else operations])
        return json.loads(text)

    def prepare(self, step, system, done):
        """Makes what the step works on, where no step of this run made it."""
        maker = MAKER.get(step.workload)
        if maker and (system.name, maker) not in done:
            self.workload(system, maker)
            done.add((system.name, maker))

    def round(self, number, steps, log):
        done = set()
        self.folder = f"round-{number + 1}"
        for system in self.systems:
            (system.path / self.folder).mkdir()
        shift = number % len(self.systems)
        order = self.systems[shift:] + self.systems[:shift]
        for step in steps:
            for system in order:
                self.prepare(step, system, done)
                if step.warmed:
                    self.workload(system, step.warmed)
                else:
                    drop_caches()
                measured = self.workload(system, step.workload)
                done.add((system.name, step.workload))
                self.seconds[system.name].setdefault(step.name, []).append(measured["seconds"])
                self.amounts[step.name] = measured
                log(f"round {number + 1}  {step.name:<19} {system.name:<10} "
                    f"{measured['seconds']:8.3f} s")
                if number == 0:
                    self.verify(step, system)
        self.clean_up(done)

    def verify(self, step, system):
        if step.workload in ("seq-write", "random-write"):
            drop_caches()
            self.workload(system, "verify-big", 0 if step.workload == "seq-write" else None)
        elif step.workload == "create":
            drop_caches()
            self.workload(system, "verify-small")

    def clean_up(self, done):
        for system in self.systems:
            if (system.name, "seq-write") in done:
                self.workload(system, "delete-big")
            if (system.name, "create") in done and (system.name, "delete") not in done:
                self.workload(system, "delete")
            (system.path / self.folder).rmdir()


def rate(step, amount, seconds):
    return (amount["bytes"] / 2**20 if step.unit == "MiB/s" else amount["operations"]) / seconds


def ratio(seconds, step, ours, other):
    """Median and range, over the rounds, of how many times as fast `ours` was as `other`."""
    pairs = zip(seconds[ours][step.name], seconds[other][step.name])
    each = [theirs / own for own, theirs in pairs]
    return {"median": statistics.median(each), "min": min(each), "max": max(each)}


def summarize(steps, runner):
    """One row for each step: rates and ratios, as the JSON file and the table have them."""
    rows = []
    for step in steps:
        row = {"workload": step.name, "unit": step.unit, "rates": {}, "ratios": {}}
        for name, seconds in runner.seconds.items():
            row["rates"][name] = rate(step, runner.amounts[step.name],
                                      statistics.median(seconds[step.name]))
            if name != OURS and OURS in runner.seconds:
                row["ratios"][name] = ratio(runner.seconds, step, OURS, name)
        if step.target and PEER in row["ratios"]:
            row["target"] = step.target
            row["met"] = row["ratios"][PEER]["median"] >= step.target
        rows.append(row)
    return rows


def print_table(rows, names):
    others = [name for name in (PEER, LIMIT) if name in rows[0]["ratios"]]
    heads = [f"{'workload':<19}", f"{'unit':<8}", *(f"{name:>11}" for name in names),
             *(f"{'/ ' + name + ' (min-max)':>26}" for name in others), "  target"]
    print("".join(heads).rstrip())
    for row in rows:
        cells = [f"{row['workload']:<19}", f"{row['unit']:<8}"]
        cells += [f"{row['rates'][name]:>11,.0f}" for name in names]
        for name in others:
            r = row["ratios"][name]
            text = f"{r['median']:.2f} ({r['min']:.2f}-{r['max']:.2f})"
            cells.append(f"{text:>26}")
        if "target" in row:
            verdict = "met" if row["met"] else "MISSED"
            cells.append(f"  >= {row['target']:.1f} {verdict}")
        print("".join(cells).rstrip())


def print_verdict(rows):
    judged = [row for row in rows if "target" in row]
    if judged:
        missed = [row["workload"] for row in judged if not row["met"]]
        print(f"\nrecryptfs against gocryptfs: {len(judged) - len(missed)} of {len(judged)} targets "
              f"met" + (f"; missed: {', '.join(missed)}" if missed else ""))


def parse_options():
    parser = argparse.ArgumentParser(description="compares mounts on one disk in one run")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("/var/tmp"),
                        help="where to work: a folder on the disk to measure")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=256, help="of the large file, in MiB")
    parser.add_argument("--files", type=int, default=5000, help="small files")
    parser.add_argument("--reads", type=int, default=4096, help="random reads")
    parser.add_argument("--writes", type=int, default=1024, help="random overwrites")
    parser.add_argument("--only", help="workloads, separated by commas: "
                        + ", ".join(step.name for step in STEPS))
    parser.add_argument("--systems", help="separated by commas: " + ", ".join(SYSTEMS))
    parser.add_argument("--quick", action="store_true",
                        help="one small round, to see that everything runs; its figures say nothing")
    parser.add_argument("--json", type=pathlib.Path, help="default: BUILD/bench/mount_bench.json")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.size, options.files = 1, 16, 100
        options.reads, options.writes = 256, 64
    options.json = options.json or options.build / "bench" / "mount_bench.json"
    return options


def chosen_steps(only):
    names = only.split(",") if only else [step.name for step in STEPS]
    unknown = set(names) - {step.name for step in STEPS}
    if unknown:
        sys.exit(f"mount_bench: unknown workload: {', '.join(sorted(unknown))}")
    return [step for step in STEPS if step.name in names]


def start_systems(stack, options, base, programs):
    """Those asked for have to start; otherwise a peer that is not installed is left out."""
    names = options.systems.split(",") if options.systems else list(SYSTEMS)
    unknown = set(names) - set(SYSTEMS)
    if unknown:
        sys.exit(f"mount_bench: unknown system: {', '.join(sorted(unknown))}")
    started = []
    for name in names:
        try:
            started.append(stack.enter_context(SYSTEMS[name](base, programs)))
        except Unusable as why:
            if options.systems or name == OURS:
                sys.exit(f"mount_bench: {name}: {why}")
            print(f"left out: {name}: {why}")
    return started


def file_system_of(path):
    return run(["stat", "-f", "-c", "%T", path]).strip()


def measure(options, steps):
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        sys.exit("mount_bench: needs root and /dev/fuse")
    if file_system_of(options.dir) == "tmpfs":
        sys.exit(f"mount_bench: {options.dir} is in memory; --dir names a folder on a disk")
    base = pathlib.Path(tempfile.mkdtemp(prefix="recryptfs-bench-", dir=options.dir))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        programs = Programs(options.build, base)
        systems = start_systems(stack, options, base, programs)
        runner = Runner(options, systems, programs)
        log = lambda line: print(line, file=sys.stderr, flush=True)
        for number in range(options.rounds):
            runner.round(number, steps, log)
        versions = {system.name: system.version() for system in systems}
    return runner, versions


def main():
    options = parse_options()
    steps = chosen_steps(options.only)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("mount_bench: stopped"))
    begun = time.monotonic()
    try:
        runner, versions = measure(options, steps)
    except Unusable as why:
        sys.exit(f"mount_bench: {why}")
    rows = summarize(steps, runner)
    report = {
        "command": sys.argv, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"kernel": platform.release(), "cores": os.cpu_count(),
                    "disk": file_system_of(options.dir)},
        "versions": versions,
        "settings": {key: getattr(options, key)
                     for key in ("rounds", "size", "files", "reads", "writes")},
        "seconds": runner.seconds, "workloads": rows}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=1) + "\n")
    print_table(rows, list(runner.seconds))
    print_verdict(rows)
    print(f"{options.rounds} rounds, {options.size} MiB, {options.files} files, "
          f"{time.monotonic() - begun:.0f} s; every round: {options.json}")


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, subprocess.TimeoutExpired) as problem:
        sys.exit(f"mount_bench: {problem}")
