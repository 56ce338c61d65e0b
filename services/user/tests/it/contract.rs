//! What every store of accounts has to do. Each back-end runs the whole list ([`whole_contract`]).

pub mod accounts;
pub mod addresses;
pub mod refreshing;
pub mod retelling;
pub mod sessions;

use std::sync::Arc;
use std::time::Duration;

use contracts::{
    AddressText, Clock as _, Country, ManualClock, Payload, Role, SessionId, Timestamp, UserId,
};
use messaging::OutboxStore;
use service_kit::Context;
use user::domain::{Account, Address, Email, Name, PasswordHash, Session, TokenHash};
use user::store::{Identity, NewAccount, Refreshed, SignIn, Successors, UserStore};

/// An empty store.
pub struct Fixture {
    pub store: Arc<dyn UserStore>,
    pub outbox: Arc<dyn OutboxStore>,
    pub clock: ManualClock,
    /// Keeps the store's file or database.
    pub _guard: testkit::contract::Guard,
}

/// The whole list for one back-end.
macro_rules! whole_contract {
    ($fixture:path) => {
        testkit::contract_tests! {
            $fixture =>
            accounts::an_account_is_stored_and_told_once,
            accounts::many_registrations_of_one_address_at_once_make_one_account,
            accounts::a_new_name_is_told_with_the_whole_profile_and_the_same_name_is_not,
            accounts::a_change_needs_the_version_somebody_has_seen,
            accounts::roles_are_replaced_whole_and_told,
            accounts::the_last_administrator_stays_one,
            accounts::of_two_administrators_who_step_down_at_once_one_stays,
            accounts::lists_are_newest_first_and_go_on_where_they_ended,
            accounts::addresses_that_begin_alike_are_found_in_their_order,
            sessions::a_sign_in_has_the_roles_of_now_and_is_listed,
            sessions::a_password_that_was_changed_meanwhile_begins_no_session,
            sessions::a_renewed_hash_takes_the_place_of_the_old_one,
            sessions::the_oldest_sessions_beyond_the_most_are_ended,
            sessions::a_session_that_was_ended_or_is_somebody_elses_cannot_be_ended,
            sessions::signing_out_works_with_any_token_of_the_session,
            sessions::a_new_password_ends_all_other_sessions,
            sessions::ended_sessions_are_forgotten_when_they_are_old,
            refreshing::tokens_rotate_and_roles_are_read_anew,
            refreshing::after_a_lost_reply_the_old_token_works_once_more,
            refreshing::for_a_moment_a_used_token_gives_the_same_successor_again,
            refreshing::an_old_token_whose_successor_was_used_ends_the_session,
            refreshing::an_old_token_is_repeated_once_only,
            refreshing::a_successor_that_was_replaced_ends_the_session_when_it_turns_up,
            refreshing::of_many_uses_of_one_token_at_once_one_rotates_and_one_repeats,
            refreshing::a_token_ends_when_it_is_not_used_and_a_session_however_it_is_used,
            refreshing::what_is_no_token_is_unknown,
            retelling::everybody_is_told_as_they_are_now_and_nobody_is_new,
            retelling::telling_again_goes_on_where_it_ended,
            addresses::an_address_is_kept_changed_and_removed,
            addresses::somebody_elses_address_is_not_there,
            addresses::an_address_with_a_key_is_written_down_once,
            addresses::many_requests_with_one_key_at_once_write_one_address,
            addresses::a_full_book_takes_no_more,
            addresses::a_change_of_an_address_needs_the_version_somebody_has_seen,
        }
    };
}
pub(crate) use whole_contract;

/// The sample time.
pub fn start() -> Timestamp {
    Timestamp::from_unix_millis(1_795_464_373_000)
}

pub const IDLE: Duration = Duration::from_hours(1);
pub const ABSOLUTE: Duration = Duration::from_hours(5);

/// A token with a name of its own.
pub fn token(name: &str) -> TokenHash {
    TokenHash::of(name)
}

pub fn email(name: &str) -> Email {
    Email::try_from(format!("{name}@example.com").as_str()).unwrap()
}

pub fn name(text: &str) -> Name {
    Name::try_from(text).unwrap()
}

pub fn hash(text: &str) -> PasswordHash {
    PasswordHash(format!("$argon2id${text}"))
}

pub fn line(text: &str) -> AddressText {
    AddressText::try_from(text).unwrap()
}

pub fn address(city: &str) -> Address {
    Address {
        name: line("Ada Lovelace"),
        line1: line("1 Main St"),
        line2: Some(line("2nd floor")),
        postal_code: line("10115"),
        city: line(city),
        region: None,
        country: Country::try_from("DE").unwrap(),
    }
}

impl Fixture {
    pub fn context(&self) -> Context {
        Context {
            now: self.clock.now(),
            traceparent: None,
        }
    }

    pub fn new_account(&self, who: &str, roles: &[Role]) -> NewAccount {
        NewAccount {
            id: UserId::at(self.clock.now()),
            email: email(who),
            name: name(who),
            roles: roles.to_vec(),
            password_hash: hash(who),
        }
    }

    /// An account with `who` in its address, as its name and as its password's hash.
    pub async fn account(&self, who: &str, roles: &[Role]) -> Account {
        let account = self.new_account(who, roles);
        let id = account.id;
        assert!(self.store.register(account, self.context()).await.unwrap());
        self.read(id).await
    }

    pub async fn read(&self, id: UserId) -> Account {
        self.store.account(id).await.unwrap().unwrap()
    }

    pub fn sign_in_command(&self, account: &Account, first: &str) -> SignIn {
        let now = self.clock.now();
        SignIn {
            user_id: account.id,
            verified: hash(account.name.as_str()),
            renewed: None,
            session: Session {
                id: SessionId::at(now),
                client: Some("test".to_owned()),
                created_at: now,
                last_used_at: now,
                ends_at: now.plus(ABSOLUTE),
            },
            token: token(first),
            token_ends_at: now.plus(IDLE),
        }
    }

    /// Begins a session whose first refresh token is named so.
    pub async fn signed_in(&self, account: &Account, first: &str) -> Identity {
        let command = self.sign_in_command(account, first);
        let signed_in = self.store.sign_in(command, 50, self.context()).await;
        signed_in.unwrap().unwrap()
    }

    pub async fn refresh(&self, used: &str, successor: &str) -> Refreshed {
        self.refresh_or(used, successor, successor).await
    }

    pub async fn refresh_or(&self, used: &str, first: &str, replacement: &str) -> Refreshed {
        let successors = Successors {
            first: token(first),
            replacement: token(replacement),
        };
        let context = self.context();
        let refreshed = self.store.refresh(token(used), successors, IDLE, context);
        refreshed.await.unwrap()
    }

    pub async fn sessions(&self, account: &Account) -> Vec<Session> {
        let sessions = self.store.sessions(account.id, self.clock.now());
        sessions.await.unwrap()
    }

    /// The events that were committed since the last call, with the version they are about.
    pub async fn events(&self) -> Vec<(u64, Payload)> {
        let now = self.clock.now();
        let lease = Duration::from_hours(24);
        let messages = self.outbox.claim(1000, lease, now).await.unwrap();
        messages
            .iter()
            .map(|message| {
                let event = message.decode().unwrap();
                (event.aggregate_version, event.payload)
            })
            .collect()
    }
}
