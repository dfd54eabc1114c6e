"""The books in the forms of other book-keeping programs, which then check our arithmetic."""
