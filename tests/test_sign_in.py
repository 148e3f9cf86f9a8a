"""Tests of what is made of what an owner types, whatever it is."""

from hypothesis import given, strategies as st
import pytest

from custom_components.bambu_lab_cloud.sign_in import bare_account, bare_token, is_phone_number

NUMBER = st.from_regex(r"1[0-9]{10}", fullmatch=True)
BETWEEN = st.lists(
    st.sampled_from(["", " ", "-", "(", ")", "\N{EN DASH}"]), min_size=11, max_size=11
)
# What a token is made of.
TOKEN = st.from_regex(r"[A-Za-z0-9_.~+/\-]{20,}=*", fullmatch=True)


@given(NUMBER, BETWEEN, st.sampled_from(["", "+86", "0086", "86", "+86 ", "(+86)"]))
def test_phone_number(number: str, between: list[str], prefix: str) -> None:
    typed = prefix + "".join(map("".join, zip(between, number, strict=True)))
    assert bare_account(typed) == number
    assert is_phone_number(number)


@given(st.text(st.characters(categories=["N", "P", "Z"])))
def test_phone_number_is_plain_digits(text: str) -> None:
    account = bare_account(text)
    assert not is_phone_number(account) or account.encode("ascii").isdigit()


@given(st.emails())
def test_email_address(address: str) -> None:
    assert bare_account(f" {address}\n") == address
    assert not is_phone_number(address)


@given(TOKEN)
@pytest.mark.parametrize(
    "text", ["{}", '"{}"', "Bearer {}", "Authorization: bearer {}\n", "lang=en; token={}; Path=/"]
)
def test_token(text: str, token: str) -> None:
    assert bare_token(text.format(token)) == token


@given(st.text())
def test_any_token(text: str) -> None:
    token = bare_token(text)
    assert token == token.strip()
