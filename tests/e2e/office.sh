#!/usr/bin/env bash
# What the guides take for granted, in the machine of their test: the services of example.com and
# example.net, people with profiles who have pinned each other, and a share.
#   office NAME…    alice@example.com; erin, too; everybody else @example.net
# SERVE=no leaves the services out; THIRD=yes makes one of example.org, too. The process of each is in
# /run/recryptd-DOMAIN.pid.
set -euo pipefail

serve() {
  local domain=$1 address=$2
  mkdir -p "/etc/recryptd/$domain"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 \
    -subj "/CN=$domain" -addext "subjectAltName=DNS:$domain,DNS:recrypt.$domain" \
    -keyout "/etc/recryptd/$domain/tls.key" -out "/etc/recryptd/$domain/tls.crt" 2>/dev/null
  cat "/etc/recryptd/$domain/tls.crt" >>/etc/ssl/certs/ca-certificates.crt
  [ "${SERVE:-yes}" = yes ] || return 0
  : >"/var/log/recryptd-$domain.log"
  setsid recryptd --domain "$domain" --listen "$address:443" --state "/var/lib/recryptd-$domain" \
    --cert "/etc/recryptd/$domain/tls.crt" --key "/etc/recryptd/$domain/tls.key" \
    </dev/null >>"/var/log/recryptd-$domain.log" 2>&1 &
  echo $! >"/run/recryptd-$domain.pid"
  until grep -q serving "/var/log/recryptd-$domain.log"; do sleep 0.1; done
}

as() {
  local who=$1
  shift
  setpriv --reuid="$who" --regid="$who" --init-groups env HOME="/home/$who" "$@"
}

domain_of() { case $1 in alice | erin) echo example.com ;; *) echo example.net ;; esac; }

serve example.com 192.0.2.1
serve example.net 192.0.2.2
domains="example.com example.net"
if [ "${THIRD:-no}" = yes ]; then
  serve example.org 192.0.2.3
  domains+=" example.org"
fi
for who in "$@"; do
  for domain in $domains; do
    as "$who" recryptfs service add "$domain" "recrypt.$domain" >/dev/null
  done
  as "$who" recryptfs profile create "$who@$(domain_of "$who")" --no-passphrase >/dev/null
done
for who in "$@"; do
  for other in "$@"; do
    [ "$who" != "$other" ] || continue
    as "$who" recryptfs profile trust "$other@$(domain_of "$other")" \
      "$(as "$other" recryptfs profile show | awk '$1 == "fingerprint" { print $2 }')" >/dev/null
  done
done
mkdir -p /srv/share
chmod 1777 /srv/share
