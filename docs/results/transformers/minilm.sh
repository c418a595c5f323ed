#!/bin/sh
# Trains students of 3 and of 2 blocks of all-MiniLM-L6-v2 (6 blocks), from the
# teacher's blocks, in 2 epochs of 18,130 reviews: as an encoder without labels,
# and as a classifier of polarity.
#
#   docs/results/transformers/minilm.sh TEACHERS_DIR REVIEWS_DIR TEXTS_DIR \
#       RUNS_DIR [JOBS]
#
# TEACHERS_DIR holds minilm.keras, minilm_polarity.keras and preprocessor/, and
# TEXTS_DIR the reviews without labels, as minilm.py writes them. JOBS rows are
# trained at a time, one by default, each on one thread. Interrupted, it goes on
# where it was. About 8 core-hours on an AMD EPYC, an estimate. The rows of 6 epochs
# and of 1 epoch were not run yet.
set -e
teachers=$1
reviews=$2
texts=$3
runs=$4
jobs=${5:-1}
export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1

# Prints the command of a row.
row() {
  name=$1
  teacher=$2
  data=$3
  shift 3
  echo lit-compress --teacher_weights="'$teachers/$teacher.keras'" \
    --data_dir="'$data'" --workdir="'$runs/$name'" --export=last \
    --flagfile="'$(dirname "$0")/minilm.flags'" "$@"
}

# The rates are the best on validation for each method, with 3 blocks and seed 0. For
# classes three were tried: 0.0003 of 0.0001, 0.0003 and 0.001 for LIT and for KD,
# 0.0001 of 0.00003, 0.0001 and 0.0003 for labels alone. For vectors 0.001 is the best
# of four, up to 0.003. Texts are not augmented, so that the teacher's outputs can be
# cached.
cached="--teacher_cache=disk"
# No effect without labels, or without a teacher.
unread="--temperature=6 --alpha=0.95"
classes="--temperature=2 --alpha=0.5 $cached"
# One phase with the examples of both.
whole="--method=kd --lit_epochs=0 --fine_tune_epochs=2"
labels="--method=scratch_copied --lit_epochs=0 --fine_tune_epochs=2
  --fine_tune_learning_rate=0.0001 $unread"
vectors="--lit_learning_rate=0.001 --fine_tune_learning_rate=0.001 $cached $unread"

rows() {
  for blocks in 3 2; do
    for seed in 0 1 2; do
      which=${blocks}_seed$seed
      # All keep the same blocks: the first one of each section.
      each=1,1,1
      steps=1319
      [ "$blocks" = 3 ] || each=1,1 steps=1234
      how="--seed=$seed --sections=$blocks --keep=$each"
      row "polarity_lit_$which" minilm_polarity "$reviews" $how $classes
      row "polarity_kd_$which" minilm_polarity "$reviews" $how $whole $classes
      row "polarity_labels_$which" minilm_polarity "$reviews" $how $labels
      row "encoder_lit_$which" minilm "$texts" $how $vectors
      row "encoder_kd_$which" minilm "$texts" $how $vectors $whole
      # As many steps of KD as have the FLOPs of LIT.
      row "encoder_kd_flops_$which" minilm "$texts" $how $vectors $whole \
        --fine_tune_steps=$steps
    done
  done
  # The encoder of 2 blocks three times as long, KD with the FLOPs of LIT.
  for seed in 0 1 2; do
    which=6_epochs_2_seed$seed
    how="--seed=$seed --sections=2 --keep=1,1"
    row "encoder_lit_$which" minilm "$texts" $how $vectors \
      --lit_epochs=3 --fine_tune_epochs=3
    row "encoder_kd_flops_$which" minilm "$texts" $how $vectors $whole \
      --fine_tune_steps=3702
  done
  # The classifier of 3 blocks half as long: 510 steps.
  for seed in 0 1 2; do
    which=1_epoch_3_seed$seed
    how="--seed=$seed --sections=3 --keep=1,1,1"
    row "polarity_lit_$which" minilm_polarity "$reviews" $how $classes \
      --lit_steps=255 --fine_tune_steps=255
    row "polarity_kd_$which" minilm_polarity "$reviews" $how $whole $classes \
      --fine_tune_epochs=1
    row "polarity_labels_$which" minilm_polarity "$reviews" $how $labels \
      --fine_tune_epochs=1
  done
}

rows | xargs -d "\n" -P "$jobs" -I COMMAND sh -c COMMAND
