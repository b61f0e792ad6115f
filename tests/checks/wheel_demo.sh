#!/usr/bin/env bash
# Build the wheel, install it into an empty environment, and run the whole demo from an empty folder.
# Usage: bash tests/checks/wheel_demo.sh [FOLDER]    (FOLDER is made and kept; default: a temporary one, removed)
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-$(mktemp -d)}
[ $# -gt 0 ] || trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/empty"

uv build --quiet --wheel --out-dir "$folder/dist" "$root"
uv venv --quiet "$folder/venv"
uv pip install --quiet --python "$folder/venv" --constraints "$root/constraints.txt" "$folder"/dist/*.whl

cd "$folder/empty"
unset PYTHONPATH VIRTUAL_ENV
an_cli=$folder/venv/bin/an-cli
time "$an_cli" ablate demo
"$an_cli" report demo --json > report.json
"$folder/venv/bin/python" - "$root" <<'PYTHON'
import json, sys
from pathlib import Path
import an_cli
assert not Path(an_cli.__file__).is_relative_to(sys.argv[1]), an_cli.__file__
rows = json.loads(Path("report.json").read_text())["rows"]
assert len(rows) == 8, len(rows)
assert all(row["n_seeds"] == 3 for row in rows)
assert all(row["top1_error_pct"]["mean"] < 60 for row in rows), "chance is 90"
print(f"the wheel's demo: {len(rows)} rows of 3 seeds, from {an_cli.__file__}")
PYTHON
