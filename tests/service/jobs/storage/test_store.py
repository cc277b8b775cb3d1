from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from glossator.service.database.sqlite import Sqlite
from glossator.service.errors import ConfigError, IdempotencyConflict, JobConflict, NoRoom, StaleAttempt, UnknownJob
from glossator.service.jobs.records import Job, Result, StoredFile
from glossator.service.jobs.storage.claims import LeaseObserver
from glossator.service.jobs.storage.open_store import open_store
from glossator.service.jobs.storage.store import Store
from glossator.service.labelling.summary import RowCounts

from ..conftest import NEW, D, chunk, submitted


def claimed(store: Store, worker: str = "w", lease: float = 60.0) -> Job:
    job = store.claim(worker, D, lease)
    assert job is not None
    return job


def test_job_comes_back_as_it_was_submitted(store: Store) -> None:
    new = replace(NEW, idempotency_key="k", webhook="https://a.test/x", estimated_rows=7)
    job, fresh = store.submit(new)
    assert fresh
    assert {name: getattr(job, name) for name in NewFields} == {name: getattr(new, name) for name in NewFields}
    assert (job.state, job.attempt, job.counts) == ("queued", 0, RowCounts())
    assert abs(job.created - time.time()) < 5
    assert job.expires == pytest.approx(job.created + 3_600, abs=1)
    assert store.get("job_1") == job == store.get("job_1", "ann")


NewFields = tuple(NEW.__dataclass_fields__)


def test_job_of_another_is_unknown(store: Store) -> None:
    submitted(store)
    for act in (store.get, store.cancel, store.retry, store.delete):
        with pytest.raises(UnknownJob):
            act("job_1", "bob")
        with pytest.raises(UnknownJob):
            act("job_2", "ann")
    assert store.page("bob").jobs == []


def test_key_that_comes_again_gives_the_job_that_is_there(store: Store) -> None:
    first = submitted(store, idempotency_key="k")
    again, fresh = store.submit(replace(NEW, id="job_2", idempotency_key="k"))
    assert (again, fresh) == (first, False)
    with pytest.raises(IdempotencyConflict):
        store.submit(replace(NEW, id="job_3", idempotency_key="k", fingerprint="f2"))
    assert store.submit(replace(NEW, id="job_4", owner="bob", idempotency_key="k"))[1]
    assert [job.id for job in store.page("ann").jobs] == ["job_1"]


def test_one_key_at_the_same_time_makes_one_job(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda n: store.submit(replace(NEW, id=f"job_{n}", idempotency_key="k")), range(8)))
    assert len({job.id for job, _ in made}) == 1
    assert sum(fresh for _, fresh in made) == 1


def test_pages_hold_every_job_once(store: Store) -> None:
    for number in range(7):
        submitted(store, id=f"job_{number}")
    seen: list[str] = []
    after, more = None, True
    while more:
        page = store.page("ann", limit=3, after=after)
        seen += [job.id for job in page.jobs]
        after, more = seen[-1], page.more
    assert seen == [f"job_{number}" for number in reversed(range(7))]
    assert [job.id for job in store.page("ann", state="running").jobs] == []


def test_claims_go_in_order_and_to_those_who_have_the_model(store: Store) -> None:
    submitted(store, id="job_1")
    submitted(store, id="job_2", digest="e" * 64)
    assert store.waiting(D) == 1
    assert store.claim("w", ["f" * 64], 60) is None
    job = claimed(store)
    assert (job.id, job.state, job.attempt, job.worker) == ("job_1", "running", 1, "w")
    assert store.claim("w", D, 60) is None
    assert store.waiting(D) == 0
    assert store.waiting(["e" * 64, *D]) == 1


def test_workers_at_the_same_time_never_claim_one_job_twice(store: Store) -> None:
    for number in range(40):
        submitted(store, id=f"job_{number}")
    taken: list[str] = []

    def work(name: int) -> None:
        while (job := store.claim(f"w{name}", D, 60)) is not None:
            taken.append(job.id)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(f"job_{number}" for number in range(40))


