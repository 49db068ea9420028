
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
