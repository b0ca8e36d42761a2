//! What the test clusters hold: an online shop with keys of every type and encoding, from a seed.
//!
//! The same seed gives the same commands, so the same keys, values and expiries. It does not give
//! the same snapshot byte for byte: node ids, delivery times of streams and the order of keys are
//! the servers' own.

use anyhow::Result;
use preshard_slots::{SLOT_COUNT, Slot};

use crate::cluster::Cluster;
use crate::random::Random;

/// Keys that live on have expiries from here on: 2030-01-01, far from any run of a test.
const EXPIRIES_FROM_MS: u64 = 1_893_456_000_000;
const YEAR_MS: u64 = 365 * 86_400_000;

/// Commands that fill a cluster.
pub struct Corpus {
    steps: Vec<Step>,
    random: Random,
}

struct Step {
    /// The key the command is about; `None` for a command that every node gets.
    key: Option<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

/// A third of the slots, as `--cluster create` deals them to three primaries.
#[derive(Clone, Copy)]
enum Shard {
    First,
    Second,
    Third,
}

impl Corpus {
    /// The whole shop: about seven thousand keys, one crowded slot, a first shard that is much
    /// heavier than the others, and six keys whose migration would stop a node for longer than
    /// 100 ms by the coefficients measured for MIGRATE on Redis 7.0 (1.05 us per member of a set,
    /// 2.1 us per field of a hash, 1.35 us per member of a sorted set).
    pub fn shop(seed: u64) -> Corpus {
        let mut corpus = Corpus {
            steps: Vec::new(),
            random: Random(seed),
        };
        corpus.strings();
        corpus.hashes();
        corpus.lists();
        corpus.sets();
        corpus.sorted_sets();
        corpus.streams();
        corpus.orders();
        corpus.odd_names();
        corpus.pages();
        corpus.crowded_slot();
        corpus.giants();
        corpus.every_node(&["FUNCTION", "LOAD", FUNCTION]);
        corpus
    }

    /// Adds hashes whose fields expire one by one (Redis 7.4 on, Valkey 9.0 on).
    pub fn with_field_expiries(mut self) -> Corpus {
        for n in 0..40u64 {
            let key = format!("offer:{n}");
            // Every other one is too large for a listpack.
            let fields = if n % 2 == 0 { 6 } else { 200 };
            for field in 0..fields {
                let value = self.random.text(20);
                self.add(&key, &["HSET", &key, &format!("f{field}"), &value]);
            }
            for field in (0..fields).step_by(3) {
                let at = (EXPIRIES_FROM_MS + n * 1000 + field).to_string();
                let name = format!("f{field}");
                self.add(&key, &["HPEXPIREAT", &key, &at, "FIELDS", "1", &name]);
            }
        }
        self
    }

    /// Sends all commands to the nodes that own their keys.
    ///
    /// # Errors
    /// The first error reply: `MOVED` if this and the server disagree about a key's slot.
    pub fn load(&self, cluster: &mut Cluster) -> Result<()> {
        const COMMANDS_PER_PIPELINE: usize = 500;
        let mut pipelines: Vec<redis::Pipeline> =
            cluster.nodes().iter().map(|_| redis::pipe()).collect();
        for step in &self.steps {
            let mut command = redis::Cmd::new();
            for word in &step.words {
                command.arg(word);
            }
            let nodes = match &step.key {
                Some(key) => {
                    let node = cluster.owner_index(Slot::of_key(key));
                    node..node + 1
                }
                None => 0..pipelines.len(),
            };
            for node in nodes {
                let pipeline = &mut pipelines[node];
                pipeline.add_command(command.clone()).ignore();
                if pipeline.cmd_iter().count() >= COMMANDS_PER_PIPELINE {
                    cluster.nodes()[node].query_all::<()>(pipeline)?;
                    pipeline.clear();
                }
            }
        }
        for (node, pipeline) in cluster.nodes().iter_mut().zip(&pipelines) {
            node.query_all::<()>(pipeline)?;
        }
        Ok(())
    }

