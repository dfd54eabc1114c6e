"""What may happen: facts, states and decisions; pure."""
