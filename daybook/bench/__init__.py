"""How fast the bank is: one module a measurement, all in one run, beside pgbench on the same server."""
