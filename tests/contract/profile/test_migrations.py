"""The migrations of profile make the tables that its code expects, and keep what is stored."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from services.chassis.db import Database
from services.chassis.migrate import downgrade, upgrade
from services.profile.schema import metadata
from services.profile.storage import credentials, identity_providers, tenants, users

FIRST = """
INSERT INTO tenant (name, display_name, create_time_us) VALUES ('default', 'Default', 1);
INSERT INTO tenant (name, display_name, create_time_us) VALUES ('other', 'Other', 2);
INSERT INTO user_account (tenant, name, display_name, email, create_time_us) VALUES ('default', 'admin', 'A', '', 3);
INSERT INTO user_account (tenant, name, display_name, email, create_time_us) VALUES ('other', 'admin', 'B', 'b@x', 4);
INSERT INTO credential VALUES ('default', 'cred-1', 'key', 'blob', 'ada', 5, NULL, 'id', 'wrapped', 'cipher');
INSERT INTO credential VALUES ('default', 'cred-2', 'two', 'blob', 'bob', 6, 7, 'id', 'wrapped', 'cipher');
INSERT INTO credential_use (tenant, credential_id, action, caller, process_id, host, login, time_us)
    VALUES ('default', 'cred-1', 'GENERATED', 'ada', '', '', '', 5);
INSERT INTO credential_use (tenant, credential_id, action, caller, process_id, host, login, time_us)
    VALUES ('default', 'cred-2', 'SIGNED', 'executor', 'proc-1', 'h:22', 'ada', 7)
"""
EVERYTHING = credentials.Filters(None, "")


def to(url, revision):
    """Bring a new database to a revision that is not the head."""
    upgrade(url, "services.profile")
    downgrade(url, "services.profile", revision)


def execute(url, statements):
    database = Database(url, metadata)
    with database.write() as tx:
        for statement in statements.split(";"):
            tx.execute(text(statement))
    database.close()


def test_the_tables_are_those_of_the_code_and_can_be_taken_back(tmp_path):
    url = f"sqlite:///{tmp_path}/profile.db"
    upgrade(url, "services.profile")
    db = Database(url, metadata)
    with db.write() as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []
    downgrade(url, "services.profile")
    with db.read() as tx:
        assert set(inspect(tx).get_table_names()) <= {"alembic_version"}
    db.close()


def test_what_the_first_version_stored_is_kept(database_url):
    to(database_url, "0001")
    execute(database_url, FIRST)
    upgrade(database_url, "services.profile")
    db = Database(database_url, metadata)
    with db.read() as tx:
        stored = [tenants.find(tx, name) for name in ("default", "other")]
        first, other = (users.find(tx, tenant, "admin") for tenant in ("default", "other"))
        uses = [use for _, use in credentials.uses_page(tx, "default", EVERYTHING, None, 10)]
        kept, sealed = credentials.find_sealed(tx, "default", "cred-1")
    db.close()
    assert [(one.display_name, one.disabled, one.revision) for one in stored] == [
        ("Default", False, 1),
        ("Other", False, 1),
    ]
    assert (first.display_name, first.roles, first.revision) == ("A", {"admin", "operator"}, 1)
    assert (other.email, other.roles, other.disabled) == ("b@x", frozenset(), False)
    assert [(one.credential_id, one.owner, one.action) for one in uses] == [
        ("cred-2", "bob", "SIGNED"),
        ("cred-1", "ada", "GENERATED"),
    ]
    assert (uses[0].caller, uses[0].process_id, uses[0].host, uses[0].login) == ("executor", "proc-1", "h:22", "ada")
    assert (kept.name, kept.owner) == ("key", "ada")
    assert sealed.ciphertext in {b"cipher", "cipher"}


def test_of_providers_there_were_nobody_vouches(database_url):
    to(database_url, "0003")
    provider = "('default', 'campus', 'https://id.example.org', 'vahana', '', '{}', '', '', false, false, 1, 1)"
    tenant = FIRST.split(";", maxsplit=1)[0].replace("create_time_us)", "create_time_us, disabled, revision)")
    execute(database_url, f"{tenant.replace(', 1)', ', 1, false, 1)')};INSERT INTO identity_provider VALUES {provider}")
    upgrade(database_url, "services.profile")
    db = Database(database_url, metadata)
    with db.read() as tx:
        stored = identity_providers.find(tx, "default", "campus")
    db.close()
    assert (stored.issuer, stored.by_operator) == ("https://id.example.org", False)
    downgrade(database_url, "services.profile", "0003")
    upgrade(database_url, "services.profile")


def test_what_the_first_version_knows_survives_a_step_back(database_url):
    to(database_url, "0001")
    execute(database_url, FIRST)
    upgrade(database_url, "services.profile")
    execute(database_url, "DELETE FROM credential WHERE credential_id = 'cred-2'")
    downgrade(database_url, "services.profile", "0001")
    db = Database(database_url, metadata)
    with db.read() as tx:
        uses = tx.execute(text("SELECT credential_id FROM credential_use")).scalars().all()
        names = tx.execute(text("SELECT tenant, name FROM user_account ORDER BY tenant")).all()
        (foreign,) = inspect(tx).get_foreign_keys("credential_use")
    db.close()
    assert uses == ["cred-1"]
    assert [tuple(row) for row in names] == [("default", "admin"), ("other", "admin")]
    assert foreign["referred_table"] == "credential"
    upgrade(database_url, "services.profile")
