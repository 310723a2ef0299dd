#!/usr/bin/env python3
"""Programs that copy, move and pack: cp, mv, dd, tar, rsync, zip."""
import sys

from harness import check
from workplace import keep_all, needs


@needs("cp")
def cp_keeps_content_and_attributes(place):
    place.shell("""
        cp -a {tree} copy; diff -r --no-dereference {tree} copy
        cp -a copy again; diff -r --no-dereference {tree} again
        (cd {tree}; find . ! -type d ! -type l -printf '%p %s %m %T@\\n' | sort) > {home}/one
        (cd again; find . ! -type d ! -type l -printf '%p %s %m %T@\\n' | sort) > {home}/two
        cmp {home}/one {home}/two
        test "$(copy/program)" = 'it runs'
    """, "cp")


@needs("cp")
def cp_clones_and_keeps_holes(place):
    """Of what is zero, next to nothing is stored."""
    place.shell("""
        cp {tree}/large.bin one; cp --reflink=auto one two; cmp one two
        if cp --reflink=always one three 2>/dev/null; then cmp one three; else rm -f three; fi
        truncate -s 50M {home}/zeros; dd if={tree}/group.bin of={home}/zeros bs=4k seek=5000 conv=notrunc status=none
        cp --sparse=always {home}/zeros dug; cmp {home}/zeros dug
        cp --sparse=always dug again; cp --sparse=never dug filled
        cmp dug again; cmp dug filled
        test "$(du -k again | cut -f1)" -lt 2500
    """, "cp-sparse")
    stored = place.share / "Work/cp-sparse"
    for name in ("dug", "again"):
        taken = (stored / f"{name}.jcd").stat().st_blocks * 512
        check(taken < 2_500_000, f"{name} takes {taken} bytes on the share")


@needs("cp", "ln")
def cp_keeps_links(place):
    place.shell("""
        mkdir one; cp {tree}/group.bin one/a; ln one/a one/b; ln one/b one/c; ln -s a one/soft
        cp -a one two
        test "$(stat -c %h two/a)" = 3; test two/a -ef two/c; test "$(readlink two/soft)" = a
        echo more >> two/b; cmp two/a two/c; test "$(tail -c 5 two/a)" = more
        cp -al one linked; test "$(stat -c %h one/a)" = 6
        rm one/a linked/b; test "$(stat -c %h one/b)" = 4; cmp one/b {tree}/group.bin
        cp --remove-destination one/b linked/c; test "$(stat -c %h linked/c)" = 1
        cp -f --backup=numbered two/a one/b; cmp one/b.~1~ {tree}/group.bin
    """, "cp-links")


@needs("mv")
def mv_crosses_the_border_of_the_mount_both_ways(place):
    place.shell("""
        listed() {{ (cd "$1"; find . ! -type d ! -type l -printf '%p %s %m %T@\\n' | sort); }}
        cp -a {tree} {home}/moving; listed {tree} > {home}/expected
        mv {home}/moving in; test ! -e {home}/moving
        diff -r --no-dereference {tree} in; listed in | cmp - {home}/expected
        mkdir sub; mv in sub/inside; mv -T sub/inside back
        mv back {home}/moving; test ! -e back
        diff -r --no-dereference {tree} {home}/moving; listed {home}/moving | cmp - {home}/expected
        mv {home}/moving/*.txt .; mv -n 3.txt 4.txt; mv -f 3.txt 4.txt; test ! -e 3.txt
        seq -f 'line %.0f of file 3, for the accountants' 21 | cmp - 4.txt
        mv -b 5.txt 6.txt; test -e 6.txt~; rm -r {home}/moving
    """, "mv")


