"""Loans: what can happen to one, what is agreed about it, and every decision of its life; pure."""
