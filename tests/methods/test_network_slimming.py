"""Network slimming: the pressure, the choice of channels, the prunable."""

import keras
import numpy as np
import pytest
import slow

from lit_tf import errors
from lit_tf.methods import channel_pruning, network_slimming
from lit_tf.sections import copying, cost, model_files

FAMILIES = ("resnet14", "resnext14", "vdcnn17")


def randomized(model, seed=0):
    """Gives every prunable BatchNorm random weights and statistics."""
    random = np.random.default_rng(seed)
    for prunable in channel_pruning.prunable_norms(model):
        gamma, beta, mean, variance = prunable.norm.get_weights()
        size = gamma.shape
        prunable.norm.set_weights(
            [
                random.normal(size=size),
                random.normal(size=size),
                random.normal(size=size),
                random.uniform(0.5, 2, size),
            ]
        )
    return model


def silence(prunable, channels):
    """Sets the scales and shifts of some channels to 0."""
    gamma, beta, *rest = prunable.norm.get_weights()
    gamma[channels] = beta[channels] = 0
    prunable.norm.set_weights([gamma, beta, *rest])


def counts(model):
    return [
        prunable.norm.gamma.shape[0]
        for prunable in channel_pruning.prunable_norms(model)
    ]


def test_only_the_inner_channels_of_a_block_are_prunable(build):
    names = [
        prunable.norm.name
        for prunable in channel_pruning.prunable_norms(build("resnet14"))
    ]
    assert names == ["block_1_norm_1", "block_2_norm_1"] * 3
    names = [
        prunable.norm.name
        for prunable in channel_pruning.prunable_norms(build("resnext14"))
    ]
    assert set(names) == {
        f"block_{j}_{norm}" for j in (1, 2) for norm in ("norm", "reduce_norm")
    }
    # Without shortcuts a block's output is read by the next block alone.
    names = {
        prunable.norm.name
        for prunable in channel_pruning.prunable_norms(build("vdcnn17"))
    }
    assert names == {"block_1_norm_1", "block_1_norm_2", "block_2_norm_1"}
    names = {
        prunable.norm.name
        for prunable in channel_pruning.prunable_norms(
            build("vdcnn17_shortcut")
        )
    }
    assert names == {"block_1_norm_1", "block_2_norm_1"}


@pytest.mark.parametrize("name", slow.all_but(["resnet14"], FAMILIES))
def test_pruning_channels_that_are_zero_keeps_the_outputs(build, batch, name):
    model = randomized(build(name, seed=1))
    selected = channel_pruning.select_channels(
        channel_pruning.prunable_norms(model), 0.4
    )
    for prunable, channels in selected.items():
        dropped = np.setdiff1d(
            np.arange(prunable.norm.gamma.shape[0]), channels
        )
        silence(prunable, dropped)
    pruned = channel_pruning.prune(model, selected)
    assert counts(pruned) == [len(channels) for channels in selected.values()]
    assert sum(counts(pruned)) < 0.8 * sum(counts(model))
    x, _ = batch(4, name=name)
    np.testing.assert_allclose(
        pruned(x, training=False),
        model(x, training=False),
        rtol=1e-4,
        atol=1e-4,
    )
    assert cost.flops(pruned) < cost.flops(model)
    assert cost.parameters(pruned) < cost.parameters(model)


def test_a_pruned_model_can_be_saved_and_loaded(build, batch, tmp_path):
    model = randomized(build("resnext14", seed=1))
    selected = channel_pruning.select_channels(
        channel_pruning.prunable_norms(model), 0.5
    )
    pruned = channel_pruning.prune(model, selected)
    model_files.save(pruned, tmp_path / "slim.keras")
    read = model_files.load(tmp_path / "slim.keras")
    x, _ = batch(2)
    np.testing.assert_array_equal(read(x), pruned(x))
    assert read.name == "resnext14_slim" and read.depth == model.depth


