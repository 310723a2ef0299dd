#!/usr/bin/env python3
"""Runs every suite of the project and closes with one line `N passed, N failed, N skipped`.

  tests/run.py [--build DIR] [--full] [--jobs N] [--sanitized] [PATTERN ...]

A suite is a gtest program (counted from its JSON report), a node test file (counted from its TAP
output), or any other command that closes with `N passed, N failed, N skipped` itself. Suites that
mount or make accounts run one after another; all others run side by side. With PATTERNs, only the
suites whose name contains one of them run. With --sanitized, the build has sanitizers: the suites of
gtest and fuzz programs run, and every report of any of their processes is a failure.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
COUNT_LINE = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$", re.M)
TAP_SKIPPED = re.compile(r"^ *(?:not )?ok \d+ - .* # (?:SKIP|TODO) ?(.*)$", re.M)


class Outcome:
    def __init__(self, name):
        self.name, self.passed, self.failed, self.skipped = name, 0, 0, 0
        self.reasons, self.output, self.seconds = [], "", 0.0


def run(command, timeout, env=None):
    """Exit code and output; 124 when the time is over."""
    try:
        done = subprocess.run(command, cwd=ROOT, timeout=timeout, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        return 124, (late.stdout or b"").decode(errors="replace") + f"\nstopped after {timeout} s"


def run_gtest(outcome, command, timeout, env):
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        code, outcome.output = run(command + [f"--gtest_output=json:{report.name}", "--gtest_brief=1"],
                                   timeout, env)
        try:
            parsed = json.load(open(report.name))
        except ValueError:
            parsed = None
    if parsed is None or parsed["tests"] == 0:
        outcome.failed += 1
        outcome.reasons.append(f"{outcome.name}: no report (exit {code})")
        return
    for suite in parsed["testsuites"]:
        for test in suite["testsuite"]:
            name = f"{suite['name']}.{test['name']}"
            if test.get("failures"):
                outcome.failed += 1
                outcome.reasons.append(f"{outcome.name}: {name}")
            elif test["result"] == "SKIPPED":
                outcome.skipped += 1
            elif test["result"] == "COMPLETED" and test["status"] == "RUN":
                outcome.passed += 1
    # The report does not say why; the output does.
    whys = collections.Counter(re.findall(r"^\S+: Skipped\n(.*)$", outcome.output, re.M))
    outcome.reasons += [f"{outcome.name}: {n} skipped: {why}" for why, n in whys.items()]
    if code != 0 and outcome.failed == 0:
        outcome.failed += 1
        outcome.reasons.append(f"{outcome.name}: exit {code}")


def run_node(outcome, command, timeout, env):
    """A test that is still to do counts as skipped."""
    if not shutil.which(command[0]):
        outcome.skipped = 1
        outcome.reasons.append(f"{outcome.name}: skipped: {command[0]} is not installed")
        return
    code, outcome.output = run(command, timeout, env)
    found = {key: int(value) for key, value in
             re.findall(r"^# (pass|fail) (\d+)$", outcome.output, re.M)}
    outcome.passed, outcome.failed = found.get("pass", 0), found.get("fail", 0)
    whys = collections.Counter(TAP_SKIPPED.findall(outcome.output))
    outcome.skipped = sum(whys.values())
    outcome.reasons += [f"{outcome.name}: {count} skipped: {why}" for why, count in whys.items()]
    if (code != 0 or not outcome.passed + outcome.skipped) and outcome.failed == 0:
        outcome.failed = 1
    if outcome.failed:
        outcome.reasons.append(f"{outcome.name}: exit {code}")


def run_script(outcome, command, timeout, env):
    code, outcome.output = run(command, timeout, env)
    counts = COUNT_LINE.findall(outcome.output)
    if counts:
        outcome.passed, outcome.failed = int(counts[-1][0]), int(counts[-1][1])
        outcome.skipped = int(counts[-1][2] or 0)
    if (code != 0 or not counts) and outcome.failed == 0:
        outcome.failed += 1
    if outcome.failed:
        outcome.reasons.append(f"{outcome.name}: exit {code}")
    outcome.reasons += [f"{outcome.name}: {line.strip()}" for line in outcome.output.splitlines()
                        if line.startswith("skipped:")]


RUNNERS = {"gtest": run_gtest, "node": run_node, "script": run_script}


def suites(build, full):
    """(name, kind, command, alone, timeout) of everything there is to run."""
    found = []

    def programs(prefix):
        return sorted(p for p in (build / "tests").glob(prefix + "_*")
                      if p.is_file() and os.access(p, os.X_OK))

    def on_postgresql(program, *options):
        """The same program once more, with its services' stores in a PostgreSQL server."""
        if os.path.exists("/usr/lib/postgresql"):
            found.append((f"{program.name.replace('_', '/', 1)}_postgresql", "gtest",
                          ["env", "RECRYPT_TEST_STORE=postgresql", str(program), *options], False,
                          3600 if full else 600))

    for program in programs("unit"):
        found.append((f"unit/{program.name[5:]}", "gtest", [str(program)], False,
                      3600 if full else 600))
        if program.name == "unit_service":
            # A database is backed up by its own means.
            on_postgresql(program, "--gtest_filter=-BackupTest.*")
    for program in programs("fuzz"):
        corpus = ROOT / "tests/fuzz/corpus" / program.name[5:]
        found.append((f"fuzz/{program.name[5:]}", "script", [str(program), str(corpus)], False, 300))
    for program in programs("mount"):
        found.append((f"mount/{program.name[6:]}", "gtest", [str(program)], True,
                      3600 if full else 900))
    for program in programs("crash"):
        found.append((f"crash/{program.name[6:]}", "gtest", [str(program)], False,
                      4000 if full else 300))
        if program.name == "crash_recryptd":
            on_postgresql(program)
    for script in sorted((ROOT / "tests").glob("*/test_*")):
        where = script.parent.name
        alone = where in ("mount", "e2e")
        command = [sys.executable, str(script)] if script.suffix == ".py" else ["bash", str(script)]
        found.append((f"{where}/{script.stem[5:]}", "script", command, alone, 3600 if full else 600))
    for script in sorted((ROOT / "tests").glob("interop/*.test.mjs")):
        found.append((f"interop/{script.name[:-9]}", "node",
                      ["node", "--test-reporter=tap", str(script)], False, 600))
    return found


