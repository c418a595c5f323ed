#!/bin/sh
# Trials that choose the learning rates of a study of the defaults for a model of
# one's own, on validation: each method in 3 epochs, with seed 0. The test images are
# not read. Not run yet.
#
#   docs/results/own_model_defaults/rates.sh TEACHER_DIR RUNS_DIR [JOBS]
. "$(dirname "$0")/row.sh"

trials() {
  for rate in 0.001 0.0003 0.003; do
    row "kd_$rate" 0 3 $rate $rate --method=kd --noread_test
    row "labels_$rate" 0 3 $rate $rate --method=scratch_copied --noread_test
    row "lit_1_2_$rate" 1 2 $rate $rate --noread_test
    row "lit_2_1_$rate" 2 1 $rate $rate --noread_test
  done
}

trials | xargs -d "\n" -P "$jobs" -I COMMAND sh -c COMMAND
