"""A small architecture and short runs, for tests of other things.

A process that a test starts calls these functions too: its code to run first is
`import small; small.register()`.
"""

import keras

from lit_tf import config, layers, models
from lit_tf.config.deployment import Deployment
from lit_tf.deployment import export_command
from lit_tf.experiment import budget, curves, export_costs
from lit_tf.models import residual
from lit_tf.models.family import Family
from lit_tf.sections.sectioned_model import SectionedModel


def to_saved_model(path, output, settings, session=None, **options):
    """Exports a model without measuring it; returns the largest difference."""
    how = Deployment(measure=False)
    session = session or config.Session()
    facts = export_command.export(
        path, output, settings, session, how, **options
    )
    return facts["check"]["max_difference"]


def build(depth, *, input_shape, classes, mean, std, width=8):
    """Builds two sections of n blocks of two convolutions: depth 4n + 2."""
    image = keras.Input(input_shape, name="image")
    x = layers.Normalize(mean, std, name="normalize")(image)
    x = residual.norm(residual.convolution(x, width, 3, "conv"), "norm")
    # The sections see a quarter of the positions.
    x = keras.layers.MaxPooling2D(name="pool")(x)
    stem = keras.Model(image, x, name="stem")
    sections = []
    for k in (1, 2):
        start = x = keras.Input(x.shape[1:], name="representation")
        for j in range(1, depth // 4 + 1):
            y = residual.convolution(x, width, 3, f"block_{j}_conv_1")
            y = residual.norm(y, f"block_{j}_norm")
            y = keras.layers.ReLU(name=f"block_{j}_relu_1")(y)
            y = residual.convolution(y, width, 3, f"block_{j}_conv_2")
            y = keras.layers.Add(name=f"block_{j}_add")([x, y])
            x = keras.layers.ReLU(name=f"block_{j}_relu_2")(y)
        sections.append(keras.Model(start, x, name=f"section_{k}"))
    start = keras.Input(x.shape[1:], name="representation")
    x = keras.layers.Flatten(name="flatten")(start)
    x = keras.layers.Dense(classes, name="dense")(x)
    head = keras.Model(start, layers.Float32(name="logits")(x), name="head")
    return SectionedModel(
        stem, sections, head, name=f"small{depth}", depth=depth
    )


FAMILY = Family(
    name="small",
    build=build,
    check_depth=lambda depth: None,
    depths=(6, 10),
    default_depth=10,
    stem_arguments=("mean", "std"),
    torch_variables=lambda model: {},
    depth_from_torch=lambda names: None,
)


def register(setitem=dict.__setitem__):
    """Adds the family to the known ones.

    Args:
        setitem: may be that of pytest's `monkeypatch`.
    """
    setitem(models.MODELS, "small", FAMILY)


def skip_export(setattr=setattr):
    """Lets a run end without SavedModels, latency and curves.

    They take a third of the time of a short run.

    Args:
        setattr: may be that of pytest's `monkeypatch`.
    """

    def write(model, path, examples, **kind):
        path.mkdir(exist_ok=True)
        (path / "saved_model.pb").write_bytes(b"1")
        return 0.0

    def latency_ms(folders, batch):
        return dict.fromkeys(folders, 1.0)

    setattr(export_costs, "write", write)
    setattr(export_costs.cost, "latency_ms", latency_ms)
    setattr(curves, "draw", lambda *_, **__: None)


def skip_costs(setattr=setattr):
    """Lets a run end without export, and without counting its FLOPs.

    Args:
        setattr: may be that of pytest's `monkeypatch`.
    """
    skip_export(setattr)
    nothing = export_costs.cost.FlopCount(1)
    setattr(budget, "_count_step", lambda model, schedule: nothing)
    costs = {"flops": 1, "saved_model_bytes": 1}
    setattr(
        export_costs,
        "costs",
        lambda model, saved_model: {
            "model": model.name,
            "depth": export_costs.cost.depth(model),
            "parameters": export_costs.cost.parameters(model),
            **costs,
        },
    )
