#!/usr/bin/env bash
# Exit codes and messages of ngplc: right use, wrong use, bad input. usage: cli_test.sh NGPLC
set -uo pipefail
ngplc=$1
command -v jq >/dev/null || { echo "jq is not installed"; exit 77; }
grids=$(dirname "$(readlink -f "$0")")/../../testvectors/grids
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0 checks=0

# expect CODE PATTERN COMMAND...: exit code, and one error line on stderr that matches (empty: nothing demanded).
expect() {
  local code=$1 pattern=$2
  shift 2
  checks=$((checks + 1))
  "$@" >out.txt 2>err.txt </dev/null
  local got=$?
  if [ $got -ne "$code" ]; then
    echo "FAILED: $* gave exit code $got, expected $code: $(head -c 400 err.txt)"
    failed=$((failed + 1))
  elif [ -n "$pattern" ] && ! grep -Eq -- "$pattern" err.txt; then
    echo "FAILED: $* said $(head -c 400 err.txt), expected $pattern"
    failed=$((failed + 1))
  elif [ "$code" -ne 0 ] && [ "$(grep -c 'error:' err.txt)" -ne 1 ]; then
    echo "FAILED: $* said not one error line: $(head -c 400 err.txt)"
    failed=$((failed + 1))
  fi
}

# check WHAT COMMAND...: the command succeeds.
check() {
  local what=$1
  shift
  checks=$((checks + 1))
  "$@" || { echo "FAILED: $what"; failed=$((failed + 1)); }
}

# copy NAME JQ-FILTER: the good recording with other metadata.
copy() {
  cp good.sigmf-data "$1.sigmf-data"
  jq "$2" good.sigmf-meta >"$1.sigmf-meta"
}

# Usage.
expect 0 "" "$ngplc" --help
expect 0 "" "$ngplc" --version
expect 2 "no command" "$ngplc"
expect 2 "unknown command" "$ngplc" fly
for command in tx channel rx record sweep access ura reach mask survey doctor; do
  expect 0 "" "$ngplc" "$command" --help
  check "$command --help names its use" grep -q "Usage: ngplc $command" out.txt
  expect 2 "unrecognised option.*$command --help" "$ngplc" "$command" --no-such-option
done
expect 2 "no input" "$ngplc" rx
expect 2 "nothing to send" "$ngplc" tx a
expect 2 "no recording" "$ngplc" tx --random 1
expect 2 "not both" "$ngplc" tx a --device alsa --random 1
expect 2 "not both" "$ngplc" rx a --device alsa
expect 2 "no recording" "$ngplc" record --device alsa
expect 2 "no --device" "$ngplc" record a
expect 2 "gain-db needs --device" "$ngplc" rx a --gain-db 10
expect 2 "expected alsa" "$ngplc" rx --device jack
expect 2 "time has passed" "$ngplc" record a --device alsa --start-at 2020-01-01T00:00:00Z
expect 2 "buffer-s is 0" "$ngplc" rx --device alsa --buffer-s 0
expect 2 "expected real samples" "$ngplc" record a --device alsa --datatype ci16_le
expect 2 "payload-hex.*hexadecimal" "$ngplc" tx a --payload-hex 12x4
expect 2 "unknown profile" "$ngplc" tx a --random 1 --profile nowhere
expect 2 "payload-bytes is 17" "$ngplc" tx a --random 1 --payload-bytes 17
expect 2 "sequence is 99" "$ngplc" tx a --random 1 --sequence 99
expect 2 "datatype" "$ngplc" tx a --random 1 --datatype ri8
expect 2 "complex samples" "$ngplc" tx a --random 1 --profile srd868 --datatype ri16_le
expect 2 "level-db" "$ngplc" tx a --random 1 --level-db -5
expect 2 "sample_rate" "$ngplc" tx a --random 1 --sample-rate-hz 96000
expect 2 "reading" "$ngplc" tx a --reading device=1,9-9:9.9.9=3
expect 2 "ebn0" "$ngplc" sweep --ebn0 3:0:4
expect 2 "payload is 5" "$ngplc" sweep --payload 5
expect 2 "ebn0" "$ngplc" ura --ebn0 3:0:4
expect 2 "ka is 2.5" "$ngplc" ura --ka 2.5
expect 2 "ka is 100000" "$ngplc" ura --ka 100000
expect 2 "pupe is 2" "$ngplc" ura --pupe 2
expect 2 "trials" "$ngplc" ura --trials -1
expect 2 "either a recording or --profile" "$ngplc" mask
expect 2 "either a recording or --profile" "$ngplc" mask a --profile fcc
expect 2 "unknown rule" "$ngplc" mask --profile cenelec-a --seconds 0.1 --rule none
expect 2 "unknown profile" "$ngplc" mask --profile nowhere
expect 2 "level-dbuv" "$ngplc" mask --profile cenelec-a --level-dbuv 1000
expect 1 "radio profile" "$ngplc" mask --profile srd868 --rule fcc-15.113
expect 1 "sample rate is 192000" "$ngplc" mask --profile cenelec-a --seconds 0.1 --sample-rate-hz 192000 --rule fcc-15.113
expect 2 "no recording given" "$ngplc" survey
expect 2 "band-hz" "$ngplc" survey a --band-hz 5
expect 2 "LOW below HIGH" "$ngplc" survey a --band-hz 5:4
expect 1 "does-not-exist" "$ngplc" survey does-not-exist
expect 2 "taps" "$ngplc" sweep --taps nonsense
expect 2 "need --hub" "$ngplc" rx a --spool b
expect 2 "argument.*invalid" "$ngplc" sweep --frames many
expect 1 "" "$ngplc" rx does-not-exist
expect 1 "cannot|created|No such" "$ngplc" tx no/such/folder/a --random 0

