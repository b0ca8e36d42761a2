//! The schemas that are kept in the tree are those that the types give.

use std::fs;
use std::path::Path;

use preshard_report::json::render_document;
use preshard_report::schema::DocumentKind;

/// A change of a schema is a change of the contract: it must be seen in review, and `BLESS=1` writes it down.
#[test]
fn schemas_in_the_tree_are_those_of_the_types() {
    for kind in DocumentKind::ALL {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("schema")
            .join(format!("{}.json", kind.name()));
        let mut found = Vec::new();
        render_document(&kind.schema(), &mut found).expect("a schema can be written");
        let found = String::from_utf8(found).expect("a schema is text");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &found).expect("the schema is written");
            continue;
        }
        let expected = fs::read_to_string(&path).expect("the schema in the tree");
        assert_eq!(
            expected,
            found,
            "{} differs: run with BLESS=1 and read the difference",
            path.display()
        );
    }
}
