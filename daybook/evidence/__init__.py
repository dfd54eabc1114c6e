"""The bank's word for its log: keys that sign checkpoints, the sealer, and the witness."""
