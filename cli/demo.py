"""`glossator demo`"""


def demo() -> int: ...
