"""Integers as C has them."""


def long_to_uint64(number):
    """`number` modulo 2⁶⁴, as an unsigned number: what a field of 64 bits holds of it."""
    return number % (1 << 64)


def long_to_int(number):
    """`number` modulo 2³², as a signed number: what an `int` of C holds of it."""
    return (number + (1 << 31)) % (1 << 32) - (1 << 31)
