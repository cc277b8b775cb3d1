"""An fp32 graph to an int8 one: ONNX Runtime's dynamic quantisation, a scale for each output channel of a weight."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path


def quantize(source: Path, destination: Path) -> None:
    """Writes `source` with its matrix products in int8 to `destination`.

    Weights are signed and quantised per channel before the run; activations per tensor during it. One scale serves a
    whole batch, so a text's logits depend a little on its neighbours: the manifest states by how much.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder, "prepared.onnx")
        # ONNX Runtime's fusions on the fp32 graph first: a product that was fused away is not quantised alone.
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        root = logging.getLogger()
        level = root.level
        root.setLevel(logging.ERROR)
        try:
            quantize_dynamic(
                prepared,
                destination,
                per_channel=True,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["MatMul", "Gemm", "Gather"],
                extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT, "MatMulConstBOnly": True},
            )
        finally:
            root.setLevel(level)
    _declare_only_used_domains(destination)


def _declare_only_used_domains(graph: Path) -> None:
    """ONNX Runtime's optimiser declares every operator set that it knows; a bundle may name only those in use."""
    import onnx

    model = onnx.load(graph)
    used = {node.domain for node in model.graph.node} | {""}
    kept = [item for item in model.opset_import if item.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    onnx.save(model, graph)
