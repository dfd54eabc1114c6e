"""Who did something, as the log has it: `teller-7`, a role and the number of a person."""


def is_same_person(one: str, other: str) -> bool:
    """Whether two names are one person's, who may have had another role in the meantime."""
    return one.rpartition("-")[2] == other.rpartition("-")[2]
