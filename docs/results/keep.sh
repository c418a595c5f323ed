#!/bin/sh
# Keeps of each finished run what a report reads, with places as a reader has
# them:
#
#   docs/results/keep.sh RUNS_DIR TARGET_DIR
set -e
for run in "$1"/*/; do
  name=$(basename "$run")
  [ -f "$run/report.json" ] && grep -q '"student"' "$run/report.json" || continue
  mkdir -p "$2/$name"
  sed -E 's#"(/[^" ]+)?/([^"/ ]+)"#"\2"#; s#([= ])/[^" ]+/#\1#g; s#; encoded in /[^" ]+##' \
    "$run/report.json" > "$2/$name/report.json"
  cp "$run/metrics.jsonl" "$2/$name/"
done
