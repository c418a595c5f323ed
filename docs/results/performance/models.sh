#!/bin/sh
# Times the steps of the models that docs/performance.md compares.
#
#   docs/results/performance/models.sh MODELS_DIR [DTYPE …] > models.txt
#
# MODELS_DIR holds what models.py wrote, and minilm.keras as
# ../transformers/minilm.py encoder wrote it. The dtypes are by default float32
# and mixed_bfloat16. Nothing else should run meanwhile. About 25 minutes on two
# cores of an AMD EPYC, an estimate.
set -e
cd "$1"
shift
[ $# -gt 0 ] || set -- float32 mixed_bfloat16

# Prints a command, and what it prints.
time_steps() {
  printf '$ lit-benchmark %s\n\n' "$*"
  lit-benchmark "$@"
  echo
}

for dtype in "$@"; do
  time_steps --teacher=resnet110 --student=resnet20 --batch_size=128 \
    --steps=7 --dtype="$dtype"
  for model in ResNet50V2 MobileNetV2 EfficientNetV2B0 ConvNeXtTiny ViT; do
    time_steps --teacher_weights=$model.keras --compression=2 --batch_size=32 \
      --steps=7 --dtype="$dtype"
  done
  time_steps --teacher_weights=minilm.keras --compression=2 \
    --sequence_length=128 --batch_size=32 --steps=5 --dtype="$dtype"
done
