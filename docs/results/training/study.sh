#!/bin/sh
# Trains a student of CIFAR-10 from its teacher's blocks with each option of
# docs/training.md alone, by LIT and by KD, in 10 epochs and with three seeds. Its
# results are to choose the defaults, on the validation examples: the test images
# are not read. Not run; no default was chosen by it.
#
#   docs/results/training/study.sh DATA_DIR TEACHER.keras RUNS_DIR [JOBS]
#
# TEACHER.keras is a ResNet that --compression=2.5 can shrink, such as ResNet-56
# with published weights. JOBS rows are trained at a time, one by default, each on
# one thread. All rows of a seed come before the next seed. Interrupted, it goes on
# where it was.
set -e
data=$1
teacher=$2
runs=$3
jobs=${4:-1}
export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1

# Prints the commands of an option, by LIT and by KD.
row() {
  name=$1
  shift
  for method in lit kd; do
    echo lit-compress --teacher_weights="'$teacher'" --dataset=cifar10 \
      --data_dir="'$data'" --workdir="'$runs/${method}_${name}_seed$seed'" \
      --flagfile="'$(dirname "$0")/study.flags'" --compression=2.5 \
      --method=$method --seed=$seed "$@"
  done
}

# Prints a setting of both phases.
both() {
  echo "--lit_$1 --fine_tune_$1"
}

rows() {
  for seed in 0 1 2; do
    row none
    for value in 0.99 0.999; do row "ema_$value" $(both ema=$value); done
    for value in 0.1 1; do row "clip_$value" $(both clip_norm=$value); done
    row label_smoothing_0.1 $(both label_smoothing=0.1)
    row exponential_0.01 $(both cosine_decay=0) $(both exponential_decay=0.01)
    for value in 0.25 0.5; do
      row "resized_crop_$value" --pad=0 --resized_crop=$value
    done
    for value in 0.2 0.4; do row "jitter_$value" --color_jitter=$value; done
    for value in 0.1 0.2; do row "rand_augment_$value" --rand_augment=$value; done
    for value in 0.2 0.8; do row "mixup_$value" --mixup=$value; done
    row cutmix_1 --cutmix=1
  done
}

rows | xargs -d "\n" -P "$jobs" -I COMMAND sh -c COMMAND
