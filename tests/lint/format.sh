#!/usr/bin/env bash
# Every C++ file is as clang-format would write it. usage: format.sh [--fix] [ROOT]; --fix rewrites instead.
# Exit code 0 clean, 1 findings, one line each, 77 (skipped) without clang-format.
set -euo pipefail
fix=no
if [ "${1:-}" = --fix ]; then fix=yes; shift; fi
cd "${1:-.}"
command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 77; }
mapfile -d '' -t files < <(find lib hub apps gr-ngplc tests -name build -prune -o \( -name '*.h' -o -name '*.cc' \) -print0 2>/dev/null)
if [ "$fix" = yes ]; then
  clang-format -i "${files[@]}"
  exit
fi
wrong=$(clang-format --dry-run "${files[@]}" 2>&1 | sed -n 's/^\([^ :]*\):[0-9]*:[0-9]*: warning: .*/\1/p' | sort -u)
if [ -n "$wrong" ]; then
  printf '%s: not as clang-format writes it\n' $wrong
  printf 'format: %d of %d files; tests/lint/format.sh --fix rewrites them\n' "$(wc -w <<<"$wrong")" "${#files[@]}"
  exit 1
fi
printf 'format: %d files, 0 findings\n' "${#files[@]}"
