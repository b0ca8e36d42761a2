//! The shape of what the module of vector sets writes: what differs from it is not weighed.

use preshard_memory::{
    Allocator, Loaded, Model, NAME_BYTES_MAX, Settings, Target, ValueKind, Weigher, Weight,
};

#[derive(Debug, Clone)]
enum Item {
    Number(u64),
    /// A number of another kind.
    Other,
    Name(Vec<u8>),
    /// An attribute, a vector or a matrix.
    Bytes(u64),
}

use Item::{Bytes, Number, Other};

fn name(text: &str) -> Item {
    Item::Name(text.as_bytes().to_vec())
}

fn model() -> Model {
    Model::new(Target::Redis86, Allocator::Je4p, Settings::default())
}

fn weight(items: &[Item]) -> Option<Weight> {
    let model = model();
    let mut weigher = Weigher::new(&model, ValueKind::VectorSet);
    let set = weigher.vector_set().expect("one");
    for item in items {
        match item {
            Number(number) => set.number(*number),
            Other => set.other(),
            Item::Name(name) => {
                let seen = set.wants_name().then_some(name.as_slice());
                set.string(name.len() as u64, false, seen);
            }
            Bytes(bytes) => set.string(*bytes, false, None),
        }
    }
    weigher.finish()
}

/// Three floats, four links in a layer, and two elements, of which the second has an upper layer and an attribute.
fn sound() -> Vec<Item> {
    let head = [3, 2, 4 << 8, 2].map(Number);
    let first = [name("one"), Bytes(0), Bytes(12), Number(7)];
    let first_node = [1, 1 << 24, 1, 8, 2, 0, 99].map(Number);
    let second = [name("two"), Bytes(9), Bytes(12), Number(10)];
    let second_node = [2, 1 << 24 | 1, 1, 8, 1, 0, 0, 4, 0, 99].map(Number);
    head.into_iter()
        .chain(first)
        .chain(first_node)
        .chain(second)
        .chain(second_node)
        .collect()
}

/// By hand, from the structures and `VectorSetMemUsage`.
#[test]
fn a_small_set_takes_what_its_structures_add_up_to() {
    let set = 16 + 112 + 1_792 + 8;
    // Node, vector, value, name and links; of the second also the attribute and the links of its upper layer.
    let nodes = 2 * (384 + 16 + 16 + 32 + 64) + 32 + 32;
    // Header and root, then a run of two bytes and the end of each name.
    let tree = 32 + 32 + 2 * (16 + 16);
    let reported = 112 + 1_672 + 2 * (312 + 12 + 8 * 8 + 32 + 16) + 64 + 21 + 32;
    assert_eq!(
        weight(&sound()),
        Some(Weight::Collection {
            reported_bytes: reported,
            used_bytes: set + nodes + tree,
            variance: 0,
            loaded: Loaded::Raw,
        })
    );
}

#[test]
fn no_item_may_be_missing_be_of_another_kind_or_stand_between() {
    let sound = sound();
    assert!(weight(&sound).is_some());
    for at in 0..sound.len() {
        assert_eq!(weight(&sound[..at]), None, "ends at {at}");
        let mut items = sound.clone();
        items[at] = Other;
        assert_eq!(weight(&items), None, "another kind at {at}");
        items.remove(at);
        assert_eq!(weight(&items), None, "nothing at {at}");
        let mut items = sound.clone();
        items.insert(at, Other);
        assert_eq!(weight(&items), None, "an item in front of {at}");
    }
    for more in [Number(0), Bytes(0), name("three")] {
        let items = [sound.clone(), vec![more]].concat();
        assert_eq!(weight(&items), None, "{:?} behind it", items.last());
    }
}

