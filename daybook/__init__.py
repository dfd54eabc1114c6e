"""The program: command line, settings, embedded Postgres, and the wiring."""
