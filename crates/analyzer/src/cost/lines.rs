//! The profiles that come with the program, and which server each one predicts for.

use serde::Deserialize;

use super::{CostProfile, ProfileError, ProfileFile};
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

    /// The text of a profile that was measured and comes with the program, to calibrate from.
    pub fn measured_file(name: &str) -> Option<ProfileFile> {
        let (_, text) = MEASURED.iter().find(|(known, _)| *known == name)?;
        Some(ProfileFile::parse(text).expect("the profile is part of the program and tested"))
    }

    /// The names that [`CostProfile::measured_file`] knows.
    pub fn measured_names() -> impl Iterator<Item = &'static str> {
        MEASURED.iter().map(|(name, _)| *name)
    }

    /// Reads the profile of somebody's own servers.
    ///
    /// # Errors
    /// As [`CostProfile::parse`]; and when it has the name of a profile that comes with the program and is not that
    /// one, since plans say by name which profile they were made with.
    pub fn parse_own(text: &str) -> Result<CostProfile, ProfileError> {
        let profile = CostProfile::parse(text)?;
        let is_taken = |name: &str| CostProfile::built_in_names().any(|known| known == name);
        match is_taken(&profile.name)
            && CostProfile::built_in(&profile.name).as_ref() != Some(&profile)
        {
            true => Err(ProfileError::NameTaken(profile.name)),
            false => Ok(profile),
        }
    }

    /// The names that [`CostProfile::built_in`] knows.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        MEASURED.iter().map(|(name, _)| *name).chain([CONSERVATIVE])
    }

    /// The profile for a server line to plan for, `redis-7.2` and the like, or [`CostProfile::built_in`]'s
    /// `conservative`; `None` for other names, see [`CostProfile::target_names`].
    pub fn for_target(name: &str) -> Option<CostProfile> {
        if name == CONSERVATIVE {
            return Some(conservative());
        }
        let line = lines().line.into_iter().find(|line| line.name() == name)?;
        Some(line.predicted(name))
    }

    /// The names that [`CostProfile::for_target`] knows.
    pub fn target_names() -> Vec<String> {
        let lines = lines().line;
        let names = lines.iter().map(Line::name);
        names.chain([CONSERVATIVE.to_owned()]).collect()
    }

    /// The profile for a server: its own, or the one that stands in where none was measured, which
    /// [`CostProfile::basis`] then says.
    pub fn for_server(server: Option<&Server>) -> CostProfile {
        let Some(server) = server else {
            let mut profile = conservative();
            profile.basis = format!("server unknown; uses {CONSERVATIVE}, {}", profile.basis);
            return profile;
        };
        let (major, minor) = server.line;
        let name = format!("{} {major}.{minor}", server.product.name());
        match lines().line.into_iter().find(|line| line.is_of(server)) {
            Some(line) => line.predicted(&name),
            None => conservative().standing_in_for(&name),
        }
    }

    fn standing_in_for(mut self, server: &str) -> CostProfile {
        self.basis = format!(
            "{server} was not measured; uses {}, {}",
            self.name, self.basis
        );
        self
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

    /// The line as a target is named.
    fn name(&self) -> String {
        format!("{}-{}", self.product, self.line)
    }

    /// The profile that predicts for the line, which is called `server` where another stands in.
    fn predicted(&self, server: &str) -> CostProfile {
        let profile = CostProfile::built_in(&self.profile).unwrap_or_else(conservative);
        if self.measured {
            profile
        } else {
            profile.standing_in_for(server)
        }
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
    fn every_line_that_plans_are_made_for_is_a_target() {
        let names = CostProfile::target_names();
        for target in [
            "redis-6.2",
            "redis-7.0",
            "redis-7.2",
            "redis-7.4",
            "redis-8.0",
            "redis-8.2",
            "redis-8.4",
            "redis-8.6",
            "valkey-7.2",
            "valkey-8.0",
            "valkey-8.1",
            "valkey-9.0",
            "valkey-9.1",
            "conservative",
        ] {
            assert!(names.iter().any(|name| name == target), "{target}");
            assert!(CostProfile::for_target(target).is_some(), "{target}");
        }
        assert_eq!(CostProfile::for_target("redis-5.0"), None);
        let basis = |name| CostProfile::for_target(name).map(|profile| profile.basis().to_owned());
        assert_eq!(
            basis("redis-8.0").as_deref(),
            Some("measured on Redis 8.0.2")
        );
        assert_eq!(
            basis("redis-6.2").as_deref(),
            Some("redis-6.2 was not measured; uses redis-7.0, measured on Redis 7.0.15")
        );
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
