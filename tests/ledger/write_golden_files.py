"""Write the golden files of tags that have none. One that exists is left as it is."""

from pathlib import Path

from ledger.journal import encode
from tests.ledger.samples import SAMPLES

GOLDEN = Path(__file__).parent / "golden"


def write_missing() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for tag, recorded in SAMPLES.items():
        path = GOLDEN / f"{tag}.json"
        if not path.exists():
            path.write_bytes(encode(recorded.event) + b"\n")


if __name__ == "__main__":
    write_missing()
