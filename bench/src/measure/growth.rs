//! Whether lists, search and orders take longer when there are more products and orders: the same shop with a thousand, a hundred
//! thousand and a million of each, written straight into the databases.

mod fill;

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use serde_json::Value;

use self::fill::Filler;
use crate::load::Load;
use crate::open_load::{self, Answer};
use crate::real_shop::{RealShop, token};
use crate::report::{Budget, Report, percentile};
use crate::requests;

/// Seconds of a round.
const SECONDS: u32 = 6;
const ROUNDS: usize = 3;
/// How often each request is sent before it counts: what it reads is in memory then, as in production.
const WARM_UP: u64 = 100;
/// Orders of the customer who reads a list of them.
const OWN_ORDERS: u64 = 100;
/// What a page of a list holds.
const PAGE: usize = 20;
/// How much longer the largest may take than the smallest.
const FLAT: f64 = 1.3;

/// A request and what it took, by size: medians and 99th percentiles, a round each.
struct Question {
    what: &'static str,
    load: Load,
    took: Vec<(u64, Vec<f64>, Vec<f64>)>,
}

/// The whole part; `program` is beside the programs of the services. `GROWTH_SIZES` are the sizes, from small to large;
/// `GROWTH_RATE` is how many requests a second there are: far from what the machine can do, so that nothing waits in a line.
pub async fn measure(program: &str, report: &mut Report) -> Result<()> {
    let (sizes, rate) = (sizes()?, super::number("GROWTH_RATE", "50")?);
    let mut subject = RealShop::start(program).await?;
    let filler = Filler::new(&subject).await?;
    let mut questions = questions(&subject).await?;
    let mut present = 0;
    for size in sizes {
        filler.fill(present, size).await?;
        present = size;
        for question in &mut questions {
            question.at(size, rate, &mut subject, report).await?;
        }
    }
    for question in questions {
        question.compare(report);
    }
    Ok(())
}

fn sizes() -> Result<Vec<u64>> {
    let sizes = std::env::var("GROWTH_SIZES");
    let sizes = sizes.unwrap_or_else(|_| "1000 100000 1000000".to_owned());
    let sizes = sizes.split_whitespace().map(str::parse);
    sizes
        .collect::<Result<_, _>>()
        .context("GROWTH_SIZES are numbers with spaces between them")
}

async fn questions(subject: &RealShop) -> Result<Vec<Question>> {
    let reader = subject.shop.customer("reader").await?;
    let as_reader = Load {
        tokens: [token(&reader)?].into(),
        ..subject.load(requests::order_of_many, StatusCode::CREATED)?
    };
    as_reader.run(1, 0..OWN_ORDERS).await?;
    let ask = |what, load| Question {
        what,
        load,
        took: Vec::new(),
    };
    let anybody = |make| subject.load(make, StatusCode::OK);
    Ok(vec![
        ask("product list", anybody(requests::list)?),
        ask("search, two common words", anybody(requests::search)?),
        ask("search, a rare word", anybody(requests::search_rare)?),
        ask(
            "a customer's orders",
            Load {
                expected: StatusCode::OK,
                make: requests::own_orders,
                ..as_reader
            },
        ),
        ask(
            "everybody's orders",
            Load {
                tokens: [token(&subject.admin)?].into(),
                ..anybody(requests::all_orders)?
            },
        ),
        ask(
            "order placed",
            subject.load(requests::order_of_many, StatusCode::CREATED)?,
        ),
        ask(
            "order placed and confirmed",
            subject.load(requests::awaited_order_of_many, StatusCode::CREATED)?,
        ),
    ])
}

/// Empty pages would be fast at any size.
fn full(answer: &Answer) -> Result<()> {
    let page: Value = serde_json::from_slice(&answer.body)?;
    let shown = page.pointer("/data").and_then(Value::as_array);
    ensure!(
        shown.map(Vec::len) == Some(PAGE),
        "a page of a list is not full: {page}"
    );
    Ok(())
}

impl Question {
    async fn at(
        &mut self,
        size: u64,
        rate: u32,
        subject: &mut RealShop,
        report: &mut Report,
    ) -> Result<()> {
        self.load.run(1, subject.next(WARM_UP)).await?;
        let (mut halves, mut mosts) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            subject.drained().await?;
            let numbers = subject.next(u64::from(rate * SECONDS));
            let answers = open_load::run(&self.load, rate, numbers).await?;
            if self.load.expected == StatusCode::OK {
                answers.iter().try_for_each(full)?;
            }
            let times: Vec<f64> = answers.iter().map(|answer| answer.took_ms).collect();
            halves.push(percentile(&times, 0.5));
            mosts.push(percentile(&times, 0.99));
        }
        let what = format!("{size} products and orders, {}", self.what);
        report.add(&format!("{what}, p50"), "ms", &halves, Budget::None);
        report.add(&format!("{what}, p99"), "ms", &mosts, Budget::None);
        self.took.push((size, halves, mosts));
        Ok(())
    }

    /// The largest with the smallest.
    fn compare(&self, report: &mut Report) {
        let [
            (small, least_halves, least_mosts),
            ..,
            (large, halves, mosts),
        ] = self.took.as_slice()
        else {
            return;
        };
        for (part, many, few) in [("p50", halves, least_halves), ("p99", mosts, least_mosts)] {
            let ratio = percentile(many, 0.5) / percentile(few, 0.5);
            let what = format!("{large} ÷ {small}, {}, {part}", self.what);
            report.add(&what, "×", &[ratio], Budget::AtMost(FLAT));
        }
    }
}
