#!/bin/sh
# Brings a version to a Swarm: migrates, updates task by task, and waits for the outcome.
#
#   IMAGE=registry.example.com/<< cookiecutter.service_name >>@sha256:... VERSION=1.2.3 sh deploy/swarm/deploy.sh production
#
# Fails when the migration failed, or when Swarm rolled the version back. Whatever follows the stage
# goes to `docker stack deploy`: a --compose-file with what only your cluster needs, for instance.
set -eu

here=$(dirname "$0")
stack=<< cookiecutter.service_name >>
patience=${DEPLOY_TIMEOUT:-600}

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Deploys a file with what lies over it, stack.yaml with stack-*.yaml for one.
deploy() {
  name=$1
  shift
  for over in "$here/$name"-*.yaml; do
    set -- --compose-file "$over" "$@"
  done
  docker stack deploy --detach=true --with-registry-auth --compose-file "$here/$name.yaml" "$@" "$stack"
}

show() {
  # Docker may wait for ever for the log of a task that is on its way out.
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
  docker service rm "${stack}_migrate" >/dev/null 2>&1 || true # what is left of the last time
  deploy migrate
  while state=$(docker service ps --no-trunc --format '{{.CurrentState}} {{.Error}}' "${stack}_migrate"); do
    case $state in
      Complete*) return ;;
      Failed* | Rejected*)
        show "${stack}_migrate"
        fail "The migration failed, so the service stays as it is: $state"
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
        fail "The version did not come up: $state"
        ;;
      "") # the first deployment, or nothing has changed
        replicas=$(docker service ls --filter "name=$service" --format '{{.Replicas}}')
        [ "${replicas%%/*}" = "${replicas#*/}" ] && settled=$((settled + 1)) || settled=0
        ;;
    esac
    pause "$service"
  done
}

stage=${1:-}
[ -f "$here/$stage.env" ] || fail "Name a stage: sh $0 staging, or production"
shift
case ${IMAGE:-} in
  *@sha256:*) ;;
  *) fail "IMAGE has to name an image by its digest, not '${IMAGE:-}': a tag may move between two nodes" ;;
esac

set -a
# shellcheck source=/dev/null
. "$here/$stage.env"
set +a
export IMAGE VERSION="${VERSION:?give the version, a tag or a commit}"
began=$(date +%s)
migrate
update "$@"
