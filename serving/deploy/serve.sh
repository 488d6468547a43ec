#!/bin/sh
# Serves an export with TF Serving where there is a Docker engine, and with the
# embedded server where there is none: same ports, same flags.
#   serve.sh MODEL NAME PYTHON GRPC_PORT REST_PORT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ ! -d "$1" ]; then
    echo "MODEL must be the folder of an export's versions, as" \
        "\`o2v export\` and \`make demo\` leave it." \
        "Received: MODEL=$1, which is no folder." >&2
    exit 2
fi
MODEL_BASE=$(cd "$1" && pwd)
MODEL_NAME=$2
python=$3
GRPC_PORT=$4
REST_PORT=$5
export MODEL_BASE MODEL_NAME GRPC_PORT REST_PORT
serves="gRPC $GRPC_PORT, REST $REST_PORT, model $MODEL_NAME"
if docker info >/dev/null 2>&1; then
    echo "TF Serving (Docker): $serves"
    exec docker compose --project-directory "$here" up cpu
fi
echo "no Docker engine, so the embedded server: $serves"
exec "$python" -m serving.local_server \
    --port="$GRPC_PORT" --rest_api_port="$REST_PORT" \
    --model_name="$MODEL_NAME" --model_base_path="$MODEL_BASE" \
    --file_system_poll_wait_seconds=1 \
    --monitoring_config_file="$here/monitoring.config" \
    --enable_grpc_healthcheck_service=true
