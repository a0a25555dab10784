"""Code keys and an identity key in memory."""


class FixedCodeKeys:
    """The code keys; add to `keys` or change `newest_kid` to rotate."""

    def __init__(self) -> None:
        self.keys = {"a": b"the first code key, 32 bytes long"}
        self.newest_kid = "a"

    def newest(self) -> tuple[str, bytes]:
        return self.newest_kid, self.keys[self.newest_kid]

    def get(self, kid: str) -> bytes | None:
        return self.keys.get(kid)


def identity_key() -> bytes:
    return b"the identity key, 32 bytes at least"
