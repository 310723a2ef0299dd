#!/usr/bin/env python3
"""An account's devices: a second one by a code, a lost one taken out of all labels at once, a
personal group that spares administrators both, and a device that goes where it may be searched and
comes back."""
import json
import os
import re
import shutil
import sys
import time

from harness import Promises, Stage, Terminal, check, need_root_and_fuse

LABEL = "Accounting#example.com"
OTHER = "Legal#example.com"
LEASE = 3
CONTENT = b"what the books of 2026 say\n" * 400


code_pattern = re.compile(r"\s([A-Z2-7]{4}(?:-[A-Z2-7]{4}){3})\s")


def code_in(terminal):
    return terminal.wait_for(code_pattern.pattern).group(1)


class Devices:
    def __init__(self, stage):
        self.stage = stage
        self.com = stage.service("example.com")
        self.alice, self.laptop = stage.user("alice"), stage.user("laptop")
        self.bob, self.phone = stage.user("bob"), stage.user("phone")
        self.alice.create_profile(self.com)
        self.bob.create_profile(self.com)
        self.alice.run("recryptfs", "profile", "trust", self.bob.account, self.bob.fingerprint())
        self.bob.run("recryptfs", "profile", "trust", self.alice.account, self.alice.fingerprint())
        for label in (LABEL, OTHER):
            self.alice.run("recryptfs", "label", "create", label, "--lease", LEASE)
            self.alice.run("recryptfs", "label", "add", label, self.bob.account)
        self.documents = [self.encrypt(LABEL, "books"), self.encrypt(OTHER, "contract")]

    def encrypt(self, label, name):
        plain = self.alice.home / name
        self.alice.run("tee", plain, input=CONTENT)
        self.alice.run("recryptfs", "encrypt", label, plain)
        stored = self.stage.base / f"{name}.jcd"
        shutil.copy(f"{plain}.jcd", stored)
        return stored

    def reads(self, user, document):
        done = user.run("recryptfs", "decrypt", "-o", "-", document, code=None)
        return done.code == 0 and done.raw == CONTENT

    def join(self, user, account, name, own=None):
        own = own or self.com
        return Terminal(user, user.home, "recryptfs", "device", "join", account, "--service",
                        own.address, "--ca", own.ca, "--device", name, "--no-passphrase")

    def enrol(self, old, new, name, own=None):
        """Shows a code on the one, types it on the other, compares what both show."""
        with Terminal(old, old.home, "recryptfs", "device", "add") as shows:
            code = code_in(shows)
            with self.join(new, old.account, name, own) as types:
                types.wait_for("code that the other device shows:")
                types.type(code.lower().replace("-", " ") + "\n")
                own = types.wait_for(r"\s(M[A-Z2-7]{3}(?:-[A-Z2-7]{4}){6})\s").group(1)
                asked = shows.wait_for(r"\s(M[A-Z2-7]{3}(?:-[A-Z2-7]{4}){6})\s[\s\S]*\(yes/no\)")
                check(asked.group(1) == own, f"one shows {asked.group(1)}, the other {own}")
                shows.type("yes\n")
                shows.wait_for(f"Added {name}")
                check(shows.wait_for_end() == 0, "adding failed")
                types.wait_for("This is a device of")
                check(types.wait_for_end() == 0, "joining failed")
        return code

    # --- an entry for each device ---

    def a_device_joins_by_a_code(self):
        self.code = self.enrol(self.alice, self.laptop, "laptop")
        check(all(self.reads(self.laptop, one) for one in self.documents),
              "the new device cannot read its owner's labels")
        listed = self.laptop.run("recryptfs", "device", "list").out
        check("laptop" in listed and len(listed.splitlines()) == 3, listed)

    def the_code_is_a_picture_too_on_a_terminal_alone(self):
        for options, picture in (((), True), (("--no-qr",), False)):
            with Terminal(self.alice, self.alice.home, "recryptfs", "device", "add", "--expires",
                          "1s", *options) as shows:
                shows.wait_for("no device asked")
                check(("\u2588" in shows.screen_of_all()) == picture, shows.screen_of_all())
        done = self.alice.run("recryptfs", "device", "add", "--expires", "1s", code=11)
        check("\u2588" not in done.out and code_pattern.search(done.out), repr(done))

    def it_cannot_administer_the_account(self):
        done = self.laptop.run("recryptfs", "device", "add", code=4)
        check("does not administer" in done.err, repr(done))

    def a_code_is_good_for_one_device(self):
        other = self.stage.user("other")
        with self.join(other, self.alice.account, "other") as types:
            types.wait_for("shows:")
            types.type(self.code + "\n")
            types.wait_for("the code was used before")
            check(types.wait_for_end() == 7, "another exit code")
        check(not (other.home / ".config/recryptfs/keystore.json").exists(), "a keystore is left")

    def a_wrong_code_is_refused(self):
        other = self.stage.user("wrong")
        wrong = ("B" if self.code[0] == "A" else "A") + self.code[1:]
        for typed, words, status in ((wrong, "the code is wrong", 3), ("KRQ7", "16 letters", 2)):
            with self.join(other, self.alice.account, "wrong") as types:
                types.wait_for("shows:")
                types.type(typed + "\n")
                types.wait_for(words)
                check(types.wait_for_end() == status, "another exit code")

    def an_expired_code_is_refused(self):
        with Terminal(self.alice, self.alice.home, "recryptfs", "device", "add", "--expires",
                      "2s") as shows:
            code = code_in(shows)
            shows.wait_for("the code has expired, and no device asked")
            check(shows.wait_for_end() == 11, "another exit code")
        with self.join(self.stage.user("late"), self.alice.account, "late") as types:
            types.wait_for("shows:")
            types.type(code + "\n")
            types.wait_for("the code has expired")
            check(types.wait_for_end() == 11, "another exit code")

    def a_device_that_is_refused_stays_out(self):
        eve = self.stage.user("eve")
        with Terminal(self.alice, self.alice.home, "recryptfs", "device", "add") as shows:
            code = code_in(shows)
            with self.join(eve, self.alice.account, "eve") as types:
                types.wait_for("shows:")
                types.type(code + "\n")
                shows.wait_for(r"\(yes/no\)")
                shows.type("no\n")
                check(shows.wait_for_end() == 4, "another exit code")
                types.wait_for("the other device refused this one")
                check(types.wait_for_end() == 4, "another exit code")
        check("eve" not in self.alice.run("recryptfs", "device", "list").out, "eve is listed")

    def labels_of_others_are_asked_for(self):
        self.enrol(self.bob, self.phone, "phone")
        self.phone.run("recryptfs", "profile", "trust", self.alice.account,
                       self.alice.fingerprint())
        check(not self.reads(self.phone, self.documents[0]), "nobody gave it an entry")
        for label in (LABEL, OTHER):
            self.phone.run("recryptfs", "label", "join", label, "--message", "bob's phone")
            joins = self.alice.run("recryptfs", "label", "joins", label).out
            check(self.bob.account in joins and "bob's phone" in joins, joins)
            self.alice.run("recryptfs", "label", "add", label, self.bob.account)
            check(self.bob.account not in self.alice.run("recryptfs", "label", "joins", label).out,
                  "the request is still there")
        check(all(self.reads(self.phone, one) for one in self.documents), "the phone cannot read")

    def a_lost_device_is_out_of_all_labels_at_once(self):
        told = self.bob.run("recryptfs", "device", "remove", "phone").out
        check("Removed phone from all labels" in told, told)
        check(not any(self.reads(self.phone, one) for one in self.documents), "the phone reads on")
        check(all(self.reads(self.bob, one) for one in self.documents), "bob cannot read any more")
        check("phone" not in self.bob.run("recryptfs", "device", "list").out, "it is still listed")
        refused = self.phone.run("recryptfs", "decrypt", "-o", "-", self.documents[0], code=4)
        check("revoked" in refused.err or "no longer" in refused.err, repr(refused))

    def nor_does_adding_the_member_again_bring_it_back(self):
        self.alice.run("recryptfs", "label", "add", LABEL, self.bob.account)
        check(not self.reads(self.phone, self.documents[0]), "the phone reads again")

    def a_device_does_not_remove_itself_or_what_is_not_there(self):
        own = self.alice.run("recryptfs", "device", "list", "--json").out
        check("laptop" in own, own)
        self.laptop.run("recryptfs", "device", "remove", "laptop", code=2)
        self.alice.run("recryptfs", "device", "remove", "nothing", code=3)


