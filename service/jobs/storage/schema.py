"""The tables of the job store, for SQLite and PostgreSQL."""

VERSION = 2
VERSION_TABLE = """
CREATE TABLE IF NOT EXISTS store (version INTEGER NOT NULL);
INSERT INTO store (version) SELECT 2 WHERE NOT EXISTS (SELECT 1 FROM store);
"""
SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL, digest TEXT NOT NULL,
    options TEXT NOT NULL, settings TEXT NOT NULL, filename TEXT NOT NULL, input TEXT NOT NULL,
    input_sha256 TEXT NOT NULL, input_bytes BIGINT NOT NULL, estimated_rows BIGINT,
    keep_seconds DOUBLE PRECISION NOT NULL, idempotency_key TEXT, fingerprint TEXT NOT NULL, webhook TEXT,
    webhook_host TEXT, state TEXT NOT NULL, attempt INTEGER NOT NULL, strikes INTEGER NOT NULL,
    losses INTEGER NOT NULL, loss TEXT, suspect INTEGER, worker TEXT, beat BIGINT NOT NULL,
    lease_seconds DOUBLE PRECISION, counts TEXT NOT NULL, result TEXT, result_sha256 TEXT, result_bytes BIGINT,
    error TEXT, created DOUBLE PRECISION NOT NULL, started DOUBLE PRECISION, finished DOUBLE PRECISION,
    expires DOUBLE PRECISION NOT NULL, webhook_tries INTEGER NOT NULL, webhook_set DOUBLE PRECISION,
    webhook_due DOUBLE PRECISION, UNIQUE (owner, idempotency_key)
);
CREATE INDEX IF NOT EXISTS jobs_queue ON jobs (state, owner, created, id);
CREATE INDEX IF NOT EXISTS jobs_owned ON jobs (owner, created);
CREATE INDEX IF NOT EXISTS jobs_reported ON jobs (webhook_due) WHERE webhook_due IS NOT NULL;
CREATE TABLE IF NOT EXISTS turns (owner TEXT PRIMARY KEY, turn BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS chunks (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, number INTEGER NOT NULL, part TEXT NOT NULL,
    sha256 TEXT NOT NULL, counts TEXT NOT NULL, PRIMARY KEY (job, number)
);
CREATE TABLE IF NOT EXISTS files (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, filename TEXT NOT NULL, purpose TEXT NOT NULL, sha256 TEXT NOT NULL,
    bytes BIGINT NOT NULL, keep_seconds DOUBLE PRECISION NOT NULL, created DOUBLE PRECISION NOT NULL,
    expires DOUBLE PRECISION NOT NULL
);
"""
