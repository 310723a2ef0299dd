# The Debian 12 packages that RecryptFS is built, run and tested with. Sourced by ./quickstart and
# ./test, which call `install_packages build test full`; `install_packages bench` is for bench/.

packages_build="build-essential g++ cmake ninja-build ccache pkg-config git
  libssl-dev libfuse3-dev fuse3 nlohmann-json3-dev libcurl4-openssl-dev libsqlite3-dev
  libsqlitecpp-dev libpq-dev libboost1.81-dev libc-ares-dev libcli11-dev libspdlog-dev libexpected-dev
  libutf8proc-dev libtomlplusplus-dev libsystemd-dev libqrencode-dev"

packages_test="libgtest-dev libgmock-dev librapidcheck-dev clang-format mandoc python3 nodejs npm
  attr acl curl dnsmasq-base procps sudo util-linux openssl iproute2 gocryptfs file systemd zsh fish
  postgresql haproxy
  dbus-daemon libglib2.0-bin python3-dbus python3-gi trash-cli
  ed git inotify-tools mutt nano patch rsync sqlite3 tar unzip vim zip"

# What ./test --full runs besides.
packages_full="debootstrap sshfs openssh-sftp-server emacs-nox samba samba-vfs-modules smbclient
  libreoffice-calc-nogui libreoffice-writer-nogui python3-uno
  chromium chromium-driver fonts-dejavu-core"

# What bench/mount_bench.py compares with, and works with.
packages_bench="gocryptfs securefs cryfs encfs e2fsprogs git grep tar"

# True when dpkg knows the package as installed. `nodejs` and `npm` count when they
# are on the path, wherever they come from.
have_package() {
  case "$1" in
    nodejs) command -v node >/dev/null 2>&1 && return 0 ;;
    npm) command -v npm >/dev/null 2>&1 && return 0 ;;
  esac
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Installs what is missing of the named sets (build, test, full, bench); silent when nothing is.
install_packages() {
  local missing="" set package
  for set in "$@"; do
    local list="packages_$set"
    for package in ${!list}; do
      have_package "$package" || missing="$missing $package"
    done
  done
  [ -z "$missing" ] && return 0
  echo "installing:$missing"
  as_root apt-get update -q >/dev/null
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    $missing >/dev/null
  # Samba's programs are wanted, and no services on the machine's own ports.
  case "$missing " in
    *" samba "*)
      [ ! -d /run/systemd/system ] || as_root systemctl disable -q --now smbd nmbd samba-ad-dc ;;
  esac
}
