#!/bin/bash
# Installs the package on a booted Debian, by the blocks of the README's part "Under systemd" as they stand there, and does
# to it what happens to a daemon in its life. What was seen is printed with its time.
# Usage: tests/host/run.sh FLEET [PACKAGE]        HELM=helm4 takes the other helm, DEBIAN_ROOT=DIR a Debian that is there
# Needs root, debootstrap, systemd-container, the package or cargo-deb to make it, and a fleet: cargo xtask fleet up --name FLEET --clusters 1
set -euo pipefail

fleet=${1:?which fleet}
package=${2:+$(realpath "$2")}
root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/natsx-sync-fleet
cluster=us-east-cluster
kubeconfig=$cache/run/$fleet/$cluster/kubeconfig
work=$(mktemp -d)
host=$work/debian
id=$cluster/communication/nats-first
began=$(date +%s%N)

say() { printf '[%6.1f s] %s\n' "$((($(date +%s%N) - began) / 100000000))e-1" "$*"; }
fail() { say "FAILED: $*"; inside journalctl -u natsx-sync --no-pager -n 60 || :; exit 1; }

inside() { nsenter --target "$leader" --all --root --wdns=/opt -- /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
kube() { "$cache/tools/kubectl" --kubeconfig "$kubeconfig" "$@"; }
property() { inside systemctl show natsx-sync --property "$1" --value; }
# The README's block that begins so.
block() {
  awk -v words="$1" '/^```/ { open = !open; if (open) { text = ""; next } if (index(text, words) == 1) printf "%s", text }
    open { text = text $0 "\n" }' "$root/README.md"
}
# until SECONDS WHAT COMMAND…
until_true() {
  local seconds=$1 what=$2 end=$((SECONDS + $1))
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt "$end" ] || fail "not within $seconds s: $what"
    sleep 0.2
  done
  say "$what"
}
commit() { git -C "$host/srv/exchanges" add -A && git -C "$host/srv/exchanges" -c user.name=operator -c user.email=operator@example.org commit -qm "$1"; }
revision() { kube -n communication get secrets -l owner=helm,name=nats-first -o jsonpath='{.items[*].metadata.labels.version}'; }
statuses() { kube -n communication get secrets -l owner=helm,name=nats-first -o jsonpath='{range .items[*]}{.metadata.labels.version}={.metadata.labels.status} {end}'; }
at_revision() { revision | grep -qw "$1"; }
deployed() { statuses | grep -Eqw "$1=deployed"; }
gone() { [ -z "$(revision)" ]; }
shows_refusal() { property StatusText | grep 'settings not read again: .*never'; }
logged_refusal() { inside journalctl -u natsx-sync -p err -o cat --no-pager | grep 'not taken over.*never'; }
ready() { inside natsx-sync wait "$1" --for ready --timeout 3m; }

leader=
nspawn=
end() {
  if [ -n "$nspawn" ] && kill -0 "$nspawn" 2>/dev/null; then
    kill -TERM "$nspawn" 2>/dev/null || :
    for _ in $(seq 50); do kill -0 "$nspawn" 2>/dev/null || break; sleep 0.2; done
    kill -KILL "$nspawn" 2>/dev/null || :
    wait "$nspawn" 2>/dev/null || :
  fi
  rm -rf "$work"
}
trap end EXIT

if [ -z "$package" ]; then
  say "make the package"
  (cd "$root" && cargo --quiet xtask package)
  package=$(find "$root/target/debian" -name 'natsx-sync_*.deb' -newer "$work" | head -n 1)
fi
say "$(basename "$package"), and the same as if it were newer"
dpkg-deb -R "$package" "$work/newer"
sed -i 's/^Version: .*/&.1/' "$work/newer/DEBIAN/control"
dpkg-deb -Zgzip -z1 -b "$work/newer" "$work/newer.deb" >/dev/null
say "a Debian"
if [ -n "${DEBIAN_ROOT:-}" ]; then
  cp -a "$DEBIAN_ROOT" "$host"
else
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates,git,procps bookworm "$host" >"$work/debootstrap.log"
fi

