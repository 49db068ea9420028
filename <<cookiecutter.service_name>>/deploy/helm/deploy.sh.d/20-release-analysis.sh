
release() {
  upgrade --timeout 600s "$@"
  await
}

# Helm does not wait for a Rollout to complete.
await() {
  deadline=$(($(date +%s) + ${DEPLOY_TIMEOUT:-1800}))
  while [ "$(date +%s)" -lt "$deadline" ]; do
    phase=$(ask .status.phase)
    # Until the controller has observed this generation, the phase is that of the previous version.
    [ "$(ask .status.observedGeneration)" = "$(ask .metadata.generation)" ] || phase=
    case $phase in
      Healthy) return 0 ;;
      Degraded) fail "Rolled back to the old version: $(ask .status.message)" ;;
    esac
    sleep 5
  done
  fail "Timed out: $(ask .status.phase) $(ask .status.message)"
}

ask() {
  kubectl get rollout "$name" --output "jsonpath={$1}"
}