def test_stale_attempt_changes_nothing(store: Store) -> None:
    submitted(store)
    old = claimed(store, lease=0.01)
    time.sleep(0.05)
    new = claimed(store, "v")
    assert (new.attempt, new.strikes) == (2, 1)
    for act in (
        lambda: store.enter(old, chunk(0)),
        lambda: store.renew(old, 60),
        lambda: store.suspect(old, 0),
        lambda: store.complete(old, Result("r", "0", 1)),
        lambda: store.fail(old, {"code": "x", "message": "y"}),
        lambda: store.release(old),
        lambda: store.forget(old, [chunk(0)]),
    ):
        with pytest.raises(StaleAttempt):
            act()
    assert store.get("job_1").worker == "v"
    assert store.chunks("job_1") == []
    store.enter(new, chunk(0))
    assert store.get("job_1").strikes == 0


def test_lease_that_is_renewed_is_not_passed_on(store: Store) -> None:
    submitted(store)
    job = claimed(store, lease=1.5)
    for _ in range(5):
        time.sleep(0.4)
        store.renew(job, 1.5)
        assert store.claim("v", D, 1) is None


@pytest.mark.parametrize("hours", [30, -30])
def test_clock_that_jumps_neither_loses_nor_duplicates_a_job(store: Store, hours: int) -> None:
    submitted(store)
    held = claimed(store, lease=60)
    store.enter(held, chunk(0))
    store._database.now = f"({store._database.now} + {hours * 3_600})"
    assert store.claim("v", D, 60) is None
    store.renew(held, 60)
    submitted(store, id="job_2")
    assert claimed(store, "x").id == "job_2"
    store.enter(held, chunk(1))
    assert [each.number for each in store.chunks(held.id)] == [0, 1]
    done = store.complete(held, Result("r", "0", 1))
    assert (done.state, done.attempt, done.losses) == ("completed", 1, 0)


def test_worker_that_is_silent_loses_its_job_after_its_lease(
    tmp_path: Path, store: Store, database_url: str | None
) -> None:
    """Another process measures the lease from its own first look at the job, by its own monotonic clock."""
    submitted(store)
    held = claimed(store, lease=60)
    other = open_store(tmp_path / "store", database_url)
    clock = [1_000.0]
    other._leases = LeaseObserver(lambda: clock[0])
    for seconds, renews, waits in ((0, False, 0), (50, True, 0), (59, False, 0), (2, False, 1)):
        if renews:
            store.renew(held, 60)
        clock[0] += seconds
        assert other.waiting(D) == waits
    again = other.claim("v", D, 60)
    assert again is not None
    assert (again.attempt, again.strikes, again.losses, again.loss) == (2, 1, 1, "its worker stopped answering")
    with pytest.raises(StaleAttempt):
        store.renew(held, 60)
    other.close()


def test_owners_take_turns(store: Store) -> None:
    """One owner's 100 jobs do not delay another owner's one job."""
    for number in range(100):
        submitted(store, id=f"job_many_{number:03d}", owner="ann")
    first = [claimed(store).id for _ in range(3)]
    submitted(store, id="job_one", owner="bob")
    submitted(store, id="job_two_1", owner="cy")
    submitted(store, id="job_two_2", owner="cy")
    then = [claimed(store).id for _ in range(5)]
    assert first == ["job_many_000", "job_many_001", "job_many_002"]
    assert then == ["job_one", "job_two_1", "job_many_003", "job_two_2", "job_many_004"]


def test_job_that_lost_its_worker_waits_for_the_turn_of_its_owner(store: Store) -> None:
    submitted(store, id="job_poison", owner="ann")
    submitted(store, id="job_good", owner="bob")
    assert claimed(store, "w").id == "job_poison"
    store.lapse("w", "ended by SIGSEGV")
    assert claimed(store, "v").id == "job_good"
    again = claimed(store, "w")
    assert (again.id, again.strikes, again.loss) == ("job_poison", 1, "ended by SIGSEGV")


