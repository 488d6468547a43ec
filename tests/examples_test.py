"""The files in `examples/` are what clusters and `o2v` accept."""

import itertools
import os
import pathlib
import re
import shlex
import subprocess

import kubernetes_validate
import pytest
import yaml

from tests.command_line.commands import all_commands

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"
# Of the schemas that Kubernetes publishes: the newest, and the first in which
# all fields here are stable.
VERSIONS = ("1.37.0", "1.31.0")


def documents():
    text = (EXAMPLES / "kubernetes.yaml").read_text()
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


def sbatch():
    return (EXAMPLES / "slurm.sbatch").read_text()


def launch_options(words):
    """Returns the options of `o2v launch`, once its training parses too."""
    assert words[:2] == ["o2v", "launch"]
    commands = all_commands()
    options = commands.parse(words[1:])
    training = commands.parse(options.train_command)
    assert training.resume, "a restarted launch would refuse its own model"
    return options


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["Service", "Job"])
def test_kubernetes_knows_every_field(kind, version):
    kubernetes_validate.validate(documents()[kind], version, strict=True)


def test_kubernetes_schemas_find_an_error():
    job = documents()["Job"]
    job["spec"]["completion_mode"] = job["spec"].pop("completionMode")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, VERSIONS[0], strict=True)


def test_pods_have_names_in_the_headless_service():
    service, job = documents()["Service"], documents()["Job"]
    assert service["spec"]["clusterIP"] == "None"
    (selected,) = service["spec"]["selector"].items()
    assert selected == ("batch.kubernetes.io/job-name", job["metadata"]["name"])
    pod = job["spec"]["template"]["spec"]
    assert pod["subdomain"] == service["metadata"]["name"]
    assert job["spec"]["completionMode"] == "Indexed"


def test_all_pods_run_at_once_and_know_how_many_they_are():
    spec = documents()["Job"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    options = launch_options([*container["command"], *container["args"]])
    assert options.cluster == "kubernetes"
    assert options.workers == spec["completions"] == spec["parallelism"]


def test_pods_share_their_folder():
    pod = documents()["Job"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (mount,) = container["volumeMounts"]
    (volume,) = pod["volumes"]
    assert mount["name"] == volume["name"]
    paths = [
        word.partition("=")[2] for word in container["args"] if "=/" in word
    ]
    assert len(paths) == 3
    assert all(path.startswith(f"{mount['mountPath']}/") for path in paths)


def test_sbatch_starts_one_launch_a_node():
    path = EXAMPLES / "slurm.sbatch"
    subprocess.run(["bash", "-n", os.fspath(path)], check=True)
    text = sbatch()
    (command,) = re.findall(r"^srun .*", text.replace("\\\n", ""), re.M)
    words = shlex.split(command)
    own = list(itertools.takewhile(lambda word: word != "o2v", words))
    options = launch_options(words[len(own) :])
    assert (options.cluster, options.workers) == ("slurm", None)
    assert "#SBATCH --ntasks-per-node=1\n" in text
    # `--resume` makes this safe.
    assert "#SBATCH --requeue\n" in text


def test_sbatch_options_come_before_the_first_command():
    """Those after it are comments to SLURM."""
    lines = sbatch().splitlines()
    first = next(i for i, line in enumerate(lines) if line[:1] not in ("#", ""))
    options = [i for i, x in enumerate(lines) if x.startswith("#SBATCH")]
    assert max(options) < first
