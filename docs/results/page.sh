#!/bin/sh
# Writes page/report.html, one file, which is kept: tables and figures of the runs
# that docs/results.md, docs/transformers.md and docs/training.md compare (but for
# the ViT of a teacher that was trained too short).
#
#   docs/results/page.sh
set -e
cd "$(dirname "$0")"
lit-report --mixed --nomeasure_latency --overwrite --output=page \
  cifar10_10_epochs/runs small_rows/runs training/runs \
  your_own_model/runs your_own_model/mobilenetv2 \
  transformers/encoder/runs transformers/minilm/runs transformers/vit/runs \
  texts/buckets/runs
rm -rf page/report.md page/rows.json page/data_*
