"""A guide as its tests see it: the fenced blocks of a Markdown file, run in order.

    for block in Guide(path).blocks: ...
    Terminals(enter).run(block)

The convention, which CONTRIBUTING.md gives to writers:

    ```console              commands behind `alice$ ` or `root# `, lines continued behind `> `; what
                            stands below a command has to be what it prints
    ```console bob          goes on in bob's terminal, where the last command still runs
    ```console not run: …   not run, for the reason that is given
    ```toml /etc/a.toml     is written to that file (any language, if its second word is a path)
    <!-- console            commands that are run and not shown
    -->

What a program asks at the end of a line is answered by what stands behind the question. `…` is
anything in a line, and alone on a line any lines. Fingerprints, codes, shares and digests are
compared by what they are: the first time that one is shown it stands for the one that is seen, also
in commands, from then on. Dates, times, durations and rates are compared by their form.
"""
import os
import pty
import re
import select
import subprocess
import time

COMMAND = re.compile(r"^([a-z]+(?:@[a-z]+)?)[$#] (.*)$")
# What is another thing in each run, and the same throughout one.
TOKEN = re.compile(r"\b[A-Z2-7]{4}(?:-[A-Z2-7]{4}){2,}\b|\b[0-9a-f]{64}\b"
                   r"|(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)"
                   r"[\w-]{22}(?:[\w-]{21})?(?![\w-])")
# What is another one in each run, by its form.
TIME = r"20\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z?"
FORMS = [
    (TIME, TIME),
    (r"20\d\d-\d\d-\d\d", r"20\d\d-\d\d-\d\d"),
    (r"\b\d\d:\d\d:\d\d\b", r"\d\d:\d\d:\d\d"),
    (r"\bin \d+ (?:ms|s|min|h)\b(?: \d+ (?:s|min))?", r"in \d+ (?:ms|s|min|h)(?: \d+ (?:s|min))?"),
    (r"\b\d+(?:\.\d+)? [KMG]?i?B/s", r"\d+(?:\.\d+)? [KMG]?i?B/s"),
    (r"\b\d+ a second", r"\d+ a second"),
    (r"\bprocess \d+", r"process \d+"),
    (r"\b\d+ (?:s|min|h)\b", r"\d+ (?:s|min|h)"),
]
FORM = re.compile("|".join(f"(?P<f{i}>{form})" for i, (form, _) in enumerate(FORMS)))


class Wrong(Exception):
    """What a guide says is not so."""


class Step:
    """A command, and what it shows; `command` is None where an earlier one goes on."""

    def __init__(self, who, command, line):
        self.who, self.command, self.line, self.shown = who, command, line, []


class Block:
    def __init__(self, line, info, hidden):
        self.line, self.info, self.hidden, self.lines = line, info.split(), hidden, []

    def is_run(self):
        return self.info[:1] == ["console"] and self.info[1:3] != ["not", "run:"]

    def path(self):
        return self.info[1] if len(self.info) == 2 and self.info[1].startswith("/") else None

    def text(self):
        return "".join(line + "\n" for line in self.lines)

    def steps(self):
        steps = []
        if len(self.info) == 2:
            steps.append(Step(self.info[1], None, self.line))
        for number, line in enumerate(self.lines, self.line + 1):
            found = COMMAND.match(line)
            if found:
                steps.append(Step(found.group(1), found.group(2), number))
            elif not steps:
                raise Wrong(f"line {number}: no command in front of what is shown: {line}")
            elif line.startswith("> ") and not steps[-1].shown and steps[-1].command is not None:
                steps[-1].command += "\n" + line[2:]
            else:
                steps[-1].shown.append(line)
        return steps


class Guide:
    """The blocks of a file, and what in it looks like commands and would not be run."""

    def __init__(self, path):
        self.path, self.blocks, self.stray = path, [], []
        block = None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if block is not None:
                if line == ("-->" if block.hidden else "```"):
                    self.blocks.append(block)
                    block = None
                else:
                    block.lines.append(line)
            elif line.startswith("```"):
                block = Block(number, line[3:], False)
            elif line == "<!-- console":
                block = Block(number, "console", True)
            elif re.match(r"^    \S", line):
                self.stray.append(f"line {number}: a block without a fence: {line.strip()}")
        for block in self.blocks:
            if block.info[:1] in (["sh"], ["bash"], []):
                self.stray.append(f"line {block.line}: a block that is neither run nor marked")


class Names:
    """What fingerprints and the like of the guide are in this run."""

    def __init__(self):
        self.real = {}

    def translate(self, text):
        return TOKEN.sub(lambda found: self.real.get(found.group(0), found.group(0)), text)

    def as_shown(self, text):
        shown = {real: told for told, real in self.real.items()}
        return TOKEN.sub(lambda found: shown.get(found.group(0), found.group(0)), text)

    def pattern(self, line):
        """A regular expression for a line as the guide has it, and the names of its groups."""
        groups, result = [], ""
        for piece in re.split(r"(…)", line):
            if piece == "…":
                result += ".*"
                continue
            at = 0
            for found in sorted([*TOKEN.finditer(piece), *FORM.finditer(piece)],
                                key=lambda each: each.start()):
                if found.start() < at:
                    continue
                result += re.escape(piece[at:found.start()])
                if found.lastgroup:
                    result += FORMS[int(found.lastgroup[1:])][1]
                elif found.group(0) in self.real:
                    result += re.escape(self.real[found.group(0)])
                else:
                    groups.append(found.group(0))
                    result += rf"([\w-]{{{len(found.group(0))}}})"
                at = found.end()
            result += re.escape(piece[at:])
        return result, groups

    def match(self, shown, seen):
        """True when the lines `seen` are those `shown`; learns what new names are."""
        whole, groups = "", []
        for line in shown:
            if line == "…":
                whole += r"(?:.*\n)*?"
                continue
            pattern, more = self.pattern(line.rstrip())
            whole, groups = whole + pattern + r"[ ]*\n", groups + more
        found = re.fullmatch(whole, "".join(line + "\n" for line in seen))
        if not found:
            return False
        learnt = {}
        for told, real in zip(groups, found.groups()):
            if learnt.setdefault(told, real) != real:
                return False
        self.real.update(learnt)
        return True


