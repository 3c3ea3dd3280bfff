# syntax=docker/dockerfile:1
# Two images from one file:
#   docker build --target generation -t atelier .            console and engine in one process, on an NVIDIA GPU
#   docker build --target console -t atelier-console .       the console alone: no torch, for a renderer elsewhere
# Both run as uid 10001 and write to /data and /tmp only, so the root may be read-only; settings and the token come from
# the environment, SDXL's weights from /models (sketch, the default family, is in the image):
#   docker run --gpus all --read-only --tmpfs /tmp --env-file .env -v atelier:/data -v /path/to/models:/models:ro atelier

FROM python:3.12-slim-bookworm AS console
# The letters of contact sheets beyond ASCII: names like Théo.
RUN apt-get update \
 && apt-get install -y --no-install-recommends fonts-dejavu-core \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/atelier
COPY pyproject.toml constraints.txt README.md LICENSE ./
# What the console imports, without what the engine imports: the names are pyproject.toml's, the versions constraints.txt's.
RUN pip install --no-cache-dir -c constraints.txt \
    aiohttp \
    aiohttp-session \
    aiosqlite \
    alembic \
    asyncpg \
    c2pa-python \
    cryptography \
    disnake \
    dynamicprompts \
    jinja2 \
    pillow \
    purgatory \
    pydantic-settings \
    pyyaml \
    rich \
    sqlalchemy[asyncio] \
    stamina \
    structlog \
    typer \
    watchfiles
COPY sweeps sweeps
COPY pipeline pipeline
COPY bot bot
RUN pip install --no-cache-dir --no-deps . \
 && python -c "import importlib.util as i, sys; sys.exit('torch is in the console image' if i.find_spec('torch') else 0)" \
 && install -d -o 10001 -g 10001 /data /models
ENV DATA_DIR=/data MODEL_DIR=/models WEB_HOST=0.0.0.0 WEB_PORT=8080 HOME=/data XDG_CACHE_HOME=/data/cache \
    HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
VOLUME ["/data", "/models"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['WEB_PORT']}/health\", timeout=4)"]
CMD ["atelier"]

# CUDA 13.0 and cuDNN 9: what torch 2.13 and onnxruntime-gpu 1.31 are both built for.
FROM nvidia/cuda:13.0.2-cudnn-runtime-ubuntu24.04 AS generation
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-venv libgl1 libglib2.0-0 fonts-dejavu-core \
 && rm -rf /var/lib/apt/lists/* \
 && python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /opt/atelier
COPY pyproject.toml constraints.txt README.md LICENSE ./
# insightface brings onnxruntime, which shares one module with onnxruntime-gpu: whichever was written last wins, file by
# file. So the first is removed and the second laid down anew, in the layer that brought them.
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; print(*p['dependencies'], sep='\n')" > /tmp/libraries.txt \
 && pip install --no-cache-dir -c constraints.txt -r /tmp/libraries.txt \
 && pip uninstall -y onnxruntime \
 && pip install --no-cache-dir -c constraints.txt --force-reinstall --no-deps onnxruntime-gpu \
 && python -c "import onnxruntime as o, sys; sys.exit(0 if 'CUDAExecutionProvider' in o.get_available_providers() else 'onnxruntime is not the GPU build')" \
 && rm /tmp/libraries.txt
COPY sweeps sweeps
COPY pipeline pipeline
COPY bot bot
RUN pip install --no-cache-dir --no-deps . && install -d -o 10001 -g 10001 /data /models
# A GPU build names the CUDA provider also where no GPU can be reached, and then falls back to the CPU without a word. So
# the start asks a session of one identity node where it really runs.
COPY --chmod=755 <<'EOF' /usr/local/bin/with-cuda-provider
#!/usr/bin/env python3
import os
import sys

import onnxruntime
from onnx import TensorProto, helper

value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "identity", value[:1], value[1:])
model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
onnxruntime.set_default_logger_severity(4)
wanted = [name for name in onnxruntime.get_available_providers() if name.startswith("CUDA")]
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=[*wanted, "CPUExecutionProvider"])
if "CUDAExecutionProvider" not in session.get_providers():
    sys.exit("onnxruntime cannot use CUDA here; start the container with --gpus all and a driver for CUDA 13.")
os.execvp(sys.argv[1], sys.argv[1:])
EOF
ENV DATA_DIR=/data MODEL_DIR=/models WEB_HOST=0.0.0.0 WEB_PORT=8080 HOME=/data XDG_CACHE_HOME=/data/cache \
    HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 ORT_DISABLE_TELEMETRY=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
VOLUME ["/data", "/models"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=300s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['WEB_PORT']}/health\", timeout=4)"]
ENTRYPOINT ["with-cuda-provider"]
CMD ["atelier"]
