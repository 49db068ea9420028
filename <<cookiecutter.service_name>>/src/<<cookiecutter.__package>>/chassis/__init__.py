"""Technology that any service needs: vendored, not edited, checked against `chassis.lock`."""
