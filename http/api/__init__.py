"""How it is said: parse, call, render."""
