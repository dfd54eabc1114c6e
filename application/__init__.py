"""Making it happen once: the event store, the writer and the use cases."""