def test_stopped_process_in_a_transaction_holds_up_no_claim(
    tmp_path: Path, store: Store, database_url: str | None
) -> None:
    """SQLite has one writer at a time, so only PostgreSQL can promise this."""
    if database_url is None:
        pytest.skip("a test of PostgreSQL")
    for number in range(3):
        submitted(store, id=f"job_{number}")
    held = claimed(store, "w", lease=0.01)
    stopped = open_store(tmp_path / "store", database_url)
    with stopped._transaction() as execute:
        execute("UPDATE turns SET turn = turn + 1", {})
        execute("UPDATE jobs SET beat = beat WHERE id = :id", {"id": held.id})
        time.sleep(0.05)
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(store.claim, "v", D, 60).result(30) is not None
            assert threads.submit(store.lapse, "w").result(30) == 0
    assert store.lapse("w") == 1
    stopped.close()


def test_jobs_of_others_are_those_that_this_worker_could_run(store: Store) -> None:
    submitted(store, id="job_1", owner="ann")
    submitted(store, id="job_2", owner="bob", digest="e" * 64)
    assert not store.others_wait("ann", D)
    assert store.others_wait("ann", ["e" * 64])
    assert store.others_wait("cy", D)


def test_attempt_holds_its_job_until_it_ends_or_is_taken_away(store: Store) -> None:
    submitted(store)
    job = claimed(store)
    assert store.holds(job)
    store.cancel("job_1")
    assert not store.holds(job)


def test_worker_known_to_be_dead_gives_its_job_up_at_once(store: Store) -> None:
    submitted(store)
    claimed(store, lease=3_600)
    assert store.claim("v", D, 60) is None
    assert store.lapse("w") == 1
    assert store.lapse("w") == 0
    assert store.waiting(D) == 1
    assert claimed(store, "v").strikes == 1


def test_job_that_is_given_back_has_no_strike(store: Store) -> None:
    submitted(store)
    store.release(claimed(store))
    assert store.get("job_1").state == "queued"
    again = claimed(store)
    assert (again.attempt, again.strikes) == (2, 0)


def test_chunks_add_up(store: Store) -> None:
    submitted(store)
    job = claimed(store)
    store.enter(job, chunk(0, rows=4, tokens=9, windows=4, errors={"empty-text": 1}))
    store.enter(job, chunk(1, rows=2, tokens=3, windows=2, truncated=1, errors={"empty-text": 1, "x": 1}))
    found = store.get("job_1").counts
    assert found == RowCounts(6, 12, 6, 1, {"empty-text": 2, "x": 1})
    assert store.chunks("job_1") == [
        chunk(0, rows=4, tokens=9, windows=4, errors={"empty-text": 1}),
        chunk(1, rows=2, tokens=3, windows=2, truncated=1, errors={"empty-text": 1, "x": 1}),
    ]
    store.forget(job, [chunk(0)])
    assert store.get("job_1").counts == RowCounts(2, 3, 2, 1, {"empty-text": 1, "x": 1})


def test_completed_job_has_its_result_and_is_kept_for_its_time(store: Store) -> None:
    submitted(store)
    done = store.complete(claimed(store), Result("result-1.csv", "abc", 99))
    assert (done.state, done.result, done.result_sha256, done.result_bytes) == ("completed", "result-1.csv", "abc", 99)
    assert done.finished is not None
    assert done.expires == pytest.approx(done.finished + 3_600, abs=0.01)
    assert store.claim("w", D, 60) is None
    with pytest.raises(JobConflict):
        store.cancel("job_1")


def test_failed_job_says_why(store: Store) -> None:
    submitted(store)
    error = {"code": "job-error", "message": "it went wrong", "faults": []}
    assert store.fail(claimed(store), error).error == error


def test_cancelled_job_is_taken_from_its_worker(store: Store) -> None:
    submitted(store)
    job = claimed(store)
    assert store.cancel("job_1", "ann").state == "cancelled"
    assert store.cancel("job_1").state == "cancelled"
    with pytest.raises(StaleAttempt):
        store.enter(job, chunk(0))


