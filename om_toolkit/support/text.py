"""Counts and nouns in, pieces of sentences out."""


def count_of(count: int, noun: str, plural: str | None = None) -> str:
    """Write a count with its noun.

    Args:
        count: How many there are.
        noun: What is counted, in the singular.
        plural: The plural, if it is not the singular with an `s`.

    Example:
        >>> count_of(1, "order"), count_of(1_200, "order"), count_of(2, "entry", "entries")
        ('1 order', '1,200 orders', '2 entries')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def with_article(noun: str) -> str:
    """Write a noun with its indefinite article, chosen by the first letter; `None` has none.

    Example:
        >>> with_article("int"), with_article("float"), with_article("NoneType")
        ('an int', 'a float', 'None')
    """
    if noun == "NoneType":
        return "None"
    return f"{'an' if noun[0] in 'aeioAEIO' else 'a'} {noun}"


def isolated(name: str) -> str:
    r"""Return a name for use in a sentence, so that it does not change the direction of the text after it.

    Example:
        >>> isolated("Home")
        'Home'
        >>> ascii(isolated("\u202eHome"))
        "'\\u2068\\u202eHome\\u2069'"
    """
    return name if name.isascii() else f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"
