#!/bin/sh
# Keeps of each finished run what a report reads, with places as a reader has
# them: docs/results/cifar10_10_epochs/keep.sh RUNS_DIR
set -e
here=$(dirname "$0")
for run in "$1"/*/; do
  name=$(basename "$run")
  [ -f "$run/report.json" ] || continue
  mkdir -p "$here/runs/$name"
  sed -E 's#"(/[^" ]+)?/([^"/ ]+)"#"\2"#; s#=/[^" ]+/#=#g' \
    "$run/report.json" > "$here/runs/$name/report.json"
  cp "$run/metrics.jsonl" "$here/runs/$name/"
done
