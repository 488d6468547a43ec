"""An export's signatures in words."""

import os

from tensorflow import dtypes

from export.acceptance import read_signatures


def signature_lines(folder: str | os.PathLike) -> list[str]:
    """Returns a line per signature of an export.

    Args:
        folder: A version's folder.

    Returns:
        Lines such as `serving_default: in0 string [batch], in1 int64 [batch,
        length] -> scores float32 [batch, 2]`.
    """
    return [
        f"{name}: {_tensors(signature.inputs)} -> {_tensors(signature.outputs)}"
        for name, signature in sorted(read_signatures(folder).items())
    ]


def _tensors(tensors):
    return ", ".join(
        f"{name} {dtypes.as_dtype(info.dtype).name} {_shape(info)}"
        for name, info in sorted(tensors.items())
    )


def _shape(info):
    sizes = [dimension.size for dimension in info.tensor_shape.dim]
    words = [
        word if size < 0 else str(size)
        for size, word in zip(sizes, ("batch", "length"), strict=False)
    ]
    return f"[{', '.join(words)}]"