# A profile file with a wrong type or an unknown key.
printf 'base = "cenelec-a"\nchip_rate_hz = "fast"\n' >type.toml
expect 1 "type.toml.*chip_rate_hz" "$ngplc" tx a --random 1 --profile type.toml
printf 'base = "cenelec-a"\nchips = 3\n' >key.toml
expect 1 "key.toml.*chips" "$ngplc" rx a --profile key.toml
expect 1 "missing.toml" "$ngplc" rx a --profile missing.toml

# The good case: three kinds of payload come back.
expect 0 "" "$ngplc" tx good --payload-text hello --payload-hex 0011aa --reading device=1001,counter=7,1-0:1.8.0=123456,1-0:32.7.0=231.4 \
  --gap-s 0.05 --seed 5
expect 0 "" "$ngplc" rx good.sigmf-meta --json --status --trace trace.jsonl
check "three frames" [ "$(jq -s 'map(select(.type == "frame")) | length' out.txt)" = 3 ]
check "truth found" jq -es '.[-1].truth == {"expected": 3, "found": 3, "unexpected": 0}' out.txt -e >/dev/null
check "reading decoded" jq -es 'any(.[]; .reading.values."1-0:32.7.0" == "231.4 V" and .reading.device == 1001)' out.txt >/dev/null
check "trace names stages" jq -es 'any(.[]; .stage == "decoded") and all(.[]; has("reason"))' trace.jsonl >/dev/null
cp out.txt whole.txt
# FFTW may plan differently in every process: numbers are equal to six digits, payloads exactly.
frames='select(.type == "frame") | [.sample_index, .payload, (.snr_db * 1000 | round)]'
expect 0 "" "$ngplc" rx good --json --chunk 997
check "block size does not matter" [ "$(jq -c "$frames" whole.txt)" = "$(jq -c "$frames" out.txt)" ]
expect 0 "" "$ngplc" rx good --json --threads 3
check "threads do not matter" [ "$(jq -c "$frames" whole.txt)" = "$(jq -c "$frames" out.txt)" ]
expect 2 "threads is 0" "$ngplc" rx good --threads 0
expect 2 "threads is 65" "$ngplc" rx good --threads 65
checks=$((checks + 1))
"$ngplc" rx - --json <good.sigmf-data >pipe.txt 2>err.txt || { echo "FAILED: raw samples on standard input: $(cat err.txt)"; failed=$((failed + 1)); }
check "standard input gives the same" [ "$(jq -c "$frames" whole.txt)" = "$(jq -c "$frames" pipe.txt)" ]
checks=$((checks + 1))
head -c 1001 good.sigmf-data | "$ngplc" rx - >out.txt 2>err.txt
[ $? -eq 1 ] && grep -q "standard input" err.txt || { echo "FAILED: half a sample on standard input: $(cat err.txt)"; failed=$((failed + 1)); }

