//! The workloads on tokio's current_thread runtime, I/O and time enabled.
//!
//!   tokio      w1 by tasks that wake themselves, w3 over the cheapest event (lib.rs)
//!   tokio-own  w1 by task::yield_now, w3 over sync::Notify

use peers::*;
use std::future::Future;
use std::os::unix::io::FromRawFd;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// As many tasks as every workload has.
fn crowd<F>(body: impl Fn(usize) -> F) -> Vec<JoinHandle<()>>
where
    F: Future<Output = ()> + Send + 'static,
{
    (0..TASKS).map(|i| tokio::spawn(body(i))).collect()
}

async fn all(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        task.await.unwrap();
    }
}

/// Lets every task that is ready run.
async fn others() {
    for _ in 0..2 * TASKS {
        tokio::task::yield_now().await;
    }
}

async fn w1(own: bool, rounds: usize) {
    begin();
    let tasks = if own {
        crowd(|_| async move {
            for _ in 0..rounds {
                tokio::task::yield_now().await;
            }
        })
    } else {
        crowd(|_| async move {
            for _ in 0..rounds {
                self_wake().await;
            }
        })
    };
    all(tasks).await;
    end(rounds * TASKS);
}

async fn w2(rounds: usize) {
    static LIVE: Live = Live::new();
    begin();
    for _ in 0..rounds {
        LIVE.set(TASKS);
        for _ in 0..TASKS {
            tokio::spawn(async { LIVE.ended() });
        }
        while LIVE.get() > 0 {
            self_wake().await;
        }
    }
    end(rounds * TASKS);
}

async fn w3(rounds: usize) {
    let ring: Arc<Vec<Event>> = Arc::new((0..TASKS).map(|_| Event::default()).collect());
    let tasks = crowd(|i| {
        let ring = ring.clone();
        async move {
            for _ in 0..rounds {
                ring[i].wait().await;
                ring[(i + 1) % TASKS].set();
            }
        }
    });
    others().await;
    begin();
    ring[0].set();
    all(tasks).await;
    end(rounds * TASKS);
}

async fn w3_own(rounds: usize) {
    let ring: Arc<Vec<Notify>> = Arc::new((0..TASKS).map(|_| Notify::new()).collect());
    let tasks = crowd(|i| {
        let ring = ring.clone();
        async move {
            for _ in 0..rounds {
                ring[i].notified().await;
                ring[(i + 1) % TASKS].notify_one();
            }
        }
    });
    others().await;
    begin();
    ring[0].notify_one();
    all(tasks).await;
    end(rounds * TASKS);
}

fn stream(fd: i32) -> TcpStream {
    TcpStream::from_std(unsafe { std::net::TcpStream::from_raw_fd(fd) }).unwrap()
}

async fn server(mut stream: TcpStream) {
    let mut buffer = [0; 256];
    loop {
        let size = stream.read(&mut buffer).await.unwrap();
        if size == 0 {
            return;
        }
        stream.write_all(&buffer[..size]).await.unwrap();
    }
}

async fn client(mut stream: TcpStream, rounds: usize) {
    let mut buffer = [0; 256];
    for _ in 0..rounds {
        stream.write_all(&[0; MESSAGE]).await.unwrap();
        assert_eq!(stream.read(&mut buffer).await.unwrap(), MESSAGE);
    }
}

async fn w4(rounds: usize) {
    let fds = tcp_pair();
    begin();
    tokio::spawn(server(stream(fds[1])));
    tokio::spawn(client(stream(fds[0]), rounds)).await.unwrap();
    end(rounds);
}

fn main() {
    let arguments = Arguments::get();
    let own = arguments.peer == "tokio-own";
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    match &*arguments.workload {
        "w1" => runtime.block_on(w1(own, arguments.rounds)),
        "w2" => runtime.block_on(w2(arguments.rounds)),
        "w3" if own => runtime.block_on(w3_own(arguments.rounds)),
        "w3" => runtime.block_on(w3(arguments.rounds)),
        "w4" => runtime.block_on(w4(arguments.rounds)),
        other => panic!("no workload {}", other),
    }
}
