//! A mapped file that shrinks while it is read.
//!
//! Touching a page of a mapping that its file has no more raises `SIGBUS`, whose default is the end of the process.
//! Nothing can be checked beforehand that would rule it out, so a handler of the signal takes it: when the address
//! lies in one of our mappings, it puts zeros in place of the rest of that mapping, notes that it did, and lets the
//! reader go on. The reader gets zeros in place of the bytes, and whoever hands on what was read asks
//! [`Watched::shrunk`] first. Any other `SIGBUS` goes where it would have gone without us.
//!
//! The handler may run at any instruction of any thread, so it takes no lock and allocates nothing: it walks a list
//! of nodes that are never freed, reads atomics, and calls `mmap`.
#![expect(
    unsafe_code,
    reason = "signal handlers cannot be had otherwise; each call says why it is sound"
)]

use std::ffi::{c_int, c_void};
use std::io;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::SeqCst};

/// A mapping that the handler knows, until it is dropped.
#[derive(Debug)]
pub(super) struct Watched(&'static Node);

/// A place for a mapping in the list. Nodes are leaked and used again, so the handler may hold on to any of them.
#[derive(Debug)]
struct Node {
    next: Option<&'static Node>,
    taken: AtomicBool,
    /// Odd while `start` and `end` are being written: a reader that sees two different values, or an odd one, did not
    /// read a pair.
    version: AtomicUsize,
    start: AtomicUsize,
    end: AtomicUsize,
    shrunk: AtomicBool,
}

static NODES: AtomicPtr<Node> = AtomicPtr::new(ptr::null_mut());
static PAGE_BYTES: AtomicUsize = AtomicUsize::new(0);
/// What was to happen on `SIGBUS` before; written once, before the handler is installed.
static PREVIOUS: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());

impl Watched {
    /// Watches a mapping of at least one byte, which must stay mapped until this is dropped.
    ///
    /// # Errors
    /// When no handler can be installed.
    pub(super) fn new(mapping: &[u8]) -> io::Result<Watched> {
        install()?;
        let start = mapping.as_ptr() as usize;
        let pages = mapping.len().div_ceil(PAGE_BYTES.load(SeqCst).max(1));
        let node = free_node();
        node.shrunk.store(false, SeqCst);
        node.set(start, start + pages * PAGE_BYTES.load(SeqCst));
        Ok(Watched(node))
    }

    /// Whether zeros stand in place of bytes that could not be had: the file is shorter than it was, or its device
    /// failed.
    pub(super) fn shrunk(&self) -> bool {
        self.0.shrunk.load(SeqCst)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.set(0, 0);
        self.0.taken.store(false, SeqCst);
    }
}

impl Node {
    /// Only whoever took the node calls this.
    fn set(&self, start: usize, end: usize) {
        self.version.fetch_add(1, SeqCst);
        self.start.store(start, SeqCst);
        self.end.store(end, SeqCst);
        self.version.fetch_add(1, SeqCst);
    }

    /// The end of the mapping, when the address lies in it.
    ///
    /// A node that is written at this moment is passed over: it is not that of the mapping that was touched, because
    /// whoever touches a mapping keeps it from being dropped.
    fn end_of(&self, address: usize) -> Option<usize> {
        let version = self.version.load(SeqCst);
        let (start, end) = (self.start.load(SeqCst), self.end.load(SeqCst));
        let whole = version.is_multiple_of(2) && self.version.load(SeqCst) == version;
        (whole && (start..end).contains(&address)).then_some(end)
    }
}

fn nodes() -> impl Iterator<Item = &'static Node> {
    // SAFETY: the pointer is null or comes from a leaked box of `free_node`, and nobody writes to a node but by its
    // atomics.
    let first = unsafe { NODES.load(SeqCst).as_ref() };
    std::iter::successors(first, |node| node.next)
}

fn free_node() -> &'static Node {
    let take = |node: &&Node| {
        node.taken
            .compare_exchange(false, true, SeqCst, SeqCst)
            .is_ok()
    };
    if let Some(node) = nodes().find(take) {
        return node;
    }
    let node = Box::leak(Box::new(Node {
        next: None,
        taken: AtomicBool::new(true),
        version: AtomicUsize::new(0),
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        shrunk: AtomicBool::new(false),
    }));
    loop {
        let first = NODES.load(SeqCst);
        // SAFETY: as in `nodes`.
        node.next = unsafe { first.as_ref() };
        if NODES.compare_exchange(first, node, SeqCst, SeqCst).is_ok() {
            return node;
        }
    }
}