# Bad recordings: each names the file and the field; the others are still decoded.
copy rate '.global."core:sample_rate" = 44100'
expect 1 "rate.sigmf-meta: core:sample_rate 44100" "$ngplc" rx rate --no-hash
copy odd-rate '.global."core:sample_rate" = 191999.77'
expect 1 "odd-rate.sigmf-meta.*191999|odd-rate.sigmf-meta.*192000" "$ngplc" rx odd-rate
copy hash '.global."core:sha512" = ("0" * 128)'
expect 1 "hash.sigmf-(data|meta).*sha512" "$ngplc" rx hash
expect 0 "" "$ngplc" rx hash --no-hash
copy type '.global."core:datatype" = "ri12"'
expect 1 "type.sigmf-meta.*core:datatype" "$ngplc" rx type
copy no-type 'del(.global."core:datatype")'
expect 1 "no-type.sigmf-meta.*core:datatype" "$ngplc" rx no-type
copy no-rate 'del(.global."core:sample_rate")'
expect 1 "no-rate.sigmf-meta.*core:sample_rate" "$ngplc" rx no-rate
copy profile '.global."ngplc:profile" = "nowhere"'
expect 1 "profile.sigmf-meta.*ngplc:profile" "$ngplc" rx profile
copy profile-type '.global."ngplc:profile" = 7'
expect 1 "profile-type.sigmf-meta.*ngplc:profile" "$ngplc" rx profile-type
copy truth '.annotations[0]."ngplc:payload" = 7'
expect 1 "truth.sigmf-meta.*annotations.0..*payload" "$ngplc" rx truth
copy odd 'del(.global."core:sha512")'
truncate -s -1 odd.sigmf-data
expect 1 "odd.sigmf-data" "$ngplc" rx odd
copy gone .
rm gone.sigmf-data
expect 1 "gone.sigmf-data" "$ngplc" rx gone
echo "not json" >text.sigmf-meta
cp good.sigmf-data text.sigmf-data
expect 1 "text.sigmf-meta" "$ngplc" rx text
expect 1 "complex samples for srd868" "$ngplc" rx good --profile srd868
expect 1 "hash.sigmf" "$ngplc" rx hash good --json
check "the good file is decoded beside a bad one" [ "$(jq -s length out.txt)" = 3 ]
mkdir empty
expect 1 "empty.*no .*sigmf-meta" "$ngplc" rx empty
copy cut '.annotations = [] | del(.global."core:sha512")'
truncate -s 40000 cut.sigmf-data
expect 0 "" "$ngplc" rx cut --json
check "a frame cut off gives nothing" [ ! -s out.txt ]

# Samples that are no numbers, all zero, at full scale: no frame, no crash, counted.
expect 0 "" "$ngplc" tx float --random 1 --datatype rf32_le --gap-s 0.02 --seed 9
for bits in '\x00\x00\xc0\x7f' '\x00\x00\x80\xff'; do
  printf "$bits" | dd of=float.sigmf-data bs=4 seek=100 conv=notrunc status=none
done
expect 0 "1 samples were not finite" "$ngplc" rx float --no-hash --json --status
check "counted" jq -es '.[-1].counters.nonfinite_samples == 1' out.txt >/dev/null
copy zero 'del(.global."core:sha512") | .annotations = []'
truncate -s 0 zero.sigmf-data && truncate -s 200000 zero.sigmf-data
expect 0 "" "$ngplc" rx zero --json
check "silence gives nothing" [ ! -s out.txt ]
copy full 'del(.global."core:sha512") | .annotations = []'
head -c 200000 /dev/zero | tr '\0' '\177' >full.sigmf-data
expect 0 "" "$ngplc" rx full --json
check "a constant gives nothing" [ ! -s out.txt ]

# Devices: one that is missing, a recording in place of one, samples over a socket.
expect 1 "does-not-exist" "$ngplc" rx --device file:does-not-exist
expect 1 "core:sample_rate is 192000, expected 250000" "$ngplc" rx --device file:good --sample-rate 250000
expect 1 "endpoint" "$ngplc" tx --random 1 --device zmq:nonsense
expect 1 "hw:77.*(found|without ALSA)" "$ngplc" rx --device alsa:hw:77
expect 1 "uhd:serial=nobody.*(found|without UHD)" "$ngplc" rx --device uhd:serial=nobody --profile srd868
expect 0 "" "$ngplc" rx --device file:good --json --status
check "a recording played as a device gives its frames" jq -es 'length == 4 and (.[-1].device | .overruns == 0 and .missing_samples == 0
  and .samples > 100000)' out.txt >/dev/null
