#!/bin/sh
# Trains students of 4 and of 2 blocks from a home-made ViT of 8 blocks, in 6
# epochs of CIFAR-10: by LIT with 1, 2 or 4 sections, and by KD from the same
# blocks of the teacher, or from new ones; by labels alone from those of 1 section.
# (With 1 section the first and the last block are kept, with more the first
# blocks of each.)
#
#   docs/results/transformers/vit.sh DATA_DIR TEACHER.keras RUNS_DIR [JOBS]
#
# JOBS rows are trained at a time, one by default, each on one thread. Interrupted,
# it goes on where it was. About 5 core-hours on an AMD EPYC, an estimate: so far
# the rows of 6 epochs from the teacher's blocks were run.
#
# Settings were chosen on the validation examples, for the student of 2 blocks
# from those of a weaker teacher, with seed 0 (vit_choose.sh); the learning rate
# again for this teacher (vit_rates.sh).
. "$(dirname "$0")/vit_row.sh"

# One phase of that many epochs.
whole() {
  echo "--lit_epochs=0 --fine_tune_epochs=$1"
}

# Prints the rows of LIT and of KD with a number of sections.
cut() {
  each=$(($blocks / $1))
  keep=$each
  for k in $(seq 2 "$1"); do keep=$keep,$each; done
  how="--init=$init --seed=$seed --sections=$1 --keep=$keep"
  row "lit_k$1_$which" $how
  # New blocks do not depend on those that they replace.
  [ "$init" = fresh ] && [ "$1" -gt 1 ] && return
  row "kd_k$1_$which" $how --method=kd $(whole 6)
}

rows() {
  for init in teacher_blocks fresh; do
    for blocks in 2 4; do
      for seed in 0 1 2; do
        which=${init}_${blocks}_seed$seed
        for sections in 1 2 4; do
          [ "$sections" -gt "$blocks" ] || cut $sections
        done
        how="--init=$init --seed=$seed --keep=$blocks --method=scratch_copied"
        row "labels_$which" $how $(whole 6)
        # As many epochs as take the FLOPs of LIT with 2 sections. Those of LIT
        # and KD differ by less than an epoch.
        row "labels_flops_$which" $how $(whole 10)
      done
    done
  done
  # Three times as long, with 2 blocks.
  for seed in 0 1 2; do
    which=18_epochs_teacher_blocks_2_seed$seed
    how="--init=teacher_blocks --seed=$seed"
    row "lit_k2_$which" $how --sections=2 --keep=1,1 --lit_epochs=6 \
      --fine_tune_epochs=12
    row "kd_k1_$which" $how --keep=2 --method=kd $(whole 18)
    row "labels_$which" $how --keep=2 --method=scratch_copied $(whole 18)
  done
}

rows | xargs -d "\n" -P "$jobs" -I COMMAND sh -c COMMAND
