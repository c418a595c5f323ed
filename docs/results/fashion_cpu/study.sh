#!/bin/sh
# A StarGAN of 18 layers on pictures of clothes, and ones of 10 layers: by LIT
# alone, by LIT and fine-tuning with the discriminator trained or fixed, and from
# scratch, all at as many generator steps.
#
#   docs/results/fashion_cpu/study.sh DATA_DIR RUNS_DIR
#
# Interrupted, it goes on where it was. From scratch a generator has a new
# discriminator; LIT has the teacher's. Where it is trained, five of its steps go
# before each of the generator's. The log has the commands of version 0.1, whose
# recipe fine-tuned; these flags give the same runs.
set -e
data=$1
runs=$2
here=$(dirname "$0")
features=$runs/features.keras
common="--recipe=fashion_cpu --data_dir=$data --feature_model=$features"

mkdir -p "$runs"
[ -f "$features" ] || python "$here/features.py" "$data" "$features"
lit-teach $common --model=stargan18 --workdir="$runs/teacher"
for seed in 0 1 2; do
  student="$common --seed=$seed --teacher_weights=$runs/teacher"
  tuned="$student --lit_steps=2000 --fine_tune --export=last"
  lit-compress $tuned --workdir="$runs/trained_seed$seed"
  lit-compress $tuned --workdir="$runs/fixed_seed$seed" --discriminator=fixed
  lit-compress $student --workdir="$runs/lit_seed$seed" --export=last
  lit-teach $common --seed=$seed --model=stargan10 --teach_steps=3000 \
    --workdir="$runs/scratch_seed$seed"
  # As its teacher's discriminator sees it, and beside that teacher.
  lit-evaluate $common --model="$runs/scratch_seed$seed" \
    --teacher_weights="$runs/teacher" --json="$runs/scratch_seed$seed.json"
done
