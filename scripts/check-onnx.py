"""Checks ONNX files with the onnx package itself: python scripts/check-onnx.py FILE..."""

import sys

import onnx

for path in sys.argv[1:]:
    model = onnx.load(path)
    # Every operator's rules, and shape inference over the whole graph.
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    for node in inferred.graph.node:
        if any(attribute.name == "auto_pad" for attribute in node.attribute):
            sys.exit(f"{path}: {node.name} leaves its pads to auto_pad")
    opsets = ", ".join(str(opset.version) for opset in model.opset_import)
    print(f"{path}: {len(model.graph.node)} nodes, IR {model.ir_version}, opset {opsets}")
