#!/bin/sh
# Trains a ResNet-20 from the published ResNet-56 with budgets of 2 to 40 epochs,
# by LIT and by KD, from new blocks and from the teacher's.
#
#   docs/results/budgets/study.sh DATA_DIR RESNET56.keras RUNS_DIR [JOBS]
#
# JOBS runs are trained at a time, one by default; of more, each has one thread.
# Interrupted, it goes on where it was. Rows that are kept in runs/ next to this
# file are left out: a published teacher is the same on every machine. Of 10 epochs
# without a cache, those of LIT from the teacher's blocks and of KD from new ones are
# rows of ../cifar10_10_epochs. Not run yet; about 15 hours of a thread, an estimate.
#
# Learning rates are the best of those that were tried for 10 epochs, and fall
# linearly over each phase: for new blocks on a tenth of the training images
# (trials.jsonl; for KD .1 and .05 were equal within the noise), from the teacher's
# blocks on images that the teacher has not seen (../recipes/trials.sh).
set -e
data=$1
teacher=$2
runs=$3
jobs=${4:-1}
kept=$(cd "$(dirname "$0")" && pwd)/runs
if [ "$jobs" -gt 1 ]; then
  export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
fi

# Prints the command of a row that is not kept.
row() {
  name=$1
  shift
  [ -f "$kept/$name/report.json" ] && return
  echo lit-compress --recipe=cifar10_10_epochs --data_dir="'$data'" \
    --teacher_weights="'$teacher'" --workdir="'$runs/$name'" "$@"
}

# Prints the rows of a budget in epochs and a seed: a word for their names, epochs,
# seed, flags. LIT has two phases of half the epochs; of an odd number, fine_tune has
# one more.
both() {
  of=$1$2_seed$3
  how="--seed=$3 $4"
  lit="$how --lit_epochs=$(($2 / 2)) --fine_tune_epochs=$(($2 - $2 / 2))"
  kd="$how --method=kd --lit_epochs=0 --fine_tune_epochs=$2"
  blocks=--init=teacher_blocks
  row "lit_blocks_$of" $lit $blocks --lit_learning_rate=0.025 \
    --fine_tune_learning_rate=0.02
  row "kd_blocks_$of" $kd $blocks --fine_tune_learning_rate=0.02
  row "lit_$of" $lit --lit_learning_rate=0.1 --fine_tune_learning_rate=0.1
  row "kd_$of" $kd --fine_tune_learning_rate=0.1
}

rows() {
  for epochs in 2 5 10; do
    for seed in 0 1 2; do both "" $epochs $seed; done
  done | grep -v "/lit_blocks_10_\|/kd_10_"
  both "" 20 0
  # To store the teacher's outputs for 4 views of each image takes about as long as
  # 1.5 epochs of KD.
  for epochs in 10 20; do
    both cached_ $epochs 0 "--teacher_cache=disk --teacher_cache_views=4"
  done
  both "" 40 0
  both cached_ 40 0 "--teacher_cache=disk --teacher_cache_views=4"
}

rows | xargs -d "\n" -P "$jobs" -I COMMAND sh -c COMMAND
