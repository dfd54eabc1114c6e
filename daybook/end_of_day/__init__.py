"""The end of a business day: a frame that runs steps, and the steps."""
