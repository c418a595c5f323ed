"""How often the traced step of phase `lit` runs each layer."""

import collections

import tensorflow as tf

from lit_tf import lit, optimizers

K = 3  # sections of a ResNet

# Where an op has the variable that it computes with.
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
        trainer: compiled.
        data: a batch.

    Returns:
        {"teacher/section_1/…/kernel": {"Conv2D": 1, …}, …}, of the ops that are
        executed: what nothing asks for is in a graph, but is not run.
    """
    graph = tf.function(trainer.train_step).get_concrete_function(data).graph
    names = {}
    for role in ("teacher", "student"):
        model = getattr(trainer, role)
        for part in (model.stem, *model.sections, model.head):
            for variable in part.variables:
                name = f"{role}/{part.name}/{variable.path}"
                names[id(variable.value.handle)] = name
    captured = {
        inner.op.name: names.get(id(outer)) for outer, inner in graph.captures
    }

    def variable(tensor):
        op = tensor.op
        while op.type in ("Identity", "ReadVariableOp"):
            op = op.inputs[0].op
        return captured.get(op.name)

    executed = list(_executed(graph))
    # The gradient of a kernel knows what the kernel was applied to.
    kernels = {
        op.inputs[0].name: variable(op.inputs[1])
        for op in executed
        if op.type == "Conv2D"
    }
    counts = collections.defaultdict(collections.Counter)
    for op in executed:
        if op.type in PLACES:
            counts[variable(op.inputs[PLACES[op.type]])][op.type] += 1
        elif op.type == "Conv2DBackpropFilter":
            counts[kernels[op.inputs[0].name]][op.type] += 1
    return {name: dict(ops) for name, ops in counts.items() if name}


def _executed(graph):
    """Returns the ops that a result or a change of state depends on."""
    wanted, found = [t.op for t in graph.outputs], {}
    wanted += graph.control_outputs
    while wanted:
        op = wanted.pop()
        if op.name not in found:
            found[op.name] = op
            wanted += [tensor.op for tensor in op.inputs]
            wanted += op.control_inputs
    return found.values()


def test_the_traced_step_runs_each_layer_as_often_as_it_must(build, batch):
    trainer = lit.LIT(build("resnet14", seed=1), build(seed=2))
    trainer.compile(optimizers.SGD(0.1))
    expected = {}

    def add(role, part, layer, **ops):
        for name, counts in ops.items():
            expected[f"{role}/{part}/{layer}/{name}"] = counts

    # The teacher: everything once, and no gradient.
    add("teacher", "stem", "conv", kernel={"Conv2D": 1})
    add("teacher", "stem", "norm", gamma={"FusedBatchNormV3": 1})
    for k in range(1, K + 1):
        for j in (1, 2):
            for i in (1, 2):
                block = ("teacher", f"section_{k}", f"block_{j}")
                add(*block[:2], f"{block[2]}_conv_{i}", kernel={"Conv2D": 1})
                norm = {"FusedBatchNormV3": 1}
                add(*block[:2], f"{block[2]}_norm_{i}", gamma=norm)
    add("teacher", "head", "dense", kernel={"MatMul": 1})

    # The student: its stem not at all, for S_0 = T_0; section 1 once; the
    # others once a stream. The own stream goes back from the head to the input
    # of section 2, the teacher-fed one never leaves its section.
    for k in range(1, K + 1):
        streams, section = 1 if k == 1 else 2, f"section_{k}"
        once = {"AssignSubVariableOp": 1}
        forward = once | {"Conv2D": streams, "Conv2DBackpropFilter": streams}
        back = {1: k - 1 and 1, 2: streams}  # To the section's input; within.
        for i in (1, 2):
            conv = forward | {"Conv2DBackpropInput": back[i]}
            conv = {name: count for name, count in conv.items() if count}
            add("student", section, f"block_1_conv_{i}", kernel=conv)
            add(
                *("student", section, f"block_1_norm_{i}"),
                gamma=once
                | {
                    "FusedBatchNormV3": streams,
                    "FusedBatchNormGradV3": streams,
                },
                beta=once,
                moving_mean={"AssignVariableOp": 1},
                moving_variance={"AssignVariableOp": 1},
            )
    # Its frozen head: forward, and back to its input.
    add("student", "head", "dense", kernel={"MatMul": 2})
    assert ops_by_variable(trainer, batch(4)) == expected
