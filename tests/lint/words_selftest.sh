#!/usr/bin/env bash
# words.sh finds what it should and nothing else.
set -euo pipefail
words=$(cd "$(dirname "$0")" && pwd)/words.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
printf 'see docs/work/here, ${HOME}/x, https://example.org/home/x, /usr/bin/python3, /tmp/x\n' >"$tree/good.md"
"$words" "$tree" >/dev/null || { echo "words.sh refuses a good file"; "$words" "$tree"; exit 1; }
for bad in "see /wo""rk/main/x" "path=\"/ho""me/me/x\"" "/ro""ot/x" "https://py""pi.org/simple" "deb http://deb.deb""ian.org/debian x"; do
  printf '%s\n' "$bad" >"$tree/bad.md"
  if "$words" "$tree" >/dev/null; then
    echo "words.sh misses: $bad"
    exit 1
  fi
done
echo "words self-test: passed"
