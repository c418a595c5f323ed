#!/bin/sh
# Trains students of 2 of 4 blocks on reviews cut to 256 token ids, with texts of
# like length in a batch and without, by LIT from new blocks, three seeds.
#
#   docs/results/texts/bucket_accuracy.sh TEACHER_DIR REVIEWS_DIR RUNS_DIR
#
# TEACHER_DIR is what bucket_teacher.py wrote. Interrupted, it goes on where it
# was. About 50 minutes of one core of an AMD EPYC.
set -e
for seed in 0 1 2; do
  for buckets in 0 8; do
    lit-compress --teacher_weights="$1/reviews.keras" --data_dir="$2" \
      --workdir="$3/buckets${buckets}_seed$seed" --seed=$seed \
      --length_buckets=$buckets --dataset=csv --sequence_length=256 \
      --keep=2 --init=fresh --penalty=l2_normalized --beta=0.5 \
      --alpha=0.95 --temperature=6 --lit_warmup=0 --fine_tune_warmup=0 \
      --nofresh_batch_norm \
      --lit_epochs=2 --fine_tune_epochs=2 --lit_batch_size=32 \
      --fine_tune_batch_size=32 --lit_optimizer=adamw \
      --fine_tune_optimizer=adamw --lit_learning_rate=0.001 \
      --fine_tune_learning_rate=0.001 --lit_linear_decay=1 \
      --fine_tune_linear_decay=1 --lit_milestones= --fine_tune_milestones= \
      --lit_weight_decay=0.01 --fine_tune_weight_decay=0.01 --export=last \
      --log_steps=0
  done
done