class PersonalGroups:
    """Dave, of another domain, is given a label; what devices he has is his own matter."""

    def __init__(self, devices):
        self.stage, self.devices, self.alice = devices.stage, devices, devices.alice
        self.net = self.stage.service("example.net")
        self.dave, self.tablet, self.erin = map(self.stage.user, ("dave", "tablet", "erin"))
        for user in (self.dave, self.erin):
            user.create_profile(self.net, devices.com)
            user.run("recryptfs", "profile", "trust", self.alice.account, self.alice.fingerprint())
        self.group = self.dave.account
        self.tablet.run("recryptfs", "service", "add", devices.com.domain, devices.com.address,
                        "--ca", devices.com.ca)
        for user in (self.alice, self.erin):
            if user is self.alice:
                user.run("recryptfs", "service", "add", self.net.domain, self.net.address, "--ca",
                         self.net.ca)
            user.run("recryptfs", "profile", "trust", self.group, self.dave.fingerprint())
        self.document = devices.documents[0]

    def who_has_none_is_told_of(self):
        done = self.erin.run("recryptfs", "encrypt", self.group, "-", input="x", code=4)
        check(f"recryptfs label create {self.group}" in done.err, repr(done))

    def nobody_else_makes_one(self):
        done = self.erin.run("recryptfs", "label", "create", self.group, code=7)
        check("only that may have a label of its name" in done.err, repr(done))

    def others_encrypt_to_a_persons_name(self):
        self.dave.run("recrypt", "/newgroup", self.group, "--lease", LEASE, "--writers",
                      "anyone")
        for_dave = self.erin.run("recrypt", "/encrypt", self.group, "-", input="for dave\n").raw
        check(b"for dave" not in for_dave, "plaintext")
        check(self.dave.run("recryptfs", "decrypt", "-", input=for_dave).out == "for dave\n", "text")
        self.alice.run("recryptfs", "decrypt", "-", input=for_dave, code=4)

    def directories_are_labelled_so_and_stand_in_expressions(self):
        self.share = self.stage.make_share()
        self.dave.make_labelled_folder(self.group, self.share, "For dave")
        self.dave.make_labelled_folder(f"{self.group} + {OTHER}", self.share, "Both")
        self.erin.at, self.dave.at = self.erin.mount(self.share), self.dave.mount(self.share)
        self.erin.run("tee", self.erin.at / "For dave/letter", input="dear dave\n")
        refused = self.erin.run("cat", self.erin.at / "For dave/letter", code=None)
        check(refused.code != 0 and "dear" not in refused.out, repr(refused))
        check(self.dave.run("cat", self.dave.at / "For dave/letter").out == "dear dave\n", "text")
        self.dave.run("tee", self.dave.at / "Both/x", input="both\n")
        self.dave.run("recryptfs", "lock", self.dave.at)
        closed = self.dave.run("cat", self.dave.at / "Both/x", code=None)
        check(closed.code != 0, "half of an expression opened it")

    def a_label_is_given_to_the_group(self):
        check(not self.devices.reads(self.dave, self.document), "dave is no member yet")
        for label in (LABEL, OTHER):
            self.alice.run("recryptfs", "label", "add", label, self.group)
        check(self.devices.reads(self.dave, self.document), "dave cannot read")
        check(self.dave.run("cat", self.dave.at / "Both/x").out == "both\n", "nor both")

    def a_new_device_needs_nobody_else(self):
        log = len(self.alice.run("recryptfs", "audit", LABEL, "--json").out.splitlines())
        self.devices.enrol(self.dave, self.tablet, "tablet", self.net)
        check(all(self.devices.reads(self.tablet, one) for one in self.devices.documents),
              "the tablet cannot read what dave was given")
        written = self.tablet.run("recryptfs", "encrypt", LABEL, "-", input="by tablet\n").raw
        done = self.alice.run("recryptfs", "decrypt", "-", input=written)
        check(done.out == "by tablet\n", repr(done))
        records = self.alice.run("recryptfs", "audit", LABEL, "--json").out.splitlines()[log:]
        check("set-entry" not in "".join(records), "the administrator had to do something")
        check(self.group in "".join(records), "the log does not name dave")

    def a_lost_one_is_out_of_all_labels_within_the_lease(self):
        self.tablet.at = self.tablet.mount(self.share)
        check(self.tablet.run("cat", self.tablet.at / "Both/x").out == "both\n", "before")
        told = self.dave.run("recryptfs", "device", "remove", "tablet").out
        check("Removed tablet from all labels" in told, told)
        check(not any(self.devices.reads(self.tablet, one) for one in self.devices.documents),
              "the tablet reads on")
        time.sleep(LEASE + 1)
        after = self.tablet.run("cat", self.tablet.at / "Both/x", code=None)
        check(after.code != 0 and not after.out, "what was open is read on after the lease")
        check(self.devices.reads(self.dave, self.document), "dave cannot read any more")

    def also_where_the_labels_service_is_not_told(self):
        self.devices.enrol(self.dave, self.tablet2(), "second", self.net)
        check(self.devices.reads(self.second, self.document), "it cannot read")
        self.devices.com.stop()
        done = self.dave.run("recryptfs", "device", "remove", "second", code=None)
        check("Removed second" in done.out and done.code != 0, repr(done))
        self.devices.com.start()
        check(not self.devices.reads(self.second, self.document), "it reads by its service alone")
        check(self.devices.reads(self.dave, self.document), "dave cannot read any more")

    def tablet2(self):
        self.second = self.stage.user("second")
        self.second.run("recryptfs", "service", "add", self.devices.com.domain,
                        self.devices.com.address, "--ca", self.devices.com.ca)
        return self.second


