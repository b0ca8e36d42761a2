//! What to do about a key that cannot be moved, by its type and by what is wrong with it.

use preshard_analyzer::{DataType, NamedKey};

use crate::PlanLimits;
use crate::plan::{HeavyCall, Verdict};
use crate::words::in_ms;

/// What the plan does with the slot of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It moves, the key by consent.
    Moves,
    /// It stays, though the goal wanted it to move.
    StaysThough,
    /// Nobody asked it to move.
    Untouched,
}

impl Fate {
    fn of_slot_that_stays(self) -> &'static str {
        match self {
            Fate::Untouched => "This plan does not touch it.",
            _ => "Leave the slot where it is: this plan does.",
        }
    }
}

/// What the operator can do about the key, the cheapest first.
pub(crate) fn remedy(
    key: &NamedKey,
    verdict: Verdict,
    fate: Fate,
    call: &HeavyCall,
    limits: &PlanLimits,
) -> String {
    if fate == Fate::Moves {
        return moved_by_consent(key, call, limits);
    }
    let mut sentences = vec![fate.of_slot_that_stays()];
    sentences.push(match verdict {
        Verdict::Oversized => {
            "To move it all the same, accept the stop in a quiet hour: --allow-oversized lets every key move \
             that exceeds the latency budget and nothing else."
        }
        Verdict::PayloadLimit => {
            "MIGRATE would fail every time, after stopping the source twice. Raising proto-max-bulk-len and \
             client-query-buffer-limit on the target and client-output-buffer-limit for its replicas lifts \
             the limit, not the stop."
        }
        _ => {
            "To move it, the node would be silent long enough to be failed over, and MIGRATE can then answer OK \
             for a key that is lost."
        }
    });
    sentences.push(by_type(key.data_type));
    if key.encoding.is_compact() {
        sentences
            .push("It is one compact blob: its size comes from large elements, not from many.");
    }
    if key.expires_at_ms.is_some() {
        sentences.push("It has an expiry: waiting until it is gone may be the simplest way.");
    }
    sentences.push("If nobody needs it, UNLINK it (never DEL, which stops the node).");
    sentences.join(" ")
}

/// What a consented move costs, and what to watch while it lasts.
fn moved_by_consent(key: &NamedKey, call: &HeavyCall, limits: &PlanLimits) -> String {
    let with_factor = |us: u64| (us as f64 * limits.factor()).ceil() as u64;
    format!(
        "This plan moves it by consent, in a call of its own: the source answers nobody for {} as predicted, reckon \
         with {} ({} times that); the target for up to {} of it. Before: replicas of both nodes in sync, no save \
         running, a quiet hour. While it lasts: latency of all clients, and that no node is marked as failing \
         (CLUSTER NODES). After: both nodes are still primaries, the key exists on the target with the same length, \
         and the target's replica has caught up, before the next step. To spare the stop: {}",
        in_ms(call.block_us),
        in_ms(with_factor(call.block_us)),
        limits.factor(),
        in_ms(with_factor(call.restore_us)),
        by_type(key.data_type).trim_start_matches("To make it movable: "),
    )
}

fn by_type(data_type: DataType) -> &'static str {
    match data_type {
        DataType::String => {
            "To make it movable: cut it into keys of 1 to 10 MB (GETRANGE, SETRANGE), compress it in the \
             client, or keep it in an object store."
        }
        DataType::List => {
            "To make it movable: take elements off in steps (LMOVE, LPOP with a count, LTRIM) into \
             segment keys; an element that is itself large stays large."
        }
        DataType::Set => {
            "To make it movable: split it into buckets by a hash of the member, in steps of 500 to 1000 \
             (SSCAN, SADD, SREM), without a hash tag that would bring the buckets together again; set \
             algebra then works per bucket only."
        }
        DataType::Zset => {
            "To make it movable: trim it in steps of 1000 to 5000 (ZREMRANGEBYRANK, ZREMRANGEBYSCORE), or \
             split it by score range or by member (ZSCAN, ZADD, ZREM); ranges over buckets are merged by \
             the client."
        }
        DataType::Hash => {
            "To make it movable: split it into buckets by a hash of the field, in steps of 500 to 1000 \
             (HSCAN, HSET, HDEL), without a hash tag that would bring the buckets together again; TTLs of \
             fields must be copied. Buckets of at most 512 short fields stay compact and move in 0.1 ms."
        }
        DataType::Stream => {
            "To make it movable: trim it (XTRIM MAXLEN ~ or MINID ~ with LIMIT), acknowledge pending \
             entries or destroy abandoned groups (each pending entry costs as much as several plain ones), \
             or begin a new stream per day."
        }
        DataType::Array => {
            "To make it movable: copy it in ranges (ARSCAN with LIMIT, or ARGETRANGE, then ARMSET) into keys of \
             some thousand elements each, and take those ranges off (ARDELRANGE); indexes stay what they were."
        }
        DataType::PathHash => {
            "To make it movable: copy it branch by branch (PHSCAN with PREFIX and COUNT, PHMSET) into a key per \
             branch, and take each branch off (PHDELPREFIX); what asks for prefixes must then ask several keys."
        }
        DataType::Module => {
            "To make it movable: use the module's own commands to split or export it; the target must have \
             the module loaded."
        }
    }
}
