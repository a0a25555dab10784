"""The operator's commands as programs of their own, against the deployed stack."""

from pathlib import Path

from tests.e2e.talking import a_number, code_in, operate, start
from tests.local.stack import Stack


def test_a_client_is_held_to_the_policy_that_it_was_given(stack: Stack) -> None:
    client = stack.client("Held", "--scope", "start", "--scope", "lookup")
    operate(
        stack,
        *("clients", "profile", client.client_id, "--country", "NL", "--own-counts"),
        *("--template-for", "NL={code} van {brand}", "--limit", "client_messages=3"),
    )
    to, nothing = a_number(), {"to": "+37120000001"}
    body = {"to": to}
    answer = stack.call("POST", "/v1/verifications", body, client)
    assert answer.status == 201
    code, rest = code_in(stack.texts_to(to)[0]), stack.texts_to(to)[0].partition(" ")[2]
    assert rest == "van Verify"
    refused = stack.call("POST", "/v1/verifications", nothing, client)
    assert (refused.status, refused.body["code"]) == (403, "destination_not_allowed")
    path = f"/v1/verifications/{answer.body['id']}"
    guessed = stack.call("POST", f"{path}/verify", {"code": code}, client)
    assert (guessed.status, guessed.body["code"]) == (403, "scope_missing")
    assert stack.call("GET", path, by=client).status == 200
    budgets = {one["of"]: one for one in operate(stack, "budgets")["budgets"]}
    spent = budgets[client.client_id]
    assert (spent["budget"], spent["used"], spent["allowed"]) == ("client_messages", 1, 3)
    (listed,) = [o for o in operate(stack, "clients", "list") if o["client_id"] == client.client_id]
    assert listed["scopes"] == ["start", "lookup"] and listed["secrets"][0]["last_used"]


def test_prices_are_put_and_the_stacks_routes_are_known(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("sns,sms,*,0.05\n")
    printed = operate(stack, "prices", "put", str(file))
    assert printed["put"] == 1
    assert "ses email" in printed["without_prices"] and "sns sms" not in printed["without_prices"]
    assert operate(stack, "prices", "show")["prices"][0]["price"] == "0.0500"


def test_a_place_is_let_through_for_a_while(stack: Stack) -> None:
    done = operate(stack, "unblock", "198.18.5.0/24", "--for", "15m")
    assert done in operate(stack, "unblock")


def test_a_person_who_is_erased_is_unknown_and_their_code_is_worth_nothing(stack: Stack) -> None:
    other, person = stack.client("Other"), a_number()
    mine = start(stack, person)["id"]
    theirs = stack.call("POST", "/v1/verifications", {"to": person}, other).body["id"]
    code = code_in(stack.texts_to(person)[0])
    erased = operate(stack, "erase", "--to", person)["erased"]
    assert erased["verifications"] == 2
    guess = stack.call("POST", f"/v1/verifications/{mine}/verify", {"code": code})
    assert (guess.status, guess.body["code"]) == (404, "verification_not_found")
    assert stack.call("GET", f"/v1/verifications/{theirs}", by=other).status == 404
    assert stack.call("GET", f"/v1/verifications?to=%2B{person[1:]}").body["verifications"] == []
    assert operate(stack, "erase", "--to", person)["erased"]["verifications"] == 0
    assert len(stack.texts_to(person)) == 2
    assert start(stack, person)["status"] == "pending"  # nobody is locked out by it
