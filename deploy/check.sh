#!/usr/bin/env bash
# Checks what is deployed without deploying it: docker-compose.yml against the Compose Specification and against the
# programs, and the gateway with a real nginx.
#
#   deploy/check.sh        needs nginx and python3 with venv
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python="$(tests/venv.sh target/venv-deploy deploy/tests/requirements.txt)"

if docker compose version >/dev/null 2>&1; then
  docker compose config --quiet
  echo "compose: accepted by docker compose"
fi
"$(dirname "$python")/check-jsonschema" --builtin-schema vendor.compose-spec docker-compose.yml
"$python" deploy/tests/compose.py
"$python" deploy/tests/gateway.py
