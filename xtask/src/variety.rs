//! Keys of every type, encoding and length, for what the memory of each is predicted and measured.

use anyhow::Result;
use redis::Cmd;

use crate::node::Node;
use crate::random::Random;

/// 2030-01-01, far from any run of a test.
const EXPIRIES_FROM_MS: u64 = 1_893_456_000_000;
const YEAR_MS: u64 = 365 * 86_400_000;

const COMMANDS_PER_PIPELINE: usize = 500;
/// Items that one command adds.
const ITEMS_PER_COMMAND: usize = 500;

/// Commands that fill a server, the same for the same seed.
pub struct Variety {
    random: Random,
    commands: Vec<Cmd>,
    keys: u64,
}

impl Variety {
    /// About 44 000 keys, which take 50 to 60 MB.
    pub fn new(seed: u64, fields_expire: bool) -> Variety {
        let mut variety = Variety {
            random: Random(seed),
            commands: Vec::new(),
            keys: 0,
        };
        variety.strings();
        variety.lists();
        variety.sets();
        variety.sorted_sets();
        variety.hashes();
        if fields_expire {
            variety.hashes_with_expiring_fields();
        }
        variety.streams();
        variety
    }

    /// Sends all commands to a server that owns all slots.
    ///
    /// # Errors
    /// The first error reply.
    pub fn load(&self, node: &mut Node) -> Result<()> {
        for chunk in self.commands.chunks(COMMANDS_PER_PIPELINE) {
            let mut pipeline = redis::pipe();
            for command in chunk {
                pipeline.add_command(command.clone()).ignore();
            }
            node.query_all::<()>(&pipeline)?;
        }
        Ok(())
    }

    fn strings(&mut self) {
        for n in 0..40_000u64 {
            let key = self.key();
            let value = match n % 4 {
                0 => {
                    let bits = self.random.below(63);
                    let number = self.random.below(1 << bits);
                    number.to_string().into_bytes()
                }
                _ => self.element(75),
            };
            self.add("SET", &key, [value]);
            self.expire(&key);
        }
        for _ in 0..1_000 {
            let key = self.key();
            let length = self.spread(16);
            let value = self.random.text(length);
            self.add("SET", &key, [value.into_bytes()]);
            self.expire(&key);
        }
    }

    fn lists(&mut self) {
        for n in 0..600 {
            let key = self.key();
            let longest = if n % 40 == 0 { 12_000 } else { 90 };
            let bits = if n % 40 == 0 { 4 } else { 11 };
            let items: Vec<Vec<u8>> = (0..=self.spread(bits))
                .map(|_| self.element(longest))
                .collect();
            self.add_all("RPUSH", &key, &items, 1);
            self.expire(&key);
        }
    }

    fn sets(&mut self) {
        for n in 0..800 {
            let key = self.key();
            let bits = 8 + self.random.below(50);
            let items: Vec<Vec<u8>> = (0..=self.spread(11))
                .map(|_| match n % 2 {
                    0 => self.random.below(1 << bits).to_string().into_bytes(),
                    _ => self.element(80),
                })
                .collect();
            self.add_all("SADD", &key, &items, 1);
            self.expire(&key);
        }
    }

    fn sorted_sets(&mut self) {
        for n in 0..600 {
            let key = self.key();
            let items: Vec<Vec<u8>> = (0..=self.spread(11))
                .flat_map(|_| {
                    let number = self.random.below(1 << 40);
                    let score = match n % 2 {
                        0 => number.to_string(),
                        _ => format!("{}.{}", number % 100_000, number % 1_000),
                    };
                    [score.into_bytes(), self.element(75)]
                })
                .collect();
            self.add_all("ZADD", &key, &items, 2);
            self.expire(&key);
        }
    }

