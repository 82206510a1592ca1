"""An engine over TLS, with an authority of its own."""

import datetime
import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from container_manager_core.errors import PermanentError
from container_manager_core.failure import FailureKind
from support.private_engine import PrivateEngine


class Authority:
    """Signs certificates into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._write(name, self._key, name)

    def sign(self, name: str) -> tuple[str, str]:
        """The paths of a certificate for 127.0.0.1, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        path = self._folder / f"{self._name}-{name}.key"
        pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        path.write_bytes(key.private_bytes(*pem))
        return self._write(name, key, f"{self._name}-{name}"), str(path)

    def _write(self, name: str, key: ec.EllipticCurvePrivateKey, file: str) -> str:
        now = datetime.datetime.now(datetime.UTC)
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=name == self._name,
            crl_sign=name == self._name,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(address, critical=False)
            .add_extension(x509.BasicConstraints(ca=name == self._name, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        path = self._folder / f"{file}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)


@attrs.frozen
class TlsEngine:
    """Where it listens, its image, and options that it accepts."""

    base_url: str
    image: str
    authority: Authority
    stranger: Authority


@pytest.fixture(scope="module")
def tls_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsEngine]:
    folder = tmp_path_factory.mktemp("tls")
    authority, stranger = Authority(folder, "authority"), Authority(folder, "stranger")
    certificate, key = authority.sign("engine")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    files = ("--tlscacert", authority.certificate, "--tlscert", certificate, "--tlskey", key)
    with PrivateEngine(("--host", address, "--tlsverify", *files)) as engine:
        yield TlsEngine(address, engine.image, authority, stranger)


def test_a_job_runs_over_tls_whatever_the_environment_trusts(
    make_executor: Any, tls_engine: TlsEngine, prepare: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE would replace the host's own authority."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", tls_engine.stranger.certificate)
    certificate, key = tls_engine.authority.sign("client")
    executor = make_executor(
        base_url=tls_engine.base_url,
        tls_ca_cert=tls_engine.authority.certificate,
        tls_client_cert=certificate,
        tls_client_key=key,
    )
    launch = executor.launch_job(prepare("echo", "safe", image=tls_engine.image))
    assert wait(executor, launch.execution_id).exit_code == 0
    assert executor.get_logs(launch.execution_id).stdout == b"safe\n"
    executor.cleanup(launch.execution_id)


@pytest.mark.parametrize("distrust", ["engine", "client"])
def test_distrust_on_either_side_is_a_matter_of_credentials(
    make_executor: Any, tls_engine: TlsEngine, distrust: str
) -> None:
    signer = tls_engine.stranger if distrust == "client" else tls_engine.authority
    trusted = tls_engine.stranger if distrust == "engine" else tls_engine.authority
    certificate, key = signer.sign("other-client")
    executor = make_executor(
        base_url=tls_engine.base_url,
        tls_ca_cert=trusted.certificate,
        tls_client_cert=certificate,
        tls_client_key=key,
    )
    with pytest.raises(PermanentError, match="check tls_ca_cert, tls_client_cert and tls_client_key") as raised:
        executor.list_owned()
    assert raised.value.kind is FailureKind.CREDENTIALS
    assert tls_engine.base_url in raised.value.message
