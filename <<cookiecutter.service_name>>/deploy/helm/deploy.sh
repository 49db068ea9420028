#!/bin/sh
# Brings a version to a cluster: migrates, rolls it out, waits for the outcome, and tries it.
#
#   IMAGE=registry.example.com/<< cookiecutter.service_name >>@sha256:... VERSION=1.2.3 sh deploy/helm/deploy.sh production
#
# Needs Helm 4, and goes to the namespace of kubectl's current context. Fails when the old version is
# what runs in the end. Whatever follows the stage goes to `helm upgrade`.
set -eu

name=<< cookiecutter.service_name >>
chart=$(dirname "$0")/$name

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Merged here: the API server would refuse whatever somebody else has changed since, as the number
# of pods, or which ones a Service leads to.
merge=--server-side=false

upgrade() {
  helm upgrade --install "$merge" "$name" "$chart" --values "$chart/values-$stage.yaml" \
    --set-string "image.repository=${IMAGE%@*}" --set-string "image.digest=${IMAGE#*@}" \
    --set-string "image.tag=$VERSION" "$@"
}

<% if cookiecutter.rollout == "rolling" %>
release() {
  upgrade --rollback-on-failure --timeout "${DEPLOY_TIMEOUT:-600}s" "$@"
}
<% else %>
release() {
  upgrade --timeout 600s "$@"
  await
}

# Helm can't tell when a Rollout is done, kubectl can.
await() {
  deadline=$(($(date +%s) + ${DEPLOY_TIMEOUT:-1800}))
  while [ "$(date +%s)" -lt "$deadline" ]; do
    phase=$(ask .status.phase)
    # Of an older generation, the phase is the version before's.
    [ "$(ask .status.observedGeneration)" = "$(ask .metadata.generation)" ] || phase=
    case $phase in
      Healthy) return 0 ;;
      Degraded) fail "The old version is back: $(ask .status.message)" ;;
    esac
    sleep 5
  done
  fail "Not done in time: $(ask .status.phase) $(ask .status.message)"
}

ask() {
  kubectl get rollout "$name" --output "jsonpath={$1}"
}
<% endif %>

stage=${1:-}
[ -f "$chart/values-$stage.yaml" ] || fail "Name a stage: sh $0 staging, or production"
shift
case ${IMAGE:-} in
  *@sha256:*) ;;
  *) fail "IMAGE has to name an image by its digest, not '${IMAGE:-}': a tag may move" ;;
esac
: "${VERSION:?give the version, a tag or a commit}"

release "$@"
helm test "$name" --logs || {
  helm rollback "$merge" "$name" || true # there is none before the first
  fail "It came up, but failed the smoke test; so the version before comes back."
}