def test_retry_keeps_what_was_done_without_an_error(store: Store) -> None:
    submitted(store)
    job = claimed(store)
    with pytest.raises(JobConflict):
        store.retry("job_1")
    store.enter(job, chunk(0))
    store.enter(job, chunk(1, errors={"chunk-failed": 4}))
    store.complete(job, Result("r", "0", 1))
    again, parts = store.retry("job_1", "ann")
    assert (again.state, again.result, again.counts) == ("queued", None, RowCounts(rows=4))
    assert parts == ["00000001-1.part"]
    assert [each.number for each in store.chunks("job_1")] == [0]
    job = claimed(store)
    store.enter(job, chunk(1, 2))
    store.complete(job, Result("r2", "0", 1))
    with pytest.raises(JobConflict, match="every row"):
        store.retry("job_1")


def test_deleted_job_is_gone_with_its_chunks(store: Store) -> None:
    submitted(store)
    job = claimed(store)
    store.enter(job, chunk(0))
    store.delete("job_1", "ann")
    assert store.known(["job_1", "job_2"]) == set()
    assert store.chunks("job_1") == []
    with pytest.raises(StaleAttempt):
        store.enter(job, chunk(1))


def test_old_jobs_expire_and_those_nobody_came_for_fail_first(store: Store) -> None:
    submitted(store, id="job_done", keep_seconds=0.05)
    store.complete(claimed(store), Result("r", "0", 1))
    submitted(store, id="job_waits", keep_seconds=0.05)
    submitted(store, id="job_new")
    submitted(store, id="job_runs", digest="e" * 64, keep_seconds=0.05)
    assert store.claim("w", ["e" * 64], 60) is not None
    store.add_file(StoredFile(id="file_1", owner="ann", filename="a", purpose="batch", sha256="0", bytes=1,
                              keep_seconds=0.05))  # fmt: skip
    time.sleep(0.1)
    assert store.expire() == (["job_done"], ["file_1"])
    late = store.get("job_waits")
    assert late.state == "failed"
    assert late.error is not None
    assert "was available in time" in late.error["message"]
    time.sleep(0.1)
    assert store.expire() == (["job_waits"], [])
    assert {job.id for job in store.page().jobs} == {"job_new", "job_runs"}


def test_webhook_is_due_until_it_is_delivered(store: Store) -> None:
    submitted(store, id="job_silent")
    store.complete(claimed(store), Result("r", "0", 1))
    submitted(store, id="job_loud", webhook="https://a.test/x")
    assert store.webhooks.due(60) is None
    store.complete(claimed(store), Result("r", "0", 1))
    time.sleep(0.01)
    first = store.webhooks.due(60)
    assert first is not None
    assert (first.job.id, first.tries) == ("job_loud", 0)
    assert store.webhooks.due(60) is None  # the first caller has 60 seconds to deliver it
    store.webhooks.later("job_loud", -1.0)
    again = store.webhooks.due(60)
    assert again is not None
    assert again.tries == 1
    store.webhooks.later("job_loud", None)
    assert store.webhooks.due(60) is None


def test_webhooks_of_busy_hosts_wait_and_others_go_on(store: Store) -> None:
    for name in ("slow", "quick"):
        submitted(store, id=f"job_{name}", webhook=f"https://{name}.test/x")
        store.complete(claimed(store), Result("r", "0", 1))
    time.sleep(0.01)
    due = store.webhooks.due(60, busy=["slow.test"])
    assert due is not None
    assert due.job.id == "job_quick"
    assert store.webhooks.due(60, busy=["slow.test"]) is None
    assert store.webhooks.due(60) is not None


def test_webhook_is_sent_although_the_clock_was_set_back(store: Store) -> None:
    submitted(store, webhook="https://a.test/x")
    store.complete(claimed(store), Result("r", "0", 1))
    store._database.now = f"({store._database.now} - 36000)"
    assert store.webhooks.due(60) is not None
    assert store.webhooks.due(60) is None


def test_files_are_their_owners(store: Store) -> None:
    new = StoredFile(id="file_1", owner="ann", filename="a.jsonl", purpose="batch", sha256="0", bytes=3,
                     keep_seconds=60)  # fmt: skip
    made = store.add_file(new)
    assert made.expires == pytest.approx(made.created + 60, abs=0.01)
    assert store.files("ann") == [made] == [store.file("file_1", "ann")]
    assert store.files("bob") == []
    with pytest.raises(UnknownJob):
        store.file("file_1", "bob")
    with pytest.raises(UnknownJob):
        store.delete_file("file_1", "bob")
    store.delete_file("file_1", "ann")
    assert store.files("ann") == []


