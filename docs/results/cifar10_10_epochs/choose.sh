#!/bin/sh
# The trials by which the study's learning rates were chosen: a tenth of the
# training images validates, the test images are not read.
#
#   docs/results/cifar10_10_epochs/choose.sh DATA_DIR WEIGHTS_DIR RUNS_DIR
set -e
try() {
  name=$1
  shift
  lit-compress --recipe=cifar10_10_epochs --data_dir="$data" \
    --teacher_weights="$weights/resnet56.keras" --workdir="$runs/$name" \
    --validation_fraction=0.1 --noread_test "$@"
}
data=$1
weights=$2
runs=$3
try lit_5_5
try lit_6_4 --lit_epochs=6 --fine_tune_epochs=4 --fine_tune_learning_rate=0.01
for rate in 0.02 0.05 0.1 0.2; do
  try "kd_$rate" --method=kd --lit_epochs=0 --fine_tune_epochs=10 \
    --fine_tune_learning_rate=$rate
  [ "$rate" = 0.2 ] && continue
  try "labels_$rate" --method=scratch_copied --lit_epochs=0 \
    --fine_tune_epochs=10 --fine_tune_learning_rate=$rate
done
