"""TOTP: seeds that nobody else has, and the steps in which a code counts."""

from dataclasses import replace

import pytest
from verification.domain.destination import Destination
from verification.domain.services import User
from verification.domain.totp import derive_seed, matching_step

KEY, NONCE = b"an identity key of 32 bytes, or more", bytes(range(16))
USER = User("user", "service", "shop", "ann", Destination("+31612345678", "NL"), 0)
NOW = 1_800_000_015_000  # in the middle of a step
STEP = 60_000_000


def test_a_seed_has_160_bits_and_is_the_same_each_time() -> None:
    seed = derive_seed(KEY, USER, NONCE)
    assert len(seed) == 20
    assert derive_seed(KEY, replace(USER, id_in_service="bob", auth=None), NONCE) == seed


@pytest.mark.parametrize(
    "seed",
    [
        derive_seed(KEY[1:], USER, NONCE),
        derive_seed(KEY, USER, NONCE[::-1]),
        derive_seed(KEY, replace(USER, id="other"), NONCE),
        derive_seed(KEY, replace(USER, service_id="other"), NONCE),
        derive_seed(KEY, replace(USER, client_id="other"), NONCE),
        derive_seed(KEY, replace(USER, service_id="serviceuse", id="r"), NONCE),
    ],
)
def test_everybody_has_a_seed_of_their_own(seed: bytes) -> None:
    assert seed != derive_seed(KEY, USER, NONCE)


def numbers(_: bytes, step: int) -> str:
    return f"{step % 1_000_000:06d}"


@pytest.mark.parametrize(
    ("off", "found"), [(-2, None), (-1, STEP - 1), (0, STEP), (1, STEP + 1), (2, None)]
)
@pytest.mark.parametrize("now", [NOW - 15_000, NOW, NOW + 14_999])
def test_a_code_counts_in_its_step_and_the_ones_beside(
    now: int, off: int, found: int | None
) -> None:
    assert matching_step(numbers, b"", numbers(b"", STEP + off), now) == found


def test_of_steps_with_one_code_the_last_counts() -> None:
    assert matching_step(lambda seed, step: "123456", b"", "123456", NOW) == STEP + 1


def test_all_steps_are_compared_whichever_fits() -> None:
    asked: list[int] = []

    def count(_: bytes, step: int) -> str:
        asked.append(step)
        return "123456"

    matching_step(count, b"", "123456", NOW)
    matching_step(count, b"", "654321", NOW)
    assert asked == [STEP - 1, STEP, STEP + 1] * 2


@pytest.mark.parametrize("code", ["12345", "1234567", "12345678", "0123456"])
def test_a_code_of_another_length_is_none(code: str) -> None:
    assert matching_step(lambda seed, step: "123456", b"", code, NOW) is None
