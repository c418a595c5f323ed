#!/bin/sh
# The trials by which the settings of vit.sh were chosen: a student of 2 blocks
# from the teacher's, seed 0, the same number of trials for LIT and for KD: each
# changes one setting, and those that helped were combined. The test images are
# not read.
#
#   docs/results/transformers/vit_choose.sh DATA_DIR TEACHER.keras RUNS_DIR [JOBS]
. "$(dirname "$0")/vit_row.sh"

try() {
  name=$1
  shift
  row "$name" --noread_test --init=teacher_blocks --lit_epochs=4 \
    --fine_tune_epochs=2 --lit_learning_rate=0.001 \
    --fine_tune_learning_rate=0.001 "$@"
}

trials() {
  kd="--keep=2 --method=kd --lit_epochs=0 --fine_tune_epochs=6"
  lit="--sections=2 --keep=1,1"
  for rate in 0.001 0.002; do
    try "kd_rate_$rate" $kd --fine_tune_learning_rate=$rate
    try "lit_rate_$rate" $lit --lit_learning_rate=$rate
  done
  try lit_l2 $lit --penalty=l2
  try kd_alpha_0.1 $kd --alpha=0.1
  try lit_beta_0.25 $lit --beta=0.25
  try kd_alpha_0.9 $kd --alpha=0.9
  try lit_2_4 $lit --lit_epochs=2 --fine_tune_epochs=4
  try kd_temperature_2 $kd --temperature=2
}

trials | xargs -d "\n" -P "$jobs" -I COMMAND sh -c COMMAND
