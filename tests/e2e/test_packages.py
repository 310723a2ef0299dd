#!/usr/bin/env python3
"""The Debian packages: they are made, installed over a copy of this machine, used as an installation
is (the service by its unit's command line, mount -t, fstab, the user's unit, completions), removed
and purged. With --full also into a Debian that has nothing but the least."""
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

from harness import BUILD, ROOT, Promises, Terminal, check, wait_until
from installed_root import InstalledRoot, NotifySocket, NotPossible, RunningSystem

PACKAGES = ("recryptfs", "recryptfs-service", "recryptfs-common")
DOMAIN = "packages.test"
LABEL = f"Office#{DOMAIN}"
POINT = "/home/rfs-alice/office"
# The triggers are other packages': the index of all manual pages alone takes a minute.
DPKG = ("dpkg", "--no-triggers")
# What dpkg, the accounts of this test, and the test itself may leave behind.
MAY_STAY = re.compile(
    r"var/lib/dpkg/|var/log/|var/cache/|var/lib/systemd/|etc/(passwd|group|shadow|gshadow|sub[ug]id)-?$|"
    r"etc/\.pwd\.lock|etc/ld\.so\.cache|etc/fstab|etc/machine-id|home(/|$)|srv(/|$)|run(/|$)|"
    r"var/tmp/(packages|systemd-private-)|root/|var/mail/")


