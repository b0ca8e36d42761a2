//! What a value is made of, told from its lengths.

use preshard_memory::double;

use super::blob::{Blob, BlobHeader, Shape};
use super::facts::{Detail, MeasureOptions, ValueFacts};
use super::member::ModuleNumber;
use super::run;
use super::visitor::{
    ConsumerHead, GroupHead, PendingEntry, Role, StreamEntryHead, StreamId, Visitor,
};
use super::weigh::{Kept, Weighing};
use super::{inside, stream_node, walk_value};
use crate::limits::{LZF_TRIED_ABOVE_BYTES, TAKE_MAX};
use crate::rdb::{Form, StringHeader, TemplateSource};
use crate::reader::Cursor;
use crate::{DataType, Encoding, Error, ErrorKind, ModuleId, Template, ValueType};

/// Walks a value to its end and tells what it is made of.
pub(crate) fn measure<C: Cursor>(
    c: &mut C,
    value_type: ValueType,
    templates: TemplateSource<'_>,
    options: MeasureOptions<'_>,
) -> Result<ValueFacts, Error> {
    let mut measure = Measure::new(value_type, options);
    walk_value(c, value_type, templates, &mut measure)?;
    Ok(measure.finish())
}

/// Gathers [`ValueFacts`].
pub(super) struct Measure<'m> {
    data_type: DataType,
    options: MeasureOptions<'m>,
    weighing: Weighing<'m>,
    facts: ValueFacts,
    elements: u64,
    seen: Lengths,
    /// Of the fields that entries of a stream node share.
    shared: Lengths,
    /// Whether the parts that go by belong to a deleted entry of a stream.
    in_deleted_entry: bool,
    /// Whether a blob went by whose elements were not walked.
    unseen_elements: bool,
    decompressed: Vec<u8>,
}

/// Lengths of several strings.
#[derive(Clone, Copy, Default)]
struct Lengths {
    sum: u64,
    largest: u64,
}

impl Lengths {
    fn add(&mut self, other: Lengths) {
        self.sum = self.sum.saturating_add(other.sum);
        self.largest = self.largest.max(other.largest);
    }

    fn add_one(&mut self, len: u64) {
        self.add(Lengths {
            sum: len,
            largest: len,
        });
    }
}