# What the operator has before the first step of the README: the package, helm, a kubeconfig, a repository, the chart.
cp "$package" "$host/opt/"
mv "$work/newer.deb" "$host/opt/"
cp "$cache/tools/${HELM:-helm3}" "$host/usr/local/bin/helm"
cp -r "$root/tests/fleet/chart/nats" "$host/srv/nats-chart"
cp "$kubeconfig" "$host/opt/us-east.yaml"
echo secret >"$host/opt/git-password"
"$work/newer/usr/bin/natsx-sync" init "$host/srv/exchanges" --cluster $cluster >/dev/null
git -C "$host/srv/exchanges" init -q -b main && commit first
cat >"$host/usr/local/bin/editor" <<SETTINGS
#!/bin/sh
cat >"\$1" <<EOF
source: {url: /srv/exchanges, branch: main, interval: 2s}
clusters:
  $cluster: {kubeconfig: /run/credentials/natsx-sync.service/clusters_us-east.yaml}
chart: {repository: /srv/nats-chart}
health: {interval: 2s}
EOF
SETTINGS
chmod 0755 "$host/usr/local/bin/editor"
chmod -R a+rX "$host/srv"

systemd-nspawn -q -D "$host" --boot --register=no --keep-unit --resolv-conf=copy-host </dev/null >"$work/console.log" 2>&1 &
nspawn=$!
for _ in $(seq 100); do
  leader=$(pgrep -P "$nspawn" | head -n 1) && [ -n "$leader" ] && inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded' && break
  sleep 0.2
done
say "it runs: $(inside systemctl --version | head -n 1), $(inside systemctl is-system-running || :)"

say "README: $(block 'apt install ./natsx-sync' | wc -l) lines from install to status"
block 'apt install ./natsx-sync' >"$host/opt/first.sh"
inside sh -eux /opt/first.sh 2>&1 | sed 's/^/    /' || fail "the README's first block"
[ "$(property ActiveState)" = active ] || fail "the unit is not active"
say "the unit is active as $(property User); exposure: $(inside systemd-analyze security natsx-sync --no-pager | tail -n 1)"
pages=$(inside sh -c 'gzip -t /usr/share/man/man1/natsx-sync*.1.gz && ls /usr/share/man/man1/natsx-sync*.1.gz | wc -l')
inside bash -n /usr/share/bash-completion/completions/natsx-sync || fail "the completions of bash"
say "manual pages: $pages; completions: $(inside sh -c 'cd /usr/share && ls */natsx-sync.fish */*/natsx-sync.fish */*/_natsx-sync */*/natsx-sync 2>/dev/null | tr "\n" " "')"

until_true 120 "installed: revision 1" at_revision 1
ready $id | sed 's/^/    /'; say "ready"
[ -n "$(inside find /run/natsx-sync -name servergroups.json)" ] || fail "helm keeps nothing in memory"
for who in nobody natsx-sync root; do
  inside runuser -u $who -- natsx-sync status >"$work/status"
  if grep -q 'no daemon' "$work/status"; then fail "$who is not told that a daemon runs"; fi
done
sed 's/^/    /' "$work/status"

sed -i 's/config.cluster.enabled: false/config.cluster.enabled: false\n  config.merge.max_payload: << 2MB >>/' "$host/srv/exchanges/exchanges/first.yaml"
commit "more payload"
until_true 60 "upgraded: revision 2" at_revision 2

say "reload: settings that cannot be, then others"
sed -i 's/interval: 2s}/interval: never}/' "$host/etc/natsx-sync/config.yaml"
inside systemctl reload natsx-sync
until_true 20 "the old ones stay, and status says why" sh -c "grep -q 'never' '$host/var/lib/natsx-sync/status.json'"
until_true 5 "so does systemctl status" shows_refusal
until_true 5 "and the journal" logged_refusal
sed -i 's/interval: never}/interval: 3s}/' "$host/etc/natsx-sync/config.yaml"
block 'natsx-sync config --config' | sed '/journalctl/d; /systemctl stop/d' >"$host/opt/second.sh"
inside sh -eux /opt/second.sh 2>&1 | sed 's/^/    /' || fail "the README's second block"
until_true 20 "the new ones are in force" sh -c "! grep -q 'never' '$host/var/lib/natsx-sync/status.json'"