@needs("dd")
def dd_writes_where_it_is_told(place):
    place.shell("""
        cp {tree}/large.bin {home}/model; cp {tree}/large.bin file
        both() {{ for of in {home}/model file; do dd if={tree}/group.bin of=$of status=none "$@"; done; cmp {home}/model file; }}
        both bs=1000 seek=7 count=33 conv=notrunc
        both bs=4096 seek=300 skip=5 count=20 conv=notrunc,fsync
        both bs=64k oflag=append conv=notrunc,fdatasync
        both bs=777 iflag=skip_bytes,count_bytes skip=12345 count=99999 oflag=append conv=notrunc
        both bs=4096 oflag=sync conv=notrunc count=5
        both bs=512 seek=5000 count=1 conv=sparse,notrunc
        both bs=1M seek=2
        both bs=1k oflag=seek_bytes seek=1234567 count=10 conv=notrunc
        dd if={tree}/group.bin of=direct oflag=direct bs=64k status=none
        dd if=direct iflag=direct bs=64k status=none | cmp - {tree}/group.bin
        dd if={tree}/group.bin of=direct oflag=direct,dsync seek=3 bs=4k count=9 conv=notrunc status=none
        cp {tree}/group.bin {home}/direct; dd if={tree}/group.bin of={home}/direct seek=3 bs=4k count=9 conv=notrunc status=none
        cmp direct {home}/direct
        dd if=/dev/zero of=grown bs=1 count=0 seek=10M status=none; test "$(stat -c %s grown)" = 10485760
        if dd if={tree}/group.bin of=file conv=excl status=none 2>/dev/null; then exit 1; fi
        dd if={tree}/group.bin of=new conv=excl status=none
        dd if=file of=file bs=4k count=10 skip=0 seek=10 conv=notrunc status=none
    """, "dd")


@needs("tar")
def tar_extracts_what_it_was_given(place):
    place.shell("""
        tar -C {tree} --sparse -cf archive.tar .
        tar -C {tree} -czf archive.tgz .
        tar -C {tree} -df archive.tar
        mkdir out; tar -C out -xf archive.tar; tar -C out -df archive.tgz
        diff -r --no-dereference {tree} out
        tar -C out -S -cf - . | tar -C {tree} -df -
        tar -C {tree} -rf archive.tar --transform 's/^/more-/' group.bin
        tar -xOf archive.tar more-group.bin | cmp - {tree}/group.bin
        tar --delete -f archive.tar ./group.bin; tar -tf archive.tar | grep -qx more-group.bin
        if tar -tf archive.tar | grep -qx ./group.bin; then exit 1; fi
        tar -C out -xf archive.tgz --overwrite; tar -C out -xf archive.tgz --unlink-first --recursive-unlink
        tar -C out -df archive.tgz
    """, "tar")


@needs("tar", "setfattr")
def tar_keeps_extended_attributes_and_links(place):
    place.shell("""
        mkdir one; cp {tree}/2.txt {tree}/3.txt one; ln one/2.txt one/hard
        setfattr -n user.author -v 'alice herself' one/3.txt; setfattr -n user.long -v "$(seq 200)" one/2.txt
        tar --xattrs --xattrs-include='user.*' -cf kept.tar one
        mkdir out; tar -C out --xattrs --xattrs-include='user.*' -xf kept.tar
        test "$(getfattr --only-values -n user.author out/one/3.txt)" = 'alice herself'
        test "$(getfattr --only-values -n user.long out/one/hard)" = "$(seq 200)"
        test out/one/2.txt -ef out/one/hard; diff -r one out/one
    """, "tar-attributes")


@needs("rsync")
def rsync_copies_once(place):
    place.shell("""
        rsync -a --itemize-changes {tree}/ copy/ | grep -q '1.txt'
        test -z "$(rsync -a --itemize-changes {tree}/ copy/)"
        test -z "$(rsync -a --checksum --itemize-changes {tree}/ copy/)"
        cp -a {tree} {home}/changed; echo more >> {home}/changed/large.bin; echo less > {home}/changed/group.bin
        rsync -a --no-whole-file --inplace --stats {home}/changed/ copy/ >/dev/null
        diff -r --no-dereference {home}/changed copy
        echo appended >> {home}/changed/large.bin
        rsync -a --append-verify {home}/changed/ copy/; cmp {home}/changed/large.bin copy/large.bin
        rsync -a --delete copy/ second/; rsync -a --delete --exclude=large.bin {tree}/ second/
        rsync -a --no-whole-file --delay-updates --fuzzy {home}/changed/ second/
        diff -r --no-dereference {home}/changed second
        rsync -a --sparse {tree}/sparse holes; cmp {tree}/sparse holes
        rsync -a --backup --suffix=.old --remove-source-files {home}/changed/2.txt copy/1.txt
        test ! -e {home}/changed/2.txt; cmp copy/1.txt.old {tree}/1.txt
        rm -r {home}/changed; test -z "$(find . -name '.*.??????' -o -name '.~tmp~')"
    """, "rsync", timeout=300)


