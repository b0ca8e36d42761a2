//! The profiles that come with the program, and which server each one predicts for.

use serde::Deserialize;

use super::CostProfile;
use crate::{Product, Server};

const LINES: &str = include_str!("../../data/cost/lines.toml");
const MEASURED: [(&str, &str); 3] = [
    ("redis-7.0", include_str!("../../data/cost/redis-7.0.toml")),
    ("redis-8.0", include_str!("../../data/cost/redis-8.0.toml")),
    (
        "valkey-9.1",
        include_str!("../../data/cost/valkey-9.1.toml"),
    ),
];
const CONSERVATIVE: &str = "conservative";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinesFile {
    conservative: Conservative,
    line: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Conservative {
    worst_of: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    product: String,
    line: String,
    profile: String,
    #[serde(default)]
    measured: bool,
}

impl CostProfile {
    /// A profile that comes with the program, by name; see [`CostProfile::built_in_names`].
    pub fn built_in(name: &str) -> Option<CostProfile> {
        if name == CONSERVATIVE {
            return Some(conservative());
        }
        let (_, text) = MEASURED.iter().find(|(known, _)| *known == name)?;
        Some(shipped(text))
    }

    /// The names that [`CostProfile::built_in`] knows.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        MEASURED.iter().map(|(name, _)| *name).chain([CONSERVATIVE])
    }

    /// The profile for a server: its own, or the one that stands in where none was measured, which
    /// [`CostProfile::basis`] then says.
    pub fn for_server(server: Option<&Server>) -> CostProfile {
        let Some(server) = server else {
            let mut profile = conservative();
            profile.basis = format!("server unknown; uses {CONSERVATIVE}, {}", profile.basis);
            return profile;
        };
        let line = lines().line.into_iter().find(|line| line.is_of(server));
        let mut profile = line
            .as_ref()
            .and_then(|line| CostProfile::built_in(&line.profile))
            .unwrap_or_else(conservative);
        if !line.is_some_and(|line| line.measured) {
            profile.basis = format!(
                "{} {}.{} was not measured; uses {}, {}",
                server.product.name(),
                server.line.0,
                server.line.1,
                profile.name,
                profile.basis
            );
        }
        profile
    }
}

impl Line {
    fn is_of(&self, server: &Server) -> bool {
        let product = match server.product {
            Product::Redis => "redis",
            Product::Valkey => "valkey",
            Product::Redict => "redict",
        };
        let (major, minor) = server.line;
        self.product == product && self.line == format!("{major}.{minor}")
    }
}

fn conservative() -> CostProfile {
    let profiles: Vec<CostProfile> = lines()
        .conservative
        .worst_of
        .iter()
        .filter_map(|name| MEASURED.iter().find(|(known, _)| known == name))
        .map(|(_, text)| shipped(text))
        .collect();
    CostProfile::worst_of(CONSERVATIVE, &profiles)
        .expect("lines.toml names profiles to take the worst of")
}

fn lines() -> LinesFile {
    toml::from_str(LINES).expect("lines.toml is part of the program and tested")
}

fn shipped(text: &str) -> CostProfile {
    CostProfile::parse(text).expect("the profile is part of the program and tested")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_table_is_a_profile() {
        let names: Vec<&str> = CostProfile::built_in_names().collect();
        let lines = lines();
        for name in &lines.conservative.worst_of {
            assert!(MEASURED.iter().any(|(known, _)| known == name), "{name}");
        }
        for line in &lines.line {
            assert!(names.contains(&line.profile.as_str()), "{}", line.profile);
            let own = format!("{}-{}", line.product, line.line);
            assert_eq!(line.measured, line.profile == own, "{own}");
        }
        for name in names {
            let profile = CostProfile::built_in(name).expect("a name from the list");
            assert_eq!(profile.name(), name);
        }
    }

    #[test]
    fn what_stands_in_for_a_server_is_said() {
        let basis = |name: &str, version: &str| {
            let server = Server::from_aux(name.as_bytes(), version.as_bytes());
            let profile = CostProfile::for_server(server.as_ref());
            (profile.name().to_owned(), profile.basis().to_owned())
        };
        let pair = |name: &str, basis: &str| (name.to_owned(), basis.to_owned());
        let worst = "the worst of redis-7.0, redis-8.0, valkey-9.1";
        assert_eq!(
            basis("redis-ver", "7.0.11"),
            pair("redis-7.0", "measured on Redis 7.0.15")
        );
        assert_eq!(
            basis("redis-ver", "7.2.6"),
            pair(
                "redis-7.0",
                "Redis 7.2 was not measured; uses redis-7.0, measured on Redis 7.0.15"
            )
        );
        assert_eq!(
            basis("redis-ver", "7.3.240"),
            pair(
                "redis-8.0",
                "Redis 7.4 was not measured; uses redis-8.0, measured on Redis 8.0.2"
            )
        );
        assert_eq!(
            basis("valkey-ver", "8.0.1"),
            pair(
                "conservative",
                &format!("Valkey 8.0 was not measured; uses conservative, {worst}")
            )
        );
        assert_eq!(
            basis("redis-ver", "2.8.24").0,
            "conservative",
            "a line that is not listed"
        );
        assert_eq!(basis("redis-ver", "7.3.6").0, "conservative", "Redict");
        assert_eq!(
            basis("none", ""),
            pair(
                "conservative",
                &format!("server unknown; uses conservative, {worst}")
            )
        );
    }
}
