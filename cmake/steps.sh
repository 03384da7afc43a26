# What ./run and ./test share: sourced by bash, from the top folder.
# Every step says what it does; what a step prints goes to a log unless it fails.

STEP=0
STARTED=$SECONDS
LOGS=build/logs

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
step() {
  STEP=$((STEP + 1))
  printf '\n== %d. %s (%d s so far)\n' "$STEP" "$*" $((SECONDS - STARTED))
}

# quiet NAME COMMAND...: runs it with its output in a log, counts the seconds on a terminal, shows the log's end on failure.
quiet() {
  local name=$1 log=$LOGS/$1.log pid begin=$SECONDS status=0
  shift
  mkdir -p "$LOGS"
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  if [ -t 1 ]; then
    while kill -0 "$pid" 2>/dev/null; do
      printf '\r   %s: %d s' "$name" $((SECONDS - begin))
      sleep 1
    done
    printf '\r\033[K'
  fi
  wait "$pid" || status=$?
  if [ "$status" -ne 0 ]; then
    tail -n 40 "$log" >&2
    fail "$name failed after $((SECONDS - begin)) s; all of its output is in $log"
  fi
}

# packages LIST...: the packages named in these files, without comments.
packages() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$@" | sort -u; }

# need_packages LIST...: installs with apt what is missing. Does nothing, quickly, when nothing is.
need_packages() {
  local wanted missing admin=()
  mapfile -t wanted < <(packages "$@")
  step "Packages"
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    say "No apt on this system. Install these (Debian 12 names), then build with CMake as CONTRIBUTING.md shows:"
    printf '  %s\n' "${wanted[@]}"
    exit 1
  fi
  mapfile -t missing < <(comm -23 <(printf '%s\n' "${wanted[@]}") \
    <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
      sed -n 's/^installed //p' | sort -u))
  if [ "${#missing[@]}" -eq 0 ]; then
    say "   all ${#wanted[@]} are installed"
    return
  fi
  say "   installing ${#missing[@]} with apt: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "not root, and no sudo: install these as root: ${missing[*]}"
    sudo -v || fail "sudo refused: install these as root: ${missing[*]}"
    admin=(sudo)
  fi
  quiet apt-update "${admin[@]}" apt-get -qq update
  quiet apt-install "${admin[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}"
}

# build PRESET [CMAKE ARGUMENT...]: configures build/PRESET and builds it.
build() {
  local preset=$1
  shift
  quiet "configure-$preset" cmake --preset "$preset" "$@"
  if [ -t 1 ]; then
    cmake --build --preset "$preset" -j "$JOBS" || fail "the build failed"
  else
    quiet "build-$preset" cmake --build --preset "$preset" -j "$JOBS"
  fi
}

JOBS=${JOBS:-$(nproc 2>/dev/null || echo 2)}