def test_second_store_of_the_same_database_sees_the_jobs(
    tmp_path: Path, store: Store, database_url: str | None
) -> None:
    submitted(store)
    other = open_store(tmp_path / "store", database_url)
    job = other.claim("w", D, 60)
    assert job is not None
    assert store.claim("v", D, 60) is None
    other.close()


@pytest.mark.parametrize(("version", "message"), [(99, "a newer version"), (1, "an older version")])
def test_store_of_another_version_is_refused(
    tmp_path: Path, store: Store, database_url: str | None, version: int, message: str
) -> None:
    """Nothing is changed in it, not even by creating tables."""
    with store._transaction() as execute:
        execute("UPDATE store SET version = :version", {"version": version})
        execute("DROP TABLE turns", {})
    with pytest.raises(ConfigError, match=message) as caught:
        open_store(tmp_path / "store", database_url)
    assert (caught.value.found, caught.value.expected) == (f"store version {version}", "store version 2")
    with pytest.raises(Exception, match="turns"), store._transaction() as execute:
        execute("SELECT * FROM turns", {})


def test_texts_that_a_database_may_choke_on_come_back(store: Store) -> None:
    odd = "a'b\"c%s:x {} 🙂 \u2028"
    job = submitted(store, filename=odd, options={"text_column": odd})
    assert (job.filename, job.options) == (odd, {"text_column": odd})


def test_sqlite_is_durable_and_sound(tmp_path: Path) -> None:
    database = Sqlite(tmp_path / "a.sqlite", store="job store", option="--jobs")
    with database.transaction() as execute:
        assert execute("PRAGMA journal_mode", {}) == [{"journal_mode": "wal"}]
        assert execute("PRAGMA synchronous", {}) == [{"synchronous": 2}]
        assert execute("PRAGMA integrity_check", {}) == [{"integrity_check": "ok"}]
    database.close()


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_database_and_its_log_are_private(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = open_store(tmp_path / "store")
        submitted(store)
    finally:
        os.umask(before)
    found = {path.name: oct(path.stat().st_mode & 0o777) for path in (tmp_path / "store").iterdir()}
    assert found == {"jobs.sqlite": "0o600", "jobs.sqlite-wal": "0o600", "jobs.sqlite-shm": "0o600"}
    assert (tmp_path / "store").stat().st_mode & 0o777 == 0o700
    store.close()


def test_database_that_others_could_read_becomes_private(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    (tmp_path / "jobs.sqlite").chmod(0o644)
    open_store(tmp_path).close()
    assert (tmp_path / "jobs.sqlite").stat().st_mode & 0o777 == 0o600


def test_link_instead_of_the_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "jobs.sqlite").symlink_to(tmp_path / "precious")
    with pytest.raises(ConfigError, match="cannot be opened"):
        open_store(tmp_path / "store")
    assert (tmp_path / "precious").read_bytes() == b""


def test_full_disk_names_the_job_store(tmp_path: Path) -> None:
    database = Sqlite(tmp_path / "a.sqlite", store="job store", option="--jobs")
    with database.transaction() as execute:
        execute("CREATE TABLE t (x TEXT)", {})
    database._connection.execute("PRAGMA max_page_count = 3")
    full = pytest.raises(NoRoom, match="the job store cannot be written: the disk is full")
    with full, database.transaction() as execute:
        execute("INSERT INTO t VALUES (:x)", {"x": "x" * 100_000})
    database.close()


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(ConfigError, match="cannot be opened"):
        open_store(tmp_path)


def test_database_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not supported"):
        open_store(tmp_path, "mysql://user:secret@host/x")


def test_password_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(tmp_path, "postgresql://user:hunter22@127.0.0.1:1/x")
    assert "hunter22" not in str(caught.value)
    assert "cannot be reached" in str(caught.value)
