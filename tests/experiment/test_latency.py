"""Latencies of several exported students, measured in turn."""

from own_models import classifier

from lit_tf.experiment import latency
from lit_tf.sections import cost


def test_each_student_is_called_in_turn_on_one_example(tmp_path, monkeypatch):
    def once(functions, batch, *, runs):
        assert runs >= 30
        found = {name: call(*batch) for name, call in functions.items()}
        shapes = {name: [*found[name].values()][0].shape for name in found}
        assert set(map(tuple, shapes.values())) == {(1, 2)}
        return {name: float(i) for i, name in enumerate(found)}

    monkeypatch.setattr(cost, "medians_ms", once)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        classifier().export(str(folder / "saved_model"), verbose=False)
    assert latency.of_runs(folders) == {folders[0]: 0.0, folders[1]: 1.0}
