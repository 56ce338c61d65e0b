//! What the operator counts itself.

/// Samples of its metrics, by name with labels.
#[derive(Default)]
pub(super) struct Metrics(Vec<(String, f64)>);

const REQUESTS: &str = "shop_operator_api_requests_total";
const RECONCILES: &str = "shop_operator_reconcile_duration_seconds_bucket";

impl Metrics {
    pub(super) fn read(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let samples = samples.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(samples.collect())
    }

    fn sum(&self, is_meant: impl Fn(&str) -> bool) -> f64 {
        let meant = self.0.iter().filter(|(name, _)| is_meant(name));
        // The sum of nothing is -0.
        meant.map(|(_, value)| value).sum::<f64>() + 0.0
    }

    /// All but those for the lease, which go on.
    pub(super) fn requests(&self) -> f64 {
        self.sum(|name| name.starts_with(REQUESTS) && !name.contains("\"leases\""))
    }

    pub(super) fn writes(&self) -> f64 {
        let reads = ["get", "list", "watch"].map(|verb| format!("verb=\"{verb}\""));
        self.sum(|name| {
            name.starts_with(REQUESTS)
                && !name.contains("\"leases\"")
                && !reads.iter().any(|read| name.contains(read))
        })
    }

    /// Whether nothing was asked in between.
    pub(super) fn is_about_as(&self, other: &Self) -> bool {
        (self.requests() - other.requests()).abs() < 0.5
    }

    /// How long reconciliations took since, by the bounds of the histogram's buckets.
    pub(super) fn reconciles_since(&self, before: &Self) -> String {
        let mut buckets: Vec<(f64, f64)> = self
            .0
            .iter()
            .filter_map(|(name, count)| {
                let bound = name.strip_prefix(RECONCILES)?.split("le=\"").nth(1)?;
                let bound = bound.split('"').next()?.parse().ok()?;
                Some((bound, count - before.sum(|other| other == name)))
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let all = buckets.last().map_or(0.0, |(_, count)| *count);
        let below = |part: f64| {
            let found = buckets.iter().find(|(_, count)| *count >= all * part);
            found.map_or(f64::NAN, |(bound, _)| bound * 1000.0)
        };
        format!("≤ {:.0} / ≤ {:.0} ms ({all:.0})", below(0.5), below(0.99))
    }
}
