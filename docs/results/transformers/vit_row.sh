# What the scripts of the ViT have in common, which source this file: their
# arguments, DATA_DIR TEACHER.keras RUNS_DIR [JOBS], one thread for each row, and
# the command of a row.
set -e
data=$1
teacher=$2
runs=$3
jobs=${4:-1}
here=$(dirname "$0")
export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1

# Prints the command of a row: name, flags.
row() {
  name=$1
  shift
  echo lit-compress --teacher_weights="'$teacher'" --dataset=cifar10 \
    --data_dir="'$data'" --workdir="'$runs/$name'" --export=last \
    --flagfile="'$here/vit.flags'" "$@"
}
