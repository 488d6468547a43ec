#!/bin/sh
# Serves an export with TF Serving where there is a Docker engine, and with the
# embedded server where there is none: same ports, same flags.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
MODEL_BASE=$(cd "$1" && pwd)
MODEL_NAME=$2
python=$3
export MODEL_BASE MODEL_NAME
if docker info >/dev/null 2>&1; then
    echo "TF Serving (Docker): gRPC 8500, REST 8501, model $MODEL_NAME"
    exec docker compose --project-directory "$here" up cpu
fi
echo "no Docker engine, so the embedded server:" \
    "gRPC 8500, REST 8501, model $MODEL_NAME"
exec "$python" -m serving.local_server \
    --port=8500 --rest_api_port=8501 \
    --model_name="$MODEL_NAME" --model_base_path="$MODEL_BASE" \
    --file_system_poll_wait_seconds=1 \
    --monitoring_config_file="$here/monitoring.config" \
    --enable_grpc_healthcheck_service=true
