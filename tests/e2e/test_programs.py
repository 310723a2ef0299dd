#!/usr/bin/env python3
"""Ordinary programs at work in a mount: what they write is there after the mount was made anew, and
on the share lie documents without a run of their bytes. With RECRYPT_FULL set, larger work and
more programs."""
import json
import os
import shutil
import subprocess
import sys

from harness import ROOT, Promises, Stage, check, need_root_and_fuse, stored_documents

LABEL = "Work#example.com"
HEADER = 2304  # bytes of a document before its first block

# What lies in a folder, as its user sees it: of each file its attributes, its digest and some runs
# of its bytes.
LISTING = """
import hashlib, json, os, sys
found = {}
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(folder, name)
        at, status = os.path.relpath(path, sys.argv[1]), os.lstat(path)
        if os.path.islink(path):
            found[at] = {"link": os.readlink(path)}
            continue
        content = open(path, "rb").read()
        runs = [content[i:i + 24] for i in range(0, len(content) - 23, 24 + len(content) // 16)]
        found[at] = {"size": status.st_size, "mode": status.st_mode, "mtime": status.st_mtime,
                     "digest": hashlib.sha256(content).hexdigest(),
                     "runs": [run.hex() for run in runs if len(set(run)) > 8]}
print(json.dumps(found))
"""

# A folder as a person's may be: texts, an empty file, one of some groups, a link, a program, names.
TREE = """set -eu; mkdir -p {tree}/below/deeper; cd {tree}
for i in $(seq {files}); do seq -f "line %.0f of file $i, for the accountants" $((i * 7)) > $i.txt; done
: > empty; head -c {large} /dev/urandom > large.bin; head -c 524288 /dev/urandom > group.bin
printf '#!/bin/sh\\necho it runs\\n' > program; chmod 750 program; chmod 440 1.txt
ln -s ../1.txt below/link; ln -s nowhere below/dangling
echo with a blank > 'a name with blanks'; echo ünïcödé > 'ünïcödé'; echo hidden > .hidden
truncate -s 3000000 sparse; echo end >> sparse
touch -d '2001-02-03 04:05:06.789' 2.txt; cp -a 1.txt below/deeper/copy
"""


