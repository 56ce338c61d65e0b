use super::*;

#[tokio::test]
async fn every_list_and_every_sweep_is_served_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteUsers::open(&folder.path().join("user.db"))
        .await
        .unwrap();
    let accounts = |place| format!("SELECT a.name FROM account a {place}");
    let mut plans = Vec::new();
    for sql in [
        accounts(accounts::NEWEST),
        accounts(accounts::BY_EMAIL),
        accounts(retell::BATCH),
        sessions::LIST.to_owned(),
        sessions::FORGET.to_owned(),
        addresses::LIST.to_owned(),
    ] {
        plans.push(store.database.query_plan(&sql).await.unwrap());
    }
    assert_eq!(
        plans,
        [
            "SEARCH a USING INTEGER PRIMARY KEY (rowid<?)",
            "SEARCH a USING INDEX sqlite_autoindex_account_2 (email>? AND email<?)",
            "SEARCH a USING INDEX sqlite_autoindex_account_1 (id>?)",
            "SEARCH session USING INDEX session_by_account (account_id=?)",
            "SEARCH session USING PRIMARY KEY (id=?)\nLIST SUBQUERY 1\n\
             SEARCH session USING COVERING INDEX session_by_end (<expr><?)\nCREATE BLOOM FILTER\n\
             SEARCH refresh_token USING INDEX refresh_token_by_session (session_id=?)",
            "SEARCH address USING INDEX address_by_account (account_id=?)",
        ]
    );
}
