#!/bin/sh
# Looks for a recipe that is better than KD in the same time: a ResNet-20 from
# blocks of the published ResNet-56, in the seconds of 10 epochs of KD, on the
# validation examples; the test images are not read.
#
#   docs/results/recipes/trials.sh DATA_DIR RESNET56.keras RUNS_DIR [JOBS]
#
# JOBS rows are trained at a time, one by default, each on one thread. Interrupted,
# it goes on where it was. Not run yet; about 4 core-hours, an estimate.
#
# The budget is 3,520 steps of KD (10 epochs of 45,000 images). A step of phase
# `lit` takes 1.3 times as long, with mixed inputs 1.02, with trained ends 1.57, and
# with the teacher's answers as penalties 2.05 times: --dry_run of each row on one
# thread of an AMD EPYC on which no other program ran. The published teacher was
# trained on the validation images as well.
set -e
data=$1
teacher=$2
runs=$3
jobs=${4:-1}
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here:$PYTHONPATH"
export RECIPES_DATA="$data"
export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
budget=3520

# Prints a command: name, flags.
row() {
  name=$1
  shift
  echo lit-compress --recipe=cifar10_10_epochs --custom_objects=recipes \
    --data_dir="'$data'" --teacher_weights="'$teacher'" \
    --workdir="'$runs/$name'" --init=teacher_blocks \
    --validation_fraction=0.1 --noread_test --log_steps=0 "$@"
}

# Prints a row of KD: name, learning rate, flags.
kd() {
  name=$1
  rate=$2
  shift 2
  row "$name" --lit_epochs=0 --fine_tune_steps=$budget \
    --fine_tune_learning_rate="$rate" "$@"
}

# Prints a row of two phases: name, percent of the budget in phase `lit`, cost of
# its step in percent of a step of KD, flags.
lit() {
  name=$1
  steps=$((budget * $2 / $3))
  rest=$((budget - budget * $2 / 100))
  shift 3
  row "$name" --lit_steps=$steps --fine_tune_steps=$rest \
    --lit_learning_rate=0.025 --fine_tune_learning_rate=0.02 "$@"
}

rows() {
  kd kd_0.02 0.02 --method=kd
  kd kd_0.05 0.05 --method=kd
  kd kd_ema 0.02 --method=kd --fine_tune_ema=0.99
  kd kd_chosen 0.02 --method=kd_chosen
  lit lit_50 50 130
  lit lit_20 20 130
  lit lit_10 10 130
  lit lit_20_sections_alone 20 130 --beta=0
  lit lit_20_l2_normalized 20 130 --penalty=l2_normalized
  lit lit_20_mixed 20 102 --section_input=mixed
  lit lit_20_falling_beta 20 130 --falling_beta
  lit lit_20_ema 20 130 --fine_tune_ema=0.99
  lit lit_20_all 20 157 --method=lit_all
  # One stream, so that a step costs about what one of KD does.
  lit lit_20_all_student 20 105 --method=lit_all --section_input=student
  lit lit_50_all_student 50 105 --method=lit_all --section_input=student
  lit lit_80_all_student_falling_beta 80 105 --method=lit_all \
    --section_input=student --falling_beta
  lit lit_20_chosen 20 130 --method=lit_chosen
  lit lit_20_mean 20 130 --method=lit_mean
  lit lit_20_tail 20 205 --method=lit_tail
}

rows | xargs -d "\n" -P "$jobs" -I COMMAND sh -c COMMAND
