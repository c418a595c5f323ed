#!/bin/sh
# Exports a teacher and a student to LiteRT in float32, float16, dynamic int8
# and int8, measures each file, and fills one table: test accuracy, bytes, and
# latency of all eight files, called in turns in one process on one thread.
#
#   docs/results/deploy/deploy.sh OUT_DIR TEACHER STUDENT DATA_FLAGS...
#
# TEACHER is a .keras file, or the published checkpoint of ResNet-56 for CIFAR-10
# (resnet56-4bfd9763.th), which is imported first and needs PyTorch. STUDENT is
# a run folder or a .keras file. For example:
#
#   docs/results/deploy/deploy.sh runs/deploy resnet56-4bfd9763.th \
#     runs/cifar10_cpu --dataset=cifar10 --data_dir=DIR
#
# Nothing is trained. Interrupted, it goes on with the file that is missing.
# 3 minutes for the ResNets of docs/deploy.md, on two cores of an AMD EPYC.
set -e
export TF_CPP_MIN_LOG_LEVEL=3
out=$1
teacher=$2
student=$3
shift 3
mkdir -p "$out"

case $teacher in
*.keras) ;;
*)
  [ -f "$out/teacher.keras" ] || lit-import --source="$teacher" \
    --model=resnet56 --dataset=cifar10 --normalization=imagenet \
    --output="$out/teacher.keras"
  teacher=$out/teacher.keras
  ;;
esac

for role in student teacher; do
  model=$student
  [ $role = student ] || model=$teacher
  for precision in none float16 dynamic int8; do
    name=${role}_$precision
    # The JSON file is written last, when everything was measured.
    [ -f "$out/$name.json" ] || lit-export --model="$model" --format=litert \
      --quantize=$precision --output="$out/$name.tflite" --overwrite \
      --json="$out/$name.json" "$@"
  done
done

python "$(dirname "$0")/table.py" "$out"
