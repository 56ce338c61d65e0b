use super::*;

fn load(variables: &[(&str, &str)]) -> Settings {
    let variables = variables.iter();
    let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    service_kit::settings::load_from(None, variables).unwrap()
}

fn refusal(variables: &[(&str, &str)]) -> String {
    load(variables).tenants().unwrap_err().to_string()
}

#[test]
fn a_service_has_its_name_on_all_servers_unless_told_otherwise() {
    let settings = load(&[
        ("SHOP__SERVICES__ORDER__DATABASE", "shop-order"),
        ("SHOP__SERVICES__ORDER__USERNAME", "order_b"),
        ("SHOP__SERVICES__ORDER__PASSWORD", "p"),
        ("SHOP__SERVICES__ORDER__MIGRATOR__PASSWORD", "m"),
    ]);
    let tenants = settings.tenants().unwrap();
    let names: Vec<_> = tenants
        .iter()
        .map(|tenant| {
            let logins: Vec<_> = tenant.logins().map(|login| login.name.as_str()).collect();
            (tenant.database.as_str(), logins.join(" "))
        })
        .collect();
    assert_eq!(
        names,
        [
            ("user", "user".to_owned()),
            ("product", "product".to_owned()),
            ("shop-order", "order_b order_b-migrator".to_owned()),
            ("notification", "notification".to_owned()),
        ]
    );
}

#[test]
fn an_extra_service_is_read_from_variables_with_its_secret_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "s3cret\n").unwrap();
    let settings = load(&[
        ("SHOP__EXTRA__REVIEWS__NEEDS", "[postgres, rabbitmq]"),
        (
            "SHOP__EXTRA__REVIEWS__PASSWORD_FILE",
            file.to_str().unwrap(),
        ),
        ("SHOP__EXTRA__REVIEWS__TELLS", "[review]"),
        ("SHOP__EXTRA__REVIEWS__HEARS", "[order.delivered.v1]"),
    ]);
    let tenants = settings.tenants().unwrap();
    let reviews = tenants.last().unwrap();
    assert_eq!(reviews.user.password.expose(), "s3cret");
    assert!(reviews.on_postgres && !reviews.on_mongodb);
    let broker = reviews.broker.as_ref().unwrap();
    assert_eq!(broker.topics.write, r"^(review\..+)$");
    assert_eq!(broker.topics.read, r"^(order\.delivered\.v1)$");
}

#[test]
fn what_would_let_one_service_at_anothers_is_refused() {
    let texts = [
        refusal(&[("SHOP__SERVICES__ORDER__DATABASE", "user")]),
        refusal(&[("SHOP__SERVICES__ORDER__USERNAME", "product")]),
        refusal(&[("SHOP__EXTRA__REVIEWS__TELLS", "[stock]")]),
        refusal(&[("SHOP__EXTRA__ORDER__NEEDS", "[postgres]")]),
        refusal(&[("SHOP__SERVICES__ORDER__DATABASE", "or\"der")]),
        refusal(&[("SHOP__EXTRA__REVIEWS__HEARS", "[\"#\"]")]),
    ];
    let beginnings = [
        "order and another service have the same database `user`",
        "order and another service have the same user `product`",
        "extra.reviews.tells names `stock`, whose events are told by product",
        "order and another service have the same name `order`",
        "services.order.database is `or\"der`, which is no name",
        "extra.reviews.hears names `#`, which is no type of event",
    ];
    for (text, beginning) in texts.iter().zip(beginnings) {
        assert!(text.starts_with(beginning), "{text}");
    }
}

#[test]
fn a_store_is_found_by_what_is_set_first() {
    let url = |variables: &[(&str, &str)], data: Option<&str>| {
        let store = load(variables).store_of(Service::Order, data.map(Path::new));
        store.map_or_else(|error| error.to_string(), |store| store.url)
    };
    let own = ("SHOP__SERVICES__ORDER__STORE__URL", "sqlite:///o.db");
    let server = ("SHOP__POSTGRES__URL", "postgres://root:pw@db/postgres");
    assert_eq!(url(&[own, server], Some("/data")), "sqlite:///o.db");
    assert_eq!(url(&[server], Some("/data")), "sqlite:///data/order.db");
    assert_eq!(url(&[server], None), "postgres://db/order");
    assert!(url(&[], None).starts_with("it is not known where the store of order is"));
}

#[test]
fn a_user_that_was_replaced_is_nobody_else() {
    let settings = load(&[
        ("SHOP__SERVICES__ORDER__USERNAME", "order_b"),
        ("SHOP__SERVICES__ORDER__RETIRED", "[order_a]"),
    ]);
    let order = settings.tenant(Service::Order).unwrap();
    assert_eq!(order.retired, ["order_a"]);
    let retired = [("SHOP__SERVICES__ORDER__RETIRED", "[user]")];
    assert_eq!(
        refusal(&retired),
        "services.order.retired names `user`, which is a user that is needed; leave it out"
    );
}

#[test]
fn what_somebody_else_sees_to_is_left_alone() {
    let settings = load(&[("SHOP__SERVICES__ORDER__ELSEWHERE", "[postgres]")]);
    let order = settings.tenant(Service::Order).unwrap();
    assert!(!order.on_postgres && order.broker.is_some());
    let settings = load(&[("SHOP__SERVICES__USER__ELSEWHERE", "[rabbitmq]")]);
    let user = settings.tenant(Service::User).unwrap();
    assert!(user.on_mongodb && user.broker.is_none());
}
