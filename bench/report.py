"""From what the runner measured to the JSON file's rows, and to the table."""
import pathlib
import re
import statistics

from systems import PEERS

OURS, LIMIT = "recryptfs", "passthrough"
NEAR_LIMIT = 0.9  # of the pass-through's speed is enough where that is all there is to have
CPU_TARGET = 1.5  # times AES-256-GCM alone, beside what the pass-through uses
TREE_TARGET, OPEN_TARGET_US = 1.3, 400


def processor():
    found = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return found.group(1) if found else "unknown"


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratio(ours, other):
    """Over the rounds, how many times as fast as another: costs are divided within a round."""
    return spread([theirs / own for own, theirs in zip(ours, other)])


def shown(row, cost, amount):
    """A cost as the table's unit has it."""
    if row.unit == "MiB/s":
        return amount["bytes"] / 2**20 / cost
    return amount["operations"] / cost if row.unit.endswith("/s") else cost


def best_peer(row, costs, unsynced):
    able = [name for name in PEERS if row.name in costs.get(name, {})
            and row.syncs not in unsynced[name]]
    return min(able, key=lambda name: statistics.median(costs[name][row.name]), default=None)


def at_limit(row, reached, limit):
    """Where a mount that only passes through would not reach what is asked for either (but is not
    beaten by the peer: then crossing is not what limits), coming near to it is enough."""
    best_possible = reached / limit
    is_limit = NEAR_LIMIT <= best_possible < row.peer
    return {"met": True, "by_limit": True} if is_limit and limit >= NEAR_LIMIT else {}


def summarize_row(row, runner, facts):
    costs = {name: rows[row.name] for name, rows in runner.costs.items() if row.name in rows}
    if not costs:
        return None
    summary = {"workload": row.name, "unit": row.unit, "syncs": row.syncs, "costs": costs,
               "shown": {name: shown(row, statistics.median(each), runner.amounts[row.name])
                         for name, each in costs.items()},
               "targets": {}}
    ours = costs.get(OURS)
    if ours is None:
        return summary
    summary["ratios"] = {name: ratio(ours, each) for name, each in costs.items() if name != OURS}
    peer = best_peer(row, runner.costs, facts["unsynced"]) if row.peer else None
    limit = summary["ratios"].get(LIMIT, {}).get("median")
    if peer:
        summary["best_peer"] = peer
        reached = summary["ratios"][peer]["median"]
        summary["targets"]["peer"] = {"least": row.peer, "met": reached >= row.peer}
        if reached < row.peer and limit is not None:
            summary["targets"]["peer"].update(at_limit(row, reached, limit))
    if row.limit and limit is not None:
        summary["targets"]["limit"] = {"least": row.limit, "met": limit >= row.limit}
    return summary


def cipher_target(summary, gcm):
    """Daemon time beyond the pass-through's own, in units of what AES-256-GCM alone costs."""
    key = "encrypt_per_gib" if summary["workload"] == "cpu-write" else "decrypt_per_gib"
    costs = summary["costs"]
    if OURS not in costs or LIMIT not in costs:
        return
    each = spread([(own - limit) / alone[key]
                   for own, limit, alone in zip(costs[OURS], costs[LIMIT], gcm)])
    summary["cipher"] = {"alone": statistics.median(alone[key] for alone in gcm), "times": each}
    summary["targets"]["cipher"] = {"most": CPU_TARGET, "met": each["median"] <= CPU_TARGET}


def summarize_grants(measured):
    if not measured:
        return None
    tree = spread([each["tree_fresh"] / each["tree_held"] for each in measured])
    opening = spread([each["open_fresh"] - each["open_held"] for each in measured])
    return {"rounds": measured,
            "tree_ratio": {**tree, "most": TREE_TARGET, "met": tree["median"] <= TREE_TARGET},
            "open_difference_us": {**opening, "most": OPEN_TARGET_US,
                                   "met": opening["median"] <= OPEN_TARGET_US}}


def summarize(steps, runner, facts):
    rows = [summarize_row(row, runner, facts) for step in steps for row in step.rows]
    rows = [row for row in rows if row]
    for row in rows:
        if row["workload"].startswith("cpu-"):
            cipher_target(row, runner.gcm)
    failures = [{"system": system, "step": step, "why": why}
                for (system, step), why in runner.failures.items()]
    return {**facts, "systems": list(runner.costs), "workloads": rows, "gcm": runner.gcm,
            "grants": summarize_grants(runner.grants), "failures": failures}


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def range_text(values):
    return f"{values['median']:.2f} ({values['min']:.2f}-{values['max']:.2f})"


def verdict(target):
    sign, value = (">=", target["least"]) if "least" in target else ("<=", target["most"])
    word = "MISSED" if not target["met"] else "limit" if "by_limit" in target else "met"
    return f"{sign} {value:g} {word}"


