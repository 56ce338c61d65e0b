use std::num::NonZeroUsize;

use argon2::PasswordVerifier as _;
use service_kit::settings::Secret;

use super::*;

fn passwords(iterations: u32, concurrency: usize, queue: usize) -> Passwords {
    Passwords::new(PasswordSettings {
        concurrency: NonZeroUsize::new(concurrency).unwrap(),
        queue,
        memory_kib: 19_456,
        iterations,
    })
    .unwrap()
}

fn password(text: &str) -> NewPassword {
    NewPassword::given(&Secret::from(text)).unwrap()
}

#[tokio::test]
async fn a_hash_is_argon2id_with_its_parameters_and_another_library_call_agrees() {
    let hash = passwords(2, 1, 0)
        .hash(password("a long pass phrase"))
        .await
        .unwrap();
    assert!(
        hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{}",
        hash.0
    );
    let verify = |text: &str| Argon2::default().verify_password(text.as_bytes(), hash.0.as_str());
    assert!(verify("a long pass phrase").is_ok());
    assert!(verify("another pass phrase").is_err());
}

#[tokio::test]
async fn the_right_password_is_right_and_all_others_are_wrong() {
    let passwords = passwords(2, 2, 10);
    let hash = passwords
        .hash(password("a long pass phrase"))
        .await
        .unwrap();
    let right = passwords
        .verify(password("a long pass phrase"), Some(hash.clone()))
        .await;
    assert_eq!(right.unwrap(), Verdict::Right { renewed: None });
    let wrong = passwords
        .verify(password("a long pass phrasE"), Some(hash))
        .await;
    assert_eq!(wrong.unwrap(), Verdict::Wrong);
    let nobody = passwords.verify(password("a long pass phrase"), None).await;
    assert_eq!(nobody.unwrap(), Verdict::Wrong);
}

#[tokio::test]
async fn a_hash_of_other_parameters_is_renewed_once() {
    let old = passwords(2, 1, 0)
        .hash(password("a long pass phrase"))
        .await
        .unwrap();
    let today = passwords(3, 1, 0);
    let Verdict::Right {
        renewed: Some(renewed),
    } = today
        .verify(password("a long pass phrase"), Some(old))
        .await
        .unwrap()
    else {
        panic!("the hash is old");
    };
    assert!(renewed.0.starts_with("$argon2id$v=19$m=19456,t=3,p=1$"));
    let again = today
        .verify(password("a long pass phrase"), Some(renewed))
        .await;
    assert_eq!(again.unwrap(), Verdict::Right { renewed: None });
}

#[tokio::test]
async fn a_full_queue_refuses_and_is_open_again_when_it_has_emptied() {
    let passwords = passwords(2, 1, 1);
    let three = [(); 3].map(|()| passwords.hash(password("a long pass phrase")));
    let results = futures_util::future::join_all(three).await;
    let refused = |result: &Result<_, _>| matches!(result, Err(HashError::Busy));
    assert_eq!(
        results.iter().map(refused).collect::<Vec<_>>(),
        [false, false, true]
    );
    passwords
        .hash(password("a long pass phrase"))
        .await
        .unwrap();
}

#[tokio::test]
async fn whoever_goes_away_keeps_their_place_until_their_password_is_hashed() {
    let passwords = passwords(2, 1, 0);
    let mut leaving = Box::pin(passwords.hash(password("a long pass phrase")));
    assert!(futures_util::poll!(&mut leaving).is_pending());
    drop(leaving);
    let next = passwords.hash(password("a long pass phrase")).await;
    assert!(matches!(next, Err(HashError::Busy)));
    let admitted = passwords.0.admitted.acquire().await;
    assert!(
        admitted.is_ok(),
        "the place is given back when the work is done"
    );
}

#[tokio::test]
async fn nobodys_password_costs_a_hash_of_today() {
    let passwords = passwords(3, 1, 0);
    let PasswordHash(dummy) = &passwords.0.dummy;
    let PasswordHash(real) = passwords
        .hash(password("a long pass phrase"))
        .await
        .unwrap();
    let parameters = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
    assert_eq!(parameters(dummy), parameters(&real));
    assert_eq!(dummy.len(), real.len());
    let mut nobodys = Box::pin(passwords.verify(password("a long pass phrase"), None));
    assert!(futures_util::poll!(&mut nobodys).is_pending());
    let next = passwords.hash(password("a long pass phrase")).await;
    assert!(matches!(next, Err(HashError::Busy)), "it has a place");
    assert_eq!(nobodys.await.unwrap(), Verdict::Wrong);
}
