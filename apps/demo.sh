#!/usr/bin/env bash
# Plays a recorded line with many nodes through the modem into the hub and reads the readings back over REST.
#
#   apps/demo.sh BUILD [--once] [--seconds N] [--nodes N] [--seed N]
#
# BUILD: folder of the build. --once: end when the table is shown, do not keep the hub running.
# --seconds (240), --nodes (36), --seed (1): of the recording, which is kept under BUILD/demo and used again.
set -euo pipefail

usage() { sed -n '2,7s/^# \{0,1\}//p' "$0"; }
fail() { echo "demo: $*" >&2; exit 1; }
say() { printf '\n%s\n' "$*"; }

[ $# -ge 1 ] || { usage >&2; exit 2; }
case $1 in -h | --help) usage; exit 0 ;; -*) usage >&2; exit 2 ;; esac
build=$(readlink -f "$1"); shift
once=no seconds=240 nodes=36 seed=1
while [ $# -gt 0 ]; do
  case $1 in
    --once) once=yes; shift ;;
    --seconds | --nodes | --seed)
      [[ ${2:-} =~ ^[0-9]+$ ]] || { echo "demo: $1: expected a whole number" >&2; exit 2; }
      declare "${1#--}=$2"; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) echo "demo: unknown option $1, expected --once, --seconds, --nodes or --seed" >&2; exit 2 ;;
  esac
done
[ -t 1 ] || once=yes
ngplc=$build/apps/ngplc hub=$build/hub/ngplc-hub
for program in "$ngplc" "$hub"; do [ -x "$program" ] || fail "$program: not there, build the project first"; done
for tool in curl jq; do command -v "$tool" >/dev/null || fail "$tool not found, expected the package $tool"; done

# 1. The recording: simulated meters on a noisy line, made once.
mkdir -p "$build/demo"
name=line-$nodes-nodes-$seconds-s-seed-$seed
recording=$build/demo/$name
if [ ! -f "$recording.sigmf-meta" ]; then
  say "Making a recording: $nodes meters, $seconds s of the 35-91 kHz band, noise, impulses and echoes"
  clean=$build/demo/clean-$$
  trap 'rm -f "$clean".sigmf-*' EXIT
  "$ngplc" tx "$clean" --nodes "$nodes" --duration-s "$seconds" --interval-s 10 --readings \
    --level-db random --level-spread-db 10 --clock-spread-ppm 40 --seed "$seed" --datetime "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
  "$ngplc" channel "$clean" "$recording" --taps 0@0,-8@0.8,-14@2.1 --impulses 20@100@-14 --ebn0-db 24 --seed "$seed"
  rm -f "$clean".sigmf-*
else
  say "Using the recording $recording.sigmf-meta"
fi

# 2. The hub, on free ports of this machine, with a database of its own.
run=$(mktemp -d)
hub_pid=
cleanup() {
  if [ -n "$hub_pid" ]; then kill "$hub_pid" 2>/dev/null || true; wait "$hub_pid" 2>/dev/null || true; fi
  rm -rf "$run" "$build/demo/clean-$$".sigmf-*
}
trap cleanup EXIT
trap 'exit 130' INT TERM
"$hub" --feed "ipc://$run/feed" --http 127.0.0.1:0 --database "$run/hub.sqlite" 2>"$run/hub.log" &
hub_pid=$!
port=
for _ in $(seq 100); do
  port=$(sed -n 's/.*ready: .*http port \([0-9]*\).*/\1/p' "$run/hub.log")
  if [ -n "$port" ]; then break; fi
  kill -0 "$hub_pid" 2>/dev/null || { cat "$run/hub.log" >&2; hub_pid=; fail "the hub did not start"; }
  sleep 0.1
done
[ -n "$port" ] || fail "the hub did not become ready within 10 s"
address=http://127.0.0.1:$port

# 3. Through the receiver into the hub.
say "Receiving, and feeding the hub at $address"
"$ngplc" rx "$recording" --hub "ipc://$run/feed" --receiver-id demo --no-hash >"$run/rx.txt"

# 4. Back out over REST, page by page.
fetch() {  # LIST: all rows as one JSON array
  local cursor=0 page
  while [ "$cursor" != null ]; do
    page=$(curl -fsS "$address/api/v1/$1?limit=1000&order=asc&cursor=$cursor")
    jq -c ".$1[]" <<<"$page"
    cursor=$(jq -r .next_cursor <<<"$page")
  done | jq -s .
}
fetch frames >"$run/frames.json"
fetch readings >"$run/readings.json"

say "Last reading of every meter, as the hub has it:"
jq -rn --slurpfile f "$run/frames.json" --slurpfile r "$run/readings.json" '
  def fixed(n): . * pow(10; n) | round | . / pow(10; n);
  ($f[0] | map({key: (.id | tostring), value: .}) | from_entries) as $frame
  | ["device", "frames", "time (UTC)", "energy", "voltage", "SNR/dB", "Eb/N0/dB", "clock/ppm"],
    ($r[0] | group_by(.device)[] | . as $all | (map(.frame) | max) as $last
     | (map(select(.frame == $last)) | map({key: .obis, value: "\(.value) \(.unit)"}) | from_entries) as $value
     | $frame[$last | tostring] as $link
     | [$all[0].device, ($all | map(.frame) | unique | length), ($all[-1].time_ms / 1000 | floor | strftime("%H:%M:%S")),
        $value["1-0:1.8.0"] // "-", $value["1-0:32.7.0"] // "-", ($link.snr_db | fixed(1)), ($link.ebn0_db | fixed(1)),
        ($link.clock_offset_ppm | fixed(1))])
  | map(tostring) | @tsv' |
  awk -F'\t' '{printf "  %-10s %6s  %-10s %14s %9s %7s %9s %10s\n", $1, $2, $3, $4, $5, $6, $7, $8}'

jq -rn --slurpfile f "$run/frames.json" --slurpfile meta "$recording.sigmf-meta" --argjson seconds "$seconds" '
  ($meta[0].annotations | map(select(."ngplc:payload"))) as $sent
  | ($sent | map(."ngplc:payload")) as $truth
  | ($f[0] | map(.payload)) as $stored
  | ($truth - $stored | length) as $lost
  | "\nSent \($truth | length) frames, stored \($stored | length): \($lost) lost (\(1000 * $lost / ([($truth | length), 1] | max) | round / 10) %), " +
    "\($stored - $truth | length) that were never sent, \(($stored | length) - ($stored | unique | length)) stored twice."'

wrong=$(jq -rn --slurpfile f "$run/frames.json" --slurpfile meta "$recording.sigmf-meta" '
  ($meta[0].annotations | map(."ngplc:payload")) as $truth | ($f[0] | map(.payload)) as $stored
  | ($stored - $truth | length) + ($stored | length) - ($stored | unique | length) + (if $stored == [] and $truth != [] then 1 else 0 end)')
[ "$wrong" = 0 ] || fail "the hub holds frames that it should not, or none at all"

if [ "$once" = yes ]; then
  say "The hub was at $address; without --once it keeps running."
else
  say "The hub keeps running: $address (status page), $address/api/v1/devices, $address/metrics"
  read -r -p "Enter or Ctrl-C ends it. " _ || true
fi
