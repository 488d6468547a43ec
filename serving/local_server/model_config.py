"""Which models to serve from where: TF Serving's `ModelServerConfig`."""

import os
import pathlib
import re
from typing import TypeAlias

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.errors import invalid_argument

ModelConfig: TypeAlias = model_server_config_pb2.ModelConfig
ModelConfigList: TypeAlias = model_server_config_pb2.ModelConfigList

_MODEL_FILE = "saved_model.pb"
_VERSION = re.compile(r"[+-]?[0-9]+")


def read_config_file(file: str | os.PathLike[str]) -> ModelConfigList:
    """Reads a text `ModelServerConfig`.

    Args:
        file: Path of the file.

    Raises:
        ValueError: If it is none, or is one of another kind.

    Example:
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w") as file:
    ...     _ = file.write('model_config_list { config { name: "half" } }')
    ...     file.flush()
    ...     read_config_file(file.name).config[0].name
    'half'
    """
    config = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(pathlib.Path(file).read_text(), config)
    except text_format.ParseError as error:
        raise ValueError(
            f"`model_config_file` must be a text ModelServerConfig. {file}: "
            f"{error}"
        ) from None
    if config.WhichOneof("config") != "model_config_list":
        raise ValueError(
            "`model_config_file` must hold a model_config_list. Received: "
            f"{file}"
        )
    return config.model_config_list


def single_model(
    name: str, base_path: str | os.PathLike[str]
) -> ModelConfigList:
    """Makes the configuration of one model, of which the latest is served.

    Args:
        name: Its name in requests.
        base_path: Folder of its versions; a relative one is made absolute.

    Example:
    >>> single_model("half", "/models/half").config[0].base_path
    '/models/half'
    """
    config = ModelConfig(
        name=name,
        base_path=os.path.abspath(base_path),
        model_platform="tensorflow",
    )
    return ModelConfigList(config=[config])


def check_config(configs: ModelConfigList):
    """Checks a configuration by itself.

    Raises:
        tf.errors.InvalidArgumentError: If a model is listed twice, is no
            TensorFlow model, or lies nowhere.

    Example:
    >>> check_config(single_model("half", "/models/half"))
    """
    names = set()
    for config in configs.config:
        if config.name in names:
            raise invalid_argument(
                f"Illegal to list model {config.name} multiple times in "
                "config list"
            )
        names.add(config.name)
    for config in configs.config:
        if not os.path.isabs(config.base_path):
            raise invalid_argument(
                f"Expected model {config.name} to have an absolute path or "
                f"URI; got base_path()={config.base_path}"
            )
    for config in configs.config:
        _check_platform(config)


def wanted_versions(config: ModelConfig) -> dict[int, str]:
    """Lists the versions that a model's policy wants now.

    Args:
        config: The model's configuration.

    Returns:
        Folders by version.

    Raises:
        OSError: If the base path cannot be read.

    Example:
    >>> import tempfile
    >>> base = pathlib.Path(tempfile.mkdtemp())
    >>> for name in ("1", "02", "tmp-3"):
    ...     (base / name).mkdir()
    >>> list(wanted_versions(single_model("half", base).config[0]))
    [2]
    """
    present = _present_versions(config)
    policy = config.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        numbers = set(present)
    elif kind == "specific":
        numbers = present.keys() & set(policy.specific.versions)
    else:
        count = max(policy.latest.num_versions, 1)
        numbers = set(sorted(present)[-count:])
    return {number: present[number] for number in sorted(numbers)}


def missing_versions(config: ModelConfig) -> str:
    """Says what a base path holds in place of the versions that are wanted.

    Args:
        config: The model's configuration, for which `wanted_versions` finds
            nothing.

    Example:
    >>> missing_versions(single_model("half", "/models/half").config[0])
    'There is no folder /models/half.'
    """
    base = pathlib.Path(config.base_path)
    try:
        names = sorted(os.listdir(base))
        present = sorted(_present_versions(config))
    except FileNotFoundError:
        return f"There is no folder {base}."
    except OSError as error:
        return f"The folder {base} cannot be read: {error.strerror}."
    expected = f"Expected is {base / '1' / _MODEL_FILE}, or a higher number."
    if present:
        return (
            f"{base} holds the versions {_list(present)}, but its "
            "model_version_policy wants only "
            f"{_list(sorted(config.model_version_policy.specific.versions))}."
        )
    if _MODEL_FILE in names:
        move = f"Move its files to {base / '1'}"
        if _VERSION.fullmatch(base.name):
            move = f"Give the folder above it, {base.parent}, as the base path"
        return f"{base} is itself a version: it holds {_MODEL_FILE}. {move}."
    if "model.keras" in names:
        return (
            f"{base} is a model directory of `o2v train`, not an export. "
            f"Export it with `o2v export --model {base} --output BASE` "
            "and give BASE as the base path."
        )
    for name in names:
        if (base / name / _MODEL_FILE).is_file():
            return (
                f"{base} holds {name}/{_MODEL_FILE}, but a version's folder is "
                f"named by a number alone. Rename {name}. {expected}"
            )
    for name in names:
        if any(base.joinpath(name).glob(f"[0-9]*/{_MODEL_FILE}")):
            return (
                f"{base} holds a folder of versions, {name}. Give "
                f"{base / name} as the base path."
            )
    holds = f"holds only {_list(names)}" if names else "is empty"
    return f"{base} {holds}. {expected}"


def _present_versions(config):
    present = {}
    for name in sorted(os.listdir(config.base_path)):
        # Names that are no numbers are copies under way, and the like.
        if _VERSION.fullmatch(name) and -(2**63) <= int(name) < 2**63:
            present[int(name)] = os.path.join(config.base_path, name)
    return present


def _list(names):
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(str, names[:5])) + more


def _check_platform(config):
    if config.model_type == model_server_config_pb2.TENSORFLOW:
        return
    if not config.model_platform:
        raise invalid_argument(
            "Illegal setting neither ModelServerConfig::model_type "
            "(deprecated) nor ModelServerConfig::model_platform."
        )
    if config.model_platform != "tensorflow":
        raise invalid_argument(
            f"Model {config.name} requests unsupported platform "
            f"{config.model_platform}"
        )
