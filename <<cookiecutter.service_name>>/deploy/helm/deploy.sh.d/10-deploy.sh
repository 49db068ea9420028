#!/bin/sh
# Deploy a version to a cluster: migrate, roll out, wait for the result, and run the smoke test.
#
#   IMAGE=registry.example.com/<< cookiecutter.service_name >>@sha256:... VERSION=1.2.3 sh deploy/helm/deploy.sh production
#
# Requires Helm 4. Deploys to the namespace of kubectl's current context. Fails if the old version is
# restored. Arguments after the stage are passed to `helm upgrade`.
set -eu

name=<< cookiecutter.service_name >>
chart=$(dirname "$0")/$name

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Client-side merge: with server-side apply, fields that controllers have changed since, such as the
# number of replicas or a Service's selector, would be conflicts.
merge=--server-side=false

upgrade() {
  helm upgrade --install "$merge" "$name" "$chart" --values "$chart/values-$stage.yaml" \
    --set-string "image.repository=${IMAGE%@*}" --set-string "image.digest=${IMAGE#*@}" \
    --set-string "image.tag=$VERSION" "$@"
}
