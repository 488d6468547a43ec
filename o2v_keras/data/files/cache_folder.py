"""Where files lie that can be made or fetched again."""

import os
import pathlib


def cache_folder() -> pathlib.Path | None:
    """Returns the folder that `O2V_CACHE_DIR` names, or the user's.

    Without the variable it is `o2v_keras` in the user's cache folder
    (`XDG_CACHE_HOME`, or `~/.cache`). It need not exist.

    Returns:
        A path, or `None` where the variable is empty: nothing is to be kept.
    """
    folder = os.environ.get("O2V_CACHE_DIR")
    if folder is not None:
        return pathlib.Path(folder) if folder else None
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    # Relative where there is no home.
    return pathlib.Path(caches, "o2v_keras") if os.path.isabs(caches) else None
