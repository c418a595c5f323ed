#!/bin/sh
# Trains students with the defaults of one's own model and with candidates for them,
# in 3 and in 10 epochs, three seeds. So far the rows of 3 epochs were run.
#
#   docs/results/own_model_defaults/study.sh TEACHER_DIR RUNS_DIR [JOBS]
#
# 0.001 is the best learning rate of rates.sh for each.
. "$(dirname "$0")/row.sh"

rows() {
  for epochs in 3 10; do
    for seed in 0 1 2; do
      which=${epochs}_epochs_seed$seed
      kd "kd_$which" $epochs 0.001 --seed=$seed
      labels "labels_$which" $epochs 0.001 --seed=$seed
      lit_fifth "lit_fifth_$which" $epochs 0.001 --seed=$seed
      lit "lit_$which" $epochs 0.001 --seed=$seed
    done
  done
}

rows | xargs -d "\n" -P "$jobs" -I COMMAND sh -c COMMAND
