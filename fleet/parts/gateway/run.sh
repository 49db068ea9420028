#!/bin/sh
# Run nginx, as the command line says, and reload it when a file in this folder has changed, so that a
# registered service gets its route without a restart.
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
    echo "gateway: the configuration was removed with the last service; stopping" >&2
    kill -QUIT $$
  elif "$@" -t -q; then
    kill -HUP $$
  else
    echo "gateway: the changed configuration cannot be used; the old routes stay in place" >&2
  fi
done &

# In this process, so that signals reach nginx; $$ is its id from now on.
exec "$@"
