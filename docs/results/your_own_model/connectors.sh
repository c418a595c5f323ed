#!/bin/sh
# A ResNet-26 of 16 channels teaches a ResNet-8 of 8 digits: LIT by connectors,
# and its rivals, all with ends of their own, three seeds each.
#
#   docs/results/your_own_model/connectors.sh RUNS_DIR
set -e
runs=$1
lit-teach --recipe=quickstart --workdir="$runs/teacher"
for seed in 0 1 2; do
  for method in lit kd scratch; do
    case $method in
    lit) how="--connector=conv1x1 --nocopy_ends" ;;
    kd) how="--nocopy_ends --lit_learning_rate=0.1" ;;
    scratch) how="--lit_learning_rate=0.1" ;;
    esac
    lit-compress --recipe=quickstart --teacher_weights="$runs/teacher" \
      --width=8 --method=$method $how --seed=$seed \
      --workdir="$runs/${method}_seed$seed"
  done
done
lit-report "$runs"/*_seed* --output="$runs/report"
