#!/bin/sh
# Deploy a version to a Swarm: migrate, update one task at a time, and wait for the result.
#
#   IMAGE=registry.example.com/<< cookiecutter.service_name >>@sha256:... VERSION=1.2.3 sh deploy/swarm/deploy.sh production
#
# Fails if the migration fails or Swarm rolls the version back. Arguments after the stage are passed
# to `docker stack deploy`, such as a --compose-file with settings of your cluster.
set -eu

here=$(dirname "$0")
stack=<< cookiecutter.service_name >>
patience=${DEPLOY_TIMEOUT:-600}

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Deploy a file merged with its overlays, such as stack.yaml with stack-*.yaml.
deploy() {
  name=$1
  shift
  for over in "$here/$name"-*.yaml; do
    set -- --compose-file "$over" "$@"
  done
  docker stack deploy --detach=true --with-registry-auth --compose-file "$here/$name.yaml" "$@" "$stack"
}

show() {
  # Docker can wait forever for the log of a task that is shutting down.
  timeout 30 docker service logs --since "$began" --tail 20 "$1" >&2 || true
  docker service ps --no-trunc --format '{{.Name}} {{.Image}} {{.CurrentState}} {{.Error}}' "$1" >&2
}

pause() {
  [ $(($(date +%s) - began)) -lt "$patience" ] || {
    show "$1"
    fail "$1 took more than $patience s: ${state:-still starting}"
  }
  sleep 1
}

migrate() {
  docker service rm "${stack}_migrate" >/dev/null 2>&1 || true # the job of the previous deployment
  deploy migrate
  while state=$(docker service ps --no-trunc --format '{{.CurrentState}} {{.Error}}' "${stack}_migrate"); do
    case $state in
      Complete*) return ;;
      Failed* | Rejected*)
        show "${stack}_migrate"
        fail "The migration failed; the service is unchanged: $state"
        ;;
    esac
    pause "${stack}_migrate"
  done
}

update() {
  service=${stack}_<< cookiecutter.service_name >>
  deploy stack "$@"
  settled=0
  while [ "$settled" -lt 5 ]; do
    state=$(docker service inspect --format '{{with .UpdateStatus}}{{.State}}: {{.Message}}{{end}}' "$service")
    case $state in
      completed*) return ;;
      rollback_completed* | rollback_paused* | paused*)
        show "$service"
        fail "The new version did not start: $state"
        ;;
      "") # the first deployment, or no change
        replicas=$(docker service ls --filter "name=$service" --format '{{.Replicas}}')
        [ "${replicas%%/*}" = "${replicas#*/}" ] && settled=$((settled + 1)) || settled=0
        ;;
    esac
    pause "$service"
  done
}

stage=${1:-}
[ -f "$here/$stage.env" ] || fail "Usage: sh $0 staging|production"
shift
case ${IMAGE:-} in
  *@sha256:*) ;;
  *) fail "IMAGE must be an image with a digest, not '${IMAGE:-}': nodes can resolve a tag to different images" ;;
esac

set -a
# shellcheck source=/dev/null
. "$here/$stage.env"
set +a
export IMAGE VERSION="${VERSION:?set it to the version, a tag or a commit}"
began=$(date +%s)
migrate
update "$@"
