#!/bin/sh
# Writes page/report.html, one file: tables and figures of the kept runs that
# docs/results.md and docs/transformers.md compare.
#
#   docs/results/page.sh
set -e
cd "$(dirname "$0")"
lit-report --mixed --nomeasure_latency --overwrite --output=page \
  cifar10_10_epochs/runs small_rows/runs training/runs \
  your_own_model/runs your_own_model/mobilenetv2 \
  transformers/encoder/runs transformers/minilm/runs transformers/vit/runs
rm -r page/report.md page/rows.json page/data_*
