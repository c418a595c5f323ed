#!/bin/sh
# Trains vdcnn9 from a vdcnn17 by LIT, by KD and from scratch: three seeds, 12
# epochs each, one run after another.
#
#   docs/results/reviews_cpu/study.sh DATA_DIR RUNS_DIR
#
# Interrupted, it goes on where it was: a finished run says so, a begun one
# resumes. KD starts from the teacher's stem and head as LIT does; from scratch
# nothing is copied. Both begin at the teacher's learning rate, which falls after
# epochs 7 and 10, to a tenth and to a fifth. LIT has the recipe's schedule, of
# 4 + 8 epochs, and one nearer the paper's, of 8 + 4.
set -e
data=$1
runs=$2
common="--recipe=reviews_cpu --data_dir=$data"

lit-teach $common --model=vdcnn17 --workdir="$runs/teacher"
for seed in 0 1 2; do
  student="$common --seed=$seed --teacher_weights=$runs/teacher
    --teacher_cache=disk --teacher_cache_dir=$runs/teacher_cache"
  lit-compress $student --workdir="$runs/lit_seed$seed"
  lit-compress $student --workdir="$runs/lit_8_4_seed$seed" --lit_epochs=8 \
    --lit_milestones=4,6 --fine_tune_epochs=4 --fine_tune_milestones=2,3 \
    --fine_tune_learning_rate=0.002
  lit-compress $student --workdir="$runs/kd_seed$seed" --lit_epochs=0 \
    --fine_tune_epochs=12 --fine_tune_milestones=7,10
  lit-teach $common --seed=$seed --model=vdcnn9 \
    --workdir="$runs/scratch_seed$seed" --teach_epochs=12 \
    --teach_milestones=7,10
done
