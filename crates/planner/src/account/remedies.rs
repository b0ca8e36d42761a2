//! The ways out for a key that does not fit, with the numbers of this key.

use preshard_analyzer::{DataType, NamedKey};

use crate::PlanLimits;
use crate::account::parts::{Divisible, STEP_ELEMENTS, first};
use crate::moves::stream::verdict_of;
use crate::moves::verdict::Thresholds;
use crate::plan::{Dialect, HeavyCall, Parts, RaisedSetting, Remedy, RemedyKind, Verdict};
use crate::words::{in_mib, in_ms};

/// The longest node timeout that limits may state.
const CLOCK_MS_MAX: u64 = 1 << 30;

/// A key that does not fit, and all that decides what can be done about it.
pub(crate) struct Case<'a> {
    pub(crate) key: &'a NamedKey,
    pub(crate) call: &'a HeavyCall,
    pub(crate) verdict: Verdict,
    pub(crate) moves: bool,
    pub(crate) dialect: Dialect,
    pub(crate) limits: &'a PlanLimits,
    pub(crate) thresholds: &'a Thresholds,
    /// The cost profile behind the predictions.
    pub(crate) cost_profile: &'a str,
}

impl Case<'_> {
    /// Every way out that there is for it, the cheapest first.
    pub(crate) fn remedies(&self) -> Vec<Remedy> {
        let ways = [
            self.pin(),
            self.wait_for_expiry(),
            Some(self.unlink()),
            self.consent(),
            self.lazyfree(),
            self.no_compression(),
            self.raise_limit(),
            self.raise_node_timeout(),
            self.trim(),
            self.split(),
            self.atomic_migration(),
            self.offline_window(),
        ];
        ways.into_iter().flatten().collect()
    }

    fn by_migrate(&self) -> bool {
        self.dialect == Dialect::SetslotMigrate
    }

    fn pin(&self) -> Option<Remedy> {
        let how = "Leave its slot where it is; the plan moves others in its place.";
        (!self.moves).then(|| way(RemedyKind::Pin, how.to_owned(), Some(self.verdict)))
    }

    fn wait_for_expiry(&self) -> Option<Remedy> {
        let at_ms = self.key.expires_at_ms?;
        let how = format!(
            "Wait until it has expired, at {at_ms} (Unix milliseconds), and plan from a newer backup."
        );
        Some(way(RemedyKind::WaitForExpiry, how, None))
    }

    fn unlink(&self) -> Remedy {
        let how = "UNLINK it if nobody needs it: the node frees it in the background. DEL would stop the node.";
        way(RemedyKind::Unlink, how.to_owned(), None)
    }

    fn consent(&self) -> Option<Remedy> {
        if self.verdict != Verdict::Oversized || self.dialect == Dialect::Managed {
            return None;
        }
        let reckoned = (self.call.block_us as f64 * self.limits.factor()).ceil() as u64;
        let how = format!(
            "Accept the stop in a quiet hour with --allow-oversized: {} as predicted, reckon with {}.",
            in_ms(self.call.block_us),
            in_ms(reckoned)
        );
        Some(Remedy {
            breaks: Some(
                "Clients of the node wait so long, and those of others behind them.".to_owned(),
            ),
            ..way(RemedyKind::Consent, how, Some(Verdict::Oversized))
        })
    }

    /// Only where the profile was measured on Redis and with deletion at once: then its part of the block is known.
    fn lazyfree(&self) -> Option<Remedy> {
        let deletes_at_once = self.cost_profile.starts_with("redis-")
            && !self.cost_profile.contains("lazyfree-lazy-server-del")
            && !self.cost_profile.contains("COPY");
        if !self.by_migrate() || !deletes_at_once || self.key.encoding.is_compact() {
            return None;
        }
        let saved_us = deletion_us(self.key.data_type, self.key.elements?)?;
        let block_us = self.call.block_us.saturating_sub(saved_us);
        let waits_us = self.thresholds.call_block_us(self.key.cost.restore_ns);
        let block_us = block_us.max(waits_us).min(self.call.block_us);
        let how = format!(
            "Set lazyfree-lazy-server-del yes on the source while the plan runs: at least {} of the stop is the deletion \
             of its copy. Plan again with --lazyfree-lazy-server-del yes.",
            in_ms(self.call.block_us - block_us)
        );
        Some(Remedy {
            block_us: Some(block_us),
            ..way(
                RemedyKind::LazyfreeServerDel,
                how,
                Some(self.thresholds.verdict(
                    block_us,
                    self.call.restore_us,
                    self.call.payload_bytes,
                )),
            )
        })
    }

    fn no_compression(&self) -> Option<Remedy> {
        let tries = match self.key.data_type {
            // A shorter payload means that it was worth the time, and that it grows without.
            DataType::String => self.key.elements <= Some(self.call.payload_bytes),
            DataType::Hash | DataType::Set | DataType::Zset => !self.key.encoding.is_compact(),
            _ => false,
        };
        if !self.by_migrate() || !tries || self.cost_profile.contains("rdbcompression no") {
            return None;
        }
        let how = "Set rdbcompression no on the source while the plan runs, where its strings are longer than 20 bytes and \
                   do not compress: a hash of 100-byte random values took 309 instead of 419 ms on Redis 7.0, 110 instead \
                   of 497 on Valkey 9.1. Plan again with --rdbcompression no.";
        Some(Remedy {
            breaks: Some(
                "Payloads of what does compress grow, and so do snapshots until it is set back."
                    .to_owned(),
            ),
            ..way(RemedyKind::NoCompression, how.to_owned(), None)
        })
    }

    /// Limits on payloads that are too low.
    fn limits_to_raise(&self) -> Vec<RaisedSetting> {
        let limits = self.limits;
        let [_, bulk, query, hard, _] = PlanLimits::OF_SERVERS;
        let values = [
            (bulk, limits.proto_max_bulk_bytes),
            (query, limits.client_query_buffer_bytes),
            (hard, limits.replica_buffer_hard_bytes),
        ];
        let payload_bytes = self.call.payload_bytes;
        let too_low = values.into_iter().filter(|&(_, now)| now <= payload_bytes);
        let settings = too_low.map(|((limit, name), now)| RaisedSetting {
            limit: limit.to_owned(),
            name: name.to_owned(),
            now,
            least: payload_bytes.saturating_add(1),
        });
        settings.collect()
    }

    fn raise_limit(&self) -> Option<Remedy> {
        let settings = self.limits_to_raise();
        if settings.is_empty() || self.dialect == Dialect::Managed {
            return None;
        }
        let names: Vec<&str> = settings.iter().map(|each| each.name.as_str()).collect();
        let how = format!(
            "Raise {} above {} on the target and its replicas while the plan runs.",
            names.join(", "),
            in_mib(self.call.payload_bytes)
        );
        Some(Remedy {
            breaks: Some(
                "The nodes need the memory for such buffers, and the stop stays.".to_owned(),
            ),
            leaves: Some(self.verdict_under(&settings, self.limits.cluster_node_timeout_ms)),
            settings,
            ..way(RemedyKind::RaiseLimit, how, None)
        })
    }

    fn raise_node_timeout(&self) -> Option<Remedy> {
        let settings = self.limits_to_raise();
        let under = |clock_ms| self.verdict_under(&settings, clock_ms);
        let now = self.limits.cluster_node_timeout_ms;
        if self.dialect == Dialect::Managed
            || under(now) != Verdict::Forbidden
            || under(CLOCK_MS_MAX) == Verdict::Forbidden
        {
            return None;
        }
        let more = first(CLOCK_MS_MAX - now, |more| {
            under(now + more) != Verdict::Forbidden
        });
        let least = now + more;
        let (limit, name) = PlanLimits::OF_SERVERS[0];
        let clock = RaisedSetting {
            limit: limit.to_owned(),
            name: name.to_owned(),
            now,
            least,
        };
        let leaves = under(least);
        let besides = match settings.is_empty() {
            true => "",
            false => ", with the limits on payloads raised as well",
        };
        let then = match leaves {
            Verdict::Oversized => " Then it moves by consent (--allow-oversized).",
            _ => "",
        };
        let how = format!(
            "Raise cluster-node-timeout to at least {least} ms on every node, replicas too, before the plan begins, and set \
             it back afterwards{besides}.{then}"
        );
        Some(Remedy {
            breaks: Some(format!(
                "The cluster takes {least} ms and more to notice a dead node meanwhile, and the stop stays."
            )),
            leaves: Some(leaves),
            settings: std::iter::once(clock).chain(settings).collect(),
            ..way(RemedyKind::RaiseNodeTimeout, how, None)
        })
    }

    fn verdict_under(&self, settings: &[RaisedSetting], clock_ms: u64) -> Verdict {
        let mut limits = self.limits.clone();
        limits.cluster_node_timeout_ms = clock_ms;
        for setting in settings {
            match setting.limit.as_str() {
                "proto_max_bulk_bytes" => limits.proto_max_bulk_bytes = setting.least,
                "client_query_buffer_bytes" => limits.client_query_buffer_bytes = setting.least,
                _ => limits.replica_buffer_hard_bytes = setting.least,
            }
        }
        let thresholds = Thresholds::new(&limits);
        let call = self.call;
        match self.dialect {
            Dialect::SetslotMigrate => {
                thresholds.verdict(call.block_us, call.restore_us, call.payload_bytes)
            }
            _ => thresholds.verdict_of_command(call.restore_us, call.payload_bytes),
        }
    }

    fn divisible(&self) -> Divisible<'_> {
        Divisible::new(self.key, self.call, self.dialect, self.thresholds)
    }

    fn trim(&self) -> Option<Remedy> {
        let parts = self.divisible().trim()?;
        let left = parts.elements_each?;
        let (command, leaves) = match self.key.data_type {
            DataType::List => ("LTRIM in steps of 1000", Some(Verdict::OwnCall)),
            DataType::Zset => ("ZREMRANGEBYRANK in steps of 1000", Some(Verdict::OwnCall)),
            // Pending entries stay when their entries are trimmed, and how many there are is not kept.
            _ => (
                "XTRIM MAXLEN ~ with LIMIT 10000, its pending entries acknowledged first",
                None,
            ),
        };
        let how = format!("Cut it back to at most {left} elements, by {command}.");
        Some(Remedy {
            parts: Some(parts),
            breaks: Some("What is cut off is lost.".to_owned()),
            ..way(RemedyKind::Trim, how, leaves)
        })
    }

    fn split(&self) -> Option<Remedy> {
        let parts = self.divisible().split()?;
        let kind = match self.key.data_type {
            DataType::String => RemedyKind::Chunk,
            _ => RemedyKind::Split,
        };
        let (how, breaks) = way_to_divide(self.key, self.call, &parts);
        // Without calls there are none of one's own.
        let leaves = match self.by_migrate() {
            true => Verdict::OwnCall,
            false => Verdict::Fits,
        };
        Some(Remedy {
            parts: Some(parts),
            breaks: Some(breaks.to_owned()),
            ..way(kind, how, Some(leaves))
        })
    }

    fn atomic_migration(&self) -> Option<Remedy> {
        if !self.by_migrate() {
            return None;
        }
        let leaves = verdict_of(self.key, Dialect::ClusterMigrateslots, self.thresholds);
        let how = "Upgrade source and target to servers that move slots by themselves (Valkey 9.0, Redis 8.4 and later): \
                   elements come one by one, and only a single string or value of a module still stops the target.";
        Some(way(
            RemedyKind::AtomicMigration,
            how.to_owned(),
            Some(leaves),
        ))
    }

    fn offline_window(&self) -> Option<Remedy> {
        if !self.by_migrate() {
            return None;
        }
        let how = "Move it while no client uses the cluster, with cluster-replica-no-failover yes on the replicas of both \
                   nodes, of one alone it loses data; or let a new replica of its node take over and delete the rest there.";
        Some(Remedy {
            breaks: Some("An outage, and no failover meanwhile.".to_owned()),
            ..way(RemedyKind::OfflineWindow, how.to_owned(), None)
        })
    }
}

