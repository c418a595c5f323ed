#!/bin/sh
# Trains vdcnn9 from the blocks of a vdcnn17, by LIT, by KD and on labels alone, in 4
# and in 12 epochs, three seeds. Not run yet; about 3 hours of a thread, an estimate.
#
#   docs/results/reviews_cpu/blocks.sh DATA_DIR RUNS_DIR [JOBS]
#
# RUNS_DIR may have the teacher of study.sh. JOBS rows are trained at a time, one by
# default, each on one thread. Interrupted, it goes on where it was.
#
# Rates fall linearly over each phase. They are chosen in 4 epochs with seed 0 on
# validation, without reading the test reviews.
set -e
data=$1
runs=$2
jobs=${3:-1}
export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
common="--recipe=reviews_cpu --data_dir='$data'"

# Prints the command of a row: name, epochs of phases lit and fine_tune, learning
# rate of both, flags.
row() {
  name=$1
  phases="--lit_epochs=$2 --fine_tune_epochs=$3 --lit_learning_rate=$4
    --fine_tune_learning_rate=$4"
  shift 4
  echo lit-compress $common --teacher_weights="'$runs/teacher'" \
    --workdir="'$runs/$name'" --init=teacher_blocks --log_steps=0 $phases \
    --lit_milestones= --fine_tune_milestones= --lit_linear_decay=1 \
    --fine_tune_linear_decay=1 "$@"
}

trials() {
  for rate in 0.02 0.005 0.05; do
    row "lit_$rate" 1 3 $rate --noread_test
    row "kd_$rate" 0 4 $rate --method=kd --noread_test
    row "labels_$rate" 0 4 $rate --method=scratch_copied --noread_test
  done
}

rows() {
  for epochs in 4 12; do
    for seed in 0 1 2; do
      which=${epochs}_seed$seed
      row "lit_$which" $(($epochs / 4)) $(($epochs * 3 / 4)) 0.02 --seed=$seed
      row "kd_$which" 0 $epochs 0.02 --seed=$seed --method=kd
      row "labels_$which" 0 $epochs 0.02 --seed=$seed --method=scratch_copied
    done
  done
}

eval lit-teach $common --model=vdcnn17 --workdir="'$runs/teacher'"
{
  trials
  rows
} | xargs -d "\n" -P "$jobs" -I COMMAND sh -c COMMAND