def tool(*words, code=0, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          timeout=600, **options)
    check(done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Packages:
    def __init__(self, folder):
        self.folder = folder
        self.files = {}

    def are_made_by_cpack(self):
        tool("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", self.folder)
        for file in self.folder.glob("*.deb"):
            self.files[tool("dpkg-deb", "-f", file, "Package").strip()] = file
        check(set(self.files) == set(PACKAGES), self.files)

    def say_what_they_need(self):
        version = tool("dpkg-deb", "-f", self.files["recryptfs"], "Version").strip()
        check(f"({version})" in (ROOT / "packaging/debian/changelog").read_text().splitlines()[0],
              f"packaging/debian/changelog is not of version {version}")
        needs = {name: tool("dpkg-deb", "-f", self.files[name], "Depends") for name in PACKAGES}
        for word in ("fuse3", "libfuse3-3", "libssl3", "libc6", f"recryptfs-common (= {version})"):
            check(word in needs["recryptfs"], needs)
        for word in ("libsqlite3-0", "libpq5", "systemd", f"recryptfs-common (= {version})"):
            check(word in needs["recryptfs-service"], needs)
        check("libfuse" not in needs["recryptfs-service"], needs)
        check(tool("dpkg-deb", "-f", self.files["recryptfs-common"], "Architecture") == "all\n", "")

    def hold_their_files_as_debian_wants_them(self):
        wanted = {
            "recryptfs": ["usr/bin/recryptfs", "usr/bin/recrypt", "usr/sbin/mount.recryptfs",
                          "usr/share/man/man1/recryptfs.1.gz", "usr/share/man/man1/recrypt.1.gz",
                          "usr/share/man/man8/mount.recryptfs.8.gz",
                          "usr/lib/systemd/user/recryptfs@.service",
                          "usr/share/zsh/vendor-completions/_recryptfs"],
            "recryptfs-service": ["usr/bin/recryptd", "usr/share/man/man8/recryptd.8.gz",
                                  "usr/lib/systemd/system/recryptd.service", "etc/recryptd.toml",
                                  "usr/lib/sysusers.d/recryptfs-service.conf",
                                  "usr/lib/tmpfiles.d/recryptfs-service.conf"],
            "recryptfs-common": ["usr/share/man/man5/jcd.5.gz",
                                 "usr/share/doc/recryptfs-common/docs/FORMAT.md"]}
        for name in PACKAGES:
            lines = tool("dpkg-deb", "-c", self.files[name]).splitlines()
            paths = {re.sub(r" -> .*", "", line.split(None, 5)[5])[2:]: line for line in lines}
            missing = set(wanted[name] + [f"usr/share/doc/{name}/copyright",
                                          f"usr/share/doc/{name}/changelog.gz"]) - set(paths)
            check(not missing, f"{name} lacks {missing}")
            for path, line in paths.items():
                check(re.match(r"(usr|etc)(/|$)|$", path), f"{name}: {path}")
                check(line.split()[1] == "root/root", line)
                check(line.startswith("l") or line[5] == line[8] == "-", f"writable: {line}")
        lines = tool("dpkg-deb", "-I", self.files["recryptfs-service"], "conffiles")
        check(lines == "/etc/recryptd.toml\n", lines)

    def are_installed_by_cmake_too(self):
        prefix = self.folder / "prefix"
        install = lambda: tool("cmake", "--install", BUILD, "--prefix", prefix)
        install()
        settings = prefix / "etc/recryptd.toml"
        settings.write_text("# mine\n")
        install()
        check(settings.read_text() == "# mine\n", "settings were overwritten")
        unit = (prefix / "lib/systemd/system/recryptd.service").read_text()
        check(f"ExecStart={prefix}/bin/recryptd --config {settings}\n" in unit, unit)
        check("recryptfs 0" in tool(prefix / "bin/recryptfs", "--version"), "version")
        check("usage: mount.recryptfs" in subprocess.run(
            [prefix / "sbin/mount.recryptfs"], capture_output=True, text=True).stderr, "mount")


class Installation:
    """What somebody does with the packages, from installing to purging them."""

    def __init__(self, root, packages):
        self.root = root
        folder = root.path("/var/tmp/packages")
        folder.mkdir()
        for file in packages.files.values():
            shutil.copy(file, folder)
        self.inside = [f"/var/tmp/packages/{file.name}" for file in packages.files.values()]
        root.run("useradd", "--create-home", "--shell", "/bin/bash", "rfs-alice")
        root.run("useradd", "--create-home", "--shell", "/bin/bash", "rfs-bob")

    def alice(self, *words, **options):
        return self.root.run(*words, user="rfs-alice", **options)

    def mounted(self):
        return self.root.run("findmnt", "-n", "-M", POINT, user="rfs-alice", code=None).code == 0

    def command_of(self, unit, key, **variables):
        """The words of a unit's command line, as systemd would run them."""
        text = self.root.path(unit).read_text()
        line = re.search(rf"^{key}=-?(.*)$", text, re.M).group(1)
        words = []
        for word in line.split():
            name = word.strip("${}")
            if word.startswith("${"):
                words.append(variables[name])
            elif word.startswith("$"):
                words += shlex.split(variables.get(name, ""))
            else:
                words.append(word)
        return words

    def installs(self):
        self.root.run(*DPKG, "-i", *self.inside)
        check(self.root.run("id", "-gn", "recryptd").out == "recryptd\n", "the group")
        for path, expected in (("/var/lib/recryptd", "700 recryptd recryptd\n"),
                               ("/etc/recryptd", "750 root recryptd\n")):
            found = self.root.run("stat", "-c", "%a %U %G", path).out
            check(found == expected, f"{path}: {found}")
        check("recryptfs 0" in self.root.run("recryptfs", "--version").out, "version")
        self.root.run(*DPKG, "-i", *self.inside)  # over itself, as an update

    def units_are_sound(self):
        self.root.run("systemd-analyze", "verify", "--man=no",
                      "/usr/lib/systemd/system/recryptd.service")
        self.root.run("systemd-analyze", "--user", "verify", "--man=no",
                      "/usr/lib/systemd/user/recryptfs@office.service",
                      env={"XDG_RUNTIME_DIR": "/tmp"})
        # The scale goes from 0, which is nothing at all, to 100.
        self.root.run("systemd-analyze", "security", "--offline=yes", "--threshold=20",
                      "/usr/lib/systemd/system/recryptd.service")

    def service_wants_settings_first(self):
        refused = self.root.run("recryptd", "--config", "/etc/recryptd.toml", "--check", code=2)
        check("domain" in refused.err, refused)

    def service_tells_the_manager_how_it_goes(self):
        root = self.root
        root.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={DOMAIN}",
                 "-addext", f"subjectAltName=DNS:{DOMAIN},IP:127.0.0.1",
                 "-keyout", "/etc/recryptd/tls.key", "-out", "/etc/recryptd/tls.crt")
        root.run("chgrp", "recryptd", "/etc/recryptd/tls.key")
        root.run("chmod", "640", "/etc/recryptd/tls.key")
        settings = root.path("/etc/recryptd.toml")
        text = settings.read_text()
        for name, value in (("domain", DOMAIN), ("listen", "127.0.0.1:0"), ("cert", ""), ("key", "")):
            text = re.sub(rf'^#({name} = "{".*" if value else ""})',
                          f'{name} = "{value}"' if value else r"\1", text, flags=re.M)
        settings.write_text(text)
        notify = NotifySocket(root, "/tmp/rfs-notify")
        self.service = root.start(*self.command_of("/usr/lib/systemd/system/recryptd.service",
                                                   "ExecStart"),
                                  user="recryptd", env={"NOTIFY_SOCKET": notify.name})
        told = notify.next()
        check(told["READY"] == "1" and told["STATUS"].startswith(f"Serving {DOMAIN} on "), told)
        self.address = told["STATUS"].split()[-1]
        self.service.send_signal(signal.SIGHUP)
        told = notify.next()
        check(told["RELOADING"] == "1" and int(told["MONOTONIC_USEC"]) > 0, told)
        check(notify.next() == {"READY": "1", "STATUS": f"Serving {DOMAIN}"}, "reloaded")
        settings.write_text(text + "threads = -1\n")
        self.service.send_signal(signal.SIGHUP)
        check("RELOADING" in notify.next(), "a second reload")
        check(notify.next()["STATUS"].startswith("Not reloaded: "), "a mistake")
        settings.write_text(text)
        self.notify = notify

    def users_work_with_it(self):
        root = self.root
        root.run("cp", "/etc/recryptd/tls.crt", "/srv/ca.crt")
        root.run("mkdir", "-m", "1777", "/srv/share")
        self.alice("recryptfs", "profile", "create", f"alice@{DOMAIN}", "--service", self.address,
                   "--ca", "/srv/ca.crt", "--no-passphrase")
        self.alice("recryptfs", "label", "create", LABEL)
        self.alice("mkdir", POINT, "/srv/share/Office")
        self.alice("recryptfs", "label", "assign", LABEL, "/srv/share/Office", "--share",
                   "/srv/share")

    def works_in_the_mount(self):
        check(self.mounted(), "not mounted")
        self.alice("sh", "-c", f"date > {POINT}/Office/date && grep -q : {POINT}/Office/date")
        check(self.root.path("/srv/share/Office/date.jcd").read_bytes()[:8] == b'[{"jcd":', "")

    def umounts(self, **who):
        self.root.run("umount", POINT, **who)
        wait_until(lambda: not self.mounted(), 20, "unmounted")

    def mount_t_mounts(self):
        self.root.run("mount", "-t", "recryptfs", "/srv/share", POINT, "-o",
                      "keys_of=rfs-alice,nofail,_netdev,x-systemd.automount,"
                      f"x-systemd.mount-timeout=30,noatime,label={LABEL}")
        self.works_in_the_mount()
        table = self.root.run("findmnt", "-no", "FSTYPE,SOURCE", POINT, user="rfs-alice").out
        check(table.split() == ["fuse.recryptfs", "/srv/share"], table)
        # The keys are alice's, and so is the process: root itself is kept out by the kernel.
        self.root.run("ls", POINT, code=2)
        self.umounts()

    def mount_t_refuses_clearly(self):
        mount = lambda *options: self.root.run("mount", "-t", "recryptfs", "/srv/share", POINT,
                                               *options, code=None)
        for options, code, says in (
                ("keys_of=rfs-alice,frobnicate", 2, "'frobnicate' is no mount option"),
                ("keys_of=nobody-at-all", 3, "there is no user nobody-at-all"),
                ("remount,ro", 2, "unmount the share"),
                ("keys_of=rfs-alice,passfile=/nowhere,label=%", 2, "")):
            refused = mount("-o", options)
            check(refused.code == code and says in refused.err, f"{options}: {refused!r}")
            check(not self.mounted(), "mounted all the same")
        others = self.root.run("mount.recryptfs", "/srv/share", "/home/rfs-bob", "-o",
                               "keys_of=rfs-alice", user="rfs-bob", code=4)
        check("only root" in others.err, others)
        check(mount("-f", "-o", "keys_of=rfs-alice").code == 0 and not self.mounted(), "-f")

    def fstab_mounts(self):
        fstab = self.root.path("/etc/fstab")
        with open(fstab, "a") as lines:
            lines.write(f"/srv/share {POINT} recryptfs keys_of=rfs-alice,noauto,nofail,_netdev,"
                        "x-systemd.automount 0 0\n")
        self.root.run("mount", POINT)
        self.works_in_the_mount()
        self.umounts()
        fstab.write_text(fstab.read_text().replace("keys_of=rfs-alice,", "user,"))
        self.alice("mount", POINT)
        self.works_in_the_mount()
        options = self.alice("findmnt", "-no", "OPTIONS", POINT).out
        check("nosuid" in options and "noexec" in options, options)
        self.alice("recryptfs", "umount", POINT)
        check(not self.mounted(), "still mounted")
        fstab.write_text("")

    def unit_of_a_user_mounts(self):
        unit = "/usr/lib/systemd/user/recryptfs@.service"
        variables = {"SHARE": "/srv/share", "MOUNTPOINT": POINT, "OPTIONS": f'--label "{LABEL}"'}
        with NotifySocket(self.root, f"@rfs-{os.getpid()}") as notify:
            process = self.root.start(*self.command_of(unit, "ExecStart", **variables),
                                      user="rfs-alice", env={"NOTIFY_SOCKET": notify.name})
            told = notify.next()
            check(told == {"READY": "1", "STATUS": f"Serving /srv/share at {POINT}"}, told)
            self.works_in_the_mount()
            self.alice(*self.command_of(unit, "ExecStop", **variables))
            check(notify.next()["STOPPING"] == "1", "the end")
            check(process.wait(30) == 0 and not self.mounted(), "how it ended")
            # Killed, it leaves a mount that answers nothing, which the unit takes away.
            process = self.root.start(*self.command_of(unit, "ExecStart", **variables),
                                      user="rfs-alice", env={"NOTIFY_SOCKET": notify.name})
            check(notify.next()["READY"] == "1" and self.mounted(), "mounted again")
            process.kill()
            process.wait()
            self.alice(*self.command_of(unit, "ExecStopPost", **variables))
            check(not self.mounted(), "a dead mount is left")

    def bash_completes(self):
        for line, wanted, unwanted in (
                ("recryptfs ", {"mount", "label", "audit"}, {"create", "--json"}),
                ("recryptfs mou", {"mount"}, {"umount"}),
                ("recrypt label c", {"create"}, {"add"}),
                ("recryptfs audit ", {"verify"}, {"mount"}),
                ("recryptfs label create --", {"--curve", "--json", "--help"}, {"--ready-fd"}),
                ("recryptfs label create --curve ", {"x25519", "p256"}, {"--json"}),
                ("recryptfs mount --", {"--label", "--foreground", "--passfile"}, {"--ready-fd"}),
                ("recryptfs mount --passfile /etc/fst", {"/etc/fstab"}, set()),
                ("recryptfs mount /et", {"/etc"}, set()),
                ("recryptfs umount -", {"--json"}, {"--label"}),
                ("recryptd --", {"--domain", "--config", "--check"}, {"--json"}),
                ("recryptd --registration ", {"open", "closed"}, set()),
                ("recryptd audit ver", {"verify"}, set()),
                ("recryptd backup --", {"--state"}, {"--domain"})):
            program = line.split()[0]
            words = line.split(" ")
            script = (f"source /usr/share/bash-completion/completions/{program}\n"
                      f"COMP_WORDS=({' '.join(map(shlex.quote, words))}) COMP_CWORD={len(words) - 1}\n"
                      f"function=$(complete -p {program} | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n"
                      f"$function {program} {shlex.quote(words[-1])} {shlex.quote(words[-2])}\n"
                      'printf "%s\\n" "${COMPREPLY[@]}"')
            found = set(self.root.run("bash", "-c", script).out.split())
            check(wanted <= found and not unwanted & found, f"{line!r}: {sorted(found)}")

    def zsh_completes(self):
        """In a terminal, as there is no other way to ask zsh."""
        for program in ("recryptfs", "recryptd"):
            self.root.run("zsh", "-n", f"/usr/share/zsh/vendor-completions/_{program}")
        with Terminal(self, "/tmp", "zsh", "-f", "-i") as terminal:
            terminal.type("PS1='ready> '; autoload -U compinit; compinit -u -D; echo com''piled\n")
            terminal.wait_for(r"compiled[^>]*ready> ")
            for line, wanted in (("recryptfs lab", "label "), ("recrypt label creat", "create "),
                                 ("recryptfs label create --cur", "--curve="),
                                 ("recryptfs label create --curve p", "p256 "),
                                 ("recryptfs umount /ho", "/home/"),
                                 ("recryptd --registr", "--registration"),
                                 ("recryptd backup --st", "--state")):
                terminal.type(line + "\t")
                terminal.wait_for(re.escape(line.rsplit(" ", 1)[0] + " " + wanted))
                terminal.type("\x15")

    # What Terminal wants of a user.
    def command(self, words):
        return self.root.words(words, "rfs-alice")

    def environment(self):
        return self.root.environment("rfs-alice", {})

    def fish_completes(self):
        for line, wanted in (("recryptfs lab", "label"), ("recryptfs label cr", "create"),
                             ("recrypt label create --cur", "--curve"),
                             ("recryptfs label create --curve ", "p256"),
                             ("recryptfs audit --ev", "--event"),
                             ("recryptd --registration ", "closed"),
                             ("recryptd backup --st", "--state")):
            sources = "".join(f"source /usr/share/fish/vendor_completions.d/{program}.fish\n"
                              for program in ("recryptfs", "recryptd"))
            found = self.root.run("fish", "--no-config", "-c",
                                  f"{sources}complete -C {shlex.quote(line)}").out
            check(any(each.split("\t")[0] == wanted for each in found.splitlines()),
                  f"{line!r}: {found!r}")

    def service_stops_and_is_looked_after(self):
        root, state = self.root, ("--state", "/var/lib/recryptd")
        check("Backed up" in root.run("recryptd", "backup", *state, "/root/backup").out, "serving")
        self.service.send_signal(signal.SIGTERM)
        check(self.notify.next()["STOPPING"] == "1", "the end is not told")
        check(self.service.wait(30) == 0, self.service.stdout.read())
        root.run("runuser", "-u", "recryptd", "--", "recryptd", "rotate-key", *state)
        foreign = root.run("find", "/var/lib/recryptd", "!", "-user", "recryptd").out
        check(not foreign, f"what the service cannot read: {foreign}")

    def systemd_runs_the_service(self):
        settings = self.root.path("/etc/recryptd.toml")
        settings.write_text(settings.read_text().replace("127.0.0.1:0", self.address))
        self.root.run("systemctl", "enable", "--now", "recryptd")
        show = lambda what: self.root.run("systemctl", "show", "-P", what, "recryptd").out.strip()
        check(show("StatusText") == f"Serving {DOMAIN} on {self.address}", show("StatusText"))
        self.alice("recryptfs", "decrypt", "-o", "-", "/srv/share/Office/date.jcd")
        self.root.run("systemctl", "reload", "recryptd")
        wait_until(lambda: show("StatusText") == f"Serving {DOMAIN}", 20, "a reload")
        confined = self.root.run("sh", "-c", f"cat /proc/{show('MainPID')}/status").out
        for line in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t0000000000000400"):
            check(line in confined, f"{line!r}: {confined}")

    def systemd_mounts_by_fstab(self):
        with open(self.root.path("/etc/fstab"), "a") as lines:
            lines.write(f"/srv/share {POINT} recryptfs keys_of=rfs-alice,nofail,_netdev,"
                        "x-systemd.automount,x-systemd.mount-timeout=60 0 0\n")
        self.root.run("systemctl", "daemon-reload")
        unit = self.root.run("systemd-escape", "--path", "--suffix=mount", POINT).out.strip()
        self.root.run("systemctl", "start", unit)
        self.works_in_the_mount()
        self.root.run("systemctl", "stop", unit)
        check(not self.mounted(), "still mounted")

    def systemd_mounts_for_a_user(self):
        uid = self.root.run("id", "-u", "rfs-alice").out.strip()
        mounts = "/home/rfs-alice/.config/recryptfs/mounts"
        self.alice("mkdir", mounts)
        self.alice("sh", "-c", f"printf 'SHARE=/srv/share\\nMOUNTPOINT={POINT}\\n' > {mounts}/office.conf")
        # What user@.service does by way of PAM and a message bus, neither of which need be here.
        runtime = f"/run/user/{uid}"
        self.root.run("install", "-d", "-m", "700", "-o", "rfs-alice", runtime)
        env = {"XDG_RUNTIME_DIR": runtime}
        self.root.run("systemd-run", "--unit=rfs-user", "--uid=rfs-alice", "--property=Delegate=yes",
                      "--property=Type=notify", f"--setenv=XDG_RUNTIME_DIR={runtime}",
                      "/usr/lib/systemd/systemd", "--user")
        self.alice("systemctl", "--user", "start", "recryptfs@office", env=env)
        self.works_in_the_mount()
        text = self.alice("systemctl", "--user", "show", "-P", "StatusText", "recryptfs@office",
                          env=env).out
        check(text == f"Serving /srv/share at {POINT}\n", text)
        self.alice("systemctl", "--user", "stop", "recryptfs@office", env=env)
        check(not self.mounted(), "still mounted")
        result = self.alice("systemctl", "--user", "show", "-P", "Result", "recryptfs@office",
                            env=env).out
        check(result == "success\n", result)
        self.root.run("systemctl", "stop", "rfs-user", "recryptd")

    def removing_keeps_what_was_made(self):
        self.root.run(*DPKG, "-r", *PACKAGES)
        check(not self.root.path("/usr/bin/recryptd").exists(), "the program")
        for path in ("/etc/recryptd.toml", "/etc/recryptd/tls.key", "/var/lib/recryptd/service.key"):
            check(self.root.path(path).exists(), f"{path} is gone")

    def purging_leaves_the_user_alone(self):
        self.root.run(*DPKG, "-P", *PACKAGES)
        left = sorted(path for path in self.root.left_in_layer() if not MAY_STAY.match(path))
        check(not left, f"left behind: {left}")
        status = self.root.run("dpkg-query", "-W", *PACKAGES, code=1)
        check(not status.out, status)
        check(self.root.run("id", "-un", "recryptd").out == "recryptd\n", "the user")


