#!/bin/sh
# Trains a ResNet-20 from the published ResNet-56 in 10 epochs, by every method:
# five rows with three seeds, the others once. One run after another, in the
# order in which they tell most.
#
#   docs/results/cifar10_10_epochs/study.sh DATA_DIR WEIGHTS_DIR RUNS_DIR
#
# WEIGHTS_DIR has resnet56.keras and resnet20.keras, the published weights as
# lit-import leaves them. Interrupted, it goes on where it was.
#
# The learning rate always falls linearly to nothing. LIT's begins at .05 in
# either phase. KD and labels alone have one phase, and begin at .1, as where the
# published code was run; from the teacher's blocks everything begins at half,
# LIT's fine-tuning at .02.
set -e
data=$1
weights=$2
runs=$3

run() {
  name=$1
  shift
  lit-compress --recipe=cifar10_10_epochs --data_dir="$data" \
    --teacher_weights="$weights/resnet56.keras" --workdir="$runs/$name" "$@"
}

# One phase: all of the epochs, from a rate.
whole() {
  echo "--lit_epochs=0 --fine_tune_epochs=$1 --fine_tune_learning_rate=$2"
}

for seed in 0 1 2; do
  run "lit_seed$seed" --seed=$seed
  run "kd_seed$seed" --seed=$seed --method=kd $(whole 10 0.1)
  run "lit_blocks_seed$seed" --seed=$seed --init=teacher_blocks \
    --lit_learning_rate=0.025 --fine_tune_learning_rate=0.02
  run "kd_blocks_seed$seed" --seed=$seed --method=kd --init=teacher_blocks \
    $(whole 10 0.05)
  run "scratch_copied_seed$seed" --seed=$seed --method=scratch_copied \
    $(whole 10 0.1)
done

blocks="--init=teacher_blocks --lit_learning_rate=0.025
  --fine_tune_learning_rate=0.02"
run mixed_blocks --section_input=mixed $blocks
run falling_beta_blocks --falling_beta $blocks
run student_fed_blocks --section_input=student $blocks
run no_fine_tune_blocks --no_fine_tune --lit_epochs=10 $blocks
run scratch --method=scratch $(whole 10 0.1)
# Two epochs of the hint, and KD for the rest.
run hint --method=hint --lit_epochs=2 --fine_tune_epochs=8 \
  --fine_tune_learning_rate=0.1
run multi_hint --method=multi_hint
# The teacher, from where it is, with a tenth of the rate, cut after half.
run network_slimming --method=network_slimming --lit_learning_rate=0.005 \
  --lit_weight_decay=1e-4 --fine_tune_learning_rate=0.05
run mixed --section_input=mixed
run falling_beta --falling_beta
run student_fed --section_input=student
run no_copy_ends --nocopy_ends
run no_fine_tune --no_fine_tune --lit_epochs=10
run beta_0 --beta=0
run beta_1 --beta=1
run l1 --penalty=l1
run smooth_l1 --penalty=smooth_l1
run born_again --method=born_again --teacher=resnet20 \
  --teacher_weights="$weights/resnet20.keras" $(whole 10 0.1)
