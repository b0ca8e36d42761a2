//! Every snapshot in `fixtures/servers`, read a second time by the crate `rdb`.

use serde_json::Value;

use crate::run::{preshard, snapshots};

#[test]
fn the_second_reader_agrees_on_every_snapshot_that_it_knows() {
    let mut compared = 0;
    for path in snapshots() {
        let path = path.to_str().expect("a path");
        let ran =
            preshard(&["inspect", path, "--cross-check", "--format", "json"]).expect_status(0);
        let document: Value = serde_json::from_str(&ran.stdout).expect("a document");
        let file = &document["files"][0];
        let check = &file["cross_check"];
        match check["result"].as_str() {
            Some("agrees") => {
                // Every key was compared, or is among those that the other reader passes over.
                let mut seen = check["keys_compared"].as_u64().expect("a count");
                compared += seen;
                for what in check["not_compared"].as_array().expect("a list") {
                    if ["streams", "module values"].contains(&what["what"].as_str().expect("words"))
                    {
                        seen += what["keys"].as_u64().expect("a count");
                    }
                }
                let empty = file["empty_collections"].as_u64().expect("a count");
                let keys = file["totals"]["keys"].as_u64().expect("a count") + empty;
                assert_eq!(seen, keys, "{path}: {check:#}");
            }
            // What it does not know: the magic VALKEY, and a format that never left a release candidate.
            Some("unreadable") => assert!(
                path.contains("/valkey-9.1/") || path.contains("-rc1/"),
                "{path} was not compared: {check:#}"
            ),
            _ => panic!("{path}: {check:#}"),
        }
    }
    assert!(compared > 6_000, "only {compared} keys compared");
}
