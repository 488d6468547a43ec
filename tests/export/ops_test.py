"""The ops of an export, held to those that every TF Serving links."""

import pytest
from tensorflow.core.protobuf import saved_model_pb2

# All core TensorFlow, with CPU kernels. A new op belongs here only when a
# server without a GPU and without Keras has it.
ALLOWED = {
    # Requests and their checks.
    "All",
    "Any",
    "AsString",
    "Assert",
    "EnsureShape",
    "GreaterEqual",
    "If",
    "Less",
    "LogicalAnd",
    "LogicalNot",
    "LogicalOr",
    "Max",
    "Min",
    "StringJoin",
    # Ids, masks and shapes.
    "Cast",
    "ConcatV2",
    "Const",
    "Cumsum",
    "Equal",
    "ExpandDims",
    "Fill",
    "GatherNd",
    "GatherV2",
    "Greater",
    "Identity",
    "IdentityN",
    "InvertPermutation",
    "NotEqual",
    "Pack",
    "Pad",
    "Placeholder",
    "PlaceholderWithDefault",
    "Range",
    "Reshape",
    "ScatterNd",
    "Select",
    "SelectV2",
    "Shape",
    "Size",
    "Split",
    "Squeeze",
    "StridedSlice",
    "TopKV2",
    "Transpose",
    "Unique",
    "Unpack",
    "Where",
    # Arithmetic.
    "Abs",
    "AddV2",
    "BatchMatMulV2",
    "BiasAdd",
    "Conv2D",
    "Cos",
    "MatMul",
    "Maximum",
    "Mean",
    "Minimum",
    "Mul",
    "Prod",
    "RealDiv",
    "Relu",
    "Rsqrt",
    "Sigmoid",
    "Sin",
    "Softmax",
    "SparseSegmentMeanWithNumSegments",
    "Square",
    "Sub",
    "Sum",
    "Tanh",
    # Steps of an LSTM.
    "StatelessWhile",
    "TensorListConcatV2",
    "TensorListReserve",
    "TensorListSetItem",
    # Functions and variables.
    "NoOp",
    "ReadVariableOp",
    "ResourceGather",
    "StatefulPartitionedCall",
    "VarHandleOp",
    # Saving and restoring.
    "AssignVariableOp",
    "DisableCopyOnRead",
    "MergeV2Checkpoints",
    "RestoreV2",
    "SaveV2",
    "ShardedFilename",
    "StaticRegexFullMatch",
}

# Core TensorFlow, but for the last ones, which are TensorFlow Text's; TF
# Serving's standard build links that, too.
ALLOWED_WITH_TEXTS = ALLOWED | {
    "BroadcastTo",
    "DenseBincount",
    "FloorDiv",
    "FloorMod",
    "HashTableV2",
    "InitializeTableFromTextFileV2",
    "LessEqual",
    "LookupTableFindV2",
    "OnesLike",
    "RaggedGather",
    "RaggedRange",
    "RaggedTensorToTensor",
    "StatelessIf",
    "StaticRegexReplace",
    "StringLength",
    "StringLower",
    "StringSplitV2",
    "StringToHashBucketFast",
    "Substr",
    "TensorScatterUpdate",
    "Tile",
    "UnicodeDecode",
    "UnicodeDecodeWithOffsets",
    "UnicodeEncode",
    "UnicodeTranscode",
    "VarIsInitializedOp",
    # TensorFlow Text.
    "CaseFoldUTF8",
    "FastWordpieceTokenizeWithOffsets",
    "SentencepieceOp",
    "SentencepieceTokenizeOp",
    "UnicodeScriptTokenizeWithOffsets",
}


def test_export_holds_allowed_ops_only(variant):
    assert ops(variant.folder) - ALLOWED == set()


def test_export_asks_for_no_gpu_and_no_compiler(variant):
    graph = _graph(variant.folder)
    devices = {node.device for node in _nodes(graph)}
    assert devices <= {"", "/device:CPU:0", "/device:CPU:*"}
    for function in graph.library.function:
        assert not function.attr["_XlaMustCompile"].b


@pytest.mark.parametrize("variant", ["bilstm"], indirect=True)
def test_functions_and_branches_are_searched(variant):
    assert {"ResourceGather", "StatelessWhile", "Assert"} <= ops(variant.folder)


def _graph(folder):
    content = (folder / "saved_model.pb").read_bytes()
    return (
        saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].graph_def
    )


def _nodes(graph):
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def ops(folder):
    """Names of all ops of an export."""
    return {node.op for node in _nodes(_graph(folder))}