say "root is told whose state it is"
if inside natsx-sync suspend $id --reason "as root" 2>"$work/refused"; then fail "root could write"; fi
sed 's/^/    /' "$work/refused"
inside runuser -u natsx-sync -- natsx-sync suspend $id --reason "a try" | sed 's/^/    /'
inside runuser -u natsx-sync -- natsx-sync resume $id | sed 's/^/    /'

say "stopped in the midst of an upgrade"
sed -i 's/2MB/3MB/' "$host/srv/exchanges/exchanges/first.yaml"
commit "still more payload"
until_true 30 "helm is at it" inside pgrep -x helm
inside systemctl stop natsx-sync
say "stopped: $(property Result), $(property ExecMainStatus); Helm says $(statuses)"
if statuses | grep -q pending || inside pgrep -x helm; then fail "it left something half done"; fi
inside systemctl start natsx-sync
# What was interrupted is a failed revision, or none.
until_true 60 "started and upgraded" deployed '[34]'
say "Helm says $(statuses)"

say "watchdog: 20 s for this try; the daemon is stopped in its tracks"
inside sh -c 'mkdir -p /etc/systemd/system/natsx-sync.service.d && printf "[Service]\nWatchdogSec=20s\n" >/etc/systemd/system/natsx-sync.service.d/watchdog.conf && systemctl daemon-reload && systemctl restart natsx-sync'
before=$(property MainPID)
sleep 5
inside kill -STOP "$before"
restarted() { [ "$(property NRestarts)" -ge 1 ] && [ "$(property ActiveState)" = active ] && [ "$(property MainPID)" != "$before" ]; }
until_true 90 "systemd has restarted it" restarted
inside journalctl -u natsx-sync --no-pager -o cat | grep -iE 'watchdog|killing|restart' | tail -n 5 | sed 's/^/    /'
ready $id >/dev/null; say "ready again, revision $(revision)"
inside sh -c 'rm -r /etc/systemd/system/natsx-sync.service.d && systemctl daemon-reload'

say "a newer package"
deeds() { inside natsx-sync history --format json; }
kept=$(deeds)
records=$(inside natsx-sync registry ls)
before=$(property MainPID)
inside sh -c 'apt-get install -y /opt/newer.deb' 2>&1 | grep -E 'Unpacking|Setting up' | sed 's/^/    /'
if [ "$(property MainPID)" = "$before" ] || [ "$(property ActiveState)" != active ]; then fail "not restarted by the upgrade"; fi
[ "$kept" = "$(deeds)" ] || fail "the journal is not kept, or something was done"
until_true 60 "the registry answers again" inside natsx-sync registry ls
[ "$records" = "$(inside natsx-sync registry ls)" ] || fail "records are not kept"
ready $id >/dev/null
say "journal and records are kept, nothing was done again: revisions $(revision)"

rm "$host/srv/exchanges/exchanges/first.yaml" && echo >"$host/srv/exchanges/exchanges/.keep"
commit "moved elsewhere"
until_true 30 "the last removal is held back" sh -c "grep -q MassRemoval '$host/var/lib/natsx-sync/status.json'"
inside runuser -u natsx-sync -- natsx-sync approve $id | sed 's/^/    /'
until_true 90 "approved and uninstalled" gone

say "stop"
inside systemctl stop natsx-sync
say "stopped: $(property Result), $(property ExecMainStatus)"
inside apt-get remove -y natsx-sync >/dev/null 2>&1
inside test -e /var/lib/natsx-sync/status.json || fail "remove took the state"
say "removed: state and settings stay: $(inside ls /etc/natsx-sync | tr '\n' ' ')"
inside apt-get purge -y natsx-sync >/dev/null 2>&1
if inside test -e /var/lib/natsx-sync || inside test -e /etc/natsx-sync; then fail "purge left something"; fi
inside systemctl list-unit-files 'natsx-sync*' --no-legend | grep . && fail "a unit is left"
left=$(inside find / -xdev \( -path /proc -o -path /opt -o -path /srv \) -prune -o -name '*natsx*' -print)
[ -z "$left" ] || fail "purge left $left"
say "purged: nothing is left"
