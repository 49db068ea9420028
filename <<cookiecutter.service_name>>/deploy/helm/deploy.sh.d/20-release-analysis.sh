
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
