"""All commands of `o2v`, as an installed package has them."""

import importlib
import pathlib
import tomllib

from o2v_keras.command import Commands
from o2v_keras.command_line.parser import add_commands

ROOT = pathlib.Path(__file__).parents[2]


def all_commands():
    """Returns them; the packages beside o2v_keras are read from pyproject."""
    commands = Commands()
    add_commands(commands)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for place in project["entry-points"]["o2v.commands"].values():
        module, name = place.split(":")
        getattr(importlib.import_module(module), name)(commands)
    return commands
