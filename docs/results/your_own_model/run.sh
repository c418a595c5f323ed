#!/bin/sh
# Somebody's own network, compressed twice, by LIT and by KD at the same budget
# from the same blocks; all that docs/your_own_model.md tells of it.
#
#   docs/results/your_own_model/run.sh CIFAR_10_BATCHES_BIN OUT
set -e
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
[ -f "$2/my_model.keras" ] || python "$here/teacher.py" "$1" "$2"
cd "$2"

compress() {
  lit-compress --teacher_weights=my_model.keras --data_dir=my_images.npz \
    --compression=2 --init=teacher_blocks --pad=4 --flip=on \
    --dtype=mixed_bfloat16 --alpha=0.95 --temperature=6 --penalty=l2 \
    --nofresh_batch_norm --lit_optimizer=sgd --fine_tune_optimizer=sgd \
    --lit_warmup=0 --fine_tune_warmup=0 \
    --lit_batch_size=128 --fine_tune_batch_size=128 \
    --lit_milestones= --fine_tune_milestones= \
    --lit_linear_decay=1 --fine_tune_linear_decay=1 "$@"
}

# Rates: two of each, told apart on validation.
compress --workdir=lit --lit_epochs=4 --lit_learning_rate=0.025 \
  --fine_tune_epochs=4 --fine_tune_learning_rate=0.02
compress --workdir=lit_0.05 --lit_epochs=4 --lit_learning_rate=0.05 \
  --fine_tune_epochs=4 --fine_tune_learning_rate=0.05
compress --workdir=kd --method=kd --lit_epochs=0 \
  --fine_tune_epochs=8 --fine_tune_learning_rate=0.05
compress --workdir=kd_0.1 --method=kd --lit_epochs=0 \
  --fine_tune_epochs=8 --fine_tune_learning_rate=0.1
python "$here/in_python.py"
