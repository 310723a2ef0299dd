#!/usr/bin/env python3
"""What a developer works with: git, make."""
import subprocess
import sys

from harness import ROOT, check
from workplace import keep_all, needs


@needs("git")
def git_keeps_a_history(place):
    place.shell("""
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


@needs("git")
def git_status_is_clean_in_a_new_mount(place):
    """Some hundred files, whose index holds their sizes, times and inode numbers. The times of
    status change are left out: a new mount may show later ones (docs/PROMISES.md)."""
    folder, alice = place.folder("git-status"), place.alice
    place.script(alice, folder, """
        git init -q -b main; git config user.email a@example.com; git config user.name a
        git config core.trustctime false
        for i in $(seq 400); do mkdir -p $((i % 20)); echo "file $i" > $((i % 20))/$i; done
        git add .; git commit -qm all; sync .git/index
    """)
    # Times of the same second as the index's would make git compare contents, and hide a wrong one.
    place.script(alice, folder, "sleep 1.1; touch .git/index; git status --porcelain | wc -l | grep -qx 0")
    alice.remount(place.share, place.mount)
    place.script(alice, folder, """
        test -z "$(git diff-files --name-only)"; test -z "$(git status --porcelain)"
        echo changed > 7/7; test "$(git diff-files --name-only)" = 7/7; git commit -qam seven
        git worktree add -q -b side {at}-side; cd {at}-side; echo more > more; git add more; git commit -qm more
        git repack -q -a -d; git gc -q --prune=now; git fsck --full --strict
        cd {at}; git merge -q side; test "$(cat more)" = more; git worktree remove {at}-side
        git worktree prune; test "$(git worktree list | wc -l)" = 1; test ! -e {at}-side
        git stash list; echo x >> more; git stash -q; test "$(cat more)" = more; git stash pop -q; git checkout -q .
        git rm -rq 1 2; git commit -qm fewer; test ! -e 1; git revert --no-edit HEAD >/dev/null; test -e 1/1
        git bisect start -q HEAD HEAD~3 >/dev/null; git bisect reset 2>/dev/null
        git rebase -q HEAD~1; git archive HEAD | tar -t | grep -vc '/$' | grep -qx 401
    """)
    place.check_kept(folder)


@needs("git")
def two_people_push_and_fetch_by_a_repository_in_the_share(place):
    folder, bare = place.folder("git-two"), "git-two/all.git"
    config = "[user]\\nemail={0}@example.com\\nname={0}\\n[safe]\\ndirectory=*\\n"
    for user in place.alice, place.bob:
        user.shell(f"printf '{config.format(user.name)}' > .gitconfig")
    place.alice.shell(f"umask 0; git init -q --bare -b main --shared=0666 {place.work / bare}")
    with place.mount_of(place.bob) as work:
        at = {place.alice: place.work / bare, place.bob: work / bare}
        for user in at:
            user.shell(f"umask 0; git clone -q {at[user]} clone 2>/dev/null")
        for round in range(1, 5):
            writer, reader = (place.alice, place.bob) if round % 2 else (place.bob, place.alice)
            writer.shell(f"""set -eu; umask 0; cd clone
                seq {round}000 > round-{round}; head -c 30000 /dev/urandom > random-{round}
                git add .; git commit -qm {round}; git push -q origin HEAD:main""")
            reader.shell(f"""set -eu; umask 0; cd clone; git pull -q --ff-only origin main
                seq {round}000 | cmp - round-{round}""")
        # The slower one is told, and loses nothing.
        for user in at:
            user.shell(f"cd clone; echo {user.name} > {user.name}; git add .; git commit -qm mine")
        place.alice.shell("umask 0; cd clone; git push -q origin HEAD:main")
        refused = place.bob.shell("cd clone; git push -q origin HEAD:main", code=None)
        check(refused.code != 0 and "rejected" in refused.err, f"{refused!r}")
        place.bob.shell("""set -eu; umask 0; cd clone; git pull -q --rebase origin main
            git push -q origin HEAD:main; git -C $(git remote get-url origin) gc -q""")
        place.alice.shell("set -eu; cd clone; git pull -q --ff-only origin main; test $(cat bob) = bob")
        for user in at:
            user.run("git", "-C", at[user], "fsck", "--full", "--strict")
        heads = {user.run("git", "-C", "clone", "rev-parse", "HEAD").out for user in at}
        check(len(heads) == 1, f"different: {heads}")
    place.check_kept(folder)


@needs("git", full=True)
def git_clones_this_project(place):
    source = place.stage.base / "project.bundle"
    done = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(ROOT), "bundle", "create",
                           "-q", str(source), "HEAD", "--branches"], capture_output=True)
    check(done.returncode == 0, done.stderr.decode(errors="replace"))
    source.chmod(0o644)
    place.shell("""
        git clone -q {source} project; cd project; git fsck --strict --full
        for commit in $(git rev-list --max-count=400 HEAD | awk 'NR % 40 == 0'); do git checkout -q $commit; done
        git checkout -q -; git repack -q -a -d -f; git gc -q --prune=now; git fsck --full
        git status --porcelain | wc -l | grep -qx 0; git grep -q namespace
        git clone -q --local . ../again; git -C ../again fsck --full
        git worktree add -q ../tree; git -C ../tree status --porcelain | wc -l | grep -qx 0
    """, "project", timeout=900, source=source)


# A program of 30 parts, two of which include a header of theirs.
PROJECT = """
    for i in $(seq 30); do printf 'int f%d(void) {{ return %d; }}\\n' $i $i > f$i.c; done
    echo '#define MORE 0' > more.h
    for i in 8 9; do printf '#include "more.h"\\nint f%d(void) {{ return %d + MORE; }}\\n' $i $i > f$i.c; done
    {{ seq -f 'int f%.0f(void);' 30; echo '#include <stdio.h>'; echo 'int main(void) {{ int s = 0;'
      seq -f 's += f%.0f();' 30; echo 'printf("%d\\n", s); return 0; }}'; }} > main.c
    printf 'sum: $(patsubst %%.c,%%.o,$(wildcard *.c))\\n\\t$(CC) -o $@.new $^ && mv $@.new $@\\n%%.o: %%.c\\n\\t$(CC) -O1 -g -MMD -c $<\\n-include $(wildcard *.d)\\n' > Makefile
"""


@needs("make", "cc")
def make_builds_what_changed(place):
    """In a new mount too, times are those that were set."""
    folder, alice = place.folder("make"), place.alice
    place.script(alice, folder, PROJECT + """
        make -s -j4; test "$(./sum)" = 465; make | grep -q 'up to date'
    """, timeout=300)
    alice.remount(place.share, place.mount)
    place.script(alice, folder, """
        make | grep -q 'up to date'
        sed -i 's/return 7/return 1007/' f7.c; make > {home}/made; test "$(./sum)" = 1465
        test "$(grep -c ' -c ' {home}/made)" = 1
        sed -i 's/MORE 0/MORE 1/' more.h; make -j4 > {home}/made; test "$(./sum)" = 1467
        test "$(grep -c ' -c ' {home}/made)" = 2; touch -d '2001-01-01' f9.c more.h; make | grep -q 'up to date'
        ar rcs lib.a f*.o; cc -o linked main.o lib.a; test "$(./linked)" = 1467; strip linked; test "$(./linked)" = 1467
        make -s -B -j4; test "$(./sum)" = 1467; rm *.o; make -s -j4; test "$(./sum)" = 1467
    """, timeout=300)
    place.check_kept(folder)


@needs("make", "cc", "ccache", "cmake", "ninja", full=True)
def ccache_and_cmake_work_in_the_mount(place):
    """A cache of many small files that are made under other names and renamed."""
    place.shell(PROJECT + """
        export CCACHE_DIR={at}/cache CCACHE_NODIRECT= CCACHE_TEMPDIR={at}/cache/tmp
        make -s -j4 CC='ccache cc'; rm *.o; make -s -j4 CC='ccache cc'; test "$(./sum)" = 465
        ccache --print-stats | grep -E '^(direct|preprocessed)_cache_hit' | awk '{{ s += $2 }} END {{ exit s < 31 }}'
        ccache --cleanup >/dev/null
        printf 'cmake_minimum_required(VERSION 3.20)\\nproject(sum C)\\nfile(GLOB all *.c)\\nadd_executable(sum ${{all}})\\n' > CMakeLists.txt
        cmake -S . -B build -G Ninja >/dev/null; ninja -C build >/dev/null; test "$(build/sum)" = 465
        ninja -C build | grep -q 'no work to do'; sleep 0.01; echo '#define MORE 2' > more.h
        ninja -C build | grep -q '\\[3/3\\]'; test "$(build/sum)" = 469
    """, "ccache", timeout=300)


if __name__ == "__main__":
    sys.exit(keep_all(
        git_keeps_a_history, git_status_is_clean_in_a_new_mount,
        two_people_push_and_fetch_by_a_repository_in_the_share, git_clones_this_project,
        make_builds_what_changed, ccache_and_cmake_work_in_the_mount))