fn way(kind: RemedyKind, how: String, leaves: Option<Verdict>) -> Remedy {
    Remedy {
        kind,
        how,
        breaks: None,
        leaves,
        parts: None,
        settings: Vec::new(),
        block_us: None,
    }
}

/// What the deletion of an element was seen to take at least on Redis, below a million elements and from there on.
fn deletion_us(data_type: DataType, elements: u64) -> Option<u64> {
    let (few_ns, many_ns) = match data_type {
        DataType::Hash => (88, 419),
        DataType::Set => (77, 184),
        DataType::Zset => (75, 138),
        _ => return None,
    };
    let each_ns = match elements {
        1_000_000.. => many_ns,
        _ => few_ns,
    };
    let ns = u128::from(elements) * each_ns;
    u64::try_from(ns / 1_000).ok()
}

/// How to divide a key of this type, and what that breaks.
fn way_to_divide(key: &NamedKey, call: &HeavyCall, parts: &Parts) -> (String, &'static str) {
    let number = parts.number;
    let each = parts.elements_each.unwrap_or(0);
    let buckets = |scan: &str, add: &str, remove: &str| {
        format!(
            "Split it into {number} buckets or more by a hash of the element, in steps of {STEP_ELEMENTS} ({scan}, {add}, \
             {remove}), without a hash tag that would bring the buckets together again."
        )
    };
    match key.data_type {
        DataType::String => {
            let besides = match key.elements > Some(call.payload_bytes) {
                true => ", if they compress as well as the whole",
                false => "",
            };
            (
                format!(
                    "Cut it into {number} strings or more of at most {each} bytes (GETRANGE, SET){besides}."
                ),
                "Clients must put it together, and write it in several steps.",
            )
        }
        DataType::List => (
            format!(
                "Take it apart into {number} lists or more of at most {each} elements (LRANGE, RPUSH, LPOP with a count)."
            ),
            "Indexes count within a segment; an element that is itself large stays large.",
        ),
        DataType::Set => (
            buckets("SSCAN", "SADD", "SREM"),
            "Clients must choose the bucket; set algebra works per bucket only.",
        ),
        DataType::Zset => (
            buckets("ZSCAN", "ZADD", "ZREM"),
            "Clients must choose the bucket and merge ranges.",
        ),
        DataType::Hash => (
            buckets("HSCAN", "HSET", "HDEL"),
            "Clients must choose the bucket; HGETALL and HLEN become a call for each; TTLs of fields must be copied.",
        ),
        DataType::Stream => (
            format!(
                "Write on to {number} streams or more, one after another, of at most {each} entries (XRANGE, XADD), and \
                 make its groups anew."
            ),
            "Groups, consumers and pending entries belong to one stream and begin anew.",
        ),
        DataType::Array => (
            format!(
                "Copy it into {number} arrays or more of at most {each} elements (ARSCAN with LIMIT, ARMSET, ARDELRANGE)."
            ),
            "Clients must choose the array by the index.",
        ),
        DataType::PathHash => (
            format!(
                "Copy it branch by branch into {number} keys or more of at most {each} elements (PHSCAN, PHMSET, PHDELPREFIX)."
            ),
            "What asks for prefixes must ask several keys.",
        ),
        DataType::Module => (
            format!(
                "Split it by the module's own commands into {number} keys or more of at most {} of payload.",
                in_mib(parts.payload_bytes_each)
            ),
            "What the module says of it.",
        ),
    }
}