def install_jose():
    """Installs jose (npm) for tests/interop when it is missing or older than its lock file, before
    the suites that need it run side by side. Where that fails, their tests skip."""
    home = ROOT / "tests/interop/jose"
    lock, done = home / "package-lock.json", home / "node_modules/.package-lock.json"
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    why = "npm is not installed"
    if shutil.which("npm"):
        code, why = run(["npm", "ci", "--prefix", str(home), "--ignore-scripts", "--no-audit",
                         "--no-fund", "--fetch-retries=1"], 120)
        if code == 0:
            return
    print(f"jose (npm) cannot be installed: {why.strip()}", flush=True)


def sanitizer_options(name, reports):
    """Environment for programs with sanitizers. Mounts are served by processes that end without
    cleaning up and that nobody may trace: leaks are looked for in the others."""
    leaks = "1" if name.startswith(("unit/", "fuzz/")) else "0"
    options = f"log_path={reports}:print_stacktrace=1:detect_leaks={leaks}"
    return {"ASAN_OPTIONS": options, "UBSAN_OPTIONS": options + ":halt_on_error=1",
            "TSAN_OPTIONS": options + ":die_after_fork=0"}


def count_reports(outcome, reports):
    # Undefined behaviour is told on standard error, whatever log_path says.
    for line in re.findall(r"^.*: runtime error: .*$", outcome.output, re.M):
        outcome.failed += 1
        outcome.reasons.append(f"{outcome.name}: {line}")
    for report in sorted(reports.parent.glob(reports.name + ".*")):
        text = report.read_text(errors="replace")
        first = next((line for line in text.splitlines() if ": " in line), "empty report")
        outcome.failed += 1
        outcome.reasons.append(f"{outcome.name}: {report}: {first}")
        outcome.output += "\n" + text[:4000]


def run_suite(suite, build, full, sanitized):
    name, kind, command, _, timeout = suite
    outcome = Outcome(name)
    env = dict(os.environ, RECRYPT_BUILD=str(build), RECRYPT_FULL="1" if full else "")
    env.setdefault("RECRYPT_VECTORS", str(ROOT.parent / "shared/vectors"))
    reports = build / "reports" / name.replace("/", "-")
    if sanitized:
        reports.parent.mkdir(exist_ok=True)
        for old in reports.parent.glob(reports.name + ".*"):
            old.unlink()
        env.update(sanitizer_options(name, reports))
    begun = time.monotonic()
    RUNNERS[kind](outcome, command, timeout * (4 if sanitized else 1), env)
    if sanitized:
        count_reports(outcome, reports)
    outcome.seconds = time.monotonic() - begun
    state = "FAILED" if outcome.failed else "ok"
    print(f"  {name:<28} {state:<7} {outcome.passed} passed, {outcome.failed} failed, "
          f"{outcome.skipped} skipped   {outcome.seconds:.1f} s", flush=True)
    for line in sorted(set(re.findall(r"^seed: (.*)$", outcome.output, re.M))):
        print(f"    {line}", flush=True)
    if outcome.failed:
        print("\n".join("    | " + line for line in outcome.output.splitlines()[-80:]), flush=True)
    return outcome


def main():
    parser = argparse.ArgumentParser(description="runs the tests")
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--sanitized", action="store_true")
    parser.add_argument("patterns", nargs="*")
    options = parser.parse_args()
    build = pathlib.Path(options.build).resolve()

    chosen = [s for s in suites(build, options.full)
              if not options.patterns or any(p in s[0] for p in options.patterns)]
    if options.sanitized:
        chosen = [s for s in chosen if s[0].startswith(("unit/", "fuzz/", "mount/", "crash/"))
                  and s[1] != "node" and s[2][0] not in ("bash", sys.executable)]
    if any(kind == "node" for _, kind, *_ in chosen):
        install_jose()
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        outcomes += pool.map(lambda s: run_suite(s, build, options.full, options.sanitized),
                             [s for s in chosen if not s[3]])
    for suite in chosen:
        if suite[3]:
            outcomes.append(run_suite(suite, build, options.full, options.sanitized))

    for outcome in outcomes:
        for reason in outcome.reasons:
            print(reason)
    total = [sum(getattr(o, key) for o in outcomes) for key in ("passed", "failed", "skipped")]
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
