import pytest

from dunlin.channels.smtp_address import BadAddress, read_address, tagged
from dunlin.channels.smtp_connect import is_host, is_public


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),  # noqa: S104
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::"),
        *("", "mail.example.com", "8.8.8"),
    ],
)
def test_addresses_of_inner_networks_are_not_public_even_wrapped(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2a00:1450:4001:80b::200e", "64:ff9b::808:808"])
def test_other_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "text", ["mail.example.com", "localhost", "xn--exmple-cua.com", "10.0.0.1", "2a00::1", "a" * 63]
)
def test_names_and_addresses_are_hosts(text: str) -> None:
    assert is_host(text)


@pytest.mark.parametrize(
    "text", ["", ".", "a..b", "-a.b", "a b", "a/b", "a:25", "exämple.com", "a\n", "a\0", "a" * 64, "a." * 127 + "com"]
)
def test_everything_else_is_none(text: str) -> None:
    assert not is_host(text)


@pytest.mark.parametrize(
    ("text", "ascii_form"),
    [
        pytest.param("bob@example.com", "bob@example.com", id="plain"),
        pytest.param("b.o'b+tag@sub.example.com", "b.o'b+tag@sub.example.com", id="signs"),
        pytest.param("bob@Exämple.com", "bob@xn--exmple-cua.com", id="domain-in-another-script"),
        pytest.param("bob@例え.jp", "bob@xn--r8jz45g.jp", id="japanese-domain"),
        pytest.param("bjørn@example.com", "bjørn@example.com", id="local-part-stays"),
    ],
)
def test_an_address_is_read_with_its_domain_in_ascii(text: str, ascii_form: str) -> None:
    assert str(read_address(text)) == ascii_form


@pytest.mark.parametrize(
    "text",
    [
        *("", "@", "bob", "bob@", "@example.com", "a b@example.com", "a@b c", "a@b\r\nc", "a\r\n@b.com", '"a b"@x.com'),
        *("<a@b.com>", "a@b.com>", "a@b.com, c@d.com", "a@b@c.com", "a\0@b.com", "a@b..com", "a@-", "a\u2028@b.com"),
        *("a" * 65 + "@b.com", "a@" + "b" * 64 + ".com", "a@" + "b." * 130 + "com", "a@\ud800.com", "\ud800@b.com"),
    ],
)
def test_what_could_be_more_than_an_address_is_none(text: str) -> None:
    with pytest.raises(BadAddress):
        read_address(text)


def test_a_tag_stands_behind_a_plus() -> None:
    assert str(tagged(read_address("bounces@x.com"), "t4g")) == "bounces+t4g@x.com"
