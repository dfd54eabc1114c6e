"""What can be asked: one module a view, its projection and its queries."""