    fn hashes(&mut self) {
        for n in 0..800 {
            let key = self.key();
            // One in ten has values that are too long for a listpack.
            let longest = if n % 10 == 0 { 200 } else { 64 };
            let items: Vec<Vec<u8>> = (0..=self.spread(11))
                .flat_map(|_| [self.element(40), self.element(longest)])
                .collect();
            self.add_all("HSET", &key, &items, 2);
            self.expire(&key);
        }
    }

    fn hashes_with_expiring_fields(&mut self) {
        for _ in 0..200 {
            let key = self.key();
            let fields = 1 + self.spread(11);
            let items: Vec<Vec<u8>> = (0..fields)
                .flat_map(|field| [format!("f{field}").into_bytes(), self.element(90)])
                .collect();
            self.add_all("HSET", &key, &items, 2);
            for field in 0..fields {
                if self.random.below(3) == 0 {
                    let at = self.later().into_bytes();
                    let name = format!("f{field}").into_bytes();
                    let words = [at, b"FIELDS".to_vec(), b"1".to_vec(), name];
                    self.add("HPEXPIREAT", &key, words);
                }
            }
        }
    }

    fn streams(&mut self) {
        for n in 0..200 {
            let key = self.key();
            let entries = 1 + self.spread(10);
            for at in 0..entries {
                let id = format!("{}-{at}", 1_700_000_000_000 + at * 17);
                let words = [
                    id.into_bytes(),
                    b"temperature".to_vec(),
                    self.element(12),
                    b"place".to_vec(),
                    self.element(60),
                ];
                self.add("XADD", &key, words);
            }
            for group in 0..n % 3 {
                let group = format!("group-{group}").into_bytes();
                let mut create = redis::cmd("XGROUP");
                create.arg("CREATE").arg(&key).arg(&group).arg("0");
                self.commands.push(create);
                for consumer in 0..=self.random.below(3) {
                    let mut read = redis::cmd("XREADGROUP");
                    read.arg("GROUP")
                        .arg(&group)
                        .arg(format!("worker-{consumer}"));
                    let count = 1 + self.spread(8);
                    read.arg("COUNT")
                        .arg(count)
                        .arg("STREAMS")
                        .arg(&key)
                        .arg(">");
                    self.commands.push(read);
                }
            }
        }
    }

    /// A name that there was not yet: most are short, some are longer than the limits of headers.
    fn key(&mut self) -> Vec<u8> {
        self.keys += 1;
        let mut key = self.keys.to_string().into_bytes();
        let longest = [12, 40, 40, 60, 330][self.random.below(5) as usize];
        let length = self.random.below(longest) as usize;
        while key.len() < length {
            key.push(b'a' + self.random.below(26) as u8);
        }
        key
    }

    fn element(&mut self, longest: u64) -> Vec<u8> {
        let length = self.random.below(longest + 1) as usize;
        self.random.bytes(length)
    }

    /// Below a power of two that is drawn, so that small numbers are as frequent as large ones.
    fn spread(&mut self, bits: u64) -> usize {
        let limit = 1 << (1 + self.random.below(bits));
        self.random.below(limit) as usize
    }

    fn later(&mut self) -> String {
        (EXPIRIES_FROM_MS + self.random.below(20 * YEAR_MS)).to_string()
    }

    fn expire(&mut self, key: &[u8]) {
        if self.random.below(10) < 3 {
            let at = self.later().into_bytes();
            self.add("PEXPIREAT", key, [at]);
        }
    }

    fn add<const N: usize>(&mut self, name: &str, key: &[u8], words: [Vec<u8>; N]) {
        let mut command = redis::cmd(name);
        command.arg(key);
        for word in words {
            command.arg(word);
        }
        self.commands.push(command);
    }

    fn add_all(&mut self, name: &str, key: &[u8], items: &[Vec<u8>], words_per_item: usize) {
        for chunk in items.chunks(ITEMS_PER_COMMAND * words_per_item) {
            let mut command = redis::cmd(name);
            command.arg(key).arg(chunk);
            self.commands.push(command);
        }
    }
}