class Travel:
    """Bob travels; carol holds his keys."""

    def __init__(self, devices):
        self.stage, self.devices, self.com = devices.stage, devices, devices.com
        self.bob, self.carol = self.stage.user("traveller"), self.stage.user("carol")
        self.bob.create_profile(self.com)
        self.carol.create_profile(self.com)
        self.bob.run("recryptfs", "profile", "trust", self.carol.account, self.carol.fingerprint())
        self.fingerprint = self.bob.fingerprint()
        self.carol.run("recryptfs", "profile", "trust", self.bob.account, self.fingerprint)
        self.own = "Diary#example.com"
        self.bob.run("recryptfs", "label", "create", self.own, "--lease", LEASE)
        plain = self.bob.home / "diary"
        self.bob.run("tee", plain, input=CONTENT)
        self.bob.run("recryptfs", "encrypt", self.own, plain)
        self.stored = self.stage.base / "diary.jcd"
        shutil.copy(f"{plain}.jcd", self.stored)
        plain.unlink()

    def departing_leaves_nothing_on_the_device(self):
        config = self.bob.home / ".config/recryptfs"
        self.before = self.stage.base / "disk-before"
        shutil.copytree(config, self.before)
        parcel = self.bob.home / "bob.travel"
        done = self.bob.run("recryptfs", "travel", "depart", self.carol.account, "-o", parcel,
                            "--yes", "--json")
        self.code = json.loads(done.out)["code"]
        check(not config.exists(), f"left behind: {list(config.rglob('*'))}")
        self.parcel = self.carol.home / "bob.travel"
        shutil.move(parcel, self.parcel)
        os.chown(self.parcel, self.carol.uid, self.carol.gid)
        left = b"".join(path.read_bytes() for path in self.bob.home.rglob("*") if path.is_file())
        check(self.own.encode() not in left.replace(self.stored.read_bytes(), b""),
              "a label's name is left on the device")

    def what_was_on_the_disk_opens_nothing_any_more(self):
        thief = self.stage.user("thief")
        shutil.copytree(self.before, thief.home / ".config/recryptfs")
        for path in [thief.home / ".config", *(thief.home / ".config").rglob("*")]:
            os.chown(path, thief.uid, thief.gid)
        done = thief.run("recryptfs", "decrypt", "-o", "-", self.stored, code=None)
        check(done.code != 0 and CONTENT[:20] not in done.raw, repr(done))

    def the_holder_alone_opens_nothing(self):
        check(not self.devices.reads(self.carol, self.stored), "carol reads")
        text = self.parcel.read_text()
        check(self.own not in text and self.code.replace("-", "") not in text.replace("-", ""),
              "the parcel tells")

    def back(self, *options):
        return Terminal(self.bob, self.bob.home, "recryptfs", "travel", "return", self.bob.account,
                        "--service", self.com.address, "--ca", self.com.ca, "--no-passphrase",
                        *options)

    def a_holder_who_refuses_is_heard(self):
        with self.back() as asks:
            asks.wait_for("departure:")
            asks.type(self.code + "\n")
            asks.wait_for("Waiting")
            self.carol.run("recryptfs", "travel", "answer", self.parcel, "--refuse", "--wait", "20s")
            asks.wait_for("refuses to give them back")
            check(asks.wait_for_end() == 4, "another exit code")
        check(not (self.bob.home / ".config/recryptfs/keystore.json").exists(), "a keystore is left")

    def without_an_answer_nothing_comes_back(self):
        with self.back("--wait", "2s") as asks:
            asks.wait_for("departure:")
            asks.type(self.code + "\n")
            asks.wait_for("did not answer in time")
            check(asks.wait_for_end() == 11, "another exit code")
        self.carol.run("recryptfs", "travel", "answer", self.parcel, "--refuse", code=3)

    def another_code_gets_nothing(self):
        wrong = ("B" if self.code[0] == "A" else "A") + self.code[1:]
        with self.back("--wait", "3s") as asks:
            asks.wait_for("departure:")
            asks.type(wrong + "\n")
            asks.wait_for("did not answer in time")

    def the_keys_come_back_when_the_holder_agrees(self):
        with self.back() as asks:
            asks.wait_for("departure:")
            asks.type(self.code.lower() + "\n")
            asks.wait_for("Waiting")
            with Terminal(self.carol, self.carol.home, "recryptfs", "travel", "answer", self.parcel,
                          "--wait", "20s") as holds:
                holds.wait_for(r"nobody forces them[\s\S]*\(yes/no\)")
                holds.type("yes\n")
                holds.wait_for("has the keys back")
            asks.wait_for("Welcome back")
            check(asks.wait_for_end() == 0, "returning failed")
        check(self.bob.fingerprint() == self.fingerprint, "another fingerprint")
        check(self.devices.reads(self.bob, self.stored), "bob cannot read")
        self.bob.run("recryptfs", "label", "add", self.own, self.carol.account)
        self.bob.run("recryptfs", "label", "create", "Later#example.com")
        check(self.devices.reads(self.bob, self.stored), "bob cannot read")


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        devices = Devices(stage)
        for promise in (devices.a_device_joins_by_a_code,
                        devices.the_code_is_a_picture_too_on_a_terminal_alone,
                        devices.it_cannot_administer_the_account,
                        devices.a_code_is_good_for_one_device, devices.a_wrong_code_is_refused,
                        devices.an_expired_code_is_refused,
                        devices.a_device_that_is_refused_stays_out,
                        devices.labels_of_others_are_asked_for,
                        devices.a_lost_device_is_out_of_all_labels_at_once,
                        devices.nor_does_adding_the_member_again_bring_it_back,
                        devices.a_device_does_not_remove_itself_or_what_is_not_there):
            promises.keep(promise.__name__.replace("_", " "), promise)
        groups = PersonalGroups(devices)
        for promise in (groups.who_has_none_is_told_of, groups.nobody_else_makes_one,
                        groups.others_encrypt_to_a_persons_name,
                        groups.directories_are_labelled_so_and_stand_in_expressions,
                        groups.a_label_is_given_to_the_group, groups.a_new_device_needs_nobody_else,
                        groups.a_lost_one_is_out_of_all_labels_within_the_lease,
                        groups.also_where_the_labels_service_is_not_told):
            promises.keep(promise.__name__.replace("_", " "), promise)
        travel = Travel(devices)
        for promise in (travel.departing_leaves_nothing_on_the_device,
                        travel.what_was_on_the_disk_opens_nothing_any_more,
                        travel.the_holder_alone_opens_nothing, travel.a_holder_who_refuses_is_heard,
                        travel.without_an_answer_nothing_comes_back,
                        travel.another_code_gets_nothing,
                        travel.the_keys_come_back_when_the_holder_agrees):
            promises.keep(promise.__name__.replace("_", " "), promise)
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
