#!/usr/bin/env python3
"""Offline leases: what a label lets its members go on reading while its service is away."""
import json
import sys
import time

from harness import Promises, Stage, check, need_root_and_fuse, wait_until

LABEL, STRICT = "Field#example.com", "Office#example.com"
LEASE = 2
OFFLINE = 120


class Offline:
    """Alice administers; bob reads, his mount giving up on a service after two seconds."""

    def __init__(self, stage):
        self.share = stage.make_share()
        self.service = stage.service("example.com")
        self.alice, self.bob = stage.user("alice"), stage.user("bob")
        for user, other in ((self.alice, self.bob), (self.bob, self.alice)):
            user.create_profile(self.service)
        for user, other in ((self.alice, self.bob), (self.bob, self.alice)):
            user.run("recryptfs", "profile", "trust", other.account, other.fingerprint())
        settings = self.bob.home / ".config/recryptfs/recryptfs.conf"
        settings.write_text("deadline = 2\n" + settings.read_text())
        for label in (LABEL, STRICT):
            self.alice.run("recryptfs", "label", "create", label, "--lease", LEASE)
            self.alice.run("recryptfs", "label", "add", label, self.bob.account)
            self.alice.make_labelled_folder(label, self.share, label.split("#")[0])
        at = self.alice.mount(self.share)
        for folder in ("Field", "Office"):
            self.alice.shell(f"for i in 1 2; do echo {folder} $i > {at}/{folder}/$i; done; "
                             f"chmod 666 {at}/{folder}/*; mkdir -m 777 {at}/{folder}/other; "
                             f"echo secret > {at}/{folder}/other/3")
        self.alice.umount(at)
        self.alice.run("recryptfs", "label", "policy", LABEL, "--set", f"offline={OFFLINE}s")
        self.at = self.bob.mount(self.share)

    def read(self, path, code=0):
        return self.bob.run("cat", self.at / path, code=code)

    def what_was_read_is_read_while_the_service_is_away(self):
        for path in ("Field/1", "Field/2", "Office/1"):
            check(self.read(path).out == path.replace("/", " ") + "\n", path)
        self.service.stop()
        time.sleep(LEASE + 1.5)
        check(self.read("Field/1").out == "Field 1\n", "other text")
        check("No route to host" in self.read("Office/1", code=1).err, "a label that does not allow it")
        # Of its directory, bob had opened nothing.
        check("No route to host" in self.read("Field/other/3", code=1).err, "never granted")

    def a_new_mount_reads_and_writes_without_any_service(self):
        self.bob.remount(self.share, self.at)
        check(self.read("Field/2").out == "Field 2\n", "other text")
        self.bob.shell(f"echo more >> {self.at}/Field/2 && echo new > {self.at}/Field/new")
        time.sleep(LEASE + 1.5)
        self.bob.remount(self.share, self.at)
        check(self.read("Field/2").out == "Field 2\nmore\n", "what was appended")
        check(self.read("Field/new").out == "new\n", "what was made without a service")

    def what_was_opened_offline_is_on_record_afterwards(self):
        self.service.start()
        self.bob.remount(self.share, self.at)  # tells what the last one wrote down

        def records():
            self.bob.run("cat", self.at / "Field/1")
            out = self.alice.run("recryptfs", "audit", LABEL, "--json", "--event", "open").out
            return [json.loads(line) for line in out.splitlines()]

        wait_until(lambda: any(record.get("use") == "offline" for record in records()), 60,
                   "openings on record as offline")

    def a_removal_says_until_when_and_ends_it_where_the_service_is_reached(self):
        before = time.time()
        told = json.loads(self.alice.run("recryptfs", "label", "remove", LABEL, self.bob.account,
                                         "--json").out)
        until = told["until"]
        latest = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(before + LEASE + 5))
        check(until > latest, f"{until} is not the end of an offline lease")
        time.sleep(LEASE + 1.5)
        check("Permission denied" in self.read("Field/1", code=1).err, "what was taken away")
        self.service.stop()
        time.sleep(0.5)
        check("No route to host" in self.read("Field/1", code=1).err, "it came back")
        self.service.start()

    def a_lock_takes_all_of_them_away(self):
        folder = self.bob.home / ".config/recryptfs/offline"
        check(any(folder.iterdir()), "nothing was kept")
        self.bob.umount(self.at)
        self.bob.run("recryptfs", "lock")
        check(not folder.exists(), f"{list(folder.iterdir()) if folder.exists() else ''}")


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        offline = Offline(stage)
        for step in (offline.what_was_read_is_read_while_the_service_is_away,
                     offline.a_new_mount_reads_and_writes_without_any_service,
                     offline.what_was_opened_offline_is_on_record_afterwards,
                     offline.a_removal_says_until_when_and_ends_it_where_the_service_is_reached,
                     offline.a_lock_takes_all_of_them_away):
            promises.keep(step.__name__.replace("_", " "), step)
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
