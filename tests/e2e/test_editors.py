#!/usr/bin/env python3
"""Editors: saving in each way that they know, backups, locks that the other person sees, and what
they recover after they were killed."""
import sys

from harness import Terminal, check, wait_until
from workplace import keep_all, needs


@needs("vim")
def vim_saves_in_each_of_its_ways(place):
    """A backup by renaming and one by copying, with the swap file beside the document."""
    place.shell("""
        seq -f 'line %.0f' 3000 > letter
        for copy in yes no auto; do
          cat letter > {home}/before; inode=$(stat -c %i letter)
          vim -u NONE -i NONE -N -es -c "set backup backupskip= backupcopy=$copy swapfile directory=." \\
            -c 'normal ggOfirst of all' -c 'normal Goat the end' -c preserve \\
            -c "silent !ls -a > {home}/beside" -c wq letter
          grep -q '^.letter.swp$' {home}/beside
          cmp letter~ {home}/before
          test ! -e .letter.swp
          if test $copy = yes; then test $(stat -c %i letter) = $inode; else test $(stat -c %i letter) != $inode; fi
        done
        test "$(grep -c 'first of all' letter)" = 3; test "$(wc -l < letter)" = 3006
    """, "vim")


@needs("vim")
def vim_keeps_and_breaks_links_as_it_was_told(place):
    place.shell("""
        save() {{ vim -u NONE -i NONE -N -es -c "set backupcopy=$1 nobackup writebackup backupskip=" -c 'normal Goone more' -c wq $2; }}
        echo text > letter; ln letter hard; ln -s letter soft; chmod 640 letter
        save auto letter; test letter -ef hard
        save auto soft; test -L soft; test "$(wc -l < letter)" = 3
        save yes,breakhardlink hard; if test letter -ef hard; then exit 1; fi
        test "$(wc -l < letter)" = 3; test "$(wc -l < hard)" = 4; test "$(stat -c %a hard)" = 640
        save no,breaksymlink soft; test ! -L soft; test "$(wc -l < letter)" = 3; test "$(wc -l < soft)" = 4
        test "$(ls -A | tr '\\n' ' ')" = 'hard letter soft '
    """, "vim-links")


@needs("vim")
def vim_tells_the_other_person_who_is_editing(place):
    folder = place.folder("vim-two")
    place.alice.shell(f"echo text > {folder}/letter; chmod 666 {folder}/letter")
    vim = "vim", "-u", "NONE", "-i", "NONE", "-N", "-c", "set swapfile updatecount=1 ruler", "letter"
    with place.mount_of(place.bob) as work, Terminal(place.alice, folder, *vim) as alice:
        alice.wait_for("All")
        alice.type("Awritten by alice\x1b:preserve\r")
        alice.wait_for("preserved")
        with Terminal(place.bob, work / "vim-two", *vim) as bob:
            bob.wait_for(r"Found a swap file by the name \"\.letter\.swp\"(?s:.*)"
                         rf"owned by: {place.alice.unix}")
            bob.type("q")
            bob.wait_for_end()
        alice.type(":x\r")
        check(alice.wait_for_end() == 0, "alice's vim failed")
    with place.mount_of(place.bob) as work, Terminal(place.bob, work / "vim-two", *vim) as bob:
        bob.wait_for("textwritten by alice")
        bob.type("oand by bob\x1b:set backupcopy=yes\r:x\r")
        check(bob.wait_for_end() == 0, "bob's vim failed")
    text = place.alice.run("cat", folder / "letter").out
    check(text == "textwritten by alice\nand by bob\n", f"alice sees {text!r}")
    place.check_kept(folder, ["letter"])


@needs("vim")
def vim_recovers_from_a_swap_file(place):
    place.shell("""
        seq -f 'line %.0f' 20000 > letter
        vim -u NONE -i NONE -N -es -c 'set swapfile directory=.' -c 'normal Goonly in the swap file' \\
          -c preserve -c 'silent !kill -9 $PPID' letter || true
        test -e .letter.swp
        if grep -q 'only in the swap file' letter; then exit 1; fi
        vim -u NONE -i NONE -N -es -c 'set directory=.' -c 'recover letter' -c 'w! recovered' -c q!
        grep -q 'only in the swap file' recovered
        test "$(wc -l < recovered)" = 20001
    """, "vim-recovery")