def line_of(row, result):
    cells = [f"{row['workload']:<19}{row['unit']:<8}"]
    for name in result["systems"]:
        text = number(row["shown"][name]) if name in row["shown"] else "-"
        mark = "*" if row["syncs"] in result["unsynced"][name] else " "
        cells.append(f"{text:>11}{mark}")
    ratios, targets = row.get("ratios", {}), row["targets"]
    peer = row.get("best_peer")
    cells.append(f"  {range_text(ratios[peer]):<20}{peer:<11}{verdict(targets['peer']):<15}"
                 if peer else " " * 48)
    if "cipher" in row:
        cells.append(f"{range_text(row['cipher']['times']):<20}"
                     f"{verdict(targets['cipher'])} of GCM alone")
    elif LIMIT in ratios:
        cells.append(f"{range_text(ratios[LIMIT]):<20}"
                     + (verdict(targets["limit"]) if "limit" in targets else ""))
    return "".join(cells).rstrip()


def grant_lines(grants):
    tree, opening = grants["tree_ratio"], grants["open_difference_us"]
    medians = {key: statistics.median(each[key] for each in grants["rounds"])
               for key in ("tree_held", "tree_fresh", "open_held", "open_fresh")}
    return [
        f"cold tree read without grants {medians['tree_fresh']:.2f} s, with "
        f"{medians['tree_held']:.2f} s: ratio {range_text(tree)}  {verdict(tree)}",
        f"one document opened without a grant {medians['open_fresh']:.0f} us, with "
        f"{medians['open_held']:.0f} us (p50): {opening['median']:.0f} us more "
        f"({opening['min']:.0f}-{opening['max']:.0f})  {verdict(opening)}"]


def footnotes(result):
    lines = []
    memory = [f"{name} {peak:.0f}" for name, peak in result["peak_mebibytes"].items() if peak]
    lines.append("peak memory of the serving process, MiB: " + ", ".join(memory))
    careless = [f"{name} ({' and '.join(kinds)})" for name, kinds in result["unsynced"].items()
                if kinds]
    if careless:
        lines.append(f"* does not bring to the disk what fsync asks for, and is left out where "
                     f"that counts: {', '.join(careless)}")
    lines += [f"left out: {name}: {why}" for name, why in result["left_out"].items()]
    lines += [f"failed: {each['system']}, {each['step']}: {each['why'].splitlines()[-1]}"
              for each in result["failures"]]
    if any("by_limit" in target for row in result["workloads"] for target in
           row["targets"].values()):
        lines.append(f"limit: met, since RecryptFS has {NEAR_LIMIT:g} of the pass-through's speed, "
                     "which does not reach the target either")
    return lines


def all_targets(result):
    named = [(row["workload"] + ("" if kind == "peer" else " / " + kind), target["met"])
             for row in result["workloads"] for kind, target in row["targets"].items()]
    if result["grants"]:
        named += [(key, result["grants"][key]["met"])
                  for key in ("tree_ratio", "open_difference_us")]
    return named


def table(result):
    head = f"{'workload':<19}{'unit':<8}" + "".join(f"{n:>11} " for n in result["systems"])
    head += f"  {'/ best peer':<46}{'/ passthrough':<20}"
    lines = [head.rstrip()] + [line_of(row, result) for row in result["workloads"]]
    if result["grants"]:
        lines += ["", *grant_lines(result["grants"])]
    lines += ["", *footnotes(result)]
    named = all_targets(result)
    missed = [name for name, met in named if not met]
    lines.append(f"{len(named) - len(missed)} of {len(named)} targets met"
                 + (f"; missed: {', '.join(missed)}" if missed else ""))
    settings = result["settings"]
    lines.append(f"{settings['rounds']} rounds, {settings['size']} MiB, {settings['files']} files, "
                 f"{result['seconds']} s")
    return "\n".join(lines)


def put_into(document, result):
    """Replaces what stands between the two marks of a text by the facts of a run and its table."""
    machine, versions = result["machine"], result["versions"]
    packages = ", ".join(f"{name} {versions[name]}" for name in PEERS if name in versions)
    facts = (f"By `{' '.join(['bench/run', *result['command'][1:]])}` at {result['time']}, on "
             f"{machine['cores']} processors ({machine['processor']}), {machine['disk']}, Linux "
             f"{machine['kernel']}; {packages}.")
    text = document.read_text()
    before, rest = text.split("<!-- a run -->\n", 1)
    _, after = rest.split("<!-- end of the run -->\n", 1)
    document.write_text(f"{before}<!-- a run -->\n{facts}\n\n```\n{table(result)}\n```\n"
                        f"<!-- end of the run -->\n{after}")
