#!/usr/bin/env bash
# Packs everything that the LibTorch backend needs on a machine without Node and without a network: Node itself, the sources,
# the packages they need at run time, the golden numbers. See README.md; run.sh is the other half.
set -euo pipefail
usage="Usage: tools/airgapped-gpu/pack.sh OUT.tar.xz"
out=$(realpath -m "${1:?$usage}")
cd "$(dirname "$0")/../.."
[ -d node_modules ] || { echo "Run npm ci first." >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
cp "$(node -p process.execPath)" "$work/bin/node"
# Its symbols are for debuggers: a tenth of it.
strip "$work/bin/node" 2>/dev/null || echo "No strip here: Node is packed with its symbols." >&2
git rev-parse HEAD >"$work/COMMIT"

# Of the packages only what is loaded: no maps, no types, not the forms of TF.js for other environments.
node tools/airgapped-gpu/packages.mjs >"$work/list"
tar -cf "$work/all.tar" --exclude='*.map' --exclude='*.ts' --exclude='*.mts' --exclude='*.cts' --exclude='*.min.js' --exclude='*_test.js' \
  --exclude='tf-*.es2017.js' --exclude='tf-*.fesm.js' --exclude='.vite' -T "$work/list"
git ls-files -z | tar -rf "$work/all.tar" --null -T -
tar -rf "$work/all.tar" -C "$work" bin/node COMMIT
mkdir -p "$(dirname "$out")"
xz -T0 -4 -c "$work/all.tar" >"$out"
echo "$out: $(($(stat -c %s "$out") >> 20)) MiB, $(($(stat -c %s "$work/all.tar") >> 20)) MiB unpacked"