impl<'m> Measure<'m> {
    #[inline]
    pub(super) fn new(value_type: ValueType, options: MeasureOptions<'m>) -> Measure<'m> {
        Measure {
            data_type: value_type.data_type(),
            options,
            weighing: Weighing::new(value_type, options.memory),
            facts: ValueFacts {
                fields_expired: options.reference_ms.map(|_| 0),
                ..ValueFacts::empty(value_type.encoding())
            },
            elements: 0,
            seen: Lengths::default(),
            shared: Lengths::default(),
            in_deleted_entry: false,
            unseen_elements: false,
            decompressed: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn finish(mut self) -> ValueFacts {
        let told = self.data_type != DataType::Module;
        let walked = told && !self.unseen_elements;
        ValueFacts {
            elements: told.then_some(self.elements),
            element_bytes: walked.then_some(self.seen.sum),
            largest_element_bytes: walked.then_some(self.seen.largest),
            weight: self.weighing.finish(),
            ..self.facts
        }
    }

    fn add_content(&mut self, len: u64) {
        self.facts.content_bytes = self.facts.content_bytes.saturating_add(len);
        if len > LZF_TRIED_ABOVE_BYTES {
            self.facts.compressible_bytes = self.facts.compressible_bytes.saturating_add(len);
        }
    }

    /// Takes in a string of the format, whoever consumes it.
    pub(super) fn note_string(&mut self, role: Role, header: StringHeader) {
        if role == Role::ModuleString {
            return;
        }
        self.add_content(header.len);
        self.note_entry(role, header);
        if self.data_type == DataType::String {
            self.elements = header.len;
            if let Form::Integer(_) = header.form {
                self.facts.encoding = Encoding::Int;
            }
        }
    }

    /// Takes in an entry of a blob, whoever consumes it.
    pub(super) fn note_entry(&mut self, role: Role, header: StringHeader) {
        match role {
            Role::Element | Role::Field | Role::FieldValue | Role::Path
                if !self.in_deleted_entry =>
            {
                self.seen.add_one(header.len);
            }
            Role::SharedField => self.shared.add_one(header.len),
            _ => {}
        }
    }

    /// How many stored bytes of a string or an entry [`Measure::weigh_string`] must see.
    #[inline]
    pub(super) fn bytes_wanted(&mut self, role: Role, header: StringHeader) -> usize {
        self.weighing.bytes_wanted(role, header)
    }

    /// Takes in what a string or an entry is, for the memory that it takes.
    #[inline]
    pub(super) fn weigh_string(&mut self, role: Role, header: StringHeader, stored: &[u8]) {
        self.weighing.string(role, header, stored);
    }

    /// Consumes a string or an entry and weighs it.
    #[inline]
    fn weigh_and_skip<C: Cursor>(
        &mut self,
        role: Role,
        header: StringHeader,
        c: &mut C,
    ) -> Result<(), Error> {
        let wanted = self.weighing.bytes_wanted(role, header);
        if wanted == 0 {
            self.weighing.string(role, header, &[]);
            return c.skip(header.stored);
        }
        if wanted <= TAKE_MAX {
            match c.take(wanted) {
                Ok(stored) => self.weighing.string(role, header, stored),
                Err(error) if wanted as u64 == header.stored => return Err(error),
                // Of a longer name, what is missing of all of it is for the cursor to say.
                Err(_) => return c.skip(header.stored),
            }
            return c.skip(header.stored - wanted as u64);
        }
        let mut kept = Kept::new(c, wanted);
        kept.skip(header.stored)?;
        self.weighing.string(role, header, &kept.bytes);
        Ok(())
    }

    /// Takes in that a blob goes by, whoever consumes it.
    pub(super) fn note_blob(&mut self, header: StringHeader) {
        self.weighing.note_blob(header);
        self.facts.nodes += 1;
        self.add_content(header.len);
    }

    /// Reads what else stands in front of a blob's entries.
    pub(super) fn begin_blob<C: Cursor>(
        &mut self,
        blob: Blob<'_>,
        mut header: BlobHeader,
        c: &mut C,
    ) -> Result<Look, Error> {
        let must_be_walked = match blob {
            Blob::StreamNode(_) => {
                self.shared = Lengths::default();
                let deleted = stream_node::read_deleted(&mut header, c)?;
                self.facts.deleted_entries = self.facts.deleted_entries.saturating_add(deleted);
                false
            }
            // No header tells how many fields have a TTL.
            Blob::Listpack(Shape::ExpiringFields) => true,
            _ => header.entries.is_none(),
        };
        Ok(Look {
            header,
            must_be_walked,
            is_weighed: self.weighing.begin_blob(blob, header),
            before: self.seen,
        })
    }

    /// Takes in how the walk over a blob's entries went, if there was one. An error that costs no more than
    /// the lengths of the entries is handed back.
    pub(super) fn end_blob(
        &mut self,
        blob: Blob<'_>,
        look: Look,
        walked: Result<Option<u64>, Error>,
    ) -> Result<Option<Error>, Error> {
        self.weighing
            .end_blob(walked.as_ref().ok().copied().flatten());
        let is_only_weighed = self.options.detail == Detail::Counts && !look.must_be_walked;
        let (walked, broken) = match walked {
            // Walked for its weight alone: what else was seen on the way nobody asked for, be it broken. Where bytes are
            // missing, passing over the rest of the blob says so.
            _ if is_only_weighed => {
                self.seen = look.before;
                (None, None)
            }
            Ok(walked) => (walked, None),
            Err(error)
                if self.options.detail == Detail::SoundElements
                    && !look.must_be_walked
                    && matches!(error.kind(), ErrorKind::Corrupt { .. }) =>
            {
                self.seen = look.before;
                self.facts.broken_nodes += 1;
                (None, Some(error))
            }
            Err(error) => return Err(error),
        };
        self.unseen_elements |= walked.is_none();
        // A stream tells its length itself, and of a hash whose names stand apart those are counted.
        if !matches!(blob, Blob::StreamNode(_) | Blob::Values(_)) {
            let entries = look.header.entries.or(walked).unwrap_or(0);
            let elements = entries / blob.shape().entries();
            self.elements = self.elements.saturating_add(elements);
        }
        Ok(broken)
    }

    /// Elements that have been counted so far.
    pub(super) fn counted(&self) -> u64 {
        self.elements
    }
}

/// A blob that is being looked into.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) header: BlobHeader,
    /// Its header leaves open what must be known.
    must_be_walked: bool,
    /// The memory model asks for its elements.
    is_weighed: bool,
    /// What was seen before it.
    before: Lengths,
}

impl Visitor for Measure<'_> {
    fn takes_runs(&self) -> Option<run::Compressed> {
        self.weighing
            .takes_runs()
            .then_some(match self.options.detail {
                Detail::Counts | Detail::SoundElements => run::Compressed::PassedOver,
                Detail::Elements => run::Compressed::LookedInto,
            })
    }

    fn run<const STRINGS: usize>(&mut self, roles: [Role; STRINGS], lengths: &[[u32; STRINGS]]) {
        // A few short strings: their lengths add up in 32 bits.
        let (mut sums, mut compressible, mut largest) =
            ([0u32; STRINGS], [0u32; STRINGS], [0u32; STRINGS]);
        for lengths in lengths {
            let sums = sums.iter_mut().zip(&mut compressible).zip(&mut largest);
            for (((sum, compressible), largest), &len) in sums.zip(lengths) {
                *sum += len;
                let is_long = u64::from(len) > LZF_TRIED_ABOVE_BYTES;
                *compressible += if is_long { len } else { 0 };
                *largest = (*largest).max(len);
            }
        }
        let of_roles = sums.into_iter().zip(compressible).zip(largest);
        for (role, ((sum, compressible), largest)) in roles.into_iter().zip(of_roles) {
            let facts = &mut self.facts;
            facts.content_bytes = facts.content_bytes.saturating_add(sum.into());
            facts.compressible_bytes = facts.compressible_bytes.saturating_add(compressible.into());
            if matches!(role, Role::Element | Role::Field | Role::FieldValue) {
                self.seen.add(Lengths {
                    sum: sum.into(),
                    largest: largest.into(),
                });
            }
        }
        self.weighing.run(lengths);
    }

    fn nodes(&mut self, n: u64) {
        self.weighing.announce_nodes(n);
    }

    fn elements(&mut self, n: u64) {
        self.elements = self.elements.saturating_add(n);
        self.weighing.announce(n);
    }

    fn string<C: Cursor>(
        &mut self,
        role: Role,
        header: StringHeader,
        c: &mut C,
    ) -> Result<(), Error> {
        self.note_string(role, header);
        if header.form == Form::Lzf && self.options.detail == Detail::Elements {
            let wanted = self.weighing.bytes_wanted(role, header);
            let mut kept = Kept::new(c, wanted);
            inside::decompress_through(header, &mut kept, &mut self.decompressed)?;
            self.weighing.string(role, header, &kept.bytes);
            return Ok(());
        }
        self.weigh_and_skip(role, header, c)
    }

    fn entry<C: Cursor>(
        &mut self,
        role: Role,
        header: StringHeader,
        c: &mut C,
    ) -> Result<(), Error> {
        self.note_entry(role, header);
        self.weigh_and_skip(role, header, c)
    }

    fn blob<C: Cursor>(
        &mut self,
        blob: Blob<'_>,
        header: StringHeader,
        c: &mut C,
    ) -> Result<(), Error> {
        self.note_blob(header);
        let mut decompressed = std::mem::take(&mut self.decompressed);
        inside::open(blob, header, c, &mut decompressed, self)?;
        self.decompressed = decompressed;
        Ok(())
    }

    fn content<C: Cursor>(&mut self, blob: Blob<'_>, len: u64, c: &mut C) -> Result<(), Error> {
        let header = inside::read_header(blob, len, c, self)?;
        let look = self.begin_blob(blob, header, c)?;
        let walked = match self.options.detail {
            Detail::Counts if !look.must_be_walked && !look.is_weighed => Ok(None),
            _ => inside::walk(blob, look.header, c, self).map(Some),
        };
        self.end_blob(blob, look, walked).map(|_| ())
    }

    fn compressed_left(&mut self, error: Error) -> Result<(), Error> {
        match self.options.detail {
            Detail::Elements => Err(error),
            Detail::Counts | Detail::SoundElements => Ok(()),
        }
    }

    fn score(&mut self, score: f64) {
        self.weighing.score(score);
    }

    fn element_ends(&mut self) -> Result<(), Error> {
        self.weighing.element_ends();
        Ok(())
    }

    fn pending(&mut self, entry: PendingEntry) -> Result<(), Error> {
        self.weighing.pending(entry.id);
        Ok(())
    }

    fn owned(&mut self, id: StreamId) -> Result<(), Error> {
        self.weighing.owned(id);
        Ok(())
    }

    fn field_expiry(&mut self, expires_at_ms: Option<i64>) {
        self.weighing.field_expiry(expires_at_ms);
        let Some(expiry) = expires_at_ms else {
            return;
        };
        let facts = &mut self.facts;
        facts.fields_with_ttl += 1;
        facts.first_field_expiry_ms = Some(
            facts
                .first_field_expiry_ms
                .map_or(expiry, |first| first.min(expiry)),
        );
        facts.last_field_expiry_ms = Some(
            facts
                .last_field_expiry_ms
                .map_or(expiry, |last| last.max(expiry)),
        );
        if let (Some(expired), Some(reference)) =
            (&mut facts.fields_expired, self.options.reference_ms)
        {
            *expired += u64::from(expiry < reference);
        }
    }

    fn float(&mut self, number: f64) {
        self.seen.add_one(double::shortest(number).len() as u64);
    }

    fn template(&mut self, template: &Template) -> Result<(), Error> {
        self.facts.template = Some(template.id);
        self.add_content(template.field_bytes);
        self.elements = u64::from(template.fields.get());
        self.seen.add(Lengths {
            sum: template.field_bytes,
            largest: u64::from(template.longest_field_bytes),
        });
        Ok(())
    }

    fn field_names(&mut self, header: StringHeader) {
        self.note_blob(header);
    }

    fn stream_entry(&mut self, head: StreamEntryHead) {
        self.in_deleted_entry = head.deleted;
        if head.shares_fields && !head.deleted {
            self.seen.add(self.shared);
        }
    }

    fn group(&mut self, head: GroupHead) -> Result<(), Error> {
        self.facts.groups += 1;
        self.facts.pending = self.facts.pending.saturating_add(head.pending);
        Ok(())
    }

    fn consumer(&mut self, _head: ConsumerHead) -> Result<(), Error> {
        self.facts.consumers += 1;
        Ok(())
    }

    fn unowned(&mut self, _id: StreamId) -> Result<(), Error> {
        self.facts.unowned += 1;
        Ok(())
    }

    fn module(&mut self, module: ModuleId) -> Result<(), Error> {
        self.facts.module = Some(module);
        self.weighing.module(module);
        Ok(())
    }

    fn module_number(&mut self, number: ModuleNumber) -> Result<(), Error> {
        self.weighing.module_number(number);
        Ok(())
    }
}
