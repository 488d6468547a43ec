"""What traced graphs hold."""

from tensorflow.python.eager import context


def tensor_shapes(graph):
    """Returns the shapes of all tensors, those in inner functions too."""
    shapes = [
        tensor.shape
        for operation in graph.get_operations()
        for tensor in operation.outputs
    ]
    for function in graph.as_graph_def().library.function:
        inner = graph._get_function(function.signature.name)
        if hasattr(inner, "graph"):
            shapes += tensor_shapes(inner.graph)
    return shapes


def lengths(graph):
    """Returns the first dimensions of all tensors but scalars."""
    return {shape[0] for shape in tensor_shapes(graph) if shape.rank}


def optimized_nodes(call):
    """Returns the nodes that TensorFlow runs for a call, as optimized."""
    context.enable_run_metadata()
    try:
        call()
        metadata = context.export_run_metadata()
    finally:
        context.disable_run_metadata()
    graphs = [
        graph.post_optimization_graph for graph in metadata.function_graphs
    ]
    return [
        node
        for graph in graphs
        for nodes in (graph.node, *(f.node_def for f in graph.library.function))
        for node in nodes
    ]
