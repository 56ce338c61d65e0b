#![expect(
    clippy::disallowed_methods,
    reason = "a test's own tasks end with its runtime"
)]

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};

use super::*;

const ONE_AT_A_TIME: Limits = Limits {
    batches: 1,
    commands: 64,
};

/// Squares numbers, and notes how many come together.
#[derive(Clone, Default)]
struct Squares {
    sizes: Arc<Mutex<Vec<usize>>>,
    under_way: Arc<AtomicUsize>,
    most_under_way: Arc<AtomicUsize>,
}

impl Squares {
    fn together(&self, limits: Limits) -> Together<u64, u64> {
        let squares = self.clone();
        Together::new(limits, move |numbers| squares.clone().work(numbers))
    }

    async fn work(self, numbers: Vec<u64>) -> Done<u64> {
        self.sizes.lock().unwrap().push(numbers.len());
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_under_way.fetch_max(now, Ordering::SeqCst);
        yield_now().await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        Ok(numbers.into_iter().map(|number| number * number).collect())
    }

    fn sizes(&self) -> Vec<usize> {
        self.sizes.lock().unwrap().clone()
    }
}

/// Has numbers done at the same time; answers in their order.
async fn all<Out: Send + 'static>(
    together: &Together<u64, Out>,
    numbers: impl IntoIterator<Item = u64>,
) -> Vec<Result<Out, StoreError>> {
    let mut asking = JoinSet::new();
    for (place, number) in numbers.into_iter().enumerate() {
        let together = together.clone();
        asking.spawn(async move { (place, together.have_done(number).await) });
    }
    let mut answers = asking.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[tokio::test]
async fn each_gets_its_own_answer_and_those_who_wait_are_done_together_but_never_too_many_at_once()
{
    let squares = Squares::default();
    let together = squares.together(ONE_AT_A_TIME);
    let answers: Vec<_> = all(&together, 0..200)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        answers,
        (0..200).map(|number| number * number).collect::<Vec<_>>()
    );
    let sizes = squares.sizes();
    assert_eq!(sizes.iter().sum::<usize>(), 200);
    assert_eq!(sizes.iter().max(), Some(&64));
    assert!(sizes.len() <= 6, "{sizes:?}");
    assert_eq!(squares.most_under_way.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn as_many_batches_as_may_are_done_at_the_same_time() {
    let squares = Squares::default();
    let together = squares.together(Limits {
        batches: 2,
        commands: 10,
    });
    assert!(all(&together, 0..200).await.iter().all(Result::is_ok));
    assert_eq!(squares.most_under_way.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn one_alone_is_done_at_once_and_so_is_the_next() {
    let squares = Squares::default();
    let together = squares.together(ONE_AT_A_TIME);
    for number in 0..3 {
        assert_eq!(together.have_done(number).await.unwrap(), number * number);
    }
    assert_eq!(squares.sizes(), [1, 1, 1]);
}

#[tokio::test]
async fn what_the_store_does_not_take_is_refused_alone() {
    let together = Together::new(ONE_AT_A_TIME, |numbers: Vec<u64>| async move {
        yield_now().await;
        if numbers.contains(&3) {
            return Err(StoreError::broken("not this one"));
        }
        Ok(numbers)
    });
    let answers = all(&together, 0..10).await;
    let refused: Vec<_> = answers.iter().map(Result::is_err).collect();
    assert_eq!(
        refused,
        (0..10).map(|number| number == 3).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_store_that_is_away_is_not_asked_once_for_each() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let together = Together::new(ONE_AT_A_TIME, move |_: Vec<u64>| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Err::<Vec<u64>, _>(StoreError::away("gone")) }
    });
    for answer in all(&together, 0..10).await {
        assert!(answer.unwrap_err().is_away());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn who_goes_away_takes_no_other_with_it() {
    let gate = Arc::new(Semaphore::new(0));
    let (opened, begun) = (Arc::clone(&gate), Arc::new(Semaphore::new(0)));
    let begins = Arc::clone(&begun);
    let together = Together::new(ONE_AT_A_TIME, move |numbers: Vec<u64>| {
        let (gate, begins) = (Arc::clone(&opened), Arc::clone(&begins));
        async move {
            begins.add_permits(1);
            let _opened = gate.acquire().await;
            Ok(numbers)
        }
    });
    let ask = |number| {
        let together = together.clone();
        tokio::spawn(async move { together.have_done(number).await })
    };
    let first = ask(1);
    begun.acquire().await.unwrap().forget();
    let (second, third) = (ask(2), ask(3));
    yield_now().await;
    first.abort();
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    gate.add_permits(9);
    assert_eq!(third.await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn a_store_that_goes_away_while_each_is_done_alone_is_not_asked_once_for_each() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let together = Together::new(ONE_AT_A_TIME, move |numbers: Vec<u64>| {
        noted.lock().unwrap().push(numbers.clone());
        async move {
            yield_now().await;
            match *numbers {
                [1] => Ok(numbers),
                [_] => Err(StoreError::away("gone")),
                _ => Err(StoreError::broken("one of these")),
            }
        }
    });
    let answers = all(&together, 1..10).await;
    assert_eq!(asked.lock().unwrap()[1..], [vec![1], vec![2]]);
    assert_eq!(*answers[0].as_ref().unwrap(), 1);
    let away = answers[1..].iter();
    assert!(
        away.map(|answer| answer.as_ref().unwrap_err())
            .all(StoreError::is_away)
    );
}

#[tokio::test]
async fn what_makes_the_program_panic_fails_alone_and_not_as_if_the_store_were_away() {
    let together = Together::new(ONE_AT_A_TIME, |numbers: Vec<u64>| {
        assert!(!numbers.contains(&13), "before it has begun");
        async move {
            yield_now().await;
            assert!(!numbers.contains(&3));
            Ok(numbers)
        }
    });
    for broken in [3, 13] {
        let answers = all(&together, broken - 3..broken + 3).await;
        let failed = answers
            .iter()
            .map(|answer| answer.as_ref().is_err_and(|error| !error.is_away()));
        assert_eq!(
            failed.collect::<Vec<_>>(),
            (0..6).map(|place| place == 3).collect::<Vec<_>>()
        );
        assert!(!together.have_done(broken).await.unwrap_err().is_away());
    }
    assert_eq!(together.have_done(14).await.unwrap(), 14);
}

#[tokio::test]
async fn who_waits_for_a_batch_whose_runtime_ends_is_told() {
    let begun = Arc::new(Semaphore::new(0));
    let begins = Arc::clone(&begun);
    let together = Together::new(ONE_AT_A_TIME, move |numbers: Vec<u64>| {
        begins.add_permits(1);
        async move {
            if numbers == [1] {
                std::future::pending::<()>().await;
            }
            Ok(numbers)
        }
    });
    let other = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let first = together.clone();
    other.spawn(async move { first.have_done(1).await });
    begun.acquire().await.unwrap().forget();
    let mut behind = std::pin::pin!(together.have_done(2));
    assert!(futures_util::poll!(&mut behind).is_pending());
    other.shutdown_background();
    assert!(behind.await.unwrap_err().is_away());
    assert_eq!(together.have_done(3).await.unwrap(), 3);
}
