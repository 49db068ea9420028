
stage=${1:-}
[ -f "$chart/values-$stage.yaml" ] || fail "Usage: sh $0 staging|production"
shift
case ${IMAGE:-} in
  *@sha256:*) ;;
  *) fail "IMAGE must be an image with a digest, not '${IMAGE:-}': a tag can move" ;;
esac
: "${VERSION:?set it to the version, a tag or a commit}"

release "$@"
helm test "$name" --logs || {
  helm rollback "$merge" "$name" || true # fails if this is the first release
  fail "The release started, but failed the smoke test; rolling back to the previous version."
}
