//! The workloads on smol: async-executor's LocalExecutor under smol::block_on, whose
//! reactor is async-io.
//!
//!   smol          w3 over the cheapest event (lib.rs)
//!   smol-channel  w3 over async-channel, smol's own means

use async_executor::{LocalExecutor, Task};
use peers::*;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::Async;
use std::future::Future;
use std::net::TcpStream;
use std::os::unix::io::FromRawFd;
use std::rc::Rc;

type Executor = LocalExecutor<'static>;

/// As many tasks as every workload has.
fn crowd<F>(executor: &Executor, body: impl Fn(usize) -> F) -> Vec<Task<()>>
where
    F: Future<Output = ()> + 'static,
{
    (0..TASKS).map(|i| executor.spawn(body(i))).collect()
}

async fn all(tasks: Vec<Task<()>>) {
    for task in tasks {
        task.await;
    }
}

/// Lets every task that is ready run.
fn others(executor: &Executor) {
    while executor.try_tick() {}
}

async fn w1(executor: &Executor, rounds: usize) {
    begin();
    let tasks = crowd(executor, |_| async move {
        for _ in 0..rounds {
            self_wake().await;
        }
    });
    all(tasks).await;
    end(rounds * TASKS);
}

async fn w2(executor: &Executor, rounds: usize) {
    static LIVE: Live = Live::new();
    begin();
    for _ in 0..rounds {
        LIVE.set(TASKS);
        for _ in 0..TASKS {
            executor.spawn(async { LIVE.ended() }).detach();
        }
        while LIVE.get() > 0 {
            self_wake().await;
        }
    }
    end(rounds * TASKS);
}

async fn w3(executor: &Executor, rounds: usize) {
    let ring: Rc<Vec<Event>> = Rc::new((0..TASKS).map(|_| Event::default()).collect());
    let tasks = crowd(executor, |i| {
        let ring = ring.clone();
        async move {
            for _ in 0..rounds {
                ring[i].wait().await;
                ring[(i + 1) % TASKS].set();
            }
        }
    });
    others(executor);
    begin();
    ring[0].set();
    all(tasks).await;
    end(rounds * TASKS);
}

async fn w3_channel(executor: &Executor, rounds: usize) {
    let ring: Rc<Vec<_>> = Rc::new((0..TASKS).map(|_| async_channel::bounded(1)).collect());
    let tasks = crowd(executor, |i| {
        let ring = ring.clone();
        async move {
            for _ in 0..rounds {
                ring[i].1.recv().await.unwrap();
                ring[(i + 1) % TASKS].0.try_send(()).unwrap();
            }
        }
    });
    others(executor);
    begin();
    ring[0].0.try_send(()).unwrap();
    all(tasks).await;
    end(rounds * TASKS);
}

fn stream(fd: i32) -> Async<TcpStream> {
    Async::new(unsafe { TcpStream::from_raw_fd(fd) }).unwrap()
}

async fn server(mut stream: Async<TcpStream>) {
    let mut buffer = [0; 256];
    loop {
        let size = stream.read(&mut buffer).await.unwrap();
        if size == 0 {
            return;
        }
        stream.write_all(&buffer[..size]).await.unwrap();
    }
}

async fn client(mut stream: Async<TcpStream>, rounds: usize) {
    let mut buffer = [0; 256];
    for _ in 0..rounds {
        stream.write_all(&[0; MESSAGE]).await.unwrap();
        assert_eq!(stream.read(&mut buffer).await.unwrap(), MESSAGE);
    }
}

async fn w4(executor: &Executor, rounds: usize) {
    let fds = tcp_pair();
    begin();
    executor.spawn(server(stream(fds[1]))).detach();
    executor.spawn(client(stream(fds[0]), rounds)).await;
    end(rounds);
}

fn main() {
    let arguments = Arguments::get();
    let rounds = arguments.rounds;
    let executor: &'static Executor = Box::leak(Box::new(LocalExecutor::new()));
    smol::block_on(executor.run(async move {
        match &*arguments.workload {
            "w1" => w1(executor, rounds).await,
            "w2" => w2(executor, rounds).await,
            "w3" if arguments.peer == "smol-channel" => w3_channel(executor, rounds).await,
            "w3" => w3(executor, rounds).await,
            "w4" => w4(executor, rounds).await,
            other => panic!("no workload {}", other),
        }
    }));
}
