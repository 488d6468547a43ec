"""The commands of this package, for `o2v`."""

from o2v_keras.command import Commands
from serving.batch_inference import command as batch
from serving.beam import commands as beam
from serving.client import command as client
from serving.local_server import command as serve
from serving.sagemaker_server import command as sagemaker_serve


def add_commands(commands: Commands) -> None:
    """Adds all of them."""
    serve.add_command(commands)
    client.add_command(commands)
    batch.add_command(commands)
    beam.add_commands(commands)
    sagemaker_serve.add_command(commands)
