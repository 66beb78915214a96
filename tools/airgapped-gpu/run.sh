#!/usr/bin/env bash
# The other half of pack.sh, on a machine with a GPU and without a network: unpacks the package, builds the LibTorch backend
# against the torch of python3, runs its tests, the parity with the reference and the benchmark there, and leaves the results
# in a folder. See README.md.
set -uo pipefail
usage="Usage: run.sh PACKAGE.tar.xz [--device cuda] [--out results] [--work /tmp/dinov2-airgapped] [--steps build,doctor,tests,parity,bench] [--limit 300]"
fail() { echo "$*" >&2; exit 2; }

package='' device=cuda out=results work=/tmp/dinov2-airgapped steps=build,doctor,tests,parity,bench limit=300
while [ $# -gt 0 ]; do
  case $1 in
    --device) device=${2:?$usage}; shift 2 ;;
    --out) out=${2:?$usage}; shift 2 ;;
    --work) work=${2:?$usage}; shift 2 ;;
    --steps) steps=${2:?$usage}; shift 2 ;;
    --limit) limit=${2:?$usage}; shift 2 ;;
    -*) fail "Unknown option $1. $usage" ;;
    *) package=$1; shift ;;
  esac
done
[ -n "$package" ] || fail "$usage"
[ -f "$package" ] || fail "There is no package $package; tools/airgapped-gpu/pack.sh makes one where Node and npm are."
command -v python3 >/dev/null || fail "No python3 is here; one with PyTorch was expected."
command -v "${CXX:-g++}" >/dev/null || fail "No C++ compiler is here; install g++, or name one in CXX."

mkdir -p "$out" "$work" || exit 1
out=$(cd "$out" && pwd) package=$(cd "$(dirname "$package")" && pwd)/$(basename "$package")
# A second run of the same package goes on with what the first one built.
sum=$(sha256sum <"$package")
if [ "$(cat "$work/PACKAGE" 2>/dev/null)" != "$sum" ]; then
  rm -f "$work/PACKAGE"
  # Python reads xz where tar cannot.
  tar -xJf "$package" -C "$work" 2>/dev/null ||
    python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$package" "$work" || fail "$package cannot be unpacked into $work."
  echo "$sum" >"$work/PACKAGE"
fi
cd "$work" || exit 1
export PATH=$work/bin:$PATH DINOV2_BACKEND=libtorch DINOV2_DEVICE=$device
node --version >/dev/null || fail "The packed Node does not run here: it needs glibc 2.28 and libstdc++ of GCC 8, or newer."

source_flags=(--conditions=@dinov2/source --import tsx)
vitest() { node node_modules/vitest/vitest.mjs run --reporter=default --reporter=json --outputFile.json="$out/$1.json" --no-color "${@:2}"; }
build() { node "${source_flags[@]}" tools/native/libtorch.ts; }
doctor() { node apps/dinov2/bin/dinov2.mjs doctor --backend libtorch --device "$device" --json | tee "$out/doctor.json"; }
tests() { vitest tests packages/backend-libtorch; }
parity() { vitest parity tests/parity; }
bench() { node "${source_flags[@]}" tools/bench/main.ts engine --json >"$out/bench.json"; }

summary=''
# A step has $limit seconds: one that hangs must not take the others' results with it.
step() {
  local name=$1 start=$SECONDS status
  echo "== $name"
  timeout --kill-after=10 "$limit" bash -c "$(declare -f vitest "$name"); $(declare -p source_flags device out); $name" >"$work/log" 2>&1
  status=$?
  { echo "== $name"; cat "$work/log"; } >>"$out/log.txt"
  tail -n 12 "$work/log"
  [ $status -ne 124 ] || echo "Stopped after $limit seconds; --limit gives a step more."
  summary+="${summary:+, }\"$name\": { \"exitCode\": $status, \"seconds\": $((SECONDS - start)) }"
  printf '{ "commit": "%s", "device": "%s", "steps": { %s } }\n' "$(cat COMMIT)" "$device" "$summary" >"$out/summary.json"
  return $status
}

rm -f "$out/log.txt"
failed=0
for name in ${steps//,/ }; do
  [[ $name =~ ^(build|doctor|tests|parity|bench)$ ]] || fail "Unknown step $name. $usage"
  step "$name" || failed=1
  # Without an addon the rest would only say so.
  [ "$name" != build ] || [ $failed = 0 ] || break
done
cat "$out/summary.json"
exit $failed
