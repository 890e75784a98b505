//! Takes one approval from the order to *undecided* and on to its end, with nothing but `core` and `alloc` below.
//!
//! The panic handler and the allocator here are the only ones: if anything under `kicc-proto` links `std`, there are
//! two of each, and the build stops. `check` builds it, links it into `main.c`, and runs that.
#![no_std]

extern crate alloc;

use alloc::sync::Arc;
use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    panic::PanicInfo,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

use kicc_proto::{
    flow::{Driver, Ended, Opening, Outcome, Policy, Step, Verdict},
    journal::Written,
    product::{Credentials, Merchant, Order as _},
    simple,
    time::{Mono, Now, UnixMillis},
    values::{
        Amount, BusinessNumber, ChannelId, Environment, Invalid, Parts, Secret, ServiceId, TerminalId,
        TokenKey, TransactionNumber, Won,
    },
    wire::{
        Reply, RequestBuffer,
        sign::{HmacSha256, Nonce},
    },
};

const NOW: Now = Now { mono: Mono(0), wall: UnixMillis(1_800_000_000_000) };

const REPLY: &[u8] = br#"{"respCd":"0000","tid":"T123456789","mercTrxNo":"ORD_1","aprvNo":"12345678"}"#;

/// The won that were approved, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn kicc_approve() -> u64 {
    approve().ok().flatten().unwrap_or(0)
}

fn approve() -> Result<Option<u64>, Invalid> {
    let merchant = Merchant::Simple(simple::Merchant {
        environment: Environment::new("test")?,
        terminal_id: TerminalId::new("T123456789")?,
        service_id: ServiceId::new("SVC_SIMPLE")?,
        business_number: BusinessNumber::new("1234567890")?,
    });
    let amount = Amount::new(Won(10_000), Parts { vat: Won(909), ..Parts::default() })?;
    let order = simple::Order::new(TransactionNumber::new("ORD_1")?, amount, TokenKey::new("TOKEN")?);
    let driver = Driver { policy: Arc::new(Policy::default()), holder: "device".into(), accept_step: false };
    let opening = Opening { merchant: &merchant, driver: &driver, attempt: [7; 16] };

    let channel_id = ChannelId::new("CH_A1B2C3D4")?;
    let signer = HmacSha256::new(&Secret::from_utf8("secret"));
    let credentials = Credentials::Signature { channel_id: &channel_id, signer: &signer };
    let mut buffer = RequestBuffer::new();

    let mut step = Step::Persist(order.open(&opening, NOW)?);
    loop {
        step = match step {
            Step::Persist(persist) => persist.written(Ok(Written::Stored), NOW),
            Step::Transmit(transmit) => {
                match transmit.encode(credentials, Nonce([1; 16]), NOW, &mut buffer) {
                    Ok((request, in_flight)) => {
                        let reply = Reply { status: 200, content_type: None, body: REPLY };
                        if request.body().is_empty() {
                            in_flight.lost(NOW)
                        } else {
                            in_flight.reply(reply, NOW)
                        }
                    }
                    Err(step) => step,
                }
            }
            Step::Settle(settle) => settle.accept(NOW),
            Step::Done(done) => {
                let approved =
                    matches!(done.ended(), Ended::Verdict(Verdict::Approval(Outcome::Approved(_))));
                return Ok(approved.then(|| order.amount().total().0));
            }
            Step::InFlight(_) | Step::Wait(_) | Step::AskBooks(_) => return Ok(None),
        }
    }
}

/// A heap that is never given back: enough for one payment.
struct Heap {
    bytes: UnsafeCell<[u8; 1 << 20]>,
    used: AtomicUsize,
}

// SAFETY: every byte is handed out at most once, since `used` only grows.
unsafe impl Sync for Heap {}

// SAFETY: the ranges do not overlap, lie within `bytes`, and are aligned as asked.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.bytes.get() as usize;
        let end = |used: usize| Some((base + used).next_multiple_of(layout.align()) - base + layout.size());
        let fits = |used: usize| end(used).filter(|end| *end <= 1 << 20);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(used) => ptr::with_exposed_provenance_mut((base + used).next_multiple_of(layout.align())),
            Err(_) => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static HEAP: Heap = Heap { bytes: UnsafeCell::new([0; 1 << 20]), used: AtomicUsize::new(0) };

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
