#!/usr/bin/env python3
"""Measures how many recryption grants one core of recryptd answers, against the raw X25519 rate of
that core.

  bench/grant_bench.py [--core N] [--seconds N] [--batch N] [--threads N] [--dir DIR] [--json FILE]

recryptd is pinned to one core; the load comes over TLS from the others, by the client library's own
sessions. The raw rate is measured on the same core while recryptd is idle, before and after. What
is counted, and how to read it: bench/README.md.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

from systems import LABEL, Programs, Service, Unusable, run

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = 1 / 3


def raw_rate(options):
    text = run(["taskset", "-c", options.core, options.build / "bench" / "x25519_rate", "1.0"])
    return json.loads(text)["x25519_per_second"]


def processor_seconds(pid):
    """User and system time that a process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(options, programs, base, audit_sync):
    """One recryptd of its own, from its first account to its end."""
    service = Service(programs, base / f"audit-{audit_sync}", ["--audit-sync", audit_sync],
                      ["taskset", "-c", str(options.core)])
    with contextlib.ExitStack() as stack:
        stack.callback(service.stop)
        service.make_account()
        others = ",".join(str(core) for core in sorted(os.sched_getaffinity(0))
                          if core != options.core)
        before, used = raw_rate(options), processor_seconds(service.process.pid)
        load = json.loads(service.command(
            "taskset", "-c", others, options.build / "bench" / "grant_load",
            service.home / "config" / "recryptfs", LABEL, "--threads", options.threads, "--batch",
            options.batch, "--seconds", options.seconds, "--warm-up", options.warm_up))
        used = processor_seconds(service.process.pid) - used
        raw = (before + raw_rate(options)) / 2
    load.update({"audit_sync": audit_sync, "x25519_per_second": raw,
                 "ratio": load["grants_per_second"] / raw,
                 "core_busy": min(1.0, used / (options.seconds + options.warm_up)),
                 "target": TARGET, "met": load["grants_per_second"] / raw >= TARGET})
    return load


def parse_options():
    parser = argparse.ArgumentParser(description="grants a second of one core of recryptd")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("/var/tmp"),
                        help="where recryptd keeps its store: a folder on a disk")
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)))
    parser.add_argument("--threads", type=int, default=2 * (os.cpu_count() or 2),
                        help="requests under way at a time")
    parser.add_argument("--batch", type=int, default=64, help="grants in one request")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--warm-up", type=float, default=1)
    parser.add_argument("--json", type=pathlib.Path, help="default: BUILD/bench/grant_bench.json")
    options = parser.parse_args()
    options.json = options.json or options.build / "bench" / "grant_bench.json"
    return options


def main():
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("grant_bench: stopped"))
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("grant_bench: needs a second core for the load")
    base = pathlib.Path(tempfile.mkdtemp(prefix="recryptfs-bench-", dir=options.dir))
    try:
        programs = Programs(options.build, base)
        results = [measure(options, programs, base, sync) for sync in ("os", "disk")]
    finally:
        shutil.rmtree(base, ignore_errors=True)
    print(f"{'audit.sync':<11}{'grants/s':>10}{'X25519/s':>10}{'ratio':>8}{'core busy':>11}"
          f"{'p50 ms':>8}{'p99 ms':>8}  target")
    for result in results:
        print(f"{result['audit_sync']:<11}{result['grants_per_second']:>10,.0f}"
              f"{result['x25519_per_second']:>10,.0f}{result['ratio']:>8.3f}"
              f"{result['core_busy']:>11.0%}{result['p50_ms']:>8.1f}{result['p99_ms']:>8.1f}"
              f"  >= {result['target']:.3f} {'met' if result['met'] else 'MISSED'}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"command": sys.argv, "results": results}, indent=1) + "\n")
    print(f"batches of {options.batch}, {options.threads} under way, core {options.core}; "
          f"{options.json}")


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, Unusable, subprocess.TimeoutExpired) as problem:
        sys.exit(f"grant_bench: {problem}")