fn install() -> io::Result<()> {
    static ONCE: Once = Once::new();
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    ONCE.call_once(|| {
        // SAFETY: asks for a number.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let Some(page_bytes) = usize::try_from(page_bytes)
            .ok()
            .filter(|bytes| bytes.is_power_of_two())
        else {
            return;
        };
        PAGE_BYTES.store(page_bytes, SeqCst);
        let previous = Box::leak(Box::new(default_action()));
        // SAFETY: no new action is given, and `previous` is a valid place for the one in force.
        if unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), previous) } != 0 {
            return;
        }
        PREVIOUS.store(previous, SeqCst);
        let mut ours = default_action();
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_sigbus;
        ours.sa_sigaction = handler as usize;
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: the action is filled in, and its handler is safe to be called at any time, see there.
        if unsafe { libc::sigaction(libc::SIGBUS, &ours, ptr::null_mut()) } == 0 {
            INSTALLED.store(true, SeqCst);
        }
    });
    match INSTALLED.load(SeqCst) {
        true => Ok(()),
        false => Err(io::Error::other("no handler for SIGBUS")),
    }
}

fn default_action() -> libc::sigaction {
    // SAFETY: numbers and pointers only, for all of which zero is a value; a zero handler is SIG_DFL.
    unsafe { std::mem::zeroed() }
}

/// Runs on any thread, in the middle of anything.
extern "C" fn on_sigbus(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the handler is installed with SA_SIGINFO, so the kernel hands it a valid `info`; si_addr is filled in
    // for this code.
    let address = unsafe {
        match (*info).si_code {
            libc::BUS_ADRERR => Some((*info).si_addr() as usize),
            _ => None,
        }
    };
    if let Some(address) = address {
        for node in nodes() {
            if let Some(end) = node.end_of(address)
                && put_zeros(address, end)
            {
                node.shrunk.store(true, SeqCst);
                return;
            }
        }
    }
    pass_on(signal, info, context);
}

/// Replaces the pages from an address in a mapping of ours to the mapping's end.
fn put_zeros(address: usize, end: usize) -> bool {
    let from = address & !(PAGE_BYTES.load(SeqCst) - 1);
    // SAFETY: the pages lie in a mapping of ours, which nobody unmaps now, because somebody is just reading it. They are
    // mapped read-only before and after, and whoever reads them cannot rely on their content, which is that of a
    // file that others may write. `mmap` is a system call that keeps no state in the process.
    let mapped = unsafe {
        libc::mmap(
            from as *mut c_void,
            end - from,
            libc::PROT_READ,
            libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED,
            -1,
            0,
        )
    };
    mapped as usize == from
}

/// Does what would have happened without us.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the pointer is that of a leaked box, stored before the handler was installed.
    let previous = unsafe { PREVIOUS.load(SeqCst).as_ref() };
    let (handler, flags) = previous.map_or((libc::SIG_DFL, 0), |previous| {
        (previous.sa_sigaction, previous.sa_flags)
    });
    if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
        // SAFETY: all three are safe in a handler (POSIX). A signal that a process sent is ignored as it was before. Of
        // a bad access the kernel makes an end, whether by the raised signal or by the access when it is repeated.
        unsafe {
            if handler == libc::SIG_IGN && (*info).si_code != libc::BUS_ADRERR {
                return;
            }
            libc::sigaction(signal, &default_action(), ptr::null_mut());
            libc::raise(signal);
        }
    } else if flags & libc::SA_SIGINFO != 0 {
        // SAFETY: whoever installed it said by SA_SIGINFO that it is of this type.
        unsafe {
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                std::mem::transmute(handler);
            handler(signal, info, context);
        }
    } else {
        // SAFETY: whoever installed it said by the lack of SA_SIGINFO that it is of this type.
        unsafe {
            let handler: extern "C" fn(c_int) = std::mem::transmute(handler);
            handler(signal);
        }
    }
}
