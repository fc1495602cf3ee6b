"""Where a provider may be: spellings of a base URL, and addresses that are not what they seem."""

import httpx2
import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from settings_app.addresses import clean_base_url, refusal

PUBLIC = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
PRIVATE = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "192.0.0.8", "198.18.0.1"),
    *("::1", "fc00::1", "fec0::1", "2001:db8::1", "64:ff9b:1::808:808", "4000::1"),
    *("::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a00:1::1"),
    "2001:0:808:808:0:0:80ff:fffe",  # Teredo, its client 127.0.0.1
]
NEVER = [
    *("169.254.169.254", "169.254.1.1", "fe80::1", "fe80::1%eth0", "0.0.0.0", "0.1.2.3", "::"),
    *(
        "224.0.0.1",
        "ff02::1",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "100.100.100.200",
        "fd00:ec2::254",
    ),
    *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::ffff:0.0.0.0"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_takes_tls_alone(address: str) -> None:
    for allow_private in (False, True):
        assert refusal(address, allow_private=allow_private, encrypted=True) == ""
        assert "Use https" in refusal(address, allow_private=allow_private, encrypted=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_for_those_who_allow_it(address: str) -> None:
    assert "is a private address" in refusal(address, allow_private=False, encrypted=True)
    for encrypted in (False, True):
        assert refusal(address, allow_private=True, encrypted=encrypted) == ""


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_refused_whatever_is_allowed(address: str) -> None:
    for allow_private in (False, True):
        assert "never connected to" in refusal(address, allow_private=allow_private, encrypted=True)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("https://api.example.com/v1", "https://api.example.com/v1"),
        ("  HTTPS://API.Example.com:443/v1/  ", "https://api.example.com/v1"),
        ("https://api.example.com.", "https://api.example.com"),
        ("https://api.example.com:8443/a/b%20c/", "https://api.example.com:8443/a/b%20c"),
        ("https://8.8.8.8/v1", "https://8.8.8.8/v1"),
        ("https://[2606:4700:0:0::1111]/v1", "https://[2606:4700::1111]/v1"),
        (
            "https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example/v1",
            "https://xn--bcher-kva.example/v1",
        ),
    ],
)
def test_a_base_url_is_stored_in_one_spelling(written: str, stored: str) -> None:
    assert clean_base_url(written, allow_private=False) == stored


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("http://localhost:11434/v1", "http://localhost:11434/v1"),
        ("http://Printer.localhost", "http://printer.localhost"),
        ("http://127.0.0.1.:80/v1", "http://127.0.0.1/v1"),
        ("http://[::ffff:127.0.0.1]:8080/v1", "http://127.0.0.1:8080/v1"),
        ("http://gpu_box:8000/v1", "http://gpu_box:8000/v1"),
        ("https://192.168.1.20/v1", "https://192.168.1.20/v1"),
    ],
)
def test_a_private_place_is_taken_where_it_is_allowed(written: str, stored: str) -> None:
    assert clean_base_url(written, allow_private=True) == stored
    with pytest.raises(ValidationError):
        clean_base_url(written, allow_private=False)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "Begin with https://"),
        ("api.example.com/v1", "Begin with https://"),
        ("ftp://api.example.com", "Begin with https://"),
        ("https:///v1", "Begin with https://"),
        ("https://user:pass@api.example.com", "user name"),
        ("https://@api.example.com", "user name"),
        ("https://api.example.com/v1?key=1", "follows ?"),
        ("https://api.example.com/v1#", "follows ?"),
        ("https://api.example.com:0/v1", "port"),
        ("https://api.example.com:65536/v1", "port"),
        ("https://api.example.com:99999999", "host and port"),
        ("https://api.example.com:https", "host and port"),
        ("https://api.example.com:", "host and port"),
        ("https://:443", "host and port"),
        ("https://::1/v1", "host and port"),
        ("https://[::1", "Write it like"),
        ("https://[v1.x]/", "brackets"),
        ("https://[fe80::1%25eth0]/", "brackets"),
        ("https://api.exa mple.com", "spaces"),
        ("https://api.example.com\\@127.0.0.1/", "backslashes"),
        ("https://api.example\t.com", "control characters"),
        ("https://api.example.com\N{ZERO WIDTH JOINER}", "control characters"),
        ("https://exa%6dple.com", "letters, digits"),
        ("https://a..example.com", "letters, digits"),
        ("https://-a.example.com", "letters, digits"),
        (f"https://{'a' * 64}.example.com", "letters, digits"),
        ("https://stra\N{LATIN SMALL LETTER SHARP S}e.example", "in two ways"),
        ("https://0x7f.1/", "four numbers"),
        ("https://2130706433/", "four numbers"),
        ("https://127.1/", "four numbers"),
        ("https://0177.0.0.1/", "four numbers"),
        ("https://0x7f000001/", "four numbers"),
        ("https://127.0.0.1.../", "letters, digits"),
        ("https://\N{FULLWIDTH DIGIT ONE}27.1/", "four numbers"),
        ("https://169.254.169.254/latest", "never connected to"),
        ("https://[::ffff:169.254.169.254]/", "never connected to"),
        ("https://0.0.0.0/", "never connected to"),
        ("http://8.8.8.8/v1", "Use https"),
        ("https://api.example.com/v1/../admin", "without . or .."),
        ("https://api.example.com/v1/\N{SNOWMAN}", "The path is"),
        ("https://api.example.com/v1%zz", "The path is"),
        ("https://api.example.com/v1/chat/completions", "Leave out /chat/completions"),
        ("https://api.example.com/v1/messages/", "Leave out /messages"),
        (f"https://api.example.com/{'a' * 500}", "500 characters"),
    ],
)
def test_a_base_url_that_cannot_be_used_says_what_to_write(written: str, said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        clean_base_url(written, allow_private=True)
    assert said in raised.value.messages[0]


def test_what_a_base_url_became_is_itself_one() -> None:
    for written in ("https://API.example.com:443/v1//", "https://[2606:4700::1111]:8443/x/"):
        once = clean_base_url(written, allow_private=False)
        assert clean_base_url(once, allow_private=False) == once


PIECES = st.sampled_from(
    [
        *(
            "http://",
            "https://",
            "//",
            "/",
            "\\",
            "@",
            ":",
            "?",
            "#",
            "[",
            "]",
            "%",
            ".",
            "..",
            "-",
            "_",
            " ",
            "\t",
            "A",
        ),
        *("localhost", "a.example", "8.8.8.8", "::1", "0x7f", "127.1", ":443", "v1", "xn--", "\\t", "A"),
        *("\N{IDEOGRAPHIC FULL STOP}", "\N{FULLWIDTH SOLIDUS}", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
    ]
)


@settings(deadline=None)
@given(st.lists(PIECES | st.text(max_size=2), max_size=8).map("".join), st.booleans())
def test_the_client_reads_a_base_url_as_it_was_judged(text: str, allow_private: bool) -> None:
    """What stands between the slashes to one parser may be a password to another."""
    try:
        clean = clean_base_url(f"https://{text}", allow_private=allow_private)
    except ValidationError:
        return
    read = httpx2.URL(f"{clean}/models")
    place = clean.removeprefix("https://").partition("/")[0]
    assert read.scheme == "https"
    assert read.netloc.decode() == place
    assert read.userinfo == read.query == b""
    assert str(read) == f"{clean}/models"
    assert clean_base_url(clean, allow_private=allow_private) == clean
