#!/usr/bin/env bash
# Every C++ file is as clang-format would write it. usage: format.sh [ROOT]; --fix rewrites instead.
# Exit code 77 (skipped) without clang-format.
set -euo pipefail
mode=(--dry-run -Werror)
if [ "${1:-}" = --fix ]; then mode=(-i); shift; fi
cd "${1:-.}"
command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 77; }
find lib hub apps gr-ngplc tests \( -name build -prune \) -o \( -name '*.h' -o -name '*.cc' \) -print0 2>/dev/null |
  xargs -0 -r clang-format "${mode[@]}"