expect 0 "" "$ngplc" record copied --device file:good --json
check "what was recorded is told" jq -e '.samples > 100000 and .saturated == 0 and .peak_dbfs < 0 and .device.gaps == 0' out.txt >/dev/null
check "a recording is complete" jq -e '(.global."core:sha512" | length) == 128 and .global."ngplc:profile" == "cenelec-a"
  and .captures[0]."core:global_index" == 0' copied.sigmf-meta >/dev/null
check "and the same samples" cmp good.sigmf-data copied.sigmf-data
expect 0 "" "$ngplc" rx copied --json
check "with the same frames" [ "$(jq -s length out.txt)" = 3 ]
# Samples missing in the first silence, and a gap through the second frame: the other two come, at their places in the stream.
"$ngplc" rx good --json >whole.txt 2>/dev/null
lost=5000
size=$(stat -c %s good.sigmf-data)
hole=$(jq -s '.[1].sample_index + 20000' whole.txt)
{ head -c $((2 * hole)) good.sigmf-data; tail -c $((size - 2 * (hole + lost))) good.sigmf-data; } >holed.sigmf-data
jq --argjson at "$hole" --argjson lost $lost 'del(.global."core:sha512") | .annotations = [] | .captures = [{"core:sample_start": 0,
  "core:global_index": 0}, {"core:sample_start": $at, "core:global_index": ($at + $lost)}]' good.sigmf-meta >holed.sigmf-meta
expect 0 "" "$ngplc" rx holed --json --status
check "the receiver goes on behind a gap" jq -es --slurpfile whole whole.txt '.[-1].counters.gaps == 1 and
  (map(select(.payload) | {payload, sample_index})) as $found | $whole | map({payload, sample_index}) as $sent |
  ($found | index($sent[0])) != null and ($found | index($sent[2])) != null' out.txt >/dev/null
"$ngplc" rx --device "zmq:ipc://$work/samples" --json --status --seconds 2 >heard.txt 2>heard.err &
heard=$!
sleep 0.5
expect 0 "sent from" "$ngplc" tx --payload-text "over a socket" --gap-s 1.5 --amplitude-dbfs -20 --device "zmq:ipc://$work/samples"
check "a receiver on a socket ends when its seconds are over" wait $heard
check "a frame over a socket" jq -es '[.[] | select(.payload)] | length == 1' heard.txt >/dev/null
check "no sample of it is missing" jq -es '.[-1].device | .missing_samples == 0 and .refused == 0 and .samples >= 384000' heard.txt >/dev/null
# Stopped by a signal, a recording is finished.
"$ngplc" record stopped --device file:good 2>stopped.err &
stopped=$!
sleep 1
kill -INT $stopped
check "a recording that is stopped ends well" wait $stopped
check "and is finished" jq -e '(.global."core:sha512" | length) == 128' stopped.sigmf-meta >/dev/null

# The hub end: an address that is none, a hub that is not there.
expect 1 "hub" "$ngplc" rx good --hub nonsense
expect 1 "hub.*lost" "$ngplc" rx good --hub "ipc://$work/nobody" --hub-timeout-s 0.2
expect 0 "wait in" "$ngplc" rx good --hub "ipc://$work/nobody" --hub-timeout-s 0.2 --spool "$work/spool"

