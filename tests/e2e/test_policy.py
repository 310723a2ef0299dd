#!/usr/bin/env python3
"""A label's policy, review by a supervisor, and the audit log, with real accounts and mounts."""
import json
import sys
import time

from harness import Promises, Stage, check, need_root_and_fuse, wait_until

LABEL = "Board#example.com"


class Board:
    """Alice administers; bob and carol are members of another domain; carol supervises."""

    def __init__(self, stage):
        self.stage = stage
        self.share = stage.make_share()
        self.com, self.net = stage.service("example.com"), stage.service("example.net")
        self.alice, self.bob, self.carol = map(stage.user, ("alice", "bob", "carol"))
        for user, own, other in ((self.alice, self.com, self.net), (self.bob, self.net, self.com),
                                 (self.carol, self.net, self.com)):
            user.create_profile(own, other)
        for user in (self.bob, self.carol):
            self.alice.run("recryptfs", "profile", "trust", user.account, user.fingerprint())
            user.run("recryptfs", "profile", "trust", self.alice.account, self.alice.fingerprint())
        self.alice.run("recryptfs", "label", "create", LABEL, "--lease", "3")
        for user in (self.bob, self.carol):
            self.alice.run("recryptfs", "label", "add", LABEL, user.account)
        self.alice.make_labelled_folder(LABEL, self.share, "Board")
        self.work = self.alice.mount(self.share) / "Board"
        self.alice.shell(f"for i in 1 2 3 4; do echo minutes $i > {self.work}/$i.txt; done; "
                         f"sync {self.work}/*")
        self.bob.at = self.bob.mount(self.share)

    def policy(self, *settings):
        words = [word for setting in settings for word in ("--set", setting)]
        return json.loads(self.alice.run("recryptfs", "label", "policy", LABEL, *words,
                                         "--json").out)

    def read(self, name, code=0):
        """Bob reads a file, with no grant left over from before."""
        self.bob.run("recryptfs", "lock", self.bob.at)
        return self.bob.run("cat", self.bob.at / "Board" / name, code=code)

    def refused(self, name, error, why):
        done = self.read(name, code=1)
        check(error in done.err, repr(done))
        said = self.bob.run("recryptfs", "why", self.bob.at / "Board" / name).out
        check(why in said, f"why: {said}")

    def audit(self, *options):
        out = self.alice.run("recryptfs", "audit", LABEL, "--json", *options).out
        return [json.loads(line) for line in out.splitlines()]

    def records(self, *options):
        return [line for line in self.audit(*options) if "checkpoint" not in line]

    # Policy

    def a_policy_is_set_and_shown(self):
        told = self.policy("lease=2s", "networks=127.0.0.0/8,::1")
        check(told["lease"] == 2, told)
        check(json.loads(self.bob.run("recryptfs", "label", "policy", LABEL, "--json").out) == told,
              "bob sees another policy")
        self.bob.run("recryptfs", "label", "policy", LABEL, "--set", "lease=1h", code=None)
        check(self.policy() == told, "bob changed the policy")
        self.alice.run("recryptfs", "label", "policy", LABEL, "--set", "no-such=1", code=2)
        check(self.read("1.txt").out == "minutes 1\n", "other text")

    def outside_of_hours_and_networks_nothing_opens(self):
        today = "sun mon tue wed thu fri sat".split()[int(time.strftime("%w", time.gmtime()))]
        other = "mon" if today != "mon" else "wed"
        self.policy(f"hours={other} 00:00-00:01; UTC")
        self.refused("1.txt", "Operation not permitted", "hours")
        self.policy("hours=always", "networks=192.0.2.0/24")
        self.refused("1.txt", "Operation not permitted", "network")
        self.policy("networks=any")
        check(self.read("1.txt").out == "minutes 1\n", "other text")

    def a_quota_is_used_up_also_over_a_restart_of_the_service(self):
        self.policy("quota=member:2/1d")
        self.read("1.txt")
        self.com.stop()
        self.com.start()
        self.read("2.txt")
        self.refused("3.txt", "Disk quota exceeded", "quota")
        check(self.records("--event", "refuse")[-1]["reason"] == "quota", "not on record")
        self.policy("quota=none")
        self.read("3.txt")

    # Review

    def a_review_holds_until_the_supervisor_approves(self):
        self.policy("review-documents=all", f"supervisors={self.carol.account}", "review-holds=1h")
        self.refused("1.txt", "Resource temporarily unavailable", self.carol.account)
        check(len(self.pending()) == 1, "the directory's other documents wait for review, too")
        review = self.pending()[0]
        check(review["Account"] == self.bob.account, review)
        self.bob.run("recryptfs", "review", "approve", LABEL, review["Id"], code=4)
        self.carol.run("recryptfs", "review", "approve", LABEL, review["Id"])
        check(self.read("1.txt").out == "minutes 1\n", "other text")

    def pending(self):
        return json.loads(self.carol.run("recryptfs", "review", "list", LABEL, "--json").out)

    def a_denial_is_told_and_expires(self):
        self.refused("2.txt", "Resource temporarily unavailable", "review")
        self.carol.run("recryptfs", "review", "deny", LABEL, self.pending()[0]["Id"], "--for", "3s")
        self.refused("2.txt", "Operation not permitted", "denied")
        time.sleep(4)
        self.refused("2.txt", "Resource temporarily unavailable", "review")
        events = [record["event"] for record in self.records() if "review" in record["event"]]
        check(events == ["review-request", "review-approve", "review-request", "review-deny",
                         "review-request"], events)
        self.policy("review-documents=none", "lease=1h")

    # Bound ephemerals

    def what_is_not_bound_is_refused_once_that_is_required(self):
        self.policy("ephemerals=required")
        self.refused("1.txt", "Operation not permitted", "bound to their document")
        check(self.records("--event", "refuse")[-1]["reason"] == "unbound", "not on record")
        self.policy("ephemerals=bound")
        check(self.read("1.txt").out == "minutes 1\n", "other text")
        self.alice.run("recryptfs", "relabel", "--epoch", self.share)
        self.alice.remount(self.share, self.work.parent)  # knows the policy of now
        self.alice.shell(f"echo minutes 5 > {self.work}/5.txt; sync {self.work}/5.txt")
        self.policy("ephemerals=required")
        check(self.read("1.txt").out == "minutes 1\n", "other text")
        check(self.read("5.txt").out == "minutes 5\n", "other text")
        inspected = self.alice.run("recryptfs", "inspect", self.share / "Board/5.txt.jcd").out
        check("bound       each ephemeral has signed what it is for" in inspected, inspected)
        self.policy("ephemerals=any")

    # Audit

    def an_export_verifies_and_names_what_was_changed(self):
        self.read("1.txt")
        lines = self.alice.run("recryptfs", "audit", LABEL, "--json").out.splitlines(True)
        export = self.bob.home / "export.jsonl"

        def verdict(lines, code, *options):
            export.write_text("".join(lines))
            export.chmod(0o644)
            return self.bob.run("recryptfs", "audit", "verify", export, *options, code=code)

        told = verdict(lines, 0).out
        check("receipts agree" in told and not told.count("\n0 receipts"), told)
        number = json.loads(lines[4])["sequence"]
        cases = {
            "altered": lines[:4] + [lines[4].replace("example", "exemple")] + lines[5:],
            "left out": lines[:4] + lines[5:],
        }
        for what, changed in cases.items():
            check(f"record {number}:" in verdict(changed, 6).err, what)
        # Cut, with the service's word taken away as well: bob's receipts know better.
        check("receipt" in verdict(lines[:-2], 6).err, "a log that was cut")
        some = self.alice.run("recryptfs", "audit", LABEL, "--json", "--event", "grant").out
        verdict([some], 0, "--filtered")

    def the_log_is_filtered_and_followed(self):
        check(not self.records("--since", "2100-01-01"), "records of the future")
        document = self.records("--event", "grant")[-1]["document"]
        found = self.records("--document", document)
        check(found and all(record["document"] == document for record in found), found)
        newest = self.records()[-1]["sequence"]
        follower = self.alice.start("recryptfs", "audit", LABEL, "--json", "--follow", "--since",
                                    "0s")
        follower.stdout.readline()  # where the log stands
        self.read("4.txt")
        line = {"sequence": newest}
        while line.get("sequence", 0) <= newest:  # times are in seconds: what came in this one is told too
            line = json.loads(follower.stdout.readline())
        follower.kill()
        follower.wait()
        check(line["event"] == "grant" and line["account"] == self.bob.account, line)

    def openings_under_a_lease_are_reported(self):
        opened = lambda: self.records("--event", "open", "--account", self.bob.account)
        before = len(opened())
        self.bob.remount(self.share, self.bob.at)  # knows the policy of now
        for name in ("1.txt", "2.txt", "3.txt", "4.txt"):  # after the second they are fetched ahead
            self.bob.run("cat", self.bob.at / "Board" / name)
            time.sleep(1)
        self.bob.umount(self.bob.at)  # written down, and told by the next mount
        self.bob.run("recryptfs", "mount", self.share, self.bob.at)
        wait_until(lambda: len(opened()) > before, 60, "a report")
        check(opened()[-1]["use"] == "lease", opened())

    def the_service_finds_its_own_log_whole(self):
        self.com.stop()
        done = self.stage.root().run(self.stage.bin / "recryptd", "audit", "verify", "--state",
                                     self.com.state)
        check("checkpoints signed by" in done.out, done.out)


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        board = Board(stage)
        for step in (board.a_policy_is_set_and_shown,
                     board.outside_of_hours_and_networks_nothing_opens,
                     board.a_quota_is_used_up_also_over_a_restart_of_the_service,
                     board.a_review_holds_until_the_supervisor_approves,
                     board.a_denial_is_told_and_expires,
                     board.what_is_not_bound_is_refused_once_that_is_required,
                     board.an_export_verifies_and_names_what_was_changed,
                     board.the_log_is_filtered_and_followed,
                     board.openings_under_a_lease_are_reported,
                     board.the_service_finds_its_own_log_whole):
            promises.keep(step.__name__.replace("_", " "), step)
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