class Programs:
    def __init__(self, stage, full):
        self.stage, self.full = stage, full
        service = stage.service("example.com")
        self.share = stage.make_share()
        self.user = stage.user("alice")
        self.user.create_profile(service)
        self.user.run("recryptfs", "label", "create", LABEL)
        self.user.make_labelled_folder(LABEL, self.share, "Work")
        self.mount = self.user.mount(self.share)
        self.work = self.mount / "Work"
        self.user.shell(f"echo x > {self.work}/other")
        self.header = (self.share / "Work/other.jcd").read_bytes()[:HEADER]
        self.tree = self.user.home / "tree"
        self.make_tree(self.tree, files=40, large=1_300_000)

    def make_tree(self, tree, **sizes):
        self.user.shell(TREE.format(tree=tree, **sizes))

    def shell(self, script, name, timeout=100, **values):
        """Runs a script in a new folder of the mount, and then looks what is left of that folder
        in a new mount and on the share. Stops at the first command that fails."""
        folder = self.work / name
        self.user.run("mkdir", "-p", folder)
        script = script.format(tree=self.tree, home=self.user.home, at=folder, **values)
        done = self.user.shell(f"set -eu -o pipefail; cd {folder}\n{script}", timeout=timeout)
        self.check_kept(folder)
        return done.out

    def listing(self, folder):
        return json.loads(self.user.run("python3", "-c", LISTING, folder, timeout=300).out)

    def check_kept(self, folder):
        before = self.listing(folder)
        check(before, f"nothing in {folder}")
        self.user.remount(self.share, self.mount)
        after = self.listing(folder)
        for name in sorted(before.keys() | after.keys()):
            check(before.get(name) == after.get(name),
                  f"{name}: {before.get(name)} became {after.get(name)}")
        place = self.share / folder.relative_to(self.mount)
        stored = {str(path.relative_to(place))[:-4]: content
                  for path, content in stored_documents(place)}
        check(stored.keys() == {name for name in before if "link" not in before[name]},
              f"other documents than files: {sorted(stored)}")
        for name, content in stored.items():
            for run in map(bytes.fromhex, before[name]["runs"]):
                # Sources may hold what every header says.
                inside = run in content[HEADER:] or run in content[:HEADER] and run not in self.header
                check(not inside, f"{name}: plaintext on the share")

    def vim_keeps_backups_and_swap_files(self):
        """A backup by renaming and one by copying, with the swap file beside the document."""
        self.shell("""
            seq -f 'line %.0f' 3000 > letter
            for copy in yes no; do
              cat letter > {home}/before
              vim -u NONE -i NONE -N -es -c "set backup backupskip= backupcopy=$copy swapfile directory=." \\
                -c 'normal ggOfirst of all' -c 'normal Goat the end' -c preserve \\
                -c "silent !ls -a > {home}/beside" -c wq letter
              grep -q '^.letter.swp$' {home}/beside
              cmp letter~ {home}/before
              test ! -e .letter.swp
            done
            test "$(grep -c 'first of all' letter)" = 2
            test "$(wc -l < letter)" = 3004
        """, "vim")

    def vim_recovers_from_a_swap_file(self):
        self.shell("""
            seq -f 'line %.0f' 20000 > letter
            vim -u NONE -i NONE -N -es -c 'set swapfile directory=.' -c 'normal Goonly in the swap file' \\
              -c preserve -c 'silent !kill -9 $PPID' letter || true
            test -e .letter.swp
            if grep -q 'only in the swap file' letter; then exit 1; fi
            vim -u NONE -i NONE -N -es -c 'set directory=.' -c 'recover letter' -c 'w! recovered' -c q!
            grep -q 'only in the swap file' recovered
            test "$(wc -l < recovered)" = 20001
        """, "vim-recovery")

    def cp_keeps_content_and_attributes(self):
        self.shell("""
            cp -a {tree} copy; diff -r --no-dereference {tree} copy
            cp -a copy again; diff -r --no-dereference {tree} again
            (cd {tree}; find . ! -type d ! -type l -printf '%p %s %m %T@\\n' | sort) > {home}/one
            (cd again; find . ! -type d ! -type l -printf '%p %s %m %T@\\n' | sort) > {home}/two
            cmp {home}/one {home}/two
            test "$(copy/program)" = 'it runs'
        """, "cp")

    def tar_extracts_what_it_was_given(self):
        self.shell("""
            tar -C {tree} --sparse -cf archive.tar .
            tar -C {tree} -czf archive.tgz .
            tar -C {tree} -df archive.tar
            mkdir out; tar -C out -xf archive.tar; tar -C out -df archive.tgz
            diff -r --no-dereference {tree} out
            tar -C {tree} -rf archive.tar --transform 's/^/more-/' group.bin
            tar -xOf archive.tar more-group.bin | cmp - {tree}/group.bin
        """, "tar")

    def git_keeps_a_history(self):
        self.shell("""
            git init -q -b main one; cd one
            git config user.email a@example.com; git config user.name a
            for i in 1 2 3 4; do
              cp {tree}/$i.txt {tree}/group.bin .; echo $i > number; git add .; git commit -qm "$i"
            done
            git checkout -q -b side HEAD~2; echo aside > side; git add side; git commit -qm aside
            git checkout -q main; git merge -q -m merged side
            git gc -q --aggressive --prune=now; git fsck --strict --full
            git clone -q . ../two; cd ../two; git fsck --strict --full
            git reset -q --hard HEAD~1; test "$(cat number)" = 4
            git pull -q --ff-only; test "$(cat side)" = aside; git status --porcelain | wc -l | grep -qx 0
            diff -r --exclude=.git ../one ../two
        """, "git")

    def sqlite_keeps_what_it_committed(self):
        count = 200_000 if self.full else 3000
        self.shell("""
            rows="with recursive n(i) as (select 1 union all select i+1 from n where i<{count})
                  insert into t select i, hex(randomblob(20)) from n"
            for mode in delete truncate persist wal; do
              sqlite3 $mode.db "pragma journal_mode=$mode" "create table t(a, b); create index i on t(b)" \\
                "$rows" "begin" "delete from t" "rollback" "begin" "update t set a = a + 1" "commit" >/dev/null
              test "$(sqlite3 $mode.db 'pragma integrity_check; select sum(a), count(*) from t')" = \\
                "ok
$(({count} * ({count} + 3) / 2))|{count}"
            done
            sqlite3 wal.db 'pragma mmap_size=268435456' 'select count(b) from t' 'vacuum' >/dev/null
            sqlite3 wal.db 'pragma journal_mode=delete' 'pragma integrity_check' | grep -qx ok
        """, "sqlite", timeout=600, count=count)

    def sqlite_recovers_after_being_killed(self):
        self.shell("""
            for mode in delete wal; do
              sqlite3 $mode.db "pragma journal_mode=$mode" 'create table t(a integer primary key, b)' >/dev/null
              for round in 1 2 3 4 5; do
                (while :; do echo 'insert into t(b) select hex(randomblob(500)); '; done | sqlite3 $mode.db) &
                sleep 1; kill -9 $(pgrep -P $! sqlite3); wait $! || true
                test "$(sqlite3 $mode.db 'pragma integrity_check')" = ok
              done
              test "$(sqlite3 $mode.db 'select count(*) = max(a) and count(*) > 0 from t')" = 1
            done
        """, "sqlite-killed", timeout=300)

    def make_builds_what_changed(self):
        out = self.shell("""
            for i in $(seq 30); do printf 'int f%d(void) {{ return %d; }}\\n' $i $i > f$i.c; done
            {{ seq -f 'int f%.0f(void);' 30; echo '#include <stdio.h>'; echo 'int main(void) {{ int s = 0;'
              seq -f 's += f%.0f();' 30; echo 'printf("%d\\n", s); return 0; }}'; }} > main.c
            printf 'sum: $(patsubst %%.c,%%.o,$(wildcard *.c))\\n\\tcc -o $@ $^\\n%%.o: %%.c\\n\\tcc -O1 -g -c $<\\n' > Makefile
            make -s -j2; test "$(./sum)" = 465
            make | grep -q 'up to date'
            sed -i 's/return 7/return 1007/' f7.c; make | tee {home}/made; test "$(./sum)" = 1465
            test "$(grep -c ' -c ' {home}/made)" = 1
            ar rcs lib.a f*.o; cc -o linked main.o lib.a; ./linked
        """, "make", timeout=300)
        check(out.rstrip().endswith("1465"), out)

    def rsync_copies_once(self):
        self.shell("""
            rsync -a --itemize-changes {tree}/ copy/ | grep -q '1.txt'
            test -z "$(rsync -a --itemize-changes {tree}/ copy/)"
            test -z "$(rsync -a --checksum --itemize-changes {tree}/ copy/)"
            cp -a {tree} {home}/changed; echo more >> {home}/changed/large.bin
            rsync -a --no-whole-file --inplace --stats {home}/changed/ copy/
            diff -r --no-dereference {home}/changed copy
            rsync -a --delete copy/ second/; rsync -a --delete --exclude=large.bin {tree}/ second/
            rm -r {home}/changed
        """, "rsync", timeout=300)

    def emacs_saves_with_backups(self):
        self.shell("""
            seq -f 'line %.0f' 5000 > letter; cp letter {home}/before
            for backup in nil t; do
              emacs -Q --batch --eval "(progn (setq backup-by-copying $backup make-backup-files t
                version-control t kept-new-versions 9
                make-backup-files t vc-handled-backends nil backup-enable-predicate (lambda (name) t))
                (find-file \\"letter\\") (goto-char (point-max)) (insert \\"by emacs\\\\n\\") (do-auto-save t)
                (save-buffer) (kill-buffer))"
            done
            cmp letter.~1~ {home}/before
            test "$(grep -c 'by emacs' letter)" = 2; test "$(grep -c 'by emacs' letter.~2~)" = 1
        """, "emacs", timeout=300)

    def nano_saves(self):
        # nano wants a terminal.
        self.shell("""
            seq -f 'line %.0f' 1000 > letter; cp letter {home}/before
            for keys in 'written in nano ' '\\017' '\\r' '\\030'; do sleep 1; printf "$keys"; done |
              TERM=vt100 timeout 20 script -qec 'nano -B letter' /dev/null >/dev/null || true
            test "$(head -1 letter)" = 'written in nano line 1'; cmp letter~ {home}/before
        """, "nano")

    def soffice_converts(self):
        self.shell("""
            printf 'the quarterly figures\\n' > figures.txt
            for to in odt pdf; do
              soffice --headless -env:UserInstallation=file://{home}/office --convert-to $to figures.txt
            done
            soffice --headless -env:UserInstallation=file://{home}/office --convert-to txt:Text --outdir back figures.odt
            grep -q 'the quarterly figures' back/figures.txt; head -c 5 figures.pdf | grep -q %PDF
        """, "office", timeout=600)

    def a_large_tree_is_copied_and_packed(self):
        large = self.user.home / "large"
        self.make_tree(large, files=1500, large=300_000_000)
        self.shell("""
            cp -a {home}/large copy; diff -r --no-dereference {home}/large copy
            tar -C copy -cf all.tar .; tar -C {home}/large -df all.tar
            mkdir out; tar -C out -xf all.tar; diff -r --no-dereference copy out; rm -r copy out
            gzip -1 < all.tar | gzip -d | cmp - all.tar
            dd if=all.tar of=by-blocks bs=1000 iflag=skip_bytes skip=777 count=100000 conv=fsync status=none
            cmp -n 100000000 -i 777:0 all.tar by-blocks
        """, "large", timeout=900)
        self.user.run("rm", "-r", large, self.work / "large")

    def git_clones_this_project(self):
        source = self.stage.base / "project.bundle"
        done = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(ROOT), "bundle", "create",
                               "-q", str(source), "HEAD", "--branches"], capture_output=True)
        check(done.returncode == 0, done.stderr.decode(errors="replace"))
        source.chmod(0o644)
        self.shell("""
            git clone -q {source} project; cd project; git fsck --strict --full
            for commit in $(git rev-list --max-count=400 HEAD | awk 'NR % 40 == 0'); do git checkout -q $commit; done
            git checkout -q -; git repack -q -a -d -f; git gc -q --prune=now; git fsck --full
            git status --porcelain | wc -l | grep -qx 0; git grep -q namespace
            git clone -q --local . ../again; git -C ../again fsck --full
        """, "project", timeout=900, source=source)


