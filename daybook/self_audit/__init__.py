"""The program's audit of itself: the log against its own rules, and every read model against the log."""
