# What trials.sh and final.sh have in common, which source this file: their
# arguments, CIFAR10.npz RESNET56.keras RUNS_DIR [JOBS], and the commands of rows that
# take as long as 10 epochs of KD. JOBS rows are trained at a time, one by default,
# each on one thread. Interrupted, the scripts go on where they were.
#
# The budget is 3,910 steps of KD (10 epochs of 50,000 images). A step of phase
# `lit` takes 1.3 times as long, with mixed inputs 1.06, with trained ends 1.61, and
# with the teacher's answers as penalties 2.13 times. With a cache of 4 views a step
# of KD, as one of labels alone, takes 0.64 and one of phase `lit` 0.94 times as
# long, and filling it as long as 590 steps: --dry_run of each row on one thread of
# an AMD EPYC on which no other program ran, with 45,000 images (costs.txt).
set -e
data=$1
teacher=$2
runs=$3
jobs=${4:-1}
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here:$PYTHONPATH"
export RECIPES_DATA="$data"
export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
budget=3910

# Prints a command: name, flags.
row() {
  name=$1
  shift
  echo lit-compress --recipe=cifar10_10_epochs --custom_objects=recipes \
    --dataset=npz --data_dir="'$data'" --pad=4 --flip=on \
    --validation_fraction=0.1 --teacher_weights="'$teacher'" \
    --workdir="'$runs/$name'" --init=teacher_blocks \
    --noread_test --log_steps=0 "$@"
}

# Prints a row of one phase: name, cost of its step in percent of a step of KD, steps
# of KD that filling a cache takes, learning rate, flags.
one() {
  name=$1
  steps=$(((budget - $3) * 100 / $2))
  rate=$4
  shift 4
  row "$name" --lit_epochs=0 --fine_tune_steps=$steps \
    --fine_tune_learning_rate="$rate" "$@"
}

# Prints a row of KD without a cache: name, learning rate, flags.
kd() {
  name=$1
  rate=$2
  shift 2
  one "$name" 100 0 "$rate" "$@"
}

# Prints a row of two phases: name, percent of the budget in phase `lit`, cost of
# its step in percent of a step of KD, flags.
lit() {
  name=$1
  steps=$((budget * $2 / $3))
  rest=$((budget - budget * $2 / 100))
  shift 3
  two "$name" $steps $rest "$@"
}

# The same with a cache: name, percent of the rest of the budget in phase `lit`,
# flags.
lit_cached() {
  name=$1
  left=$((budget - 590))
  steps=$((left * $2 / 94))
  rest=$((left * (100 - $2) / 64))
  shift 2
  two "$name" $steps $rest $cached "$@"
}

# Prints a row of two phases: name, steps of phase `lit`, steps of KD, flags.
two() {
  name=$1
  steps=$2
  rest=$3
  shift 3
  row "$name" --lit_steps=$steps --fine_tune_steps=$rest \
    --lit_learning_rate=0.025 --fine_tune_learning_rate=0.02 "$@"
}

cached="--teacher_cache=disk --teacher_cache_views=4"
all_student="--method=lit_all --section_input=student"