# Channel.
expect 2 "two recordings" "$ngplc" channel good
expect 2 "complex recording" "$ngplc" channel good a --cfo-hz 10
expect 2 "impulses" "$ngplc" channel good a --impulses 3@4
expect 1 "does-not-exist" "$ngplc" channel does-not-exist a
expect 1 "does-not-exist" "$ngplc" channel good a --noise does-not-exist
expect 0 "" "$ngplc" channel good late --delay-samples 100.25 --clock-ppm 30 --ebn0-db 8
expect 0 "3 of 3 found, 0 others" "$ngplc" rx late
# Scenarios: shipped by name, from a file, and what is wrong with one.
expect 0 "background noise" "$ngplc" channel good place --scenario quiet-house --ebn0-db 10
expect 0 "3 of 3 found, 0 others" "$ngplc" rx place
expect 0 "" "$ngplc" channel good place --scenario switched-line --ebn0-db 10
expect 0 "3 of 3 found, 0 others" "$ngplc" rx place
printf '[[bursts]]\nshare = 0.05\n[line]\npaths = [[0, 0], [-6, 20]]\n' >place.toml
expect 0 "" "$ngplc" channel good place --scenario place.toml --ebn0-db 15
expect 0 "3 of 3 found, 0 others" "$ngplc" rx place
expect 2 "unknown scenario.*workshop" "$ngplc" channel good a --scenario nowhere --ebn0-db 3
expect 2 "needs a level" "$ngplc" channel good a --scenario quiet-house
expect 2 "paths of its own" "$ngplc" channel good a --scenario place.toml --ebn0-db 3 --taps 0@0
expect 1 "missing.toml" "$ngplc" channel good a --scenario missing.toml --ebn0-db 3
printf '[[bursts]]\nshare = 2\n' >bad.toml
expect 1 "bad.toml: bursts.share is 2" "$ngplc" channel good a --scenario bad.toml --ebn0-db 3
printf '[recording]\nfile = "does-not-exist"\n' >bad.toml
expect 1 "does-not-exist" "$ngplc" sweep --scenario bad.toml --frames 1
printf '[recording]\nfile = "good"\n' >recorded.toml
expect 0 "" "$ngplc" channel good a --scenario recorded.toml --ebn0-db 3
expect 0 "" "$ngplc" sweep --scenario switched-line --ebn0 8 --frames 2 --json
check "a sweep names its scenario" [ "$(jq -r .scenario out.txt)" = switched-line ]
expect 0 "" "$ngplc" access --scenario quiet-house --load 0.02 --frames 2 --json
check "an access run names its scenario" [ "$(jq -r .scenario out.txt)" = quiet-house ]
printf '[[segment]]\nseconds = 1\n[[segment]]\nseconds = 1\nnoise = "place.toml"\nlevel_db = -3\n' >changing.toml
expect 0 "" "$ngplc" channel good place --scenario changing.toml --ebn0-db 15
expect 0 "3 of 3 found, 0 others" "$ngplc" rx place
expect 0 "" "$ngplc" access --scenario changing.toml --load 0.02 --seconds 5 --json
check "loss by segment" jq -e '[.segments[].offered_by_half_second | add] == [.segments[].offered_by_round | add]
    and ([.segments[].offered_by_round | add] | add) == .offered and .segments[1].noise == "place"' out.txt >/dev/null
expect 1 "genie" "$ngplc" sweep --scenario changing.toml --genie --frames 1
expect 1 "noise stays" "$ngplc" sweep --scenario changing.toml --ideal 1
printf '[[segment]]\nnoise = "changing.toml"\n' >bad.toml
expect 1 "segment of another" "$ngplc" channel good a --scenario bad.toml --ebn0-db 3
expect 2 "scenario brings its own" "$ngplc" access --scenario quiet-house --taps 0@0 --load 0.02 --frames 2
# A line from a grid: of the median node, of every node in turn, of nodes at their own levels.
expect 0 "" "$ngplc" channel good place --scenario grid-street --ebn0-db 15
expect 0 "3 of 3 found, 0 others" "$ngplc" rx place
expect 0 "" "$ngplc" sweep --scenario grid-street --ebn0 20 --frames 10 --json
check "all ten nodes are heard at 20 dB" [ "$(jq -c '[.scenario, .ok, .false_frames]' out.txt)" = '["grid-street",10,0]' ]
expect 0 "" "$ngplc" access --scenario grid-street --ebn0 20 --load 0.05 --frames 10 --json
check "frames of a street" [ "$(jq .decoded out.txt)" = 10 ]
expect 2 "spread" "$ngplc" access --scenario grid-street --spread lognormal:3 --load 0.05 --frames 2
expect 2 "paths of its own" "$ngplc" channel good a --scenario grid-street --ebn0-db 3 --taps 0@0
expect 1 "grid-street: line.grid: the carrier" "$ngplc" sweep --scenario grid-street --profile srd868 --frames 1
printf '[line]\ngrid = "%s/grid-street.toml"\nnode = "house-8"\n' "$grids" >house.toml
expect 0 "" "$ngplc" sweep --scenario house.toml --ebn0 10 --frames 2 --json
check "one node of a grid" [ "$(jq .ok out.txt)" = 2 ]
expect 0 "" "$ngplc" access --scenario house.toml --spread lognormal:3 --load 0.05 --frames 2
sed -i 's/house-8/house-88/' house.toml
expect 1 'house.toml: line.node "house-88" is no node' "$ngplc" channel good a --scenario house.toml --ebn0-db 3
sed 's/^hub = .*//' "$grids/grid-street.toml" >hubless.toml
printf '[line]\ngrid = "hubless.toml"\n' >house.toml
expect 1 "house.toml: line.grid: hubless.toml: grid.hub: expected" "$ngplc" access --scenario house.toml --frames 1
printf '[line]\ngrid = "missing.toml"\n' >house.toml
expect 1 "house.toml: line.grid: missing.toml: cannot be opened" "$ngplc" sweep --scenario house.toml --frames 1

