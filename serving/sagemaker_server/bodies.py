"""Request and response bodies of SageMaker's Object2Vec endpoint."""

import dataclasses
import json

JSON = "application/json"
JSON_LINES = "application/jsonlines"
CONTENT_TYPES = (JSON, JSON_LINES)

_SIDES = ("in0", "in1")


class BadRequest(ValueError):
    """A request that cannot be answered, with what to change about it.

    Args:
        message: A sentence.
        status: HTTP status. Defaults to 400.
    """

    def __init__(self, message: str, status: int = 400):
        super().__init__(message)
        self.status = status


@dataclasses.dataclass(frozen=True)
class Instance:
    """One record of a request.

    Args:
        in0: Ids or a text, or `None` where the side is absent.
        in1: Ids or a text, or `None`.
    """

    in0: list[int] | str | None
    in1: list[int] | str | None


@dataclasses.dataclass(frozen=True)
class MediaType:
    """A content type with the one parameter that SageMaker knows.

    Args:
        name: `application/json` or `application/jsonlines`.
        max_seq_lens: Lengths that sequences of `in0` and `in1` are cut to,
            or `None`.
    """

    name: str
    max_seq_lens: tuple[int, int] | None = None


def parse_content_type(text: str) -> MediaType:
    """Reads a `Content-Type` header.

    Raises:
        BadRequest: 415 for other types, 400 for a malformed
            `infer_max_seqlens`.

    Example:
    >>> parse_content_type("application/json; infer_max_seqlens=100,20")
    MediaType(name='application/json', max_seq_lens=(100, 20))
    """
    name, *parameters = (part.strip() for part in text.split(";"))
    name = name.lower()
    if name not in CONTENT_TYPES:
        raise BadRequest(
            f"Content-Type must be {JSON} or {JSON_LINES}. "
            f"Received: {text or 'none'}",
            status=415,
        )
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "infer_max_seqlens":
            return MediaType(name, _max_seq_lens(value))
    return MediaType(name)


def _max_seq_lens(text):
    parts = [part.strip() for part in text.strip('" ').split(",")]
    lengths = [int(part) for part in parts if part.isdecimal()]
    if len(parts) != 2 or len(lengths) != 2 or min(lengths) < 1:
        raise BadRequest(
            "infer_max_seqlens must be two lengths of at least 1, for in0 "
            f"and in1, such as infer_max_seqlens=100,20. Received: {text}"
        )
    return lengths[0], lengths[1]


def parse_accept(text: str) -> str:
    """Returns the content type of the answer.

    Args:
        text: An `Accept` header; empty or `*/*` means JSON.

    Raises:
        BadRequest: 406 if none of its types can be made.
    """
    names = [part.split(";")[0].strip().lower() for part in text.split(",")]
    for name in names:
        if name in CONTENT_TYPES:
            return name
        if name in ("", "*/*", "application/*"):
            return JSON
    raise BadRequest(
        f"Accept must be {JSON} or {JSON_LINES}. Received: {text}", status=406
    )


def parse_instances(body: bytes, media_type: MediaType) -> list[Instance]:
    """Reads the records of a request.

    Raises:
        BadRequest: If the body is not in SageMaker's format; the message
            names the record and says what was expected.

    Example:
    >>> body = b'{"instances": [{"in0": [6, 17], "in1": [16]}]}'
    >>> parse_instances(body, MediaType("application/json"))
    [Instance(in0=[6, 17], in1=[16])]
    """
    if media_type.name == JSON:
        records = _json_records(body)
        places = [f"instances[{number}]" for number in range(len(records))]
    else:
        records, places = _line_records(body)
    if not records:
        raise BadRequest("The request must hold at least one record.")
    lengths = dict(
        zip(_SIDES, media_type.max_seq_lens or (None, None), strict=True)
    )
    instances = [
        _instance(record, place, lengths)
        for record, place in zip(records, places, strict=True)
    ]
    for side in _SIDES:
        _check_alike(instances, places, side)
    return instances


def format_predictions(rows: list[str], content_type: str) -> bytes:
    """Writes one prediction a record, in SageMaker's form.

    Args:
        rows: The JSON of `{"scores": vector}` or `{"embeddings": vector}`
            each.
        content_type: `application/json` or `application/jsonlines`.

    Example:
    >>> format_predictions(['{"scores": [0.25, 0.75]}'], JSON)
    b'{"predictions": [{"scores": [0.25, 0.75]}]}'
    """
    if content_type == JSON:
        return f'{{"predictions": [{", ".join(rows)}]}}'.encode()
    return "".join(f"{row}\n" for row in rows).encode()


def _json_records(body):
    content = _loads(body, "The body")
    if not isinstance(content, dict) or not isinstance(
        content.get("instances"), list
    ):
        raise BadRequest(
            'The body must be {"instances": [{"in0": [...], "in1": [...]}, '
            f"...]}}. Received: {_short(content)}"
        )
    return content["instances"]


def _line_records(body):
    records, places = [], []
    for number, line in enumerate(body.split(b"\n"), start=1):
        if line.strip():
            records.append(_loads(line, f"Line {number}"))
            places.append(f"line {number}")
    return records, places


def _loads(text, what):
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{what} must be JSON: {error}") from None


def _instance(record, place, lengths):
    if not isinstance(record, dict):
        raise BadRequest(
            f'{place} must be an object with "in0", "in1" or both. '
            f"Received: {_short(record)}"
        )
    sides = {
        side: _side(record[side], f"{place}.{side}", lengths[side])
        for side in _SIDES
        if side in record
    }
    if not sides:
        raise BadRequest(
            f'{place} must have "in0" and "in1" for scores, or one of them '
            f"for embeddings. Received: {_short(record)}"
        )
    return Instance(sides.get("in0"), sides.get("in1"))


def _side(value, place, length):
    if value is None:
        raise BadRequest(
            f"{place} must be ids or a text; leave the side out where there "
            "is none. Received: null"
        )
    if not isinstance(value, str):
        return _ids(value, place)[:length]
    if length is not None:
        raise BadRequest(
            f"infer_max_seqlens cuts lists of ids, and {place} is a text; "
            "the model cuts a text's ids to its own max_seq_len. Leave the "
            "parameter out, and shorten ids before they are sent."
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRequest(
            f"{place} must be a text that UTF-8 can hold. "
            f"Received: {_short(value)}"
        ) from None
    return value


def _check_alike(instances, places, side):
    """Refuses texts beside ids: no model takes both for one side."""
    given = [
        (getattr(instance, side), f"{place}.{side}")
        for instance, place in zip(instances, places, strict=True)
        if getattr(instance, side) is not None
    ]
    for value, place in given:
        if type(value) is not type(given[0][0]):
            raise BadRequest(
                f"{place} must be a text if {given[0][1]} is one, and a list "
                f"of ids if that is one. Received: {_short(value)}"
            )


def _ids(value, place):
    sound = isinstance(value, list) and all(type(i) is int for i in value)
    if not sound or not value:
        raise BadRequest(
            f"{place} must be a list of at least one integer id, such as "
            f"[774, 14, 21] (a token is a list of one), or a text. "
            f"Received: {_short(value)}"
        )
    if not all(0 <= i < 2**63 for i in value):
        raise BadRequest(f"{place} must hold ids from 0 on.")
    return value


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