def test_pruning_does_not_change_the_original_model(build, batch):
    model = randomized(build("resnet14", seed=1))
    before = model.get_weights()
    selected = channel_pruning.select_channels(
        channel_pruning.prunable_norms(model), 0.5
    )
    pruned = channel_pruning.prune(model, selected)
    for variable in pruned.variables:
        variable.assign(variable + 1)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_one_threshold_holds_for_all_norms(build):
    model = build("resnet14")
    norms = channel_pruning.prunable_norms(model)
    random = np.random.default_rng(0)
    scales = []
    for i, prunable in enumerate(norms):
        gamma, *rest = prunable.norm.get_weights()
        # Of either sign: only the absolute value counts.
        gamma = random.normal(size=gamma.shape) * (i + 1)
        prunable.norm.set_weights([gamma, *rest])
        scales.append(np.abs(gamma))
    selected = channel_pruning.select_channels(norms, 0.3)
    count = int(0.3 * sum(map(len, scales)))
    threshold = np.sort(np.concatenate(scales))[count - 1]
    for prunable, scale in zip(norms, scales, strict=True):
        np.testing.assert_array_equal(
            selected[prunable], np.flatnonzero(scale > threshold)
        )


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_a_norm_keeps_at_least_one_channel(build, fraction):
    norms = channel_pruning.prunable_norms(randomized(build("resnet14")))
    for prunable, channels in channel_pruning.select_channels(
        norms, fraction
    ).items():
        size = prunable.norm.gamma.shape[0]
        assert len(channels) == (1 if fraction else size)


def test_all_groups_keep_the_same_number_of_channels(build):
    norms = channel_pruning.prunable_norms(randomized(build("resnext14")))
    groups = {prunable.groups for prunable in norms}
    assert groups == {8}
    for prunable, channels in channel_pruning.select_channels(
        norms, 0.6
    ).items():
        size = prunable.norm.gamma.shape[0] // 8
        each = np.bincount(channels // size, minlength=8)
        assert np.all(each == each[0]) and each[0] >= 1


@pytest.mark.parametrize("name", slow.all_but(["resnet14"], FAMILIES))
def test_the_fraction_for_flops_is_the_smallest_that_suffices(build, name):
    model = randomized(build(name))
    target = round(0.6 * cost.flops(model))
    fraction = channel_pruning.fraction_for_flops(model, target)
    norms = channel_pruning.prunable_norms(model)
    pruned = channel_pruning.prune(
        model, channel_pruning.select_channels(norms, fraction)
    )
    assert 0.9 * target < cost.flops(pruned) <= target
    # Pruning one channel less leaves too many FLOPs.
    less = fraction - 1 / sum(counts(model))
    more = channel_pruning.prune(
        model, channel_pruning.select_channels(norms, less)
    )
    assert cost.flops(more) > target


def test_a_fraction_by_incomplete_flops_gives_a_warning(build, monkeypatch):
    model = build("resnet14")
    flops = cost.flops(model)
    monkeypatch.setattr(
        cost, "count_flops", lambda _: cost.FlopCount(flops, ("FFT",))
    )
    with pytest.warns(UserWarning, match="resnet14: FLOPs leave out .*FFT"):
        channel_pruning.fraction_for_flops(model, flops)


def test_flops_that_no_pruning_reaches_are_refused(build):
    with pytest.raises(errors.SettingsError) as refusal:
        channel_pruning.fraction_for_flops(build("resnet14"), 1000)
    assert "can reduce resnet14 to" in str(refusal.value)


def test_a_model_without_prunable_channels_is_refused(dense):
    with pytest.raises(errors.SettingsError, match="has no such BatchNorm"):
        channel_pruning.prunable_norms(dense(1))


def test_the_sparsity_penalty_is_the_sum_of_absolute_scales(build, batch):
    model = randomized(build("resnet14", seed=1))
    norm = channel_pruning.prunable_norms(model)[0].norm
    gamma = norm.get_weights()[0]
    sum_of_all = sum(
        np.abs(prunable.norm.get_weights()[0]).sum()
        for prunable in channel_pruning.prunable_norms(model)
    )

    def step(sparsity):
        copy = copying.copy_model(model, policy="float32")
        trainer = network_slimming.Slim(copy, sparsity=sparsity)
        trainer.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
        results = trainer.train_on_batch(*batch(8), return_dict=True)
        return results, channel_pruning.prunable_norms(copy)[
            0
        ].norm.get_weights()[0]

    free, sparse = step(0.0), step(0.5)
    assert sparse[0]["sparse"] == pytest.approx(sum_of_all, rel=1e-5)
    assert sparse[0]["total"] == pytest.approx(
        sparse[0]["hard"] + 0.5 * sum_of_all, rel=1e-5
    )
    assert free[0]["total"] == pytest.approx(free[0]["hard"], rel=1e-6)
    # The penalty adds λ·sign(γ) to the gradient.
    np.testing.assert_allclose(
        free[1] - sparse[1], 0.1 * 0.5 * np.sign(gamma), atol=1e-5
    )
