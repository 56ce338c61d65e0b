//! What is there.

use sqlx::PgConnection;

const ROLE: &str = "SELECT rolcanlogin, array_remove(ARRAY[
      CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
      CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolreplication THEN 'REPLICATION' END,
      CASE WHEN rolbypassrls THEN 'BYPASSRLS' END], NULL)
    FROM pg_roles WHERE rolname = $1";
/// Only super-users may read it.
const MAY_READ_VERIFIERS: &str =
    "SELECT has_column_privilege('pg_catalog.pg_authid', 'rolpassword', 'SELECT')";
const VERIFIER: &str = "SELECT rolpassword FROM pg_authid WHERE rolname = $1";
const IS_MEMBER: &str = "SELECT EXISTS (SELECT FROM pg_auth_members m
    JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
    WHERE g.rolname = $1 AND r.rolname = $2)";
/// Since PostgreSQL 16 whoever makes a role is its member, but may not act as it before that was granted as well.
const ADMINISTRATOR_ACTS: &str = "SELECT rolsuper OR EXISTS (SELECT FROM pg_roles g WHERE g.rolname = $1
      AND pg_has_role(g.oid, 'USAGE')
      AND pg_has_role(g.oid, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END))
    FROM pg_roles WHERE rolname = current_user";
const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1";
const DATABASE: &str =
    "SELECT pg_get_userbyid(datdba)::text, has_database_privilege('public', oid, 'CONNECT')
    FROM pg_database WHERE datname = $1";
const GUESTS: &str = "SELECT DISTINCT r.rolname::text FROM pg_database d, aclexplode(d.datacl) a
    JOIN pg_roles r ON r.oid = a.grantee WHERE d.datname = $1 AND r.rolname = ANY($2) ORDER BY 1";
const MAY_CONNECT: &str = "SELECT has_database_privilege(r.rolname, d.oid, 'CONNECT')
    FROM pg_roles r, pg_database d WHERE r.rolname = $1 AND d.datname = $2";
const ACTS_AS: &str = "SELECT substr(setting, 6) FROM pg_db_role_setting s
    JOIN pg_roles r ON r.oid = s.setrole JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) setting
    WHERE r.rolname = $1 AND d.datname = $2 AND setting LIKE 'role=%'";
const GRANTS_TO_COME: &str = "SELECT count(DISTINCT (d.defaclobjtype, a.privilege_type)) = 6
    FROM pg_default_acl d JOIN pg_roles o ON o.oid = d.defaclrole, aclexplode(d.defaclacl) a
    JOIN pg_roles w ON w.oid = a.grantee
    WHERE o.rolname = $1 AND w.rolname = $2 AND d.defaclnamespace = 'public'::regnamespace
      AND ((d.defaclobjtype = 'r' AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))
        OR (d.defaclobjtype = 'S' AND a.privilege_type IN ('SELECT', 'USAGE')))";
const GRANTS_THERE: &str = "SELECT coalesce(bool_and(CASE relkind
      WHEN 'S' THEN has_sequence_privilege($1, c.oid, 'USAGE') AND has_sequence_privilege($1, c.oid, 'SELECT')
      ELSE has_table_privilege($1, c.oid, 'SELECT') AND has_table_privilege($1, c.oid, 'INSERT')
        AND has_table_privilege($1, c.oid, 'UPDATE') AND has_table_privilege($1, c.oid, 'DELETE') END), true)
    FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S')";

/// A role.
pub(super) struct RoleFacts {
    pub(super) may_sign_in: bool,
    /// What it may do on the whole server, in the words of `ALTER ROLE`.
    pub(super) powers: Vec<String>,
}

/// A database.
pub(super) struct DatabaseFacts {
    pub(super) owner: String,
    /// Whether everybody may connect to it.
    pub(super) is_open: bool,
}

/// A role's password, as far as it may be looked at.
pub(super) enum Verifier {
    /// As it is kept; none if there is none.
    Kept(Option<String>),
    /// The administrator is no super-user.
    Hidden,
}

/// A role; none if there is no such role.
pub(super) async fn role(admin: &mut PgConnection, role: &str) -> sqlx::Result<Option<RoleFacts>> {
    let found = sqlx::query_as(ROLE).bind(role);
    let found: Option<(bool, Vec<String>)> = found.fetch_optional(admin).await?;
    Ok(found.map(|(may_sign_in, powers)| RoleFacts {
        may_sign_in,
        powers,
    }))
}

/// Those of these roles that were granted something on a database.
pub(super) async fn guests(
    admin: &mut PgConnection,
    database: &str,
    roles: &[String],
) -> sqlx::Result<Vec<String>> {
    let found = sqlx::query_scalar(GUESTS).bind(database).bind(roles);
    found.fetch_all(admin).await
}

pub(super) async fn verifier(admin: &mut PgConnection, role: &str) -> sqlx::Result<Verifier> {
    let may_read = sqlx::query_scalar(MAY_READ_VERIFIERS);
    if !may_read.fetch_one(&mut *admin).await? {
        return Ok(Verifier::Hidden);
    }
    let kept = sqlx::query_scalar::<_, Option<String>>(VERIFIER).bind(role);
    Ok(Verifier::Kept(kept.fetch_optional(admin).await?.flatten()))
}

pub(super) async fn is_member(
    admin: &mut PgConnection,
    group: &str,
    member: &str,
) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar(IS_MEMBER).bind(group).bind(member);
    found.fetch_one(admin).await
}

/// Whether the administrator may make things that belong to a role.
pub(super) async fn administrator_acts(admin: &mut PgConnection, role: &str) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar(ADMINISTRATOR_ACTS).bind(role);
    found.fetch_one(admin).await
}

/// How many connections there are of a role.
pub(super) async fn sessions(admin: &mut PgConnection, role: &str) -> sqlx::Result<i64> {
    let found = sqlx::query_scalar(SESSIONS).bind(role);
    found.fetch_one(admin).await
}

pub(super) async fn database(
    admin: &mut PgConnection,
    database: &str,
) -> sqlx::Result<Option<DatabaseFacts>> {
    let found = sqlx::query_as(DATABASE).bind(database);
    let found: Option<(String, bool)> = found.fetch_optional(admin).await?;
    Ok(found.map(|(owner, is_open)| DatabaseFacts { owner, is_open }))
}

/// False also if there is no such role or database.
pub(super) async fn may_connect(
    admin: &mut PgConnection,
    role: &str,
    database: &str,
) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar(MAY_CONNECT).bind(role).bind(database);
    Ok(found.fetch_optional(admin).await?.unwrap_or(false))
}

/// As which role a login acts in a database.
pub(super) async fn acts_as(
    admin: &mut PgConnection,
    login: &str,
    database: &str,
) -> sqlx::Result<Option<String>> {
    let found = sqlx::query_scalar(ACTS_AS).bind(login).bind(database);
    found.fetch_optional(admin).await
}

/// Whether workers may work on tables that are not there yet.
pub(super) async fn grants_to_come(
    inside: &mut PgConnection,
    owner: &str,
    worker: &str,
) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar(GRANTS_TO_COME).bind(owner).bind(worker);
    found.fetch_one(inside).await
}

/// Whether workers may work on all tables that are there.
pub(super) async fn grants_there(inside: &mut PgConnection, worker: &str) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar(GRANTS_THERE).bind(worker);
    found.fetch_one(inside).await
}
