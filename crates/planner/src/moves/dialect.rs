//! Which commands move the slots, by what the servers can.

use preshard_analyzer::{Product, Server};

use crate::node_facts::{migrates_atomically, same_family};
use crate::plan::Dialect;
use crate::roster::{Member, Roster};
use crate::{Error, Mover};

/// The dialect of a plan.
///
/// The servers move slots by themselves where every node that gives or takes is known to be able to. A node that does not
/// exist yet is taken to run what the others run, unless something else was said of it.
///
/// # Errors
/// [`Error::NotAtomic`] when they must and one cannot, or nobody knows whether it can.
pub(crate) fn dialect(roster: &Roster, mover: Mover) -> Result<Dialect, Error> {
    match mover {
        Mover::Migrate => return Ok(Dialect::SetslotMigrate),
        Mover::Managed => return Ok(Dialect::Managed),
        Mover::Best | Mover::Atomic => {}
    }
    match (atomic(roster), mover) {
        (Ok(dialect), _) => Ok(dialect),
        (Err(_), Mover::Best) => Ok(Dialect::SetslotMigrate),
        (Err(why), _) => Err(Error::NotAtomic { why }),
    }
}

fn atomic(roster: &Roster) -> Result<Dialect, String> {
    let part = |member: &&Member| member.takes_part() || member.must_empty();
    let mut first: Option<&Server> = None;
    for member in roster.members.iter().filter(part) {
        let Some(server) = &member.server else {
            if member.planned {
                continue;
            }
            return Err(format!("nobody said which server {} runs", member.name()));
        };
        if !migrates_atomically(server) {
            return Err(format!(
                "{} runs {server}, which cannot: that came with Redis 8.4 and Valkey 9.0",
                member.name()
            ));
        }
        if let Some(first) = first
            && !same_family(first, server)
        {
            return Err(format!(
                "{first} and {server} do not move slots to each other"
            ));
        }
        first = first.or(Some(server));
    }
    match first.map(|server| server.product) {
        Some(Product::Valkey) => Ok(Dialect::ClusterMigrateslots),
        Some(_) => Ok(Dialect::ClusterMigrationImport),
        None => Err("nobody said which servers the nodes run".to_owned()),
    }
}
