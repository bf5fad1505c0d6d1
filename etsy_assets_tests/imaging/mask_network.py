"""A segmentation network of five nodes: dark is furniture. It stands in for the trained one and runs through rembg."""

from pathlib import Path

from onnx import TensorProto, helper, save_model


def write_mask_network(
    path: Path, steepness: float = 4.0, bias: float = 0.0, logits: bool = False, outputs: int = 1
) -> Path:
    """Writes an ONNX file: (1, 3, 320, 320) normalised RGB to the probability that a pixel is dark, (1, 1, 320, 320).

    probability = sigmoid(bias - steepness * mean of the channels). logits: leave the sigmoid out.
    outputs: how many, all but the first being rubbish, as u2net's side outputs are for rembg.
    """
    nodes = [
        helper.make_node("ReduceMean", ["photo"], ["brightness"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["brightness", "minus_steepness"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["mask" if logits else "logit"]),
    ]
    if not logits:
        nodes.append(helper.make_node("Sigmoid", ["logit"], ["mask"]))
    nodes += [helper.make_node("Neg", ["mask"], [f"side_{number}"]) for number in range(1, outputs)]
    shape = [1, 1, 320, 320]
    graph = helper.make_graph(
        nodes,
        "dark_is_furniture",
        [helper.make_tensor_value_info("photo", TensorProto.FLOAT, [1, 3, 320, 320])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name in ["mask", *(f"side_{number}" for number in range(1, outputs))]
        ],
        [
            helper.make_tensor("minus_steepness", TensorProto.FLOAT, [1], [-steepness]),
            helper.make_tensor("bias", TensorProto.FLOAT, [1], [bias]),
        ],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