@needs("emacs", full=True)
def emacs_saves_with_backups(place):
    place.shell("""
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


@needs("emacs", full=True)
def emacs_locks_the_file_for_the_other_person(place):
    """The lock is a symbolic link that leads nowhere; typed text is saved ahead in `#letter#`."""
    folder = place.folder("emacs-two")
    place.alice.shell(f"seq -f 'line %.0f' 50 > {folder}/letter; chmod 666 {folder}/letter")
    insert = """(progn (find-file "letter") (insert "by bob ") (save-buffer))"""
    settings = """(setq backup-enable-predicate (lambda (name) t) vc-handled-backends nil)"""
    with place.mount_of(place.bob) as work:
        with Terminal(place.alice, folder, "emacs", "-nw", "-Q", "--eval", settings, "letter") as emacs:
            emacs.wait_for("line 1")
            emacs.type("by alice ")
            emacs.wait_for("by alice")
            owner = place.alice.run("readlink", folder / ".#letter").out
            check(owner.startswith(place.alice.unix + "@"), f"locked by {owner}")
            said = place.bob.run("emacs", "-Q", "--batch", "--eval", insert,
                                 cwd=work / "emacs-two", code=255)
            check("letter locked by rfs-alice" in said.err, f"{said!r}")
            emacs.type("\x1bxdo-auto-save\r")
            emacs.wait_for("Auto-saving...done")
            ahead = place.alice.run("head", "-1", folder / "#letter#").out
            check(ahead == "by alice line 1\n", f"saved ahead: {ahead}")
            emacs.type("\x18\x13")
            emacs.wait_for("Wrote")
            wait_until(lambda: place.alice.run("ls", "-A", folder).out.split() == ["letter", "letter~"],
                       30, "the lock and what was saved ahead are gone")
            emacs.type("\x18\x03")
            check(emacs.wait_for_end() == 0, "emacs failed")
        place.bob.run("emacs", "-Q", "--batch", "--eval", "(setq make-backup-files nil)", "--eval",
                      insert, cwd=work / "emacs-two")
    text = place.alice.run("head", "-1", folder / "letter").out
    check(text == "by bob by alice line 1\n", f"alice sees {text!r}")
    place.check_kept(folder, ["letter", "letter~"])


@needs("emacs", full=True)
def emacs_recovers_what_it_had_saved_ahead(place):
    place.shell("""
        seq -f 'line %.0f' 3000 > letter; cp letter {home}/before
        emacs -Q --batch --eval '(progn (setq vc-handled-backends nil) (find-file "letter") (auto-save-mode 1)
          (goto-char (point-max)) (insert "not saved yet") (do-auto-save t)
          (signal-process (emacs-pid) 9))' || true
        cmp letter {home}/before; test -e '#letter#'; test -L '.#letter'
        echo yes | emacs -Q --batch --eval '(progn (setq vc-handled-backends nil create-lockfiles t)
          (defun ask-user-about-lock (file who) t) (recover-file "letter") (save-buffer))'
        test "$(tail -1 letter)" = 'not saved yet'; test "$(wc -l < letter)" -ge 3000
        test ! -L '.#letter'
    """, "emacs-recovery")


@needs("nano")
def nano_saves(place):
    folder = place.folder("nano")
    place.alice.shell(f"seq -f 'line %.0f' 1000 > {folder}/letter")
    # -G: its lock file, in vim's manner
    with Terminal(place.alice, folder, "nano", "-B", "-G", "letter") as nano:
        nano.wait_for("line 1")
        place.alice.run("test", "-e", folder / ".letter.swp")
        nano.type("written in nano ")
        nano.wait_for("in nano")
        nano.type("\x0f")
        nano.wait_for("File Name to Write")
        nano.type("\r")
        nano.wait_for("Wrote 1000 lines")
        nano.type("\x18")
        check(nano.wait_for_end() == 0, "nano failed")
    check(place.alice.run("head", "-1", folder / "letter").out == "written in nano line 1\n", "lost")
    check(place.alice.run("head", "-1", folder / "letter~").out == "line 1\n", "no backup")
    place.check_kept(folder, ["letter", "letter~"])


@needs("sed", "sort", "perl", "patch", "ed")
def stream_editors_change_files_in_place(place):
    place.shell("""
        cp {tree}/40.txt one; cp one two; chmod 604 one; inode=$(stat -c %i one)
        sed -i.before 's/accountants/auditors/' one; cmp one.before two
        test "$(grep -c auditors one)" = 280; test "$(stat -c %a one)" = 604; test $(stat -c %i one) != $inode
        perl -i -pe 's/auditors/accountants/' one; cmp one two
        sort -r -o one one; sort -n -k2 -o one one; cmp one two
        seq 300000 | sort -R -S 1M -T . | sort -n -S 1M -T . -o numbers; seq 300000 | cmp - numbers
        sed '3d; s/^line 9 /line nine /' two > three; diff -u two three > change || true
        patch -b -s two change; cmp two three; cmp two.orig one; patch -R -s two change; cmp one two
        if patch -s -f three change > {home}/said; then exit 1; fi; test -s three.rej
        printf '1,2d\\n$a\\nby ed\\n.\\nw\\nq\\n' | ed -s one; test "$(tail -1 one)" = 'by ed'; test "$(wc -l < one)" = 279
        echo start > log; for i in $(seq 50); do echo $i >> log & done; wait; test "$(wc -l < log)" = 51
        tee -a log < two > /dev/null; test "$(wc -l < log)" = 331; truncate -s 6 log; grep -qx start log
        install -m 640 two three; shred -u change; split -n 7 numbers part-; cat part-* | cmp - numbers
        test "$(grep -rl 'by ed' . )" = ./one; test "$(find . -newer two -name 'part-*' | wc -l)" = 7
    """, "streams")


if __name__ == "__main__":
    sys.exit(keep_all(
        vim_saves_in_each_of_its_ways, vim_keeps_and_breaks_links_as_it_was_told,
        vim_tells_the_other_person_who_is_editing, vim_recovers_from_a_swap_file,
        emacs_saves_with_backups, emacs_locks_the_file_for_the_other_person,
        emacs_recovers_what_it_had_saved_ahead, nano_saves, stream_editors_change_files_in_place))
