# What the scripts of this folder have in common, which source this file: their
# arguments, TEACHER_DIR RUNS_DIR [JOBS], one thread for each row, and the command of
# a row.
#
# TEACHER_DIR has the model and the images that
#
#   python docs/results/your_own_model/teacher.py CIFAR_10_BATCHES_BIN TEACHER_DIR \
#       resnet50v2 30
#
# writes: a slim ResNet50V2 after 30 epochs, and validation images that it has not
# seen. JOBS rows are trained at a time, one by default. Interrupted, the scripts go
# on where they were.
set -e
teacher=$1
runs=$2
jobs=${3:-1}
here=$(dirname "$0")
export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1

# Prints the command of a row: name, epochs of phases lit and fine_tune, learning
# rate of both, flags.
row() {
  name=$1
  phases="--lit_epochs=$2 --fine_tune_epochs=$3 --lit_learning_rate=$4
    --fine_tune_learning_rate=$4"
  shift 4
  echo lit-compress "'$teacher/my_model.keras'" "'$teacher/my_images.npz'" \
    --workdir="'$runs/$name'" --flagfile="'$here/settings.flags'" $phases "$@"
}

# The rows of a method: name, epochs, learning rate, flags.
kd() {
  name=$1 epochs=$2 rate=$3
  shift 3
  row "$name" 0 $epochs $rate --method=kd "$@"
}

labels() {
  name=$1 epochs=$2 rate=$3
  shift 3
  row "$name" 0 $epochs $rate --method=scratch_copied "$@"
}

# LIT with six tenths of the epochs in phase lit, as by default, rounded.
lit() {
  name=$1 epochs=$2 rate=$3
  shift 3
  first=$((($epochs * 6 + 5) / 10))
  row "$name" $first $(($epochs - $first)) $rate "$@"
}

# LIT with a fifth of the epochs in phase lit, rounded, and a falling beta: the best
# of ../recipes/trials.sh.
lit_fifth() {
  name=$1 epochs=$2 rate=$3
  shift 3
  first=$((($epochs * 2 + 5) / 10))
  row "$name" $first $(($epochs - $first)) $rate --falling_beta "$@"
}
