#!/usr/bin/env python3
"""recryptfs status: what a mount holds, for how long yet, and whether services answer; and what
commands show on a terminal."""
import json
import os
import re
import signal
import subprocess
import sys

from harness import Promises, Stage, Terminal, check, need_root_and_fuse

LABEL, LEASE = "Seen#example.com", 600


class Status:
    def __init__(self, stage):
        self.stage, self.share = stage, stage.make_share()

    def status(self):
        return json.loads(self.alice.run("recryptfs", "status", "--json").out)

    def figures(self):
        mounts = self.status()["mounts"]
        check(len(mounts) == 1 and mounts[0]["serving"], f"{mounts}")
        return mounts[0]["figures"]

    def nothing_is_mounted_and_services_answer(self):
        self.com = self.stage.service("example.com")
        self.net = self.stage.service("example.net")
        self.alice = self.stage.user("alice")
        self.alice.create_profile(self.com, self.net)
        self.alice.run("recryptfs", "label", "create", LABEL, "--lease", LEASE)
        self.alice.make_labelled_folder(LABEL, self.share, "Seen")
        done = self.alice.run("recryptfs", "status")
        check("Nothing is mounted" in done.err, repr(done))
        for domain in ("example.com", "example.net"):
            check(re.search(rf"^{domain} +127.0.0.1:\d+ +answers, in \d+ ms$", done.out, re.M),
                  done.out)

    def a_mount_shows_what_it_holds(self):
        self.at = self.alice.mount(self.share)
        before = self.figures()
        check(before["leases"] == [] and before["keys"] == 0, f"{before}")
        self.alice.shell(f"cd {self.at}/Seen; for i in 1 2 3; do echo $i > $i; done; cat 1 2 3")
        self.alice.remount(self.share, self.at)
        self.alice.shell(f"cat {self.at}/Seen/[123]; cat {self.at}/Seen/1")
        seen = self.figures()
        check([lease["label"] for lease in seen["leases"]] == [LABEL], f"{seen}")
        check(LEASE - 60 < seen["leases"][0]["seconds"] <= LEASE, f"{seen}")
        check(seen["keys"] == 3 and seen["granted"] == 3 and seen["refused"] == 0, f"{seen}")
        check(seen["known"] >= 4, f"{seen}")
        text = self.alice.run("recryptfs", "status").out
        check(re.search(rf"^{self.at} +{re.escape(LABEL)} +(9|10) min", text, re.M), text)
        self.alice.run("recryptfs", "lock", self.at)
        locked = self.figures()
        check(locked["leases"] == [] and locked["keys"] == 0, f"{locked}")

    def what_else_sees_a_mount_is_named_when_it_is_unmounted(self):
        copy = self.stage.base / "copy"
        copy.mkdir()
        other = self.alice.mount(self.share)
        subprocess.run(["mount", "--bind", other, copy], check=True)
        try:
            kept = self.alice.run("recryptfs", "umount", other, code=8)
        finally:
            subprocess.run(["umount", copy], check=True)
        check(str(copy) in kept.err and "unmount it there" in kept.err, repr(kept))

    def all_mounts_are_locked_also_when_one_fails(self):
        dead = self.alice.mount(self.share)
        os.kill(int(self.alice.run("getfattr", "--only-values", "-n", "user.jcd.pid", dead).out),
                signal.SIGKILL)
        # Behind the one that fails.
        last = self.alice.mount(self.share)
        self.alice.shell(f"cat {last}/Seen/1")
        done = self.alice.run("recryptfs", "lock", "--json", code=5)
        check(json.loads(done.out)["locked"] == [str(self.at), str(last)], repr(done))
        check(str(dead) in done.err and "recryptfs umount" in done.err, repr(done))
        held = [each["figures"] for each in self.status()["mounts"] if each["serving"]]
        check(len(held) == 2 and all(each["keys"] == 0 for each in held), f"{held}")
        for point in (dead, last):
            self.alice.umount(point)

    def a_service_that_is_gone_does_not_answer(self):
        self.net.stop()
        services = {each["domain"]: each for each in self.status()["services"]}
        check(services["example.com"]["reachable"], f"{services}")
        gone = services["example.net"]
        check(not gone["reachable"] and "example.net" in gone["error"], f"{gone}")
        check("does not answer" in self.alice.run("recryptfs", "status").out, "no word of it")

    def watching_shows_it_again(self):
        process = self.alice.start("recryptfs", "status", "--watch", "--json")
        for _ in range(3):
            check(len(json.loads(process.stdout.readline())["mounts"]) == 1, "no mount")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)

    def a_terminal_is_painted_on_unless_nobody_wants_it(self):
        for environment, painted in (((), True), (("NO_COLOR=1",), False), (("TERM=dumb",), False)):
            with Terminal(self.alice, self.alice.home, "env", *environment, "recryptfs", "status") as seen:
                seen.wait_for_end()
                while seen.read(0.2) and "example.net" not in seen.all:
                    pass
            check(("\x1b[" in seen.all) == painted, f"{environment}: {seen.all!r}")

    def a_failure_says_what_happened_and_what_to_do(self):
        failed = self.alice.run("recryptfs", "label", "show", "Missing#example.net", code=5)
        lines = failed.err.splitlines()
        check(len(lines) == 2 and "example.net" in lines[0] and "recryptfs status" in lines[1],
              failed.err)
        error = json.loads(self.alice.run("recryptfs", "label", "show", "Missing#example.net",
                                          "--json", code=5).err)["error"]
        check(error["code"] == "unavailable" and error["exit"] == 5 and error["advice"], f"{error}")


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        story = Status(stage)
        for promise in (story.nothing_is_mounted_and_services_answer,
                        story.a_mount_shows_what_it_holds,
                        story.what_else_sees_a_mount_is_named_when_it_is_unmounted,
                        story.all_mounts_are_locked_also_when_one_fails,
                        story.a_service_that_is_gone_does_not_answer,
                        story.watching_shows_it_again,
                        story.a_terminal_is_painted_on_unless_nobody_wants_it,
                        story.a_failure_says_what_happened_and_what_to_do):
            promises.keep(promise.__name__.replace("_", " "), promise)
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
