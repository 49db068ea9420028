
release() {
  upgrade --rollback-on-failure --timeout "${DEPLOY_TIMEOUT:-600}s" "$@"
}
