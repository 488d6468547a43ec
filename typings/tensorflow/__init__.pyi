# The stubs of TensorFlow that type checkers bring along lack half of it.
from typing import Any

def __getattr__(name: str) -> Any: ...
