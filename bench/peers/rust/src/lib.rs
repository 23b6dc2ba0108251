//! The harness as Rust sees it, and the futures that all three peers use.

use std::cell::Cell;
use std::future::Future;
use std::os::raw::{c_int, c_long};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

pub const TASKS: usize = 1000;
pub const MESSAGE: usize = 64;

mod harness {
    use super::*;

    extern "C" {
        pub fn bench_begin();
        pub fn bench_end(operations: c_long);
        pub fn bench_tcp_pair(fds: *mut c_int);
    }
}

pub fn begin() {
    unsafe { harness::bench_begin() }
}

pub fn end(operations: usize) {
    unsafe { harness::bench_end(operations as c_long) }
}

pub fn tcp_pair() -> [c_int; 2] {
    let mut fds = [-1; 2];
    unsafe { harness::bench_tcp_pair(fds.as_mut_ptr()) };
    fds
}

/// What the command line asks for.
pub struct Arguments {
    pub peer: String,
    pub workload: String,
    pub rounds: usize,
}

impl Arguments {
    pub fn get() -> Arguments {
        let mut given = std::env::args().skip(1);
        let mut next = || given.next().expect("usage: PROGRAM PEER WORKLOAD ROUNDS");
        Arguments {
            peer: next(),
            workload: next(),
            rounds: next().parse().expect("ROUNDS is a number"),
        }
    }
}

/// Wakes its own task and is pending, once: the least that yields.
pub struct SelfWake(bool);

pub fn self_wake() -> SelfWake {
    SelfWake(false)
}

impl Future for SelfWake {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The cheapest event: a flag and one waker. Its `Sync` is a promise, which the
/// benchmarks keep, that only one thread uses it; `tokio::spawn` asks for it.
#[derive(Default)]
pub struct Event {
    set: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

unsafe impl Sync for Event {}

impl Event {
    pub fn set(&self) {
        self.set.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    pub fn wait(&self) -> Wait<'_> {
        Wait(self)
    }
}

pub struct Wait<'a>(&'a Event);

impl Future for Wait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.set.replace(false) {
            return Poll::Ready(());
        }
        self.0.waker.set(Some(cx.waker().clone()));
        Poll::Pending
    }
}

/// Counts the tasks of one thread that are alive. For its `Sync`, see `Event`.
pub struct Live(Cell<usize>);

unsafe impl Sync for Live {}

impl Live {
    pub const fn new() -> Live {
        Live(Cell::new(0))
    }

    pub fn get(&self) -> usize {
        self.0.get()
    }

    pub fn set(&self, count: usize) {
        self.0.set(count)
    }

    pub fn ended(&self) {
        self.0.set(self.0.get() - 1)
    }
}
