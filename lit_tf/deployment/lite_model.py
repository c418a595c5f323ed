"""A LiteRT file, run by the package `ai-edge-litert`."""

import importlib
import os
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from lit_tf import errors
from lit_tf.utils import quiet

# Operations that convert between numbers of different types.
_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE", "CAST")


def installed() -> bool:
    """Returns whether the package that runs LiteRT files is installed."""
    try:
        _runtime()
    except ImportError:
        return False
    return True


def require_runtime() -> None:
    """Refuses to go on without the package that runs LiteRT files.

    Raises:
        SettingsError: if it is not installed.
    """
    try:
        _runtime()
    except ImportError as error:
        raise errors.SettingsError(
            "A LiteRT file is only written if ai-edge-litert can run and check "
            "it. Install it: pip install 'lit_tf[litert]'. Received: "
            f"{errors.line(error)}."
        ) from error


class LiteModel:
    """A LiteRT file as a function of a batch of inputs by their names.

    Args:
        path: the file.
        threads: number of threads of an operation.

    Raises:
        DataError: if the file is damaged, or has operations that
            `ai-edge-litert` does not have.
    """

    def __init__(self, path: str | os.PathLike, *, threads: int = 1):
        try:
            with quiet.stderr():
                interpreter = _runtime().Interpreter(
                    model_path=str(path), num_threads=threads
                )
                interpreter.allocate_tensors()
            self._runner = interpreter.get_signature_runner()
        except (ValueError, RuntimeError) as error:
            raise errors.DataError(
                f"{path} is not a LiteRT file that ai-edge-litert runs "
                f"({errors.line(error)})."
            ) from error
        self._inputs = self._runner.get_input_details()
        self._outputs = self._runner.get_output_details()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each input by name."""
        return {n: tuple(each["shape"]) for n, each in self._inputs.items()}

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Runs the file on each example of a batch.

        Args:
            inputs: `[batch, ...]` by name. Numbers of a file of integer inputs
                are quantized.

        Returns:
            Outputs, `[batch, ...]` by name; integers are dequantized.
        """
        count = len(next(iter(inputs.values())))
        rows = [
            self.one({name: x[i : i + 1] for name, x in inputs.items()})
            for i in range(count)
        ]
        return {
            name: np.concatenate([row[name] for row in rows])
            for name in self._outputs
        }

    def one(self, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Runs the file on one example.

        Args:
            inputs: `[1, ...]` by name.
        """
        outputs = self._runner(
            **{
                name: _quantized(x, self._inputs[name])
                for name, x in inputs.items()
            }
        )
        return {
            name: _dequantized(x, self._outputs[name])
            for name, x in outputs.items()
        }


def operations(content: bytes) -> set[str]:
    """Returns the names of the operations in a LiteRT file.

    Args:
        content: the bytes of the file.
    """
    return {name for name, _ in _operations(content)}


def float_operations(content: bytes) -> set[str]:
    """Returns the names of the operations that compute in float.

    Those that convert numbers, such as QUANTIZE, do not count.

    Args:
        content: the bytes of a LiteRT file.
    """
    return {
        name
        for name, in_float in _operations(content)
        if in_float and name not in _CONVERSIONS
    }


def _operations(content):
    """Yields the name of each operation, and whether it returns floats."""
    schema = importlib.import_module("ai_edge_litert.schema_py_generated")
    names = {
        number: name
        for name, number in vars(schema.BuiltinOperator).items()
        if not name.startswith("_")
    }
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            # Files of earlier versions have the number in the other field.
            number = max(code.builtinCode, code.deprecatedBuiltinCode)
            types = {graph.tensors[place].type for place in operator.outputs}
            yield names[number], schema.TensorType.FLOAT32 in types


def _runtime() -> ModuleType:
    return importlib.import_module("ai_edge_litert.interpreter")


def _quantized(values, details):
    dtype = details["dtype"]
    scale, zero = details["quantization"]
    if not scale or np.issubdtype(dtype, np.floating):
        return np.asarray(values, dtype)
    limits = np.iinfo(dtype)
    levels = np.round(np.asarray(values) / scale) + zero
    return np.clip(levels, limits.min, limits.max).astype(dtype)


def _dequantized(values, details):
    scale, zero = details["quantization"]
    if not scale or np.issubdtype(values.dtype, np.floating):
        return values
    return (values.astype(np.float32) - zero) * np.float32(scale)
