"""What traced graphs hold."""


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
