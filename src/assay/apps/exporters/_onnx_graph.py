"""A network description as an ONNX graph.

Images come in as (B, height, width, channels), float32 0..255, as in Keras; inside, ONNX wants
channels before height and width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assay.core.errors import EngineError
from assay.networks import layers
from assay.networks.generator_layers import GaussianNoise
from assay.networks.image_layers import GlobalMaxPool
from assay.networks.network import Network

if TYPE_CHECKING:
    import numpy as np
    from onnx import ModelProto

__all__ = ["OPSET", "OnnxGraph"]

OPSET = 20
"""The first opset with Gelu."""

Shape = tuple[int, ...]

ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),
    "elu": ("Elu", {"alpha": 1.0}),
    "gelu": ("Gelu", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "softmax": ("Softmax", {"axis": 1}),
}
"""Name -> operator and its attributes; linear and silu are composed of others."""


class OnnxGraph:
    """Nodes and constants, added layer by layer.

    Args:
        network: the description.
        weights: named as `initial_weights` names them.
        mean, std: (channels,), of the pixels.
    """

    def __init__(
        self,
        network: Network,
        weights: Mapping[str, np.ndarray],
        mean: np.ndarray,
        std: np.ndarray,
    ):
        from onnx import helper

        self._helper, self._network, self._weights = helper, network, weights
        self._nodes: list[Any] = []
        self._constants: dict[str, np.ndarray] = {}
        x = self._node("Sub", ["images", self._constant("pixels.mean", mean)])
        x = self._node("Div", [x, self._constant("pixels.std", std)])
        x = self._node("Transpose", [x], perm=[0, 3, 1, 2])
        shape = network.input_shape
        x = self._chain("trunk", network.trunk, shape, x)
        for layer in network.trunk:
            shape = layer.output_shape(shape)
        self.outputs: dict[str, tuple[str, Shape]] = {}
        for head, chain in network.heads:
            end, out = shape, self._chain(f"head.{head}", chain, shape, x)
            for layer in chain:
                end = layer.output_shape(end)
            self.outputs[head] = (self._node("Identity", [out], output=head), end)

    def model(self) -> ModelProto:
        """The checked `onnx.ModelProto`."""
        import onnx
        from onnx import TensorProto, numpy_helper

        def value(name: str, shape: Shape) -> Any:
            return self._helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])

        graph = self._helper.make_graph(
            self._nodes,
            "assay",
            [value("images", self._network.input_shape)],
            [value(head, shape) for head, (_, shape) in self.outputs.items()],
            [numpy_helper.from_array(a, name) for name, a in self._constants.items()],
        )
        opset = self._helper.make_opsetid("", OPSET)
        made = self._helper.make_model(graph, opset_imports=[opset], producer_name="assay")
        made.ir_version = 9  # the IR version that runtimes with this opset read
        onnx.checker.check_model(made, full_check=True)
        return made

    def _constant(self, name: str, array: np.ndarray) -> str:
        import numpy as np

        wanted = np.int64 if np.asarray(array).dtype.kind == "i" else np.float32
        self._constants[name] = np.ascontiguousarray(array, wanted)
        return name

    def _node(
        self, op: str, inputs: Sequence[str], output: str | None = None, **attributes: Any
    ) -> str:
        output = output or f"t{len(self._nodes)}"
        self._nodes.append(self._helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def _chain(self, prefix: str, chain: Sequence[layers.Layer], shape: Shape, x: str) -> str:
        for i, layer in enumerate(chain):
            x = self._layer(layer, f"{prefix}.{i}", shape, x)
            shape = layer.output_shape(shape)
        return x

    def _layer(self, layer: layers.Layer, name: str, shape: Shape, x: str) -> str:
        make = _MAKERS.get(type(layer))
        if make is None:
            raise EngineError(f"{name}: a layer {layer.kind!r} cannot be written as ONNX yet")
        return make(self, layer, name, shape, x)

    def _own(self, name: str) -> dict[str, np.ndarray]:
        prefix = f"{name}."
        return {k[len(prefix) :]: v for k, v in self._weights.items() if k.startswith(prefix)}

    def _dense(self, layer: layers.Dense, name: str, shape: Shape, x: str) -> str:
        own = self._own(name)
        x = self._node("MatMul", [x, self._constant(f"{name}.kernel", own["kernel"])])
        if not layer.use_bias:
            return x
        return self._node("Add", [x, self._constant(f"{name}.bias", own["bias"])])

    def _conv(self, layer: layers.Conv2D, name: str, shape: Shape, x: str) -> str:
        own = self._own(name)
        inputs = [x, self._constant(f"{name}.kernel", own["kernel"].transpose(3, 2, 0, 1))]
        if layer.use_bias:
            inputs.append(self._constant(f"{name}.bias", own["bias"]))
        window, step = layer.kernel_size, layer.strides
        return self._node(
            "Conv",
            inputs,
            kernel_shape=[window, window],
            strides=[step, step],
            pads=_pads(shape, window, step, layer.padding),
        )

    def _pool(self, layer: layers.MaxPool2D, name: str, shape: Shape, x: str) -> str:
        window, step = layer.pool_size, layer.step
        average = isinstance(layer, layers.AveragePool2D)
        return self._node(
            "AveragePool" if average else "MaxPool",
            [x],
            kernel_shape=[window, window],
            strides=[step, step],
            pads=_pads(shape, window, step, layer.padding),
        )

    def _global_pool(self, layer: layers.Layer, name: str, shape: Shape, x: str) -> str:
        kind = "GlobalMaxPool" if isinstance(layer, GlobalMaxPool) else "GlobalAveragePool"
        return self._node("Flatten", [self._node(kind, [x])], axis=1)

    def _flatten(self, layer: layers.Layer, name: str, shape: Shape, x: str) -> str:
        if len(shape) == 3:  # rows, columns, channels: Keras's order
            x = self._node("Transpose", [x], perm=[0, 2, 3, 1])
        return self._node("Flatten", [x], axis=1)

    def _nothing(self, layer: layers.Layer, name: str, shape: Shape, x: str) -> str:
        return x

    def _batch_norm(self, layer: layers.BatchNorm, name: str, shape: Shape, x: str) -> str:
        own = self._own(name)
        keys = ("gamma", "beta", "moving_mean", "moving_variance")
        inputs = [self._constant(f"{name}.{key}", own[key]) for key in keys]
        return self._node("BatchNormalization", [x, *inputs], epsilon=layer.epsilon)

    def _activation(self, layer: layers.Activation, name: str, shape: Shape, x: str) -> str:
        if layer.function == "linear":
            return x
        if layer.function == "silu":
            return self._node("Mul", [x, self._node("Sigmoid", [x])])
        op, attributes = ACTIVATIONS[layer.function]
        return self._node(op, [x], **attributes)

    def _residual(self, layer: layers.Residual, name: str, shape: Shape, x: str) -> str:
        body, shortcut = self._chain(name, layer.body, shape, x), layer.projection(shape)
        if shortcut is not None:
            x = self._layer(shortcut, f"{name}.shortcut", shape, x)
        return self._node("Add", [body, x])

    def _space_to_depth(self, layer: layers.SpaceToDepth, name: str, shape: Shape, x: str) -> str:
        return self._node("SpaceToDepth", [x], blocksize=layer.block_size)


def _pads(shape: Shape, window: int, strides: int, padding: str) -> list[int]:
    """Rows and columns of padding: top, left, bottom, right; an odd one comes last, as in Keras."""
    if padding == "valid":
        return [0, 0, 0, 0]
    totals = [max(0, (-(-size // strides) - 1) * strides + window - size) for size in shape[:2]]
    before = [total // 2 for total in totals]
    return [*before, *(total - b for total, b in zip(totals, before, strict=True))]


_MAKERS: dict[type[layers.Layer], Callable[..., str]] = {
    layers.Dense: OnnxGraph._dense,
    layers.Conv2D: OnnxGraph._conv,
    layers.MaxPool2D: OnnxGraph._pool,
    layers.AveragePool2D: OnnxGraph._pool,
    layers.GlobalAveragePool: OnnxGraph._global_pool,
    GlobalMaxPool: OnnxGraph._global_pool,
    layers.Flatten: OnnxGraph._flatten,
    layers.Dropout: OnnxGraph._nothing,
    GaussianNoise: OnnxGraph._nothing,
    layers.BatchNorm: OnnxGraph._batch_norm,
    layers.Activation: OnnxGraph._activation,
    layers.Residual: OnnxGraph._residual,
    layers.SpaceToDepth: OnnxGraph._space_to_depth,
}
