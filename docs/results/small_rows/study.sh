#!/bin/sh
# Two small studies on the 10,000 images of CIFAR-100 that are at hand: a
# ResNet-32 teaches a ResNet-14, a ResNeXt-20 a ResNeXt-8; LIT, KD and labels
# alone from the same stem and head, 12 epochs and three seeds each.
#
#   docs/results/small_rows/study.sh DATA_DIR RUNS_DIR [JOBS]
#
# JOBS runs are trained at a time, one by default, of a thread each where they
# are more. Interrupted, it goes on where it was. Rates are those of
# docs/results/cifar10_10_epochs, not tuned here.
set -e
data=$1
runs=$2
jobs=${3:-1}
if [ "$jobs" -gt 1 ]; then
  export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
fi

shared="--dataset=cifar100 --data_dir='$data' --validation_fraction=0
  --dtype=mixed_bfloat16"

teachers() {
  for teacher in resnet32 resnext20; do
    echo lit-teach $shared --teacher=$teacher --teach_epochs=24 \
      --teach_milestones= --teach_linear_decay=1 --teach_weight_decay=5e-4 \
      --workdir="'$runs/$teacher'"
  done
}

# A student's command: teacher, student, method, seed, flags.
row() {
  echo lit-compress $shared --teacher_weights="'$runs/$1'" --student=$2 \
    --method=$3 --seed=$4 --workdir="'$runs/$2_$3_seed$4'" \
    --lit_batch_size=64 --fine_tune_batch_size=64 \
    --lit_milestones= --fine_tune_milestones= \
    --lit_linear_decay=1 --fine_tune_linear_decay=1 $5
}

students() {
  for pair in "resnet32 resnet14" "resnext20 resnext8"; do
    for seed in 0 1 2; do
      row $pair lit $seed \
        "--lit_epochs=6 --fine_tune_epochs=6 --fine_tune_learning_rate=0.05"
      row $pair kd $seed \
        "--lit_epochs=0 --fine_tune_epochs=12 --fine_tune_learning_rate=0.1"
      row $pair scratch_copied $seed \
        "--lit_epochs=0 --fine_tune_epochs=12 --fine_tune_learning_rate=0.05"
    done
  done
}

for what in teachers students; do
  $what | xargs -d "\n" -P "$jobs" -I COMMAND sh -c COMMAND
done
