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
