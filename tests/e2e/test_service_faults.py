#!/usr/bin/env python3
"""Services that are gone, hang, are slow or break off, beside programs that work in a mount.

What is read under a lease goes on as if nothing were; what needs a grant is refused within the
deadline, and works again as soon as the service does."""
import contextlib
import os
import signal
import sys
import time

from faulty_service import Proxy, Someone
from harness import Promises, Stage, check, need_root_and_fuse

LASTING, MIDDLING, SHORT = "Lasting#example.com", "Middling#example.com", "Short#example.com"
LEASES = {LASTING: 3600, MIDDLING: 20, SHORT: 4}
DEADLINE = 3
# A service that let somebody wait is given a pause of 2 seconds before it is asked again.
PAUSE = 2.2
MANY = 40
LARGE = 24 << 20


class ServiceFaults:
    def __init__(self, stage):
        self.stage = stage
        self.share = stage.make_share()
        self.service = stage.service("example.com")
        self.proxy = Proxy(self.service)
        self.alice, self.bob = stage.user("alice"), stage.user("bob")
        self.alice.create_profile(self.service)
        self.bob.create_profile(self.proxy)
        for user, other in ((self.alice, self.bob), (self.bob, self.alice)):
            user.run("recryptfs", "profile", "trust", other.account, other.fingerprint())
            settings = user.home / ".config/recryptfs/recryptfs.conf"
            settings.write_text(f"deadline = {DEADLINE}\n" + settings.read_text())
        for label, lease in LEASES.items():
            self.alice.run("recryptfs", "label", "create", label, "--lease", lease)
            self.alice.run("recryptfs", "label", "add", label, self.bob.account)
            self.alice.make_labelled_folder(label, self.share, label.split("#")[0])
        self.fill()
        # Alice's programs work in a mount that reaches the service itself, bob's through the proxy.
        self.at = self.alice.mount(self.share)
        self.someone = Someone(self.alice)
        self.bobs = self.bob.mount(self.share)
        self.bobs_someone = Someone(self.bob)

    def fill(self):
        at = self.alice.mount(self.share)
        for folder in ("Lasting", "Middling", "Short"):
            self.alice.shell(f"""set -e; cd {at}/{folder}
                for i in $(seq {4 * MANY}); do echo "the text of $i" > $i; done
                head -c {LARGE} /dev/urandom > large; cp large other
                chmod 666 *""")
        self.alice.umount(at)

    def check_others_go_on(self, someone, at):
        """What needs no grant, while something else waits for one."""
        someone.does("ls", at / "Lasting").check_ok()
        someone.does("ls", at / "Short").check_ok()
        someone.does("stat", at / "Short/17").check_ok()
        someone.does("stat", at / f"Lasting/{4 * MANY}").check_ok()
        someone.does("read", at / "Lasting/1").check_ok()
        someone.does("pread", "leased", 1 << 20).check_ok()
        someone.does("write", "written", "a line\n").check_ok()
        someone.does("sync", "written").check_ok()

    def open_what_goes_on(self, someone, at):
        someone.does("open", at / "Lasting/large", "leased").check_ok(5)
        someone.does("pread", "leased", LARGE).check_ok(5)
        someone.does("read", at / "Lasting/1").check_ok(5)
        someone.does("open", at / "Lasting/2", "written", os.O_RDWR).check_ok(5)
        someone.does("write", "written", "a line\n").check_ok(5)
        someone.does("sync", "written").check_ok(5)

    @contextlib.contextmanager
    def hanging_service(self):
        """It takes connections, and answers nothing; afterwards it is back, and was given its
        pause."""
        self.service.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.service.process.send_signal(signal.SIGCONT)
            time.sleep(PAUSE)

    def check_works_again(self, someone, path):
        """The next open, without anybody's doing."""
        someone.does("read", path).check_ok(2)

    def leased_work_goes_on_while_the_service_hangs(self):
        self.open_what_goes_on(self.someone, self.at)
        begun = time.monotonic()
        self.someone.does("pread", "leased", LARGE).check_ok(5)
        usual = time.monotonic() - begun
        with self.hanging_service():
            opening = self.someone.begin("open", self.at / "Middling/3")
            time.sleep(0.2)
            self.check_others_go_on(self.someone, self.at)
            self.someone.does("pread", "leased", LARGE).check_ok(3 * usual + 0.5)
            check(opening.is_under_way(), "the service answers")
            opening.end().check_errno("EHOSTUNREACH", DEADLINE + 1)
            why = self.alice.run("recryptfs", "why", self.at / "Middling/3").out
            check("recryption service of example.com" in why and " in time" in why, why)
        self.check_works_again(self.someone, self.at / "Middling/3")

    def many_opens_that_hang_leave_room_for_others(self):
        with self.hanging_service():
            opening = [self.someone.begin("open", self.at / f"Short/{i}")
                       for i in range(100, 100 + MANY)]
            time.sleep(0.5)
            self.check_others_go_on(self.someone, self.at)
            check(all(each.is_under_way() for each in opening), "the service answers")
            for each in opening:
                each.end().check_errno("EHOSTUNREACH", DEADLINE + 2)
        self.check_works_again(self.someone, self.at / "Short/100")

    def many_reads_that_hang_leave_room_for_others(self):
        for i in range(2 * MANY):
            self.someone.does("open", self.at / f"Short/{i + 1}", f"short {i}").check_ok(2)
        time.sleep(LEASES[SHORT] + 0.5)
        with self.hanging_service():
            reading = [self.someone.begin("pread", f"short {i}", 100) for i in range(2 * MANY)]
            time.sleep(1)
            self.check_others_go_on(self.someone, self.at)
            check(all(each.is_under_way() for each in reading), "the service answers")
            for each in reading:
                each.end().check_errno("EHOSTUNREACH", DEADLINE + 2)
        for i in range(2 * MANY):
            self.someone.does("pread", f"short {i}", 100).check_ok(2)
            self.someone.does("close", f"short {i}").check_ok(2)

    def a_service_that_is_gone_is_missed_by_nobody_with_a_lease(self):
        self.service.stop(signal.SIGKILL)
        try:
            self.check_others_go_on(self.someone, self.at)
            for i in (20, 21):
                self.someone.does("open", self.at / f"Middling/{i}").check_errno("EHOSTUNREACH", 1)
            why = self.alice.run("recryptfs", "why", self.at / "Middling/20").out
            check("recryption service of example.com" in why, why)
        finally:
            self.service.start()
        self.someone.does("open", self.at / "Middling/20").check_ok()
        self.someone.does("read", self.at / "Middling/21").check_ok()

    def read_to_the_end_of_the_lease(self, name, size):
        """Reads in order, over and over, until it is refused; when, and how it was refused."""
        step = 1 << 20
        for offset in range(0, 1 << 40, step):
            done = self.someone.does("pread", name, step, offset % size)
            if done.errno:
                return time.monotonic() - done.seconds, done
            time.sleep(0.02)

    def a_lease_that_ends_in_the_middle_of_reading_gives_nothing_stale(self):
        self.someone.does("open", self.at / "Short/large", "reading").check_ok(5)
        self.someone.does("open", self.at / "Short/other", "cached").check_ok(5)
        whole = self.someone.does("pread", "reading", LARGE).check_ok(10)
        self.someone.does("pread", "cached", LARGE, cached=True).check_ok(10)
        with self.hanging_service():
            stopped = time.monotonic()
            refused_at, refused = self.read_to_the_end_of_the_lease("reading", LARGE)
            refused.check_errno("EHOSTUNREACH", DEADLINE + 1)
            check(refused_at - stopped < LEASES[SHORT], "the lease lasted too long")
        again = self.someone.does("pread", "reading", LARGE).check_ok(10)
        check(again == whole, "other bytes than before")
        check(self.someone.does("pread", "cached", LARGE).check_ok(10) == whole, "other bytes")

    def a_slow_service_delays_what_waits_for_it_alone(self):
        self.open_what_goes_on(self.bobs_someone, self.bobs)
        self.proxy.answers = Proxy.late(0.7)
        opening = [self.bobs_someone.begin("read", self.bobs / f"Middling/{i}") for i in (90, 150)]
        time.sleep(0.1)
        self.check_others_go_on(self.bobs_someone, self.bobs)
        for each in opening:
            each.end().check_ok(DEADLINE + 1)
        self.proxy.answers = Proxy.at_once

    def an_answer_that_trickles_in_is_waited_for_until_the_deadline(self):
        self.proxy.answers = Proxy.trickle
        opening = self.bobs_someone.begin("open", self.bobs / "Short/1")
        time.sleep(0.5)
        self.check_others_go_on(self.bobs_someone, self.bobs)
        opening.end().check_errno("EHOSTUNREACH", DEADLINE + 1)
        self.proxy.answers = Proxy.at_once
        time.sleep(PAUSE)
        self.check_works_again(self.bobs_someone, self.bobs / "Short/1")

    def an_answer_that_breaks_off_is_no_answer(self):
        self.proxy.answers = Proxy.cut
        for i in (30, 31):
            self.bobs_someone.does("open", self.bobs / f"Short/{i}").check_errno("EHOSTUNREACH", 1)
        self.check_others_go_on(self.bobs_someone, self.bobs)
        self.proxy.answers = Proxy.at_once
        self.bobs_someone.does("read", self.bobs / "Short/30").check_ok()

    def writing_goes_on_while_the_service_hangs(self):
        """Also under a label whose profile is due to be asked for again, and new documents."""
        self.someone.does("open", self.at / "Middling/5", "middling", os.O_RDWR).check_ok(5)
        time.sleep(LEASES[MIDDLING] / 10 + 1)
        with self.hanging_service():
            self.someone.does("write", "middling", "while it hangs").check_ok()
            self.someone.does("sync", "middling").check_ok()
            for i in range(3):
                self.someone.does("make", self.at / f"Middling/new {i}", "new").check_ok()
                time.sleep(1)
            self.someone.does("close", "middling").check_ok()
        self.someone.does("read", self.at / "Middling/new 2").check_ok()

    def what_was_written_is_kept_when_the_lease_ends_without_a_service(self):
        self.someone.does("open", self.at / "Short/7", "short", os.O_RDWR).check_ok(5)
        with self.hanging_service():
            self.someone.does("write", "short", "written before the end").check_ok()
            time.sleep(LEASES[SHORT] + 1)
            self.someone.does("write", "short", "no more", 5).check_errno("EHOSTUNREACH",
                                                                         2 * DEADLINE + 1)
            self.someone.does("close", "short").check_ok()
        text = self.alice.run("cat", self.at / "Short/7").out
        check(text.startswith("written before the end"), text)
        check(text == self.bob.run("cat", self.bobs / "Short/7").out, "bob reads something else")

    def unmounting_does_not_wait_for_the_service(self):
        """With changes to write, a profile due to be asked for, and grants asked for ahead."""
        self.someone.does("open", self.at / "Middling/9", "middling", os.O_RDWR).check_ok(5)
        time.sleep(LEASES[MIDDLING] / 10 + 1)
        with self.hanging_service():
            opening = [self.someone.begin("open", self.at / f"Short/{i}") for i in (66, 67, 68)]
            time.sleep(0.2)
            begun = time.monotonic()
            refused = self.alice.run("recryptfs", "umount", self.at, code=None)
            check(refused.code != 0 and "in use" in refused.err, f"{refused!r}")
            check(time.monotonic() - begun < 1, "it took long to say that it is in use")
            for each in opening:
                each.end().check_errno("EHOSTUNREACH", DEADLINE + 1)
            time.sleep(PAUSE)
            self.someone.does("write", "middling", "the last words").check_ok()
            self.someone.leaves()
            begun = time.monotonic()
            self.alice.umount(self.at)
            check(time.monotonic() - begun < 2, f"it took {time.monotonic() - begun:.1f} s")
        text = self.bob.run("cat", self.bobs / "Middling/9").out
        check(text.startswith("the last words"), text)


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    with Stage() as stage:
        faults = ServiceFaults(stage)
        for step in (faults.leased_work_goes_on_while_the_service_hangs,
                     faults.many_opens_that_hang_leave_room_for_others,
                     faults.many_reads_that_hang_leave_room_for_others,
                     faults.a_service_that_is_gone_is_missed_by_nobody_with_a_lease,
                     faults.a_lease_that_ends_in_the_middle_of_reading_gives_nothing_stale,
                     faults.writing_goes_on_while_the_service_hangs,
                     faults.what_was_written_is_kept_when_the_lease_ends_without_a_service,
                     faults.a_slow_service_delays_what_waits_for_it_alone,
                     faults.an_answer_that_trickles_in_is_waited_for_until_the_deadline,
                     faults.an_answer_that_breaks_off_is_no_answer,
                     faults.unmounting_does_not_wait_for_the_service,
                     ):
            if not sys.argv[1:] or any(word in step.__name__ for word in sys.argv[1:]):
                promises.keep(step.__name__.replace("_", " "), step)
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