class Terminal:
    """A shell in a pseudo terminal that does not echo."""
    PROMPT = re.compile(r"<<(\d+)>>$")

    def __init__(self, command, env):
        self.master, slave = pty.openpty()
        subprocess.run(["stty", "-echo", "-onlcr", "cols", "400"], stdin=slave, check=True)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *command, "bash", "--norc", "--noprofile",
             "--noediting", "-i"],
            stdin=slave, stdout=slave, stderr=slave,
            env=dict(env, PS1="<<$?>>", PS2="", TERM="dumb", HISTFILE="", NO_COLOR="1"))
        os.close(slave)
        self.text, self.busy = "", True
        self.read_until_idle(20, 20)

    def type(self, text):
        os.write(self.master, (text + "\n").encode())

    def read(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the shell has ended
            raise Wrong("the terminal is gone: " + self.text[-500:]) from None
        self.text += data.decode(errors="replace").replace("\r", "")
        return True

    def read_until_idle(self, idle, limit):
        """Reads until the prompt is there, nothing came for `idle` seconds, or `limit` is over."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if self.PROMPT.search(self.text):
                self.busy = False
                return
            if not self.read(min(idle, max(0.0, end - time.monotonic()))):
                return

    def take(self):
        """What was written since, with the exit status if the command has ended."""
        found = None if self.busy else self.PROMPT.search(self.text)
        # Half a prompt is not text: the rest of it is still to come.
        end = found.start() if found else re.search(r"(?:<(?:<\d*>?)?)?\Z", self.text).start()
        text, self.text = self.text[:end], "" if found else self.text[end:]
        return text, int(found.group(1)) if found else None


class Terminals:
    """Everybody's terminals. `enter(who)` is the command that becomes somebody, and their
    environment."""

    def __init__(self, enter, limit):
        self.enter, self.limit, self.open, self.names = enter, limit, {}, Names()

    def terminal(self, who):
        if who not in self.open:
            self.open[who] = Terminal(*self.enter(who))
            self.open[who].take()
        return self.open[who]

    def run(self, step):
        """Runs a step; returns the lines that it shows, as the guide would have them, and what is
        wrong with it, or None. A command that has shown what it should may go on: its terminal is
        busy then."""
        terminal = self.terminal(step.who)
        if step.command is not None:
            if terminal.busy:
                terminal.read_until_idle(self.limit, self.limit)
                more, status = terminal.take()
                if status is None or more:
                    raise Wrong(f"{step.who}'s last command goes on: {more[-2000:]}")
            terminal.text, terminal.busy = "", True
            terminal.type(self.names.translate(step.command))
        seen, status, left, typed = "", None, list(step.shown), False
        end = time.monotonic() + self.limit
        while status is None and time.monotonic() < end:
            terminal.read_until_idle(0.3, end - time.monotonic())
            text, status = terminal.take()
            # Who reads a passphrase ends the line that was not shown.
            seen += text[1:] if typed and text.startswith("\n") else text
            typed = typed and not text
            if status is not None:
                break
            question = seen.rpartition("\n")[2]
            answer = self.answer(question, left) if question else None
            if answer is not None:
                answer = self.names.translate(answer)
                terminal.type(answer)
                seen, typed = seen + answer + "\n", True
            elif step.shown and not question and self.matches(step, seen):
                # Everything is there that is shown: the command waits for somebody else, or ends.
                terminal.read_until_idle(1.0, 1.0)
                text, status = terminal.take()
                seen += text
                if not text and status is None:
                    return self.lines(seen), None
        return self.lines(seen), self.verdict(step, seen, status)

    def verdict(self, step, seen, status):
        if status is None:
            return "it does not end"
        # A command that fails has to say so in the guide, too.
        if status and not any(re.match(r"^[\w./-]+: ", line) for line in step.shown):
            return f"it fails with {status}"
        return None if not step.shown or self.matches(step, seen) else "it shows something else"

    def lines(self, seen):
        return [self.names.as_shown(line).rstrip() for line in self.screen(seen)]

    def matches(self, step, seen):
        return self.names.match(step.shown, [line.rstrip() for line in self.screen(seen)])

    @staticmethod
    def screen(seen):
        """The lines that are left on a screen: a bar of progress is wiped."""
        return [line.rpartition("\x1b[K")[2] for line in seen.splitlines()]

    def answer(self, question, left):
        """What the guide has behind this question; takes the lines up to there off `left`."""
        for i, line in enumerate(left):
            for cut in range(len(line), 0, -1):
                if line[cut - 1] != " ":
                    continue
                pattern, _ = self.names.pattern(line[:cut].rstrip())
                if re.fullmatch(pattern + " *", question):
                    del left[:i + 1]
                    return line[cut:]
        return None
