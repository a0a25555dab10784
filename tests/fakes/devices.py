"""Trusted devices in memory, with the promises of `storage.devices` kept."""


class InMemoryDevices:
    """The table of trusted devices.

    Attributes:
        trusted: country and end (epoch seconds) by client, destination hash and device.
        failing: errors to raise in place of the methods of these names.
    """

    def __init__(self) -> None:
        self.trusted: dict[tuple[str, bytes, bytes], tuple[str, int]] = {}
        self.failing: dict[str, Exception] = {}

    def trust(
        self,
        client_id: str,
        destination_hash: bytes,
        device: bytes,
        country: str,
        now: int,
        expires_at: int,
    ) -> None:
        self._begin("trust")
        self.trusted[client_id, destination_hash, device] = country, expires_at

    def country(
        self, client_id: str, destination_hash: bytes, device: bytes, now: int
    ) -> str | None:
        self._begin("country")
        country, expires_at = self.trusted.get((client_id, destination_hash, device), (None, 0))
        return country if expires_at > now // 1000 else None

    def forget(self, client_id: str, destination_hash: bytes) -> int:
        self._begin("forget")
        found = [key for key in self.trusted if key[:2] == (client_id, destination_hash)]
        for key in found:
            del self.trusted[key]
        return len(found)

    def _begin(self, name: str) -> None:
        if name in self.failing:
            raise self.failing[name]
