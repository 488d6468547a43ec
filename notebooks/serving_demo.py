"""Serves the WordNet model: gRPC, REST, SageMaker's API, and a hot swap.

The second part of `make demo`; it needs what `notebooks.wordnet_demo` left in
`build/demo`.
"""

# %%
import json
import pathlib
import threading
import time

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import numpy as np  # noqa: E402
import requests  # noqa: E402

from export import export_saved_model  # noqa: E402
from o2v_keras import load_model  # noqa: E402
from serving.client import GrpcClient  # noqa: E402
from serving.client import RestClient  # noqa: E402
from serving.client import ServerError  # noqa: E402
from serving.local_server.local_server import LocalServer  # noqa: E402
from serving.sagemaker_server.server import SageMakerServer  # noqa: E402

BUILD = pathlib.Path("build/demo")
EXPORT = BUILD / "export"


def title(text):
    print(f"\n== {text}", flush=True)


# %%
title("8. The embedded server")
server = LocalServer("wordnet", EXPORT, file_system_poll_wait_seconds=0.2)
server.__enter__()
print(f"gRPC 127.0.0.1:{server.port}, REST 127.0.0.1:{server.rest_api_port}")
lines = (BUILD / "test.jsonl").read_text().splitlines()[:500]
records = [json.loads(line) for line in lines]
in0 = [record["in0"] for record in records]
in1 = [record["in1"] for record in records]
grpc_client = GrpcClient(f"127.0.0.1:{server.port}", model_name="wordnet")
rest_client = RestClient(
    f"127.0.0.1:{server.rest_api_port}", model_name="wordnet"
)

# %%
title("9. The same 500 pairs over gRPC, REST and SageMaker's API")
scores = {
    "gRPC": grpc_client.predict(in0, in1),
    "REST": rest_client.predict(in0, in1),
}
with SageMakerServer(grpc_client) as sagemaker:
    answer = requests.post(
        f"http://127.0.0.1:{sagemaker.port}/invocations",
        data="\n".join(lines),
        headers={"Content-Type": "application/jsonlines"},
        timeout=30,
    )
    predictions = answer.json()["predictions"]
    scores["SageMaker"] = np.array([p["scores"] for p in predictions])
    print("SageMaker's answer begins", answer.text[:75])
for name, values in scores.items():
    difference = np.abs(values - scores["gRPC"]).max()
    print(f"{name:9}  {values.shape}  largest difference {difference:.1e}")
    if difference > 1e-5:
        raise SystemExit("the answers do not agree")

# %%
title("10. A second version, swapped in under load")
answers, failures = [], []
stopped = threading.Event()


def ask():
    while not stopped.is_set():
        try:
            answers.append(len(grpc_client.embed(in1=in1[:8])))
        except ServerError as error:
            failures.append(error)


askers = [threading.Thread(target=ask) for _ in range(4)]
for asker in askers:
    asker.start()
began = time.perf_counter()
version = export_saved_model(load_model(BUILD / "model"), EXPORT)
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    newest = grpc_client.status()[0]
    if (newest.version, newest.state) == (int(version.name), "AVAILABLE"):
        break
    time.sleep(0.1)
time.sleep(1)
stopped.set()
for asker in askers:
    asker.join()
seconds = time.perf_counter() - began
for status in grpc_client.status():
    print(f"version {status.version}: {status.state}")
print(
    f"{len(answers):,} requests in {seconds:.0f} s of exporting, loading and "
    f"swapping, {len(failures)} failed"
)
if failures or newest.state != "AVAILABLE":
    raise SystemExit(f"the swap failed: {failures[:1]}")

# %%
grpc_client.close()
rest_client.close()
server.stop()
print("server stopped")
