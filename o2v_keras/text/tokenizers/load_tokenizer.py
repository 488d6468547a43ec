"""Loads saved tokenizers."""

import json
import os
import pathlib

from o2v_keras.data.data_error import DataError
from o2v_keras.text.tokenizers.category_tokenizer import CategoryTokenizer
from o2v_keras.text.tokenizers.ngram_tokenizer import NGramTokenizer
from o2v_keras.text.tokenizers.sentencepiece_tokenizer import (
    SentencepieceTokenizer,
)
from o2v_keras.text.tokenizers.tokenizer import FORMAT
from o2v_keras.text.tokenizers.tokenizer import SETTINGS_FILE
from o2v_keras.text.tokenizers.tokenizer import Tokenizer
from o2v_keras.text.tokenizers.unicode_script_tokenizer import (
    UnicodeScriptTokenizer,
)
from o2v_keras.text.tokenizers.word_tokenizer import WordTokenizer
from o2v_keras.text.tokenizers.wordpiece_tokenizer import WordpieceTokenizer

TOKENIZERS = {
    cls.kind: cls
    for cls in (
        WordTokenizer,
        UnicodeScriptTokenizer,
        WordpieceTokenizer,
        SentencepieceTokenizer,
        NGramTokenizer,
        CategoryTokenizer,
    )
}


def load_tokenizer(folder: str | os.PathLike) -> Tokenizer:
    """Reads a tokenizer that `Tokenizer.save` wrote.

    Args:
        folder: Folder of the tokenizer.

    Raises:
        DataError: If the folder holds no tokenizer, or one that this version
            does not know.

    Example:
    >>> import tempfile
    >>> from o2v_keras.text.vocabulary import Vocabulary
    >>> folder = tempfile.mkdtemp()
    >>> WordTokenizer(Vocabulary(["dog"])).save(folder)
    >>> load_tokenizer(folder)(["a dog"])
    <tf.RaggedTensor [[1, 2]]>
    """
    folder = pathlib.Path(folder)
    file = folder / SETTINGS_FILE
    try:
        settings = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{folder}: holds no tokenizer. Name a folder that "
            f"`Tokenizer.save` wrote. Received: {error}"
        ) from None
    _check(file, settings)
    kind = TOKENIZERS[settings.pop("kind")]
    del settings["format"]
    try:
        return kind.from_folder(folder, settings)
    except (OSError, TypeError) as error:
        raise DataError(
            f"{folder}: the tokenizer is not complete. Save it again. "
            f"Received: {error}"
        ) from error


def _check(file, settings):
    if not isinstance(settings, dict) or settings.get("format") != FORMAT:
        raise DataError(
            f"{file}: must hold the settings of a tokenizer in format "
            f"{FORMAT}. Received: {settings!r:.200}"
        )
    if settings.get("kind") not in TOKENIZERS:
        raise DataError(
            f"{file}: `kind` must be one of {', '.join(TOKENIZERS)}. "
            f"Received: kind={settings.get('kind')!r}"
        )
