#!/bin/sh
# Trials that choose the learning rates of study.sh, on validation: each row in 3
# epochs, with seed 0. The test images are not read.
#
#   docs/results/own_model_defaults/rates.sh TEACHER_DIR RUNS_DIR [JOBS]
. "$(dirname "$0")/row.sh"

trials() {
  for rate in 0.001 0.0003 0.003; do
    kd "kd_$rate" 3 $rate --noread_test
    labels "labels_$rate" 3 $rate --noread_test
    lit_fifth "lit_fifth_$rate" 3 $rate --noread_test
    lit "lit_$rate" 3 $rate --noread_test
  done
}

trials | xargs -d "\n" -P "$jobs" -I COMMAND sh -c COMMAND