# Sweep: one object a point, keys as promised, the same for the same seed.
expect 0 "" "$ngplc" sweep --profile cenelec-a --payload 16 --ebn0 8 --frames 2 --seed 1 --json
check "keys of a point" jq -e 'has("ebn0_db") and has("snr_db") and has("sent") and has("ok") and has("per") and has("per_low")
  and has("per_high") and has("false_frames") and has("seconds") and .sent == 2 and .ok == 2' out.txt >/dev/null
# Unsourced access: the same, and a search that ends with what it found.
expect 0 "" "$ngplc" ura --ka 5 --ebn0 4:1:5 --trials 2 --seed 1 --json
check "two points" [ "$(wc -l <out.txt)" -eq 2 ]
check "keys of a point" jq -es 'all(has("ka") and has("ebn0_db") and has("users") and has("errors") and has("pupe")
  and has("false_messages")) and .[0].users == 10 and .[1].errors == 0 and .[1].ebn0_db == 5' out.txt >/dev/null
expect 0 "" "$ngplc" ura --ka 2 --trials 10 --pupe 0.3 --json
check "what was searched" jq -es '.[-1] | .required_ebn0_db > -2 and .required_ebn0_db < 2 and .ka == 2' out.txt >/dev/null
if command -v gnuplot >/dev/null; then
  expect 0 "" "$ngplc" ura --ka 2 --trials 2 --ebn0 -2:6:4 --plot load.png
  check "a picture" [ "$(head -c 4 load.png | tail -c 3)" = PNG ]
  expect 1 "no/such.*cannot write" "$ngplc" ura --ka 2 --trials 1 --ebn0 4 --plot no/such/load.png
  expect 0 "" "$ngplc" sweep --ebn0 8 --frames 1 --plot curve.png
  check "a picture" [ "$(head -c 4 curve.png | tail -c 3)" = PNG ]
fi

# Access: wrong use, one object a run, keys as promised, the same on any threads, a picture.
expect 2 "ebn0 is 121" "$ngplc" access --ebn0 121
expect 2 "load is 0" "$ngplc" access --load 0
expect 2 "load" "$ngplc" access --load 1:0:2
expect 2 "payload is 17" "$ngplc" access --payload 17
expect 2 "spread" "$ngplc" access --spread normal
expect 2 "spread" "$ngplc" access --spread lognormal:61
expect 2 "levels" "$ngplc" access --levels 3
expect 2 "levels" "$ngplc" access --levels 0:50,-6:40
expect 2 "taps" "$ngplc" access --taps nonsense
expect 2 "burst.*AT:LENGTH:DB" "$ngplc" access --burst 3:4
expect 2 "burst DB is 61" "$ngplc" access --burst 3:4:61
expect 2 "overload.*AT:LENGTH:LOAD" "$ngplc" access --overload 3:4:x
expect 2 "silence-order.*LENGTH" "$ngplc" access --silence-order x
expect 2 "silence-order.*LENGTH" "$ngplc" access --silence-order 1:1:1:1
expect 2 "silence-order.*LENGTH" "$ngplc" access --silence-order 1:
expect 2 "silence-order LENGTH is 0" "$ngplc" access --silence-order 0
expect 2 "silence-order SHARE_OBEYING is 1.5" "$ngplc" access --silence-order 1:1.5
expect 2 "silence-order DELAY is -1" "$ngplc" access --silence-order 1:1:-1
expect 2 "seconds and --frames" "$ngplc" access --seconds 10 --frames 10
expect 2 "seconds is 2" "$ngplc" access --seconds 2
expect 2 "frames is 1.5" "$ngplc" access --frames 1.5
expect 2 "seed is 1.5" "$ngplc" access --seed 1.5
expect 2 "threads is -1" "$ngplc" access --threads -1
expect 2 "clock-ppm is 201" "$ngplc" access --clock-ppm 201
expect 2 "argument.*invalid" "$ngplc" access --ebn0 much
expect 1 "missing.toml" "$ngplc" access --profile missing.toml
expect 1 "does-not-exist" "$ngplc" access --noise does-not-exist
expect 1 "cannot|folder" "$ngplc" access --load 0.02 --frames 1 --plot no/such/folder/a.png
one_object_a_run() {
  jq -es 'length == 2 and map(.seed) == [1, 2] and all(.[]; has("profile") and has("payload_bytes") and has("load")
    and has("ebn0_db") and has("spread") and has("levels") and has("offered") and has("decoded") and has("loss")
    and has("loss_low") and has("loss_high") and has("loss_above_4db") and has("false_frames") and has("duplicates")
    and has("residual") and has("cancellation_db") and has("delay_s_median") and has("delay_s_99")
    and has("cpu_per_channel_s") and has("locked_after_frames") and (has("recovered_after_frames") | not)
    and .offered == 3 and .decoded == 3 and .loss == 0 and .false_frames == 0)' "$1" >/dev/null
}
expect 0 "" "$ngplc" access --load 0.02 --frames 3 --seed 1,2 --levels 0,-3 --threads 1 --json
check "keys of a run" one_object_a_run out.txt
# Transforms are planned by measuring: the last digits of what is left of a frame are not the same twice.
jq -c 'del(.cpu_per_channel_s, .residual, .cancellation_db)' out.txt >one.txt
expect 0 "" "$ngplc" access --load 0.02 --frames 3 --seed 1,2 --levels 0,-3 --threads 2 --json
check "the same on two threads" diff one.txt \
  <(jq -c 'del(.cpu_per_channel_s, .residual, .cancellation_db)' out.txt)
