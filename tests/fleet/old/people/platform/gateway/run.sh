#!/bin/sh
# Becomes nginx, as the command line says, and has it read this folder again when that has changed:
# a service that is registered gets its route by itself.
cd "$(dirname "$0")" || exit

look() {
  cat -- *.conf 2>&1 | cksum
}

known=$(look)
while sleep 1 && kill -0 $$ 2>/dev/null; do
  found=$(look)
  [ "$found" != "$known" ] || continue
  known=$found
  if [ ! -e nginx.conf ]; then
    echo "gateway: the last service has taken it along; stopping" >&2
    kill -QUIT $$
  elif "$@" -t -q; then
    kill -HUP $$
  else
    echo "gateway: what has changed cannot be used; the routes stay as they are until it can" >&2
  fi
done &

# In this process, so that signals reach nginx; $$ is its id from now on.
exec "$@"
