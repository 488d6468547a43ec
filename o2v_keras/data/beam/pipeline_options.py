"""Options of Beam, as the command line gives them."""

from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.options.pipeline_options import StandardOptions

_THIS_PROCESS = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


def pipeline_options(arguments: Sequence[str]) -> PipelineOptions:
    """Returns Beam's options; without `--runner`, this process runs the job.

    Args:
        arguments: Words such as `--runner=FlinkRunner`.
    """
    options = PipelineOptions(list(arguments))
    standard = options.view_as(StandardOptions)
    if standard.runner is None:
        # DirectRunner would do the same, but tries to download Prism first.
        standard.runner = _THIS_PROCESS
    return options