/// Numbers that no server writes, or that its loader refuses.
#[test]
fn numbers_out_of_bounds_are_no_vector_set() {
    for (at, number) in [
        (0, 0),
        (0, 65_537),
        (0, u64::MAX),
        (1, 1),
        (1, 3),
        (2, 3),
        (2, 1 << 24),
        (3, 4),
        (3, 0),
        (3, 3),
        (7, 0),
        (7, 6),
        (7, 8),
        (7, u64::MAX),
        (9, 2 << 24),
        (9, 1 << 32),
        (9, 1 << 24 | 1),
        (10, 2),
        (10, 9),
        (10, u64::MAX),
        (11, 0),
        (11, 16_385),
        (11, u64::MAX),
    ] {
        let mut items = sound();
        assert!(matches!(items[at], Number(_)), "{at}");
        items[at] = Number(number);
        assert_eq!(weight(&items), None, "{number} at {at}");
    }
}

#[test]
fn vectors_and_matrices_have_the_length_that_their_dimensions_say() {
    let mut items = sound();
    items[6] = Bytes(11);
    assert_eq!(weight(&items), None);

    let with_matrix = |input_dimension, bytes| {
        let mut items = sound();
        items[3] = Number(3);
        items.splice(4..4, [Number(input_dimension), Bytes(bytes)]);
        weight(&items)
    };
    assert!(with_matrix(5, 60).is_some());
    assert_eq!(with_matrix(5, 59), None);
    assert_eq!(with_matrix(2, 24), None, "more dimensions than before");
    assert_eq!(with_matrix(65_537, 4 * 3 * 65_537), None);
}

/// They were saved without the link that is worst in each layer.
#[test]
fn nodes_of_the_first_version_weigh_the_same() {
    let mut items = sound();
    for worst_link in [27, 24, 13] {
        items.remove(worst_link);
    }
    for (at, number) in [(7, 6), (9, 0), (17, 8), (19, 1)] {
        items[at] = Number(number);
    }
    assert_eq!(weight(&items), weight(&sound()));
    assert!(weight(&items).is_some());
}

#[test]
fn two_elements_of_one_name_are_no_vector_set() {
    let mut items = sound();
    items[15] = name("one");
    assert_eq!(weight(&items), None);
}

#[test]
fn a_name_that_is_not_told_whole_is_not_guessed() {
    let model = model();
    let mut weigher = Weigher::new(&model, ValueKind::VectorSet);
    let set = weigher.vector_set().expect("one");
    for number in [3, 1, 0, 0] {
        set.number(number);
    }
    assert!(set.wants_name());
    set.string(5, true, Some(b"abc"));
    assert!(!set.wants_name(), "no more names are looked at");
    set.string(12, false, None);
    for number in [6, 1, 1 << 24, 0, 32, 0, 0] {
        set.number(number);
    }
    assert_eq!(weigher.finish(), None);

    let named = |bytes: usize| {
        let mut items = sound();
        items[4] = Item::Name(vec![b'n'; bytes]);
        weight(&items)
    };
    assert!(named(NAME_BYTES_MAX).is_some());
    assert_eq!(named(NAME_BYTES_MAX + 1), None);
}

/// Names are held until a set ends: of so many that they take four mebibytes nothing is known.
#[test]
fn sets_with_too_many_bytes_of_names_are_not_weighed() {
    let with_names = |count: u64| {
        let mut items = [1, count, 2, 0].map(Number).to_vec();
        for element in 0..count {
            let text = format!("{element:0>1016}");
            items.extend([name(&text), Bytes(8), Number(6)]);
            items.extend([element + 1, 1 << 24, 0, 32, 0, 0].map(Number));
        }
        weight(&items)
    };
    assert!(with_names(4_096).is_some());
    assert_eq!(with_names(4_097), None);
}

/// Lengths in files are claims.
#[test]
fn no_claimed_length_overflows() {
    let mut items = sound();
    items[5] = Bytes(u64::MAX);
    items[16] = Bytes(u64::MAX);
    let Some(Weight::Collection {
        reported_bytes,
        used_bytes,
        ..
    }) = weight(&items)
    else {
        panic!("attributes may be as long as they like");
    };
    assert!(reported_bytes > 1 << 62 && used_bytes > 1 << 62);
}

/// The server counts no node where there is none.
#[test]
fn an_empty_set_is_its_structures() {
    let items = [8, 0, 1, 0].map(Number);
    let Some(Weight::Collection { reported_bytes, .. }) = weight(&items) else {
        panic!("weighed");
    };
    assert_eq!(reported_bytes, 112 + 1_672);
}
