//! Figures that contradict each other.

use report::{Contestant, Distribution, Document, LatencyHistogram};

/// What in `document` cannot be, in words.
pub fn of(document: &Document) -> Vec<String> {
    let mut doubts: Vec<String> = document.latencies.iter().filter_map(latency).collect();
    if let Some(comparison) = &document.comparison {
        let page_size = document.machine.page_size;
        for contestant in comparison.contestants.iter().chain(&comparison.ablation) {
            let of_pools = pools(contestant, page_size);
            let of_operations = contestant.operations.iter().filter_map(operation);
            let name = format!("{}, {}", contestant.zpool, contestant.compressor);
            doubts.extend(of_pools.chain(of_operations).map(|doubt| format!("{name}: {doubt}")));
        }
    }
    doubts
}

fn latency(histogram: &LatencyHistogram) -> Option<String> {
    let counted: u64 = histogram.buckets.iter().map(|bucket| bucket.count).sum();
    let (name, count) = (&histogram.name, histogram.count);
    (counted != count).then(|| format!("{name}: {count} samples, but {counted} in the buckets"))
}

fn operation(distribution: &Distribution) -> Option<String> {
    let Distribution { name, count, sum, min, max, buckets, .. } = distribution;
    let counted: u64 = buckets.iter().map(|&(_, _, count)| count).sum();
    if counted != *count {
        return Some(format!("{name}: {count} samples, but {counted} in the buckets"));
    }
    let least: u128 = buckets.iter().map(|&(low, _, n)| u128::from(low) * u128::from(n)).sum();
    let most: u128 = buckets.iter().map(|&(_, high, n)| u128::from(high) * u128::from(n)).sum();
    if !(least..=most).contains(&u128::from(*sum)) {
        return Some(format!("{name}: the sum is not that of the buckets"));
    }
    let inside = |value: u64, bucket: Option<&(u64, u64, u64)>| {
        bucket.is_none_or(|&(low, high, _)| (low..=high).contains(&value))
    };
    (!inside(*min, buckets.first()) || !inside(*max, buckets.last()))
        .then(|| format!("{name}: the smallest or largest sample is in no bucket"))
}

fn pools(contestant: &Contestant, page_size: u64) -> impl Iterator<Item = String> {
    contestant.pools.iter().flat_map(move |pool| {
        let dense = pool.points.iter().find(|point| point.density(page_size) > 1.0);
        let dense = dense.map(|point| {
            let (bytes, pages) = (point.bytes, point.pool_pages);
            format!("{} pool: {bytes} bytes in {pages} pages", pool.name)
        });
        let backwards = pool.points.windows(2).any(|pair| pair[1].operations < pair[0].operations);
        let backwards = backwards.then(|| format!("{} pool: time goes backwards", pool.name));
        dense.into_iter().chain(backwards)
    })
}
