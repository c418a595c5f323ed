#!/bin/sh
# Looks for a recipe that is better than KD in the same time: a ResNet-20 from
# blocks of the published ResNet-56, in the seconds of 10 epochs of KD, on
# validation images that the teacher has not seen: half of the test images (split.py
# writes them; --validation_fraction=0.1 only says that they are used). Rows with
# several seeds of what is best read the other half, once; do not compare them with
# figures for all test images.
#
#   docs/results/recipes/trials.sh CIFAR10.npz RESNET56.keras RUNS_DIR [JOBS]
#
# About 15 minutes of a thread for a row.
. "$(dirname "$0")/row.sh"

rows() {
  kd kd_0.02 0.02 --method=kd
  kd kd_0.05 0.05 --method=kd
  kd kd_0.01 0.01 --method=kd
  one kd_cached_0.02 64 590 0.02 --method=kd $cached
  lit lit_20 20 130
  # One stream, so that a step costs about what one of KD does.
  lit lit_80_all_student_falling_beta 80 105 $all_student --falling_beta
  lit_cached lit_20_cached 20
  lit lit_20_all_student 20 105 $all_student
  kd kd_ema 0.02 --method=kd --fine_tune_ema=0.99
  one labels_0.02 64 0 0.02 --method=scratch_copied
  lit lit_10 10 130
  lit lit_20_falling_beta 20 130 --falling_beta
  lit lit_20_chosen 20 130 --method=lit_chosen
  kd kd_chosen 0.02 --method=kd_chosen
  lit lit_20_l2_normalized 20 130 --penalty=l2_normalized
  lit lit_20_ema 20 130 --fine_tune_ema=0.99
  lit lit_50_all_student 50 105 $all_student
  lit lit_20_mixed 20 106 --section_input=mixed
  lit lit_20_all 20 161 --method=lit_all
  lit lit_50 50 130
  lit_cached lit_50_cached 50
  lit lit_20_sections_alone 20 130 --beta=0
  lit lit_20_mean 20 130 --method=lit_mean
  lit lit_20_tail 20 213 --method=lit_tail
  # What looked best so far, combined.
  lit lit_20_falling_beta_ema 20 130 --falling_beta --fine_tune_ema=0.99
  lit lit_20_falling_beta_mixed 20 106 --falling_beta --section_input=mixed
  lit_cached lit_20_falling_beta_cached 20 --falling_beta
  row lit_rising_beta --method=lit_rising --section_input=student \
    --lit_steps=$((budget * 100 / 105)) --fine_tune_epochs=0 \
    --lit_learning_rate=0.02
}

rows | xargs -d "\n" -P "$jobs" -I COMMAND sh -c COMMAND
