#!/bin/sh
# Trains what was best in trials.sh with five seeds, and reads the other half of the
# test images, once: the best recipes of LIT and of KD, each without and with a cache,
# and labels alone, in the same time. About 15 minutes of a thread for a row.
#
#   docs/results/recipes/final.sh CIFAR10.npz RESNET56.keras RUNS_DIR [JOBS]
. "$(dirname "$0")/row.sh"

rows() {
  for seed in 0 1 2 3 4; do
    how="--read_test --seed=$seed"
    kd "kd_seed$seed" 0.02 --method=kd $how
    lit "lit_20_falling_beta_seed$seed" 20 130 --falling_beta $how
    one "kd_cached_seed$seed" 64 590 0.02 --method=kd $cached $how
    lit_cached "lit_50_cached_seed$seed" 50 $how
    one "labels_seed$seed" 64 0 0.02 --method=scratch_copied $how
  done
}

rows | xargs -d "\n" -P "$jobs" -I COMMAND sh -c COMMAND
