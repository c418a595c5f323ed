"""Network slimming: the pressure, the choice of channels, the cut."""

import keras
import numpy as np
import pytest

from lit_tf import errors
from lit_tf.methods import network_slimming
from lit_tf.sections import cost, sectioned_model

FAMILIES = ("resnet14", "resnext14", "vdcnn17")


def shaken(model, seed=0):
    """Gives every BatchNorm scales, shifts and statistics of its own."""
    random = np.random.default_rng(seed)
    for cut in network_slimming.cuts(model):
        gamma, beta, mean, variance = cut.norm.get_weights()
        size = gamma.shape
        cut.norm.set_weights(
            [
                random.normal(size=size),
                random.normal(size=size),
                random.normal(size=size),
                random.uniform(0.5, 2, size),
            ]
        )
    return model


def silence(cut, channels):
    """Lets some of a cut's channels say nothing."""
    gamma, beta, *rest = cut.norm.get_weights()
    gamma[channels] = beta[channels] = 0
    cut.norm.set_weights([gamma, beta, *rest])


def counts(model):
    return [cut.norm.gamma.shape[0] for cut in network_slimming.cuts(model)]


def test_inner_channels_of_a_block_may_go_and_no_others(build):
    names = [cut.norm.name for cut in network_slimming.cuts(build("resnet14"))]
    assert names == ["block_1_norm_1", "block_2_norm_1"] * 3
    names = [cut.norm.name for cut in network_slimming.cuts(build("resnext14"))]
    assert set(names) == {
        f"block_{j}_{norm}" for j in (1, 2) for norm in ("norm", "reduce_norm")
    }
    # Without shortcuts a block's output is read by the next block alone.
    names = {cut.norm.name for cut in network_slimming.cuts(build("vdcnn17"))}
    assert names == {"block_1_norm_1", "block_1_norm_2", "block_2_norm_1"}
    names = {
        cut.norm.name
        for cut in network_slimming.cuts(build("vdcnn17_shortcut"))
    }
    assert names == {"block_1_norm_1", "block_2_norm_1"}


@pytest.mark.parametrize("name", FAMILIES)
def test_without_channels_that_say_nothing_a_model_answers_alike(
    build, batch, name
):
    model = shaken(build(name, seed=1))
    kept = network_slimming.choose(network_slimming.cuts(model), 0.4)
    for cut, channels in kept.items():
        gone = np.setdiff1d(np.arange(cut.norm.gamma.shape[0]), channels)
        silence(cut, gone)
    pruned = network_slimming.prune(model, kept)
    assert counts(pruned) == [len(channels) for channels in kept.values()]
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


def test_a_pruned_model_is_saved_and_read_as_any_other(build, batch, tmp_path):
    model = shaken(build("resnext14", seed=1))
    kept = network_slimming.choose(network_slimming.cuts(model), 0.5)
    pruned = network_slimming.prune(model, kept)
    sectioned_model.save(pruned, tmp_path / "slim.keras")
    read = sectioned_model.load(tmp_path / "slim.keras")
    x, _ = batch(2)
    np.testing.assert_array_equal(read(x), pruned(x))
    assert read.name == "resnext14_slim" and read.depth == model.depth


def test_the_model_that_is_pruned_stays_as_it_is(build, batch):
    model = shaken(build("resnet14", seed=1))
    before = model.get_weights()
    kept = network_slimming.choose(network_slimming.cuts(model), 0.5)
    pruned = network_slimming.prune(model, kept)
    for variable in pruned.variables:
        variable.assign(variable + 1)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_threshold_is_one_for_all(build):
    model = build("resnet14")
    found = network_slimming.cuts(model)
    random = np.random.default_rng(0)
    every = []
    for i, cut in enumerate(found):
        gamma, *rest = cut.norm.get_weights()
        # Of either sign: it is the size that counts.
        gamma = random.normal(size=gamma.shape) * (i + 1)
        cut.norm.set_weights([gamma, *rest])
        every.append(np.abs(gamma))
    kept = network_slimming.choose(found, 0.3)
    many = int(0.3 * sum(map(len, every)))
    threshold = np.sort(np.concatenate(every))[many - 1]
    for cut, scale in zip(found, every, strict=True):
        np.testing.assert_array_equal(
            kept[cut], np.flatnonzero(scale > threshold)
        )


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_a_cut_keeps_all_of_its_channels_or_one_at_least(build, fraction):
    found = network_slimming.cuts(shaken(build("resnet14")))
    for cut, channels in network_slimming.choose(found, fraction).items():
        size = cut.norm.gamma.shape[0]
        assert len(channels) == (1 if fraction else size)


def test_groups_keep_as_many_channels_each(build):
    found = network_slimming.cuts(shaken(build("resnext14")))
    groups = {cut.groups for cut in found}
    assert groups == {8}
    for cut, channels in network_slimming.choose(found, 0.6).items():
        size = cut.norm.gamma.shape[0] // 8
        each = np.bincount(channels // size, minlength=8)
        assert np.all(each == each[0]) and each[0] >= 1


@pytest.mark.parametrize("name", FAMILIES)
def test_a_fraction_is_found_that_leaves_the_flops_asked_for(build, name):
    model = shaken(build(name))
    wanted = round(0.6 * cost.flops(model))
    fraction = network_slimming.fraction_for(model, wanted)
    found = network_slimming.cuts(model)
    pruned = network_slimming.prune(
        model, network_slimming.choose(found, fraction)
    )
    assert 0.9 * wanted < cost.flops(pruned) <= wanted
    # One channel less would not have done.
    less = fraction - 1 / sum(counts(model))
    more = network_slimming.prune(model, network_slimming.choose(found, less))
    assert cost.flops(more) > wanted


def test_flops_that_no_cut_reaches_are_refused(build):
    with pytest.raises(errors.SettingsError) as refusal:
        network_slimming.fraction_for(build("resnet14"), 1000)
    assert "resnet14 can be slimmed to" in str(refusal.value)


def test_a_model_without_such_channels_is_refused(dense):
    with pytest.raises(errors.SettingsError, match="which has none"):
        network_slimming.cuts(dense(1))


def test_the_pressure_is_the_sum_of_the_scales_sizes(build, batch):
    model = shaken(build("resnet14", seed=1))
    norm = network_slimming.cuts(model)[0].norm
    gamma = norm.get_weights()[0]
    sum_of_all = sum(
        np.abs(cut.norm.get_weights()[0]).sum()
        for cut in network_slimming.cuts(model)
    )

    def step(sparsity):
        twin = sectioned_model.with_policy(model, "float32")
        trainer = network_slimming.Slim(twin, sparsity=sparsity)
        trainer.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
        results = trainer.train_on_batch(*batch(8), return_dict=True)
        return results, network_slimming.cuts(twin)[0].norm.get_weights()[0]

    free, pressed = step(0.0), step(0.5)
    assert pressed[0]["sparse"] == pytest.approx(sum_of_all, rel=1e-5)
    assert pressed[0]["total"] == pytest.approx(
        pressed[0]["hard"] + 0.5 * sum_of_all, rel=1e-5
    )
    assert free[0]["total"] == pytest.approx(free[0]["hard"], rel=1e-6)
    # λ·sign(γ) is what the pressure adds to the gradient.
    np.testing.assert_allclose(
        free[1] - pressed[1], 0.1 * 0.5 * np.sign(gamma), atol=1e-5
    )