expect 0 "" "$ngplc" access --load 0.02 --seconds 3 --cold-start --burst 2:1:40 --json
check "recovery is told" jq -e 'has("recovered_after_frames") and .locked_after_frames != null' out.txt >/dev/null
expect 0 "" "$ngplc" access --load 1.6 --frames 800 --cold-start --silence-order 1:0.9:0.5 --json
check "silence is ordered once" jq -e '.orders == 1 and .collapses == 1 and (.ordered_at_frames | length) == 1
  and .deferred > 100 and .collapsed_frames > 0' out.txt >/dev/null
expect 0 "" "$ngplc" access --load 0.02 --frames 1
check "a table" grep -q "cpu/s" out.txt
if command -v gnuplot >/dev/null; then
  expect 0 "" "$ngplc" access --load 0.02,0.03 --frames 2 --plot access.png
  check "a picture of loss over load" [ "$(head -c 4 access.png | tail -c 3)" = PNG ]
fi

# Reach: wrong use, bad grids, one object a node and one for the grid, pictures.
expect 2 "no grid" "$ngplc" reach
expect 2 "payload" "$ngplc" reach --grid "$grids/quiet-house.toml" --payload 17
expect 2 "level-dbuv is 200" "$ngplc" reach --grid "$grids/quiet-house.toml" --level-dbuv 200
expect 2 "carrier_hz" "$ngplc" reach --grid "$grids/quiet-house.toml" --profile srd868
expect 1 "missing.toml: cannot be opened" "$ngplc" reach --grid missing.toml
sed 's/length_m = [0-9]*/length_m = 0/' "$grids/quiet-house.toml" >short.toml
expect 1 "short.toml: .*length_m is 0" "$ngplc" reach --grid short.toml
expect 0 "" "$ngplc" reach --grid "$grids/quiet-house.toml"
check "a line for the grid" grep -q "10 of 10 nodes direct" out.txt
expect 0 "" "$ngplc" reach --grid "$grids/ev-street.toml" --json
check "keys of a grid" jq -es 'length == 41 and all(.[:-1][]; has("node") and has("phase") and has("distance_m")
  and has("access_ohm") and has("hub_phase") and has("attenuation_db") and has("snr_db") and has("ebn0_db") and has("margin_db")
  and has("reach") and has("relay") and has("relay_margin_db")) and (.[-1] | .nodes == 40 and .direct + .relayed <= 40
  and .threshold_ebn0_db == 1.6 and .direct_share <= .reached_share)' out.txt >/dev/null
if command -v gnuplot >/dev/null; then
  expect 0 "" "$ngplc" reach --grid "$grids/quiet-house.toml" --plot reach.png --spectrum spectrum.png
  check "two pictures" [ "$(head -qc 4 reach.png spectrum.png | tr -dc PNG)" = PNGPNG ]
  expect 1 "no/such.*cannot write" "$ngplc" reach --grid "$grids/quiet-house.toml" --plot no/such/a.png