@needs("rsync", "setfattr", "setfacl")
def rsync_keeps_links_lists_and_attributes(place):
    place.shell("""
        mkdir one; cp {tree}/group.bin one/a; ln one/a one/b; cp {tree}/2.txt {tree}/3.txt one; ln -s a one/soft
        setfattr -n user.author -v alice one/a; setfattr -n user.empty one/3.txt
        setfacl -m u:daemon:r,g:daemon:rw one/2.txt
        rsync -aHAX --itemize-changes one/ two/ | grep -q ' a$'
        test -z "$(rsync -aHAX --itemize-changes one/ two/)"
        test two/a -ef two/b; test "$(getfattr --only-values -n user.author two/b)" = alice
        getfacl -cp two/2.txt | grep -qx 'user:daemon:r--'
        diff <(getfacl -cp one/2.txt) <(getfacl -cp two/2.txt)
        diff <(cd one; getfattr -d *) <(cd two; getfattr -d *)
        setfattr -x user.author one/a
        rsync -aHAX --itemize-changes one/ two/ | grep -q ' [ab]$'
        if getfattr --only-values -n user.author two/a 2>/dev/null; then exit 1; fi
    """, "rsync-all")


@needs("zip", "unzip")
def zip_packs_and_unpacks(place):
    place.shell("""
        (cd {tree}; zip -qry {at}/all.zip .); unzip -tq all.zip >/dev/null
        mkdir out; unzip -q all.zip -d out; diff -r --no-dereference {tree} out
        echo more > out/more; (cd out; zip -qu ../all.zip more); unzip -p all.zip more | grep -qx more
        zip -qd all.zip large.bin; if unzip -l all.zip | grep -q large.bin; then exit 1; fi
        gzip -k out/group.bin; gzip -dc out/group.bin.gz | cmp - {tree}/group.bin
        xz -k out/group.bin; rm out/group.bin; unxz out/group.bin.xz; cmp out/group.bin {tree}/group.bin
    """, "zip")


@needs("cp", "tar", "dd", full=True)
def a_large_tree_is_copied_and_packed(place):
    large = place.alice.home / "large"
    place.make_tree(large, files=1500, large=300_000_000)
    place.shell("""
        cp -a {home}/large copy; diff -r --no-dereference {home}/large copy
        tar -C copy -cf all.tar .; tar -C {home}/large -df all.tar
        mkdir out; tar -C out -xf all.tar; diff -r --no-dereference copy out; rm -r copy out
        gzip -1 < all.tar | gzip -d | cmp - all.tar
        dd if=all.tar of=by-blocks bs=1000 iflag=skip_bytes skip=777 count=100000 conv=fsync status=none
        cmp -n 100000000 -i 777:0 all.tar by-blocks
    """, "large", timeout=900)
    place.alice.run("rm", "-r", large, place.work / "large")


if __name__ == "__main__":
    sys.exit(keep_all(
        cp_keeps_content_and_attributes, cp_clones_and_keeps_holes, cp_keeps_links,
        mv_crosses_the_border_of_the_mount_both_ways, dd_writes_where_it_is_told,
        tar_extracts_what_it_was_given, tar_keeps_extended_attributes_and_links,
        rsync_copies_once, rsync_keeps_links_lists_and_attributes, zip_packs_and_unpacks,
        a_large_tree_is_copied_and_packed))
