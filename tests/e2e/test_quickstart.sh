#!/usr/bin/env bash
# ./quickstart, in a copy of the tree, with the programs that are built already: as root and as an
# ordinary user, twice each, stopped and started again.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${RECRYPT_BUILD:-$root/build}
passed=0 failed=0 skipped=0
user=rfs-quick

keep() {
  local name=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "BROKEN: $name"
  fi
}
finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ]
  exit
}

if [ "$(id -u)" -ne 0 ] || [ ! -e /dev/fuse ]; then
  skipped=1
  echo "skipped: quickstart: needs root and /dev/fuse"
  finish
fi
[ -w /dev/fuse ] && chmod 666 /dev/fuse

base=$(mktemp -d /tmp/recryptfs-quickstart-XXXXXX)
chmod 755 "$base"
clean() {
  for tree in "$base"/*/; do
    fusermount3 -u -z -q "$tree.quickstart/mount" 2>/dev/null
    pid=$(cat "$tree.quickstart/recryptd.pid" 2>/dev/null) && kill "$pid" 2>/dev/null
  done
  rm -rf "$base"
  userdel "$user" 2>/dev/null
}
trap clean EXIT

# A user cannot reach a build folder below root's home.
mkdir -p "$base/programs/cli" "$base/programs/daemon"
cp -P "$build"/cli/recrypt* "$base/programs/cli/"
cp "$build/daemon/recryptd" "$base/programs/daemon/"

# As whoever "$who" is: its own home, nothing of this environment.
as() { setpriv --reuid="$who" --regid="$who" --clear-groups -- env -i HOME="$tree/home" \
  USER="$(id -un "$who")" PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 \
  RECRYPT_BUILD="$base/programs" "$@"; }
quickstart() { (cd "$tree" && as ./quickstart "$@") >"$base/out" 2>&1 || { cat "$base/out"; return 1; }; }
says() { grep -qF -- "$1" "$base/out" || { cat "$base/out"; return 1; }; }
reads_back() { as grep -q 'minutes of a meeting' "$tree/.quickstart/mount/Notes/minutes.txt"; }
fingerprint() { as env XDG_CONFIG_HOME="$tree/.quickstart/config" "$base/programs/cli/recryptfs" profile show; }
own_keystore_is_untouched() { [ ! -e "$tree/home/.config/recryptfs" ]; }
not_mounted() { ! mountpoint -q "$tree/.quickstart/mount"; }
service_is_gone() { ! [ -e "/proc/$1" ]; }

try_as() {
  who=$1 tree=$base/tree-$1
  mkdir -p "$tree/home" "$tree/packaging"
  cp "$root/quickstart" "$tree/"
  cp "$root/packaging/packages.sh" "$tree/packaging/"
  chown -R "$who:$who" "$tree"
  keep "the first run ends well (uid $who)" quickstart
  keep "it shows the stored form (uid $who)" says '[{"jcd":1'
  keep "it says how to stop (uid $who)" says './quickstart stop'
  keep "the mount is left in place (uid $who)" reads_back
  keep "the user's own keystore is untouched (uid $who)" own_keystore_is_untouched
  local before pid
  before=$(fingerprint)
  pid=$(cat "$tree/.quickstart/recryptd.pid")
  as sh -c "echo kept > '$tree/.quickstart/mount/Notes/mine.txt'"
  keep "a second run does no harm (uid $who)" quickstart
  keep "the account is the same (uid $who)" [ "$(fingerprint)" = "$before" ]
  keep "the service is the same (uid $who)" [ "$(cat "$tree/.quickstart/recryptd.pid")" = "$pid" ]
  keep "what was written stays (uid $who)" as grep -q kept "$tree/.quickstart/mount/Notes/mine.txt"
  keep "stop ends well (uid $who)" quickstart stop
  keep "stop unmounts (uid $who)" not_mounted
  keep "stop ends the service (uid $who)" service_is_gone "$pid"
  keep "stopping twice does no harm (uid $who)" quickstart stop
  keep "it starts again (uid $who)" quickstart
  keep "with what was written (uid $who)" as grep -q kept "$tree/.quickstart/mount/Notes/mine.txt"
  keep "and stops again (uid $who)" quickstart stop
}

try_as 0
useradd --no-create-home --shell /bin/bash "$user"
try_as "$(id -u "$user")"
finish