fi

# Emission: a signal at its highest legal level passes, 1 dB more fails; bad recordings name the file.
mask_summary='select(.type == "mask")'
expect 0 "need 1 s" "$ngplc" mask --profile cenelec-a --seconds 0.4 --json
check "every limit with its basis" jq -es 'map(select(.type == "limit")) | length == 7 and
  all(.[]; (.basis | IN("confirmed", "unconfirmed", "own")) and has("source") and (.judged or has("why_not")))' out.txt >/dev/null
highest=$(jq -r "$mask_summary | .highest_rms_dbuv - 0.01" out.txt)
rms=$(jq -r "$mask_summary | .rms_dbuv" out.txt)
for step in 0 1; do
  level=$(jq -n "120 + $highest - $rms + $step")
  expect 0 "" "$ngplc" mask --profile cenelec-a --seconds 0.4 --level-dbuv "$level" --json
  check "$step dB above the highest level" [ "$(jq -r "$mask_summary | .passes" out.txt)" = "$([ $step = 0 ] && echo true || echo false)" ]
done
expect 0 "" "$ngplc" mask good --json --points
check "a recording's rule is its profile's" [ "$(jq -r "$mask_summary | .rule" out.txt)" = en50065-a ]
check "a point a tuning" jq -es 'map(select(.type == "point")) | length > 900 and all(.[]; .peak_dbuv >= .average_dbuv)' out.txt >/dev/null
expect 1 "odd.sigmf-data" "$ngplc" mask odd
expect 1 "rate.*44100 Hz, expected at least 190000" "$ngplc" mask rate --no-hash
expect 2 "names no rule" "$ngplc" mask profile --no-hash
expect 0 "" "$ngplc" tx float --random 1 --datatype rf32_le
jq 'del(.global."core:sha512")' float.sigmf-meta >nan.sigmf-meta
cp float.sigmf-data nan.sigmf-data
printf '\0\0\300\177' | dd of=nan.sigmf-data bs=4 seek=100 conv=notrunc status=none
expect 1 "nan.sigmf-data: 1 samples are no numbers" "$ngplc" mask nan
if command -v gnuplot >/dev/null; then
  expect 0 "" "$ngplc" mask good --plot mask.png
  check "a picture of levels and limits" [ "$(head -c 4 mask.png | tail -c 3)" = PNG ]
  expect 1 "cannot|folder" "$ngplc" mask good --plot no/such/folder/a.png
fi

# Survey: noise of known power, and what is wrong with a recording.
expect 0 "" "$ngplc" tx nothing --random 0 --gap-s 4 --datatype ri16_le
expect 0 "" "$ngplc" channel nothing white --noise-dbfs -30 --tone 50000@-40
expect 0 "" "$ngplc" survey white --signal-dbfs -50 --json
check "noise, its line and the levels needed" jq -e '(.rms_dbfs + 29.6 | fabs) < 0.1 and .traits == ["white"] and
  (.lines | length) == 1 and (.lines[0].frequency_hz - 50000 | fabs) < 12 and (.mains.locked | not) and
  (.links | length) == 6 and all(.links[]; .margin_db > -30 and .margin_db < 30)' out.txt >/dev/null
expect 0 "" "$ngplc" survey white good --json
check "one object a recording" [ "$(jq -s length out.txt)" = 2 ]
expect 1 "odd.sigmf-data" "$ngplc" survey white odd --json
check "the good one is surveyed beside a bad one" [ "$(jq -s length out.txt)" = 1 ]
expect 1 "nan.sigmf-data: 1 samples are no numbers" "$ngplc" survey nan
expect 1 "silent" "$ngplc" survey nothing
expect 1 "start-s" "$ngplc" survey white --start-s 100
expect 1 "holds nothing|band" "$ngplc" survey white --band-hz 1e6:2e6
expect 2 "folder" "$ngplc" survey white good --plot page.png
if command -v gnuplot >/dev/null; then
  mkdir pages
  expect 0 "" "$ngplc" survey white good --plot pages
  check "a page a recording" [ "$(head -qc 4 pages/white.png pages/good.png | tr -cd PNG)" = PNGPNG ]
fi

echo "$checks checks, $failed failed"
[ $failed -eq 0 ]