def main():
    promises = Promises()
    if not need_root_and_fuse(promises):
        return promises.close()
    full = bool(os.environ.get("RECRYPT_FULL"))
    with Stage() as stage:
        programs = Programs(stage, full)
        steps = [("vim", programs.vim_keeps_backups_and_swap_files),
                 ("cp", programs.cp_keeps_content_and_attributes),
                 ("tar", programs.tar_extracts_what_it_was_given),
                 ("git", programs.git_keeps_a_history),
                 ("sqlite3", programs.sqlite_keeps_what_it_committed)]
        if full:
            steps += [("vim", programs.vim_recovers_from_a_swap_file),
                      ("sqlite3", programs.sqlite_recovers_after_being_killed),
                      ("make", programs.make_builds_what_changed),
                      ("rsync", programs.rsync_copies_once),
                      ("emacs", programs.emacs_saves_with_backups),
                      ("nano", programs.nano_saves),
                      ("soffice", programs.soffice_converts),
                      ("tar", programs.a_large_tree_is_copied_and_packed),
                      ("git", programs.git_clones_this_project)]
        for program, step in steps:
            name = step.__name__.replace("_", " ")
            if not shutil.which(program):
                promises.skip(name, f"{program} is not installed")
            elif step == programs.git_clones_this_project and not (ROOT / ".git").exists():
                promises.skip(name, "this is no git repository")
            else:
                promises.keep(name, step)
    return promises.close()


if __name__ == "__main__":
    sys.exit(main())
