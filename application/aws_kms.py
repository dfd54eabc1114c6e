"""The key-encryption key in AWS KMS: it never leaves the service. Needs `daybook[aws]`.

What a key is wrapped for is the encryption context of the call, which KMS binds in and writes into its
own log of who opened what. Region and credentials come from the environment, as for every program there.
"""

from typing import Any, Final

from application.key_encryption import Context, KeyRefused, KeysUnavailable, WrappedKey

CONNECT_SECONDS_MAX: Final = 2
READ_SECONDS_MAX: Final = 5
ATTEMPTS_MAX: Final = 3
# What KMS says of a ciphertext that is not this key's, or not of this context.
REFUSALS: Final = ("InvalidCiphertextException", "IncorrectKeyException")


class AwsKms:
    """One symmetric key of KMS, by its id, ARN or alias."""

    def __init__(self, key: str, client: Any = None) -> None:
        self._key = key
        self._client = client or _client(key)

    def wrap(self, key: bytes, context: Context) -> WrappedKey:
        answer = self._asked(
            "encrypt", KeyId=self._key, Plaintext=key, EncryptionContext=dict(context)
        )
        return WrappedKey(answer["KeyId"], answer["CiphertextBlob"])

    def unwrap(self, wrapped: WrappedKey, context: Context) -> bytes:
        answer = self._asked(
            "decrypt",
            KeyId=wrapped.kek,
            CiphertextBlob=wrapped.wrapped,
            EncryptionContext=dict(context),
        )
        plaintext: bytes = answer["Plaintext"]
        return plaintext

    def _asked(self, call: str, **arguments: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, call)(**arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in REFUSALS:
                raise KeyRefused(f"AWS KMS refused to open a key ({code})") from None
            raise KeysUnavailable(f"AWS KMS answered {code}") from None
        except BotoCoreError as error:
            raise KeysUnavailable(f"AWS KMS cannot be asked ({type(error).__name__})") from None


def _client(key: str) -> Any:
    import boto3
    from botocore.config import Config

    # arn:aws:kms:REGION:ACCOUNT:key/ID
    parts = key.split(":")
    return boto3.client(
        "kms",
        region_name=parts[3] if key.startswith("arn:") and len(parts) > 4 else None,
        config=Config(
            connect_timeout=CONNECT_SECONDS_MAX,
            read_timeout=READ_SECONDS_MAX,
            retries={"max_attempts": ATTEMPTS_MAX, "mode": "standard"},
        ),
    )
