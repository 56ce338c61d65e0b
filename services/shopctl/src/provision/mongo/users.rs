//! Users of one database.

use mongo_store::mongodb::bson::{Bson, Document, doc};
use mongo_store::mongodb::error::{self, ErrorKind};
use mongo_store::mongodb::{Client, Database};
use service_kit::settings::StoreSettings;
use store_kit::OpenError;

use super::{MIGRATES, SERVER, administrator, close};
use crate::provision::journal::{Journal, Stopped};
use crate::servers;
use crate::settings::{Login, Tenant};

pub(super) async fn provision(
    client: &Client,
    server: &StoreSettings,
    tenant: &Tenant,
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let database = client.database(&tenant.database);
    let name = &tenant.database;
    let thing = format!("role {MIGRATES} exists in database {name}");
    let found = roles(&database).await;
    let found = journal.looked(SERVER, &thing, found)?;
    let create = run(&database, create_role(name));
    journal.ensure(SERVER, thing, found, create).await?;
    for login in tenant.logins() {
        let roles = if tenant.changes_schema(&login.name) {
            vec!["readWrite", MIGRATES]
        } else {
            vec!["readWrite"]
        };
        user(&database, server, login, &roles, journal).await?;
    }
    for user in &tenant.retired {
        let thing = format!("there is no user {user} in database {name}");
        let found = journal.looked(SERVER, &thing, granted(&database, user).await)?;
        let drop = run(&database, doc! { "dropUser": user });
        journal.ensure(SERVER, thing, found.is_none(), drop).await?;
    }
    Ok(())
}

async fn user(
    database: &Database,
    server: &StoreSettings,
    login: &Login,
    roles: &[&str],
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let (user, name) = (&login.name, database.name());
    let thing = format!("user {user} exists in database {name}");
    let found = journal.looked(SERVER, &thing, granted(database, user).await)?;
    let wanted: Vec<Bson> = roles.iter().map(|role| granted_role(role, name)).collect();
    let password = login.password.expose();
    let Some(granted) = found else {
        let command = doc! { "createUser": user, "pwd": password, "roles": wanted };
        let create = run(database, command);
        return journal.ensure(SERVER, thing, false, create).await;
    };
    let none = async { Ok::<_, error::Error>(()) };
    journal.ensure(SERVER, thing, true, none).await?;
    let thing = format!(
        "user {user} of database {name} has the roles {}, and no other",
        roles.join(" and ")
    );
    let is_so = granted.len() == wanted.len() && wanted.iter().all(|role| granted.contains(role));
    let change = run(database, doc! { "updateUser": user, "roles": wanted });
    journal.ensure(SERVER, thing, is_so, change).await?;

    let thing = format!("user {user} of database {name} has the password of the settings");
    let has_password = signs_in(server, name, login).await;
    let has_password = journal.looked(SERVER, &thing, has_password)?;
    let change = run(database, doc! { "updateUser": user, "pwd": password });
    journal.ensure(SERVER, thing, has_password, change).await
}

fn granted_role(role: &str, database: &str) -> Bson {
    doc! { "role": role, "db": database }.into()
}

fn create_role(database: &str) -> Document {
    doc! {
        "createRole": MIGRATES,
        "privileges": [{ "resource": { "db": database, "collection": "" }, "actions": ["collMod"] }],
        "roles": [],
    }
}

/// Whether the role is there.
async fn roles(database: &Database) -> error::Result<bool> {
    let found = database.run_command(doc! { "rolesInfo": MIGRATES }).await?;
    Ok(found
        .get_array("roles")
        .is_ok_and(|roles| !roles.is_empty()))
}

/// The roles of a user; none if there is no such user.
async fn granted(database: &Database, user: &str) -> error::Result<Option<Vec<Bson>>> {
    let found = database.run_command(doc! { "usersInfo": user }).await?;
    let user = found.get_array("users").ok();
    let user = user.and_then(|users| users.first()?.as_document());
    Ok(user.map(|user| user.get_array("roles").cloned().unwrap_or_default()))
}

/// Whether the server takes the user's password.
pub(crate) async fn signs_in(
    server: &StoreSettings,
    database: &str,
    login: &Login,
) -> Result<bool, OpenError> {
    let store = servers::store_of(server, database, login);
    let client = administrator(&store).await?.client()?;
    let asked = run(&client.database(database), doc! { "ping": 1 }).await;
    close(client).await;
    match asked {
        Ok(()) => Ok(true),
        Err(error) if matches!(&*error.kind, ErrorKind::Authentication { .. }) => Ok(false),
        Err(error) => Err(OpenError::away(database, mongo_store::store_error(error))),
    }
}

async fn run(database: &Database, command: Document) -> error::Result<()> {
    database.run_command(command).await.map(drop)
}
