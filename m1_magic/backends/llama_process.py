"""The local model's own process: llama.cpp's HTTP server, run by ``llama_server``.

A process of its own, because llama.cpp inside the kernel would take the kernel down with it when
it aborts, block it while it loads, and hang children that fork. It prints its address when the
model is ready, and ends when its standard input does: with the kernel, however that ends.
This file is run by its path and imports nothing of the package.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import threading
from pathlib import Path

import xllamacpp

sys.path.append(str(Path(__file__).parent))
from llama_gate import Gate  # type: ignore[import-not-found]

ERRORS_ONLY = 1
# Tokens read in one step; between steps the server notices that a client has gone.
STEP = 128


def main() -> None:
    """Serve the model that the JSON in the first argument describes."""
    wanted = json.loads(sys.argv[1])
    params = xllamacpp.CommonParams()
    params.model.path = wanted["path"]
    params.model_alias = {wanted["model"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # the gate's neighbour; what it takes must hold the gate's word
    word, port = secrets.token_hex(32), wanted["port"]
    params.api_keys = [word]
    params.n_ctx = wanted["context"]
    params.n_parallel = 1
    params.n_batch = params.n_ubatch = STEP
    # Reading a prompt gains from a second thread even on a busy machine; writing loses.
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = min(2, cpus())
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    params.n_gpu_layers = 0
    params.fit_params = False
    params.cache_ram_mib = 0
    if wanted["seed"] is not None:
        params.sampling.seed = wanted["seed"]
    # No page that the user visits may read from this server, and no neighbour the prompts.
    params.cors_origins = ""
    params.cors_credentials = False
    params.endpoint_slots = False
    params.ui = False
    params.verbosity = ERRORS_ONLY
    try:
        gate = Gate(port, word)
    except OSError as error:  # as llama.cpp logs its errors
        sys.exit(f"0.00 E nobody may listen on port: {port} ({error.strerror})")
    server = xllamacpp.Server(params)
    gate.engine = int(server.listening_address.rpartition(":")[2])
    threading.Thread(target=gate.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{gate.server_address[1]}", flush=True)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads stdout from here on
    sys.stdin.buffer.read()
    os._exit(0)


def cpus() -> int:
    """Return how many CPUs this process may use: threads that share one wait for each other."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    main()
