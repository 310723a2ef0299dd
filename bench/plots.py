#!/usr/bin/env python3
"""Draws the plots of docs/PERFORMANCE.md from mount_bench.py's JSON file, as SVG.

  bench/plots.py build/bench/mount_bench.json docs/performance
"""
import json
import math
import pathlib
import statistics
import sys
from xml.sax.saxutils import escape

LIMIT, OURS = "passthrough", "recryptfs"
COLOURS = {"plain": "#9aa0a6", "passthrough": "#202124", "recryptfs": "#d93025",
           "gocryptfs": "#1a73e8", "securefs": "#188038", "cryfs": "#e37400", "encfs": "#9334e6"}
# Rows of the first plot; those of the second are all others that are no processor time.
DATA = ["seq-write", "seq-read-cold", "seq-read-warm", "four-write", "four-read-cold",
        "four-read-warm", "random-read-cold", "random-write-fsync", "write-4k-calls",
        "sqlite-rollback", "sqlite-wal"]
WIDTH, LEFT, RIGHT, TOP, LINE = 860, 150, 24, 64, 24


class Picture:
    def __init__(self, height, title):
        self.height, self.parts = height, []
        self.text(16, 22, title, size=14, weight="bold")

    def add(self, text):
        self.parts.append(text)

    def text(self, x, y, words, size=12, anchor="start", weight="normal", colour="#202124"):
        self.add(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
                 f'font-weight="{weight}" fill="{colour}">{escape(words)}</text>')

    def line(self, x1, y1, x2, y2, colour="#dadce0", width=1):
        self.add(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                 f'stroke="{colour}" stroke-width="{width}"/>')

    def dot(self, x, y, radius, colour):
        self.add(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}" '
                 'fill-opacity="0.85"/>')

    def bar(self, x, y, width, height, colour):
        self.add(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" '
                 f'fill="{colour}" fill-opacity="0.85"/>')

    def legend(self, names, y):
        x = LEFT
        for name in names:
            self.dot(x, y - 4, 5, COLOURS[name])
            self.text(x + 9, y, name)
            x += 9 + 8 * len(name) + 18

    def save(self, path):
        path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
                        f'height="{self.height}" font-family="sans-serif">\n'
                        '<rect width="100%" height="100%" fill="white"/>\n'
                        + "\n".join(self.parts) + "\n</svg>\n")


def relative_speeds(row):
    """Of each system, over the rounds: how many times as fast as the pass-through."""
    costs = row["costs"]
    return {name: [limit / own for own, limit in zip(each, costs[LIMIT])]
            for name, each in costs.items()}


def draw_speeds(rows, title, path):
    """A line for each workload, a dot for each system, on a logarithmic axis; the pass-through is
    at 1."""
    rows = [row for row in rows if LIMIT in row["costs"]]
    if not rows:
        return
    speeds = [relative_speeds(row) for row in rows]
    medians = [statistics.median(each) for of_row in speeds for each in of_row.values()]
    low = math.floor(math.log2(max(min(medians), 1 / 64)))
    high = math.ceil(math.log2(min(max(medians), 64)))

    def place(value):
        at = (min(max(math.log2(value), low), high) - low) / max(high - low, 1)
        return LEFT + at * (WIDTH - LEFT - RIGHT)

    picture = Picture(TOP + LINE * len(rows) + 40, title)
    bottom = TOP + LINE * len(rows)
    for power in range(low, high + 1):
        picture.line(place(2.0**power), TOP - 6, place(2.0**power), bottom)
        picture.text(place(2.0**power), bottom + 16,
                     str(2**power) if power >= 0 else f"1/{2**-power}", anchor="middle")
    picture.line(place(1), TOP - 6, place(1), bottom, COLOURS[LIMIT], 2)
    for number, (row, of_row) in enumerate(zip(rows, speeds)):
        y = TOP + LINE * number + LINE / 2
        picture.text(LEFT - 10, y + 4, row["workload"], anchor="end")
        picture.line(LEFT, y, WIDTH - RIGHT, y, "#f1f3f4")
        for name, each in sorted(of_row.items(), key=lambda item: item[0] == OURS):
            if name == LIMIT:
                continue
            if name == OURS:
                picture.line(place(min(each)), y, place(max(each)), y, COLOURS[name], 3)
            picture.dot(place(statistics.median(each)), y, 7 if name == OURS else 5, COLOURS[name])
    picture.legend([name for name in COLOURS
                    if name != LIMIT and any(name in each for each in speeds)], 46)
    picture.text(WIDTH - RIGHT, bottom + 34, "times the speed of the pass-through; further right "
                 "is faster", size=11, anchor="end", colour="#5f6368")
    picture.save(path)


def draw_processor(rows, path):
    """A bar for each system: seconds of the serving process for a GiB."""
    rows = [row for row in rows if row["costs"]]
    if not rows:
        return
    bars = sum(len(row["costs"]) for row in rows)
    most = max(statistics.median(each) for row in rows for each in row["costs"].values())
    scale = (WIDTH - LEFT - RIGHT - 60) / most
    height = 44 + 17 * bars + 34 * len(rows)
    picture = Picture(height, "Processor time of the serving process, seconds for a GiB")
    y = 44
    for row in rows:
        picture.text(LEFT, y + 4, {"cpu-write": "written", "cpu-read": "read"}[row["workload"]],
                     weight="bold")
        top = y + 10
        for name, each in row["costs"].items():
            y += 17
            value = statistics.median(each)
            picture.text(LEFT - 10, y + 4, name, anchor="end")
            picture.bar(LEFT, y - 7, value * scale, 13, COLOURS[name])
            picture.text(LEFT + value * scale + 6, y + 4, f"{value:.2f}")
        if "cipher" in row:
            x = LEFT + row["cipher"]["alone"] * scale
            picture.line(x, top, x, y + 8, "#202124", 2)
            picture.text(x, y + 20, f"AES-256-GCM alone: {row['cipher']['alone']:.2f}", size=11,
                         colour="#5f6368")
        y += 34
    picture.save(path)


def draw(result, folder):
    folder.mkdir(parents=True, exist_ok=True)
    rows = {row["workload"]: row for row in result["workloads"]}
    processor = [row for name, row in rows.items() if name.startswith("cpu-")]
    names = [row for name, row in rows.items() if name not in DATA and row not in processor]
    draw_speeds([rows[name] for name in DATA if name in rows], "Data and transactions",
                folder / "data.svg")
    draw_speeds(names, "Names, small files, trees", folder / "names.svg")
    draw_processor(processor, folder / "processor.svg")


if __name__ == "__main__":
    draw(json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2]))
