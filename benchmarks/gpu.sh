#!/usr/bin/env bash
# Are the GPU paths right, and how fast are they? Prints one JSON object; under 9 minutes on one GPU, no network.
# Usage: bash benchmarks/gpu.sh [--dry]    (--dry: on the CPU, at a tiny size; PYTHON names the interpreter)
# Exit status 1 when a check failed, 124 when it took longer than it may.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python)}
limit_s=$([ "${1:-}" = --dry ] && echo 1800 || echo 540)  # a dry run may share a slow machine with others
exec timeout "$limit_s" "$python" -m benchmarks.gpu "$@"
