#!/bin/sh
# The trials by which the learning rates of vit.sh were chosen for the teacher of
# 60 epochs: a student of 2 blocks from the teacher's, 1 section, seed 0, the same
# rates for LIT (in both phases), KD and labels alone. The test images are not
# read.
#
#   docs/results/transformers/vit_rates.sh DATA_DIR TEACHER.keras RUNS_DIR [JOBS]
. "$(dirname "$0")/vit_row.sh"

try() {
  row "$@" --noread_test --init=teacher_blocks --keep=2
}

trials() {
  for rate in 0.002 0.004 0.001; do
    rates="--lit_learning_rate=$rate --fine_tune_learning_rate=$rate"
    whole="--lit_epochs=0 --fine_tune_epochs=6"
    try "lit_$rate" $rates
    try "kd_$rate" --method=kd $whole $rates
    try "labels_$rate" --method=scratch_copied $whole $rates
  done
}

trials | xargs -d "\n" -P "$jobs" -I COMMAND sh -c COMMAND
