"""S-044: to a server whose certificate cannot be trusted not one byte of the request is sent."""

import asyncio
import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cobalt_link.net.http import Http, TlsError, TooSlow
from cobalt_link.net.transport import CaFileError, system_trust
from tests.net.wires import listening, plain

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority that lives for one test."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self._key.public_key(), self._name, NOW + DAY, None)

    def _sign(
        self, public: ec.EllipticCurvePublicKey, subject: x509.Name, until: datetime.datetime, names: list[str] | None
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(NOW - 10 * DAY)
        builder = builder.not_valid_after(until)
        builder = builder.add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
        if names is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), False)
        return builder.sign(self._key, hashes.SHA256())

    def serves(self, *names: str, until: datetime.datetime = NOW + DAY) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        return self._context(key, self._sign(key.public_key(), subject, until, list(names)))

    def serves_itself(self) -> ssl.SSLContext:
        return self._context(self._key, self.certificate)

    def _context(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> ssl.SSLContext:
        pem = self._folder / f"{certificate.serial_number}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context

    def trusted(self) -> ssl.SSLContext:
        trust = system_trust()
        trust.load_verify_locations(cadata=self.certificate.public_bytes(serialization.Encoding.PEM).decode())
        return trust


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


async def here(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


async def tell_secret(url: str, trust: ssl.SSLContext | None) -> int:
    http = Http(allow_private=True, tls=trust, resolve=here)
    try:
        return (await http.request("POST", url, content="password=s3cret")).status
    finally:
        await http.close()


async def test_a_trusted_server_is_reached_by_the_name_that_was_asked_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with listening(plain(), tls=authority.serves("ehr.example.org", "127.0.0.1")) as ehr:
        assert await tell_secret(f"https://ehr.example.org:{ehr.port}/", authority.trusted()) == 200
        assert await tell_secret(f"https://127.0.0.1:{ehr.port}/", authority.trusted()) == 200
    assert len(ehr.heard) == 2


@pytest.mark.parametrize(
    ("fault", "why"),
    [("expired", "expired"), ("wrong host", "Hostname mismatch"), ("self-signed", "self-signed"),
     ("unknown authority", "unable to get local issuer"), ("address in place of a name", "Hostname mismatch")],
)  # fmt: skip
async def test_an_untrustworthy_server_hears_nothing(tmp_path: Path, fault: str, why: str) -> None:
    # S-044
    authority = Authority(tmp_path)
    context = {
        "expired": lambda: authority.serves("ehr.example.org", until=NOW - DAY),
        "wrong host": lambda: authority.serves("other.example.org"),
        "self-signed": lambda: Authority(tmp_path).serves_itself(),
        "unknown authority": lambda: Authority(tmp_path, "Another authority").serves("ehr.example.org"),
        "address in place of a name": lambda: authority.serves("127.0.0.1"),
    }[fault]()
    async with listening(plain(), tls=context) as ehr:
        with pytest.raises(TlsError, match=f"no valid certificate.*{why}.*Nothing was sent"):
            await tell_secret(f"https://ehr.example.org:{ehr.port}/?token=s3cret", authority.trusted())
    assert not ehr.heard


async def test_an_authority_that_is_no_longer_in_the_store_is_not_trusted(tmp_path: Path) -> None:
    # S-044
    async with listening(plain(), tls=Authority(tmp_path).serves("ehr.example.org")) as ehr:
        with pytest.raises(TlsError):
            await tell_secret(f"https://ehr.example.org:{ehr.port}/", None)
    assert not ehr.heard


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_tls_1_1_is_not_spoken(tmp_path: Path) -> None:
    # S-044
    authority = Authority(tmp_path)
    context = authority.serves("ehr.example.org")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with listening(plain(), tls=context) as ehr:
        with pytest.raises(TlsError):
            await tell_secret(f"https://ehr.example.org:{ehr.port}/", authority.trusted())
    assert not ehr.heard


async def test_a_server_without_tls_hears_no_request() -> None:
    heard = bytearray()

    async def say_bad_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(4096))
        writer.write(plain(status="400 Bad Request"))
        writer.close()

    async with await asyncio.start_server(say_bad_request, "127.0.0.1", 0) as server:
        with pytest.raises(TlsError):
            await tell_secret(f"https://ehr.example.org:{server.sockets[0].getsockname()[1]}/", None)
    assert heard and b"s3cret" not in heard and b"POST" not in heard


async def test_a_server_that_stalls_within_the_handshake_is_too_slow_and_the_line_is_closed() -> None:
    hung_up = asyncio.Event()

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        hung_up.set()

    async with await asyncio.start_server(stall, "127.0.0.1", 0) as server:
        http = Http(allow_private=True, timeout=0.2)
        with pytest.raises(TooSlow):
            await http.request("GET", f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        await asyncio.wait_for(hung_up.wait(), 10)
        await http.close()


async def test_a_connection_verified_for_one_name_is_not_used_for_another_on_the_same_address(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with listening(plain(), tls=authority.serves("a.example")) as ehr:
        http = Http(allow_private=True, tls=authority.trusted(), resolve=here)
        assert (await http.request("GET", f"https://a.example:{ehr.port}/")).status == 200
        with pytest.raises(TlsError):
            await http.request("GET", f"https://b.example:{ehr.port}/")
        await http.close()
    assert len(ehr.heard) == 1


async def test_certificates_named_by_the_environment_are_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    async with listening(plain(), tls=authority.serves("ehr.example.org")) as ehr:
        with pytest.raises(TlsError):
            await tell_secret(f"https://ehr.example.org:{ehr.port}/", None)
    assert not ehr.heard and not (tmp_path / "keys.log").exists()


async def test_an_authority_of_the_operator_is_trusted_beside_those_of_the_system(tmp_path: Path) -> None:
    authority, file = Authority(tmp_path), tmp_path / "ca.pem"
    file.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    async with listening(plain(), tls=authority.serves("ehr.example.org")) as ehr:
        http = Http(allow_private=True, tls=system_trust(file), resolve=here)
        try:
            assert (await http.request("GET", f"https://ehr.example.org:{ehr.port}/")).status == 200
        finally:
            await http.close()
    assert len(system_trust(file).get_ca_certs()) == len(system_trust().get_ca_certs()) + 1


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), ("no certificate", "no certificate in PEM")])
def test_a_file_without_authorities_stops_the_start(tmp_path: Path, content: str | None, why: str) -> None:
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    with pytest.raises(CaFileError, match=f"{file}.*{why}"):
        system_trust(file)


def test_the_client_itself_speaks_no_tls_older_than_1_2() -> None:
    # S-044. The TLS library of a machine may refuse older versions by itself, so a server alone shows nothing.
    assert system_trust().minimum_version == ssl.TLSVersion.TLSv1_2
    assert system_trust().check_hostname and system_trust().verify_mode is ssl.CERT_REQUIRED


def test_the_floor_is_ours_and_not_the_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    # S-044. A library whose own default is lower changes nothing.
    loose = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        loose.minimum_version = ssl.TLSVersion.TLSv1
    monkeypatch.setattr("httpx2.create_ssl_context", lambda **_: loose)
    assert system_trust().minimum_version == ssl.TLSVersion.TLSv1_2
