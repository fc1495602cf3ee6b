"""What a form says against a number."""


def one_message(words: str) -> dict[str, str]:
    """A number field's error messages: the same words whatever is wrong, since they say what would be right."""
    return dict.fromkeys(("required", "invalid", "min_value", "max_value"), words)
