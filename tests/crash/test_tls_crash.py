"""SIGKILL while a certificate is replaced: OWASP ASVS 4.0.3, chapter 9.2."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from harness.daemon import clean_environment
from stenobox.networksettings import TlsSettings
from stenobox.paths import Layout
from stenobox.tls import places_of

CHILD = """
import sys
from pathlib import Path
from stenobox.paths import Layout
from stenobox.tls import put, self_signed

layout = Layout(Path(sys.argv[1]))
pairs = [self_signed((name,)) for name in ("a.example", "b.example")]
while True:
    for pair in pairs:
        put(layout, pair)
        print("put", flush=True)
"""


def test_a_kill_leaves_a_key_with_its_own_certificate_and_never_half_of_another(tmp_path: Path) -> None:
    """ASVS 9.2.1: the box starts again with HTTPS whenever it died."""
    layout = Layout(tmp_path / "data")
    places = places_of(TlsSettings(), layout)
    chance = random.Random(5)
    for _ in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(layout.root)], env=clean_environment(), stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        for _ in range(chance.randint(1, 40)):
            assert child.stdout.readline() == b"put\n"
        child.kill()
        child.wait()
        child.stdout.close()
        pair = places.read()  # raises when the halves are of two pairs
        assert pair is not None and pair.names[0] in ("a.example", "b.example")
        assert layout.tls_file.stat().st_mode & 0o777 == 0o600
