"""Files that hyperparameters name, such as vocabularies and vectors."""

import os

from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.remote_files import is_remote
from o2v_keras.data.files.remote_files import remote_failure
from o2v_keras.data.files.remote_files import remote_files


def auxiliary_file(
    field: str, name: str, folder: str | os.PathLike | None = None
) -> str:
    """Returns the path of a file that a hyperparameter names.

    Args:
        field: The hyperparameter, for the message.
        name: Its value. A relative path counts from `folder`.
        folder: SageMaker's channel `auxiliary`; may be remote. Defaults to
            `None`: the working directory.

    Raises:
        DataError: If there is no such file; the message says where it was
            looked for.

    Example:
    >>> import pathlib, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = pathlib.Path(folder, "words.json").write_text('{"the": 2}')
    >>> path = auxiliary_file("enc0_vocab_file", "words.json", folder)
    >>> path == folder + "/words.json"
    True
    """
    path = name
    if not is_remote(name):
        path = os.path.join(os.getcwd() if folder is None else folder, name)
    if _is_file(path):
        return path
    hint = "the auxiliary channel"
    if folder is None:
        hint = (
            "the working directory; `auxiliary` (`--auxiliary DIR`) names "
            "another folder"
        )
    raise DataError(
        f"`{field}` must name a file in {hint}, or by its whole path, but "
        f"there is no file {path}. Received: {field}={name!r}"
    )


def _is_file(path):
    if not is_remote(path):
        return os.path.isfile(path)
    from tensorflow import errors

    try:
        return remote_files().exists(path)
    except errors.OpError as error:
        raise DataError(remote_failure(path, error)) from None
