"""The server that the contract is checked on.

Without `O2V_SERVER` the embedded server is started with a small export. With
it (`host:port` of gRPC; `O2V_REST_SERVER` for REST, one port further by
default) the same tests ask that server, which must serve the export that
`O2V_EXPORT` names as `O2V_MODEL_NAME`.
"""

import dataclasses
import os
import pathlib

import pytest

from serving.local_model import LocalModel


@dataclasses.dataclass(frozen=True)
class Served:
    grpc: str
    rest: str
    name: str
    model: LocalModel


@pytest.fixture(scope="package")
def served(tmp_path_factory):
    if "O2V_SERVER" in os.environ:
        yield _named_server(takes_text=False)
        return
    from export import export_saved_model
    from o2v_keras import Object2Vec
    from o2v_keras import Object2VecConfig
    from serving.local_server.local_server import LocalServer

    config = Object2VecConfig(
        enc0_network="hcnn",
        enc0_layers=2,
        enc0_max_seq_len=6,
        enc0_vocab_size=30,
        enc0_token_embedding_dim=5,
        enc_dim=8,
        mlp_dim=7,
        num_classes=3,
    )
    base = tmp_path_factory.mktemp("model")
    export_saved_model(Object2Vec(config), base)
    with LocalServer("model", base) as server:
        yield Served(
            f"127.0.0.1:{server.port}",
            f"127.0.0.1:{server.rest_api_port}",
            "model",
            LocalModel(base),
        )


@pytest.fixture(scope="package")
def served_texts(tmp_path_factory):
    """As `served`, of a model that takes texts on both sides."""
    if "O2V_SERVER" in os.environ:
        yield _named_server(takes_text=True)
        return
    from serving.local_server.local_server import LocalServer
    from tests.export.exports import make_text_model
    from tests.export.exports import word_tokenizer
    from tests.export.exports import write_export

    base = tmp_path_factory.mktemp("texts")
    tokenizer = word_tokenizer()
    model = make_text_model({"enc0_network": "hcnn"}, tokenizer, tokenizer)
    write_export(model, base / "1")
    with LocalServer("texts", base) as server:
        yield Served(
            f"127.0.0.1:{server.port}",
            f"127.0.0.1:{server.rest_api_port}",
            "texts",
            LocalModel(base),
        )


def _named_server(takes_text):
    address = os.environ["O2V_SERVER"]
    host, port = address.rsplit(":", 1)
    model = LocalModel(pathlib.Path(os.environ["O2V_EXPORT"]))
    if model.text_sides != ({"in0", "in1"} if takes_text else set()):
        pytest.skip(f"the export takes texts for {set(model.text_sides)}")
    return Served(
        address,
        os.environ.get("O2V_REST_SERVER", f"{host}:{int(port) + 1}"),
        os.environ.get("O2V_MODEL_NAME", "model"),
        model,
    )
