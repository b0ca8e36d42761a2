//! Which slots go where: what each node holds and may hold, the best balance there is, and the search for it.

pub(crate) mod balance;
pub(crate) mod budget;
pub(crate) mod divide;
pub(crate) mod division;
pub(crate) mod exchange;
pub(crate) mod first_places;
pub(crate) mod flows;
pub(crate) mod ground;
pub(crate) mod level;
pub(crate) mod loads;
pub(crate) mod piece;
pub(crate) mod search;
pub(crate) mod trim;
