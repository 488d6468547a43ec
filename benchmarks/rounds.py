"""The contestant's side of a contest."""

import json
import os
import sys
from collections.abc import Callable


def play_rounds(play: Callable[[], dict]):
    """Plays a round for every line of standard input.

    What else writes to standard output is sent to standard error. Imports no
    library, so that programs of any interpreter can use it.

    Args:
        play: Plays a round and returns what goes to the driver as JSON.
            Called once before the first line is read, to warm up.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    play()
    print("ready", file=answers)
    for _ in sys.stdin:
        print(json.dumps(play()), file=answers)
