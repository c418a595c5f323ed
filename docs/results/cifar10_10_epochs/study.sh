#!/bin/sh
# Trains a ResNet-20 from the published ResNet-56 in 10 epochs, by every method:
# five rows with three seeds, the others once, in the order in which they tell
# most.
#
#   docs/results/cifar10_10_epochs/study.sh DATA_DIR WEIGHTS_DIR RUNS_DIR [JOBS]
#
# WEIGHTS_DIR has resnet56.keras and resnet20.keras, the published weights as
# lit-import leaves them. JOBS runs are trained at a time, one by default, of a
# thread each where they are more. Interrupted, it goes on where it was.
#
# The learning rate always falls linearly to nothing. Where it begins was chosen
# on a tenth of the training images, with seed 0 (schedules/, choose.sh): LIT's at
# .05 in either phase; KD and labels alone have one phase, and begin at .1, the
# best of .02, .05, .1 and .2, and at .05, the best of .02, .05 and .1. From the
# teacher's blocks everything begins at half, LIT's fine-tuning at .02; these
# were not tried against others.
set -e
data=$1
weights=$2
runs=$3
jobs=${4:-1}
if [ "$jobs" -gt 1 ]; then
  export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
fi

# Prints the command of a row.
row() {
  name=$1
  shift
  echo lit-compress --recipe=cifar10_10_epochs --data_dir="'$data'" \
    --teacher_weights="'$weights/resnet56.keras'" \
    --workdir="'$runs/$name'" "$@"
}

# One phase: all of the epochs, from a rate.
whole() {
  echo "--lit_epochs=0 --fine_tune_epochs=$1 --fine_tune_learning_rate=$2"
}

rows() {
  for seed in 0 1 2; do
    row "lit_seed$seed" --seed=$seed
    row "kd_seed$seed" --seed=$seed --method=kd $(whole 10 0.1)
    row "lit_blocks_seed$seed" --seed=$seed --init=teacher_blocks \
      --lit_learning_rate=0.025 --fine_tune_learning_rate=0.02
    row "kd_blocks_seed$seed" --seed=$seed --method=kd --init=teacher_blocks \
      $(whole 10 0.05)
    row "scratch_copied_seed$seed" --seed=$seed --method=scratch_copied \
      $(whole 10 0.05)
  done

  # In the seconds that LIT's 10 epochs take, or a little more (seconds.txt).
  row kd_seconds --method=kd $(whole 12 0.1)
  row scratch_copied_seconds --method=scratch_copied $(whole 17 0.05)
  row kd_blocks_seconds --method=kd --init=teacher_blocks $(whole 12 0.05)

  row scratch --method=scratch $(whole 10 0.05)
  # Two epochs of the hint, and KD for the rest.
  row hint --method=hint --lit_epochs=2 --fine_tune_epochs=8 \
    --fine_tune_learning_rate=0.1
  row multi_hint --method=multi_hint
  # The teacher, from where it is, with a tenth of the rate, cut after half.
  row network_slimming --method=network_slimming --lit_learning_rate=0.005 \
    --lit_weight_decay=1e-4 --fine_tune_learning_rate=0.05
  row mixed --section_input=mixed
  row falling_beta --falling_beta
  row student_fed --section_input=student
  row no_copy_ends --nocopy_ends
  row no_fine_tune --no_fine_tune --lit_epochs=10
  row beta_0 --beta=0
  row beta_1 --beta=1
  row l1 --penalty=l1
  row smooth_l1 --penalty=smooth_l1
  row born_again --method=born_again --teacher=resnet20 \
    --teacher_weights="'$weights/resnet20.keras'" $(whole 10 0.1)
}

rows | xargs -d "\n" -P "$jobs" -I COMMAND sh -c COMMAND
