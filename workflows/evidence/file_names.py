"""Names of the files in an evidence folder. `sources/` holds copies of records; all other files are made from them."""

from __future__ import annotations

SUMS = "SHA256SUMS"
"""SHA-256 and name of every other file, as `sha256sum --check` reads them."""
SIGNATURE, PUBLIC_KEY = "evidence.sig", "public_key.pem"
FACTS, PAGE, TEXT, ANNEX, MATERIALS = "evidence.json", "index.html", "evidence.md", "annex_iv.md", "ml_bom.cdx.json"

SOURCES = "sources/"
ENVIRONMENT = "sources/environment.json"
BUNDLE = "sources/bundle/"
RUNS = "sources/runs/"
EVALUATIONS = "sources/evaluations/"
AUDIT = "sources/registry/audit.jsonl"
ACCURACY, DRIFT = "sources/monitoring/accuracy.json", "sources/monitoring/drift.json"
DATA = "sources/data/"
BUNDLE_SIGNATURE = "sources/bundle.sig"

UNLISTED = (SUMS,)
UNSIGNED = (SUMS, SIGNATURE)
"""Files that the signature of the folder does not cover; `SUMS` follows from the others."""