    fn strings(&mut self) {
        for n in 0..300u64 {
            let views = self.random.below(1 << (n % 40));
            self.set(&format!("counter:views:{n}"), &views.to_string());
        }
        for (n, number) in [
            "-1",
            "127",
            "128",
            "-129",
            "32767",
            "32768",
            "2147483647",
            "2147483648",
            "-2147483649",
            "9223372036854775807",
            "00123",
            "+5",
            "1.5",
        ]
        .iter()
        .enumerate()
        {
            self.set(&format!("number:{n}"), number);
        }
        for length in [
            0, 1, 11, 20, 21, 43, 44, 45, 62, 63, 64, 65, 255, 256, 1000, 16_383, 16_384,
        ] {
            let text = self.random.text(length);
            self.set(&format!("text:{length}"), &text);
            let key = format!("blob:{length}");
            let bytes = self.random.bytes(length);
            self.add(&key, &[b"SET", key.as_bytes(), &bytes]);
        }
        self.set("lzf:run", &"a".repeat(60_000));
        for n in 0..900u64 {
            let key = format!("session:{:016x}", self.random.next());
            let length = 120 + self.random.below(160) as usize;
            let body = self.random.text(length);
            let user = 1000 + n;
            self.set(
                &key,
                &format!(r#"{{"user":{user},"cart":[],"csrf":null,"seen":"{body}"}}"#),
            );
            self.expire(&key);
        }
        self.add("bitmap:days", &["SETBIT", "bitmap:days", "20000", "1"]);
        for n in 0..3000u64 {
            let visitor = format!("v{}", self.random.below(1_000_000));
            let key = if n < 40 { "hll:sparse" } else { "hll:dense" };
            self.add(key, &["PFADD", key, &visitor]);
        }
    }

    fn hashes(&mut self) {
        for n in 1000..2200u64 {
            let key = format!("user:{n}");
            let (visits, name) = (self.random.below(5000).to_string(), self.random.text(14));
            let mail = format!("user{n}@example.net");
            self.add(
                &key,
                &[
                    "HSET", &key, "name", &name, "mail", &mail, "visits", &visits, "lang", "en",
                ],
            );
            if n % 20 == 0 {
                let biography = self.random.text(300);
                self.add(&key, &["HSET", &key, "about", &biography]);
            }
        }
        for n in 0..300u64 {
            let key = format!("cart:{n}");
            for _ in 0..=self.random.below(6) {
                let item = format!("sku-{}", self.random.below(100_000));
                let count = (1 + self.random.below(4)).to_string();
                self.add(&key, &["HSET", &key, &item, &count]);
            }
            if n % 3 == 0 {
                self.expire(&key);
            }
        }
        for fields in [128, 129, 512, 513] {
            let key = format!("hash:fields:{fields}");
            for field in 0..fields {
                self.add(
                    &key,
                    &["HSET", &key, &format!("f{field}"), &field.to_string()],
                );
            }
        }
    }

    fn lists(&mut self) {
        for n in 0..200u64 {
            let key = format!("recent:{n}");
            for _ in 0..=self.random.below(20) {
                let item = self.random.below(100_000).to_string();
                self.add(&key, &["RPUSH", &key, &item]);
            }
        }
        for n in 0..12u64 {
            let key = format!("queue:mail:{n}");
            for _ in 0..300 {
                let length = 5 + self.random.below(60) as usize;
                let text = self.random.text(length);
                self.add(&key, &["RPUSH", &key, &text]);
            }
        }
        // Elements above 8 KiB have a quicklist node for themselves.
        for n in 0..4usize {
            let key = format!("queue:images:{n}");
            for length in [10, 9000 + n, 4000, 12_000] {
                let text = self.random.text(length);
                self.add(&key, &["RPUSH", &key, &text]);
            }
        }
        self.every_node(&["CONFIG", "SET", "list-compress-depth", "1"]);
        for _ in 0..200 {
            let text = self.random.text(300);
            self.add("queue:compressed", &["RPUSH", "queue:compressed", &text]);
        }
        self.every_node(&["CONFIG", "SET", "list-compress-depth", "0"]);
    }

    fn sets(&mut self) {
        for n in 0..200u64 {
            let key = format!("tags:{n}");
            for _ in 0..=self.random.below(12) {
                let word = self.random.word().to_owned();
                self.add(&key, &["SADD", &key, &word]);
            }
        }
        for n in 0..150u64 {
            let key = format!("followers:{n}");
            let largest = [30_000, 2_000_000_000, 9_000_000_000_000][n as usize % 3];
            for _ in 0..=self.random.below(40) {
                let member = self.random.below(largest).to_string();
                self.add(&key, &["SADD", &key, &member]);
            }
        }
        for members in [128, 129, 512, 513, 900] {
            let (names, numbers) = (
                format!("set:names:{members}"),
                format!("set:numbers:{members}"),
            );
            for member in 0..members {
                self.add(&names, &["SADD", &names, &format!("m{member}")]);
                self.add(&numbers, &["SADD", &numbers, &member.to_string()]);
            }
        }
    }

    fn sorted_sets(&mut self) {
        for n in 0..100u64 {
            let key = format!("board:{n}");
            for _ in 0..=self.random.below(30) {
                let member = format!("user:{}", self.random.below(9999));
                let score = format!("{}.5", self.random.below(100_000));
                self.add(&key, &["ZADD", &key, &score, &member]);
            }
        }
        for members in [128, 129, 1000] {
            let key = format!("board:size:{members}");
            for member in 0..members {
                let score = self.random.below(1_000_000).to_string();
                self.add(&key, &["ZADD", &key, &score, &format!("player-{member}")]);
            }
        }
        let key = "board:special";
        for (score, member) in [
            ("inf", "a"),
            ("-inf", "b"),
            ("1e308", "c"),
            ("-0.0", "d"),
            ("0.1", "e"),
        ] {
            self.add(key, &["ZADD", key, score, member]);
        }
        for (n, (longitude, latitude)) in
            [("13.36", "38.11"), ("15.08", "37.50")].iter().enumerate()
        {
            let shop = format!("shop-{n}");
            self.add(
                "geo:shops",
                &["GEOADD", "geo:shops", longitude, latitude, &shop],
            );
        }
    }

    fn streams(&mut self) {
        for n in 0..40u64 {
            let key = format!("events:{n}");
            let entries = 1 + self.random.below(60);
            for entry in 0..entries {
                let id = format!("{}-{}", 1_700_000_000_000 + entry * 250, entry % 3);
                let text = self.random.text(24);
                self.add(&key, &["XADD", &key, &id, "kind", "view", "what", &text]);
            }
            if n % 2 == 0 {
                self.add(&key, &["XGROUP", "CREATE", &key, "billing", "0"]);
                self.add(&key, &["XGROUP", "CREATE", &key, "audit", "$"]);
                for consumer in ["alice", "bob"] {
                    let read = [
                        "XREADGROUP",
                        "GROUP",
                        "billing",
                        consumer,
                        "COUNT",
                        "7",
                        "STREAMS",
                        &key,
                        ">",
                    ];
                    self.add(&key, &read);
                }
                self.add(&key, &["XACK", &key, "billing", "1700000000000-0"]);
            }
            if n % 5 == 0 {
                self.add(&key, &["XDEL", &key, "1700000000000-0"]);
            }
        }
        let key = "events:none";
        self.add(key, &["XGROUP", "CREATE", key, "waiting", "$", "MKSTREAM"]);
    }

    /// Keys of one order share a hash tag.
    fn orders(&mut self) {
        for n in 0..300u64 {
            let tag = format!("{{order:{}}}", 5000 + n);
            let (head, lines) = (format!("{tag}:head"), format!("{tag}:lines"));
            let total = self.random.below(100_000).to_string();
            self.add(&head, &["HSET", &head, "state", "paid", "total", &total]);
            for _ in 0..=self.random.below(5) {
                let line = format!("sku-{}", self.random.below(100_000));
                self.add(&lines, &["RPUSH", &lines, &line]);
            }
            if n % 4 == 0 {
                self.set(&format!("{tag}:invoice"), &total);
                self.expire(&format!("{tag}:invoice"));
            }
        }
    }

    /// Names that break whatever does not take them as bytes.
    fn odd_names(&mut self) {
        let long = "k".repeat(300);
        let names: [&[u8]; 26] = [
            b"",
            b" ",
            b"a b",
            b"line\nbreak",
            b"carriage\rreturn",
            b"tab\t",
            b"quote\"'",
            b"back\\slash",
            b"comma,semicolon;",
            b"=1+1",
            b"$(touch owned)",
            b"`touch owned`",
            b"<script>alert(1)</script>",
            b"\x1b[31mred\x1b[0m",
            b"\x00nul",
            b"\xff\xfe\x80",
            b"{}",
            b"{}empty tag",
            b"foo{}{bar}",
            b"{{a}}",
            b"a}b{c}",
            b"{a",
            "ключ".as_bytes(),
            "键{é}".as_bytes(),
            "right\u{202e}to left".as_bytes(),
            long.as_bytes(),
        ];
        for (n, name) in names.into_iter().enumerate() {
            self.add(name, &[b"SET", name, n.to_string().as_bytes()]);
        }
    }

    /// Rendered pages: large in memory, well compressed in the snapshot, most of them on one shard.
    fn pages(&mut self) {
        for (shard, count) in [
            (Shard::First, 850),
            (Shard::Second, 120),
            (Shard::Third, 90),
        ] {
            for _ in 0..count {
                let key = self.name_in(shard, "page:");
                let page = self.page();
                self.set(&key, &page);
                if self.random.below(2) == 0 {
                    self.expire(&key);
                }
            }
        }
    }

    fn page(&mut self) -> String {
        let mut page = String::from("<!doctype html><title>Shop</title><ul class=\"products\">");
        for _ in 0..40 + self.random.below(80) {
            let sku = self.random.below(100_000);
            page.push_str(&format!(
                "<li class=\"product product--compact\" itemscope itemtype=\"https://schema.org/Product\">\
                 <a class=\"product__link\" href=\"/p/{sku}\" rel=\"nofollow\"><span class=\"product__label\">\
                 see the product and its reviews</span></a></li>"
            ));
        }
        page.push_str("</ul>");
        page
    }

    /// One customer keeps everything under one hash tag.
    fn crowded_slot(&mut self) {
        for n in 0..600u64 {
            let key = format!("{{tenant:acme}}:document:{n}");
            let mut document = String::from("[");
            for row in 0..20 + self.random.below(20) {
                let amount = self.random.below(1000);
                document.push_str(&format!(
                    r#"{{"row":{row},"tenant":"acme","currency":"EUR","amount":{amount}}},"#
                ));
            }
            document.push_str("null]");
            self.set(&key, &document);
        }
    }

    /// Keys that cannot move within 100 ms: whole numbers and short fields cost most time per byte.
    /// Smaller ones of the same kind stand between them and the rest.
    fn giants(&mut self) {
        for (shard, members) in [
            (Shard::Second, 200_000u64),
            (Shard::First, 110_000),
            (Shard::Third, 12_000),
            (Shard::First, 8000),
        ] {
            let key = self.name_in(shard, "visitors:");
            // A step of about a thousand keeps every number at four bytes.
            let step = 1000 + self.random.below(100);
            let members = (1..=members).map(|n| [n * step + 65_536, 0]);
            self.collection("SADD", &key, members);
        }
        for (shard, fields) in [
            (Shard::Third, 100_000u64),
            (Shard::First, 64_000),
            (Shard::Second, 52_000),
            (Shard::First, 9000),
            (Shard::First, 5000),
            (Shard::Second, 4000),
        ] {
            let key = self.name_in(shard, "stock:");
            let fields = (0..fields).map(|n| [n, n % 100]);
            self.collection("HSET", &key, fields);
        }
        for (shard, members) in [(Shard::Third, 80_000u64), (Shard::Second, 6000)] {
            let key = self.name_in(shard, "prices:");
            let members = (0..members).map(|n| [n * 7 % 99_991, n]);
            self.collection("ZADD", &key, members);
        }
    }

    fn collection(&mut self, command: &str, key: &str, items: impl Iterator<Item = [u64; 2]>) {
        // A set takes one word per member, the others take two.
        let words_per_item = if command == "SADD" { 1 } else { 2 };
        let items: Vec<[u64; 2]> = items.collect();
        for chunk in items.chunks(2000) {
            let mut words = vec![command.as_bytes().to_vec(), key.as_bytes().to_vec()];
            let numbers = chunk.iter().flat_map(|item| &item[..words_per_item]);
            words.extend(numbers.map(|number| number.to_string().into_bytes()));
            self.steps.push(Step {
                key: Some(key.as_bytes().to_vec()),
                words,
            });
        }
    }

    /// A name whose slot lies on the shard.
    fn name_in(&mut self, shard: Shard, prefix: &str) -> String {
        loop {
            let name = format!("{prefix}{}", self.random.below(10_000_000));
            let third =
                u32::from(Slot::of_key(name.as_bytes()).number()) * 3 / u32::from(SLOT_COUNT);
            if third == shard as u32 {
                return name;
            }
        }
    }

    fn add<K: AsRef<[u8]> + ?Sized, W: AsRef<[u8]>>(&mut self, key: &K, words: &[W]) {
        self.steps.push(Step {
            key: Some(key.as_ref().to_vec()),
            words: words.iter().map(|word| word.as_ref().to_vec()).collect(),
        });
    }

    fn every_node(&mut self, words: &[&str]) {
        self.steps.push(Step {
            key: None,
            words: words.iter().map(|word| word.as_bytes().to_vec()).collect(),
        });
    }

    fn set(&mut self, key: &str, value: &str) {
        self.add(key, &["SET", key, value]);
    }

    fn expire(&mut self, key: &str) {
        let at = EXPIRIES_FROM_MS + self.random.below(20 * YEAR_MS);
        self.add(key, &["PEXPIREAT", key, &at.to_string()]);
    }
}

const FUNCTION: &str = "#!lua name=shop\nredis.register_function('total', function(keys) return redis.call('HGET', keys[1], 'total') end)\n";
