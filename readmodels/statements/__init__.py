"""An account statement: its one canonical form, and the forms it is said in."""