def in_a_bare_debian(packages, base):
    """Into a Debian of nothing but the least, by apt, which brings what the packages say they need."""
    target = base / "debian"
    tool("debootstrap", "--variant=minbase", "bookworm", target)
    inside = target / "var/tmp"
    for file in packages.files.values():
        shutil.copy(file, inside)
    names = [f"/var/tmp/{file.name}" for file in packages.files.values()]
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    inside_run = lambda *words: tool(
        "unshare", "--mount", "sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"',
        target, *words, env=env)
    inside_run("apt-get", "install", "-y", "-q", "--no-install-recommends", *names)
    for program in ("recryptfs", "recrypt", "recryptd"):
        check(" 0." in inside_run(program, "--version"), program)
    inside_run("apt-get", "purge", "-y", "-q", *PACKAGES)
    left = [path for path in target.rglob("*recrypt*") if "var/log" not in str(path) and
            path.parent != inside]
    check(not left, f"left behind: {left}")


def main():
    promises = Promises()
    full = bool(os.environ.get("RECRYPT_FULL"))
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        promises.skip("packages", "needs root and /dev/fuse")
        return promises.close()
    base = pathlib.Path(tempfile.mkdtemp(prefix="recryptfs-packages-"))
    try:
        packages = Packages(base / "packages")
        steps = (packages.are_made_by_cpack, packages.say_what_they_need,
                 packages.hold_their_files_as_debian_wants_them, packages.are_installed_by_cmake_too)
        if not all([promises.keep("packages " + step.__name__.replace("_", " "), step)
                    for step in steps]):
            return promises.close()
        try:
            with InstalledRoot() as root:
                use(promises, Installation(root, packages), full)
        except NotPossible as why:
            promises.skip("installing", str(why))
        if full:
            promises.keep("they install in a bare Debian", in_a_bare_debian, packages, base)
        return promises.close()
    finally:
        shutil.rmtree(base, ignore_errors=True)


def use(promises, installation, full):
    steps = [installation.installs, installation.units_are_sound,
             installation.service_wants_settings_first,
             installation.service_tells_the_manager_how_it_goes, installation.users_work_with_it,
             installation.mount_t_mounts, installation.mount_t_refuses_clearly,
             installation.fstab_mounts, installation.unit_of_a_user_mounts,
             installation.bash_completes]
    for shell, step in (("zsh", installation.zsh_completes), ("fish", installation.fish_completes)):
        if shutil.which(shell) or full:
            steps.append(step)
    steps.append(installation.service_stops_and_is_looked_after)
    keep(promises, steps)
    try:
        with RunningSystem(installation.root):
            keep(promises, (installation.systemd_runs_the_service,
                            installation.systemd_mounts_by_fstab,
                            installation.systemd_mounts_for_a_user))
    except NotPossible as why:
        promises.skip("systemd as the first process", str(why))
    keep(promises, (installation.removing_keeps_what_was_made,
                    installation.purging_leaves_the_user_alone))


def keep(promises, steps):
    for step in steps:
        promises.keep(step.__name__.replace("_", " "), step)


if __name__ == "__main__":
    sys.exit(main())
