"""The number of times that the traced step of a phase runs each layer."""

import collections
import itertools

import keras
import tensorflow as tf

from lit_tf.methods import distill, lit
from lit_tf.training import optimizers

# The index of the input that is the variable, by type of op.
PLACES = {
    "Conv2D": 1,
    "Conv2DBackpropInput": 1,
    "FusedBatchNormV3": 1,
    "FusedBatchNormGradV3": 2,
    "MatMul": 1,
    "AssignVariableOp": 0,
    "AssignSubVariableOp": 0,
}


def ops_by_variable(trainer, data):
    """Counts the ops of a train step that touch each variable.

    Args:
        trainer: a compiled trainer.
        data: a batch.

    Returns:
        {"teacher/section_1/…/kernel": {"Conv2D": 1, …}, …} for the ops that are
        executed: a graph also contains ops that no result depends on. Ops
        without a variable of the two models count as "other", except for
        assignments, for example to metrics.
    """
    graph = tf.function(trainer.train_step).get_concrete_function(data).graph
    student, frozen = trainer.student, trainer.frozen
    parts = {
        "student": (student.stem, *student.sections, student.head),
        "teacher": [x for x in frozen.layers if isinstance(x, keras.Model)],
    }
    names = {
        id(variable.value.handle): f"{role}/{part.name}/{variable.path}"
        for role in parts
        for part in parts[role]
        for variable in part.variables
    }
    captured = {
        inner.op.name: names.get(id(outer)) for outer, inner in graph.captures
    }

    def variable(tensor):
        op = tensor.op
        while op.type in ("Identity", "ReadVariableOp"):
            op = op.inputs[0].op
        return captured.get(op.name)

    executed = list(_executed(graph))
    # The op of a kernel's gradient reads the input of the kernel's layer.
    kernels = {
        op.inputs[0].name: variable(op.inputs[1])
        for op in executed
        if op.type == "Conv2D"
    }
    counts = collections.defaultdict(collections.Counter)
    for op in executed:
        if op.type == "Conv2DBackpropFilter":
            name = kernels[op.inputs[0].name]
        elif op.type in PLACES:
            name = variable(op.inputs[PLACES[op.type]])
        else:
            continue
        if name or not op.type.startswith("Assign"):
            counts[name or "other"][op.type] += 1
    return counts


def _executed(graph):
    """Returns the ops on which a result or a change of state depends."""
    pending, executed = [t.op for t in graph.outputs], {}
    pending += graph.control_outputs
    while pending:
        op = pending.pop()
        if op.name not in executed:
            executed[op.name] = op
            pending += [tensor.op for tensor in op.inputs]
            pending += op.control_inputs
    return executed.values()


def test_the_traced_step_runs_each_layer_as_often_as_it_must(build, batch):
    trainer = lit.LIT(build("resnet14", seed=1), build(seed=2))
    trainer.compile(optimizers.SGD(0.1))
    # The teacher runs once, with BatchNorm folded into the convolutions, and
    # without a gradient. The student's stem does not run, because S_0 = T_0.
    # Its frozen head runs forward, and backward to its input.
    expected = {
        "teacher/stem/conv/kernel": {"Conv2D": 1},
        "teacher/head/dense/kernel": {"MatMul": 1},
        "student/head/dense/kernel": {"MatMul": 2},
    }
    for k, j, i in itertools.product((1, 2, 3), (1, 2), (1, 2)):
        layer = f"teacher/section_{k}/block_{j}"
        expected[f"{layer}_conv_{i}/kernel"] = {"Conv2D": 1}
    # Section 1 runs once, the others once for each stream. The gradient of the
    # own stream reaches the input of section 2; that of the teacher-fed stream
    # stays in its section.
    for k, i in itertools.product((1, 2, 3), (1, 2)):
        streams = 1 if k == 1 else 2
        inputs = (0 if k == 1 else 1) if i == 1 else streams
        trained = {"AssignSubVariableOp": 1}
        recorded = {"AssignVariableOp": 1}
        layer = f"student/section_{k}/block_1"
        expected[f"{layer}_conv_{i}/kernel"] = trained | {
            "Conv2D": streams,
            "Conv2DBackpropFilter": streams,
            "Conv2DBackpropInput": inputs,
        }
        expected[f"{layer}_norm_{i}/gamma"] = trained | {
            "FusedBatchNormV3": streams,
            "FusedBatchNormGradV3": streams,
        }
        expected[f"{layer}_norm_{i}/beta"] = trained
        expected[f"{layer}_norm_{i}/moving_mean"] = recorded
        expected[f"{layer}_norm_{i}/moving_variance"] = recorded
    counts = ops_by_variable(trainer, batch(4))
    assert counts == {
        name: collections.Counter(ops) for name, ops in expected.items()
    }


def test_a_step_of_fine_tuning_runs_teacher_and_student_once(build, batch):
    trainer = distill.Distill(build("resnet14", seed=1), build(seed=2))
    trainer.compile(optimizers.SGD(0.1))
    counts = ops_by_variable(trainer, batch(4))
    for role, op, layers in (
        ("teacher", "Conv2D", 13),
        ("teacher", "FusedBatchNormV3", 0),
        ("teacher", "Conv2DBackpropFilter", 0),
        ("student", "Conv2D", 7),
        ("student", "FusedBatchNormV3", 7),
        ("student", "Conv2DBackpropFilter", 7),
    ):
        mine = [ops for name, ops in counts.items() if name.startswith(role)]
        assert [ops[op] for ops in mine if ops[op]] == [1] * layers
