//! An allocator that counts, for each thread by itself.
#![allow(unsafe_code, reason = "an allocator is unsafe to write; this one only passes on")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ops::Sub,
};

/// The system's allocator, counted.
pub struct Counting;

/// What a thread has asked for since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allocated {
    /// Calls that gave memory; one that lets a block grow counts too.
    pub calls: u64,
    /// The bytes that they gave.
    pub bytes: u64,
    /// Bytes that were given back.
    pub freed: u64,
}

impl Allocated {
    /// Of this thread, until now.
    #[must_use]
    pub fn now() -> Self {
        ALLOCATED.get()
    }

    /// Bytes that are still held.
    #[must_use]
    pub fn held(self) -> u64 {
        self.bytes.wrapping_sub(self.freed)
    }
}

impl Sub for Allocated {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Allocated {
            calls: self.calls - earlier.calls,
            bytes: self.bytes - earlier.bytes,
            freed: self.freed - earlier.freed,
        }
    }
}

thread_local! {
    static ALLOCATED: Cell<Allocated> = const { Cell::new(Allocated { calls: 0, bytes: 0, freed: 0 }) };
}

fn count(given: usize, freed: usize) {
    let mut all = ALLOCATED.get();
    all.calls += u64::from(given > 0);
    all.bytes += given as u64;
    all.freed += freed as u64;
    ALLOCATED.set(all);
}

// SAFETY: every call is the system allocator's own, with the same arguments; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, layout.size());
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;
