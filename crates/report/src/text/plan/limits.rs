//! The limits in force, and which of them nobody stated.

use std::io::{self, Write};

use super::View;
use crate::figure::{count, duration_us, instant, percent, size, size_exact};
use crate::text::grid::write_pairs;

impl View<'_> {
    pub(super) fn limits(&self, out: &mut dyn Write) -> io::Result<()> {
        let limits = &self.document.plan.limits;
        writeln!(out, "\nLimits in force")?;
        let assumed = |field: &str, value: String| {
            if limits.assumed.iter().any(|each| each == field) {
                format!("{value} (assumed: the servers' default)")
            } else {
                value
            }
        };
        let half_clock_ms = limits.cluster_node_timeout_ms / 2;
        let cap = if half_clock_ms < limits.latency_budget_ms {
            format!(
                "; half of cluster-node-timeout is less, so {} ms count",
                count(half_clock_ms)
            )
        } else {
            String::new()
        };
        let mut pairs = vec![
            (
                "latency budget",
                format!(
                    "{} ms for the predicted block of a call, times safety factor {}{cap}",
                    count(limits.latency_budget_ms),
                    limits.safety_factor
                ),
            ),
            (
                "cluster-node-timeout",
                assumed(
                    "cluster_node_timeout_ms",
                    format!("{} ms", count(limits.cluster_node_timeout_ms)),
                ),
            ),
            (
                "keys in one call",
                format!("at most {}", count(u64::from(limits.keys_per_call_max))),
            ),
            (
                "slots in one batch",
                format!("at most {}", count(u64::from(limits.slots_per_batch_max))),
            ),
            (
                "proto-max-bulk-len",
                assumed("proto_max_bulk_bytes", size(limits.proto_max_bulk_bytes)),
            ),
            (
                "client-query-buffer-limit",
                assumed(
                    "client_query_buffer_bytes",
                    size(limits.client_query_buffer_bytes),
                ),
            ),
            (
                "replica buffer, hard",
                assumed(
                    "replica_buffer_hard_bytes",
                    size(limits.replica_buffer_hard_bytes),
                ),
            ),
            (
                "replica buffer, soft",
                assumed(
                    "replica_buffer_soft_bytes",
                    size(limits.replica_buffer_soft_bytes),
                ),
            ),
        ];
        pairs.push(("maxmemory", self.maxmemory()));
        pairs.push((
            "batches side by side",
            format!("at most {}", count(u64::from(limits.batches_side_by_side))),
        ));
        pairs.push((
            "blocked share",
            format!(
                "a node answers nobody for at most {} of any {}",
                percent(limits.blocked_share),
                duration_us(self.document.plan.schedule.span_us)
            ),
        ));
        if let Some(window_ms) = limits.window_ms {
            pairs.push(("window", duration_us(window_ms.saturating_mul(1_000))));
        }
        if let Some(starts_at_ms) = limits.starts_at_ms {
            pairs.push((
                "begins",
                format!(
                    "{}; keys that expire before count as gone",
                    instant(starts_at_ms)
                ),
            ));
        }
        if limits.allow_oversized {
            pairs.push((
                "oversized keys",
                "may be moved (--allow-oversized)".to_owned(),
            ));
        }
        write_pairs(out, &pairs)
    }

    /// One for all nodes, or how far they lie apart.
    fn maxmemory(&self) -> String {
        let plan = &self.document.plan;
        let nodes = plan.nodes.iter().map(|node| node.facts.maxmemory_bytes);
        let stated: Vec<u64> = nodes.clone().flatten().collect();
        let free = percent(plan.limits.headroom);
        match (stated.iter().min(), stated.iter().max()) {
            (Some(least), Some(most)) if stated.len() < nodes.count() => format!(
                "{} to {} where it was stated, of which {free} stays free; on {} nodes not, where room is not checked",
                size(*least),
                size(*most),
                plan.nodes.len() - stated.len(),
            ),
            (Some(least), Some(most)) if least < most => {
                format!(
                    "{} to {}, of which {free} stays free",
                    size(*least),
                    size(*most)
                )
            }
            (Some(bytes), _) => format!("{}, of which {free} stays free", size_exact(*bytes)),
            _ => "no limit stated (--maxmemory, --limits): room on the targets is not checked"
                .to_owned(),
        }
    }
}
