//! The workloads on futures-rs: LocalPool, an executor without a reactor.

use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;
use peers::*;
use std::rc::Rc;

fn w1(rounds: usize) {
    let mut pool = LocalPool::new();
    begin();
    for _ in 0..TASKS {
        let body = async move {
            for _ in 0..rounds {
                self_wake().await;
            }
        };
        pool.spawner().spawn_local(body).unwrap();
    }
    pool.run();
    end(rounds * TASKS);
}

fn w2(rounds: usize) {
    static LIVE: Live = Live::new();
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    begin();
    for _ in 0..rounds {
        LIVE.set(TASKS);
        for _ in 0..TASKS {
            spawner.spawn_local(async { LIVE.ended() }).unwrap();
        }
        pool.run();
    }
    end(rounds * TASKS);
    assert_eq!(LIVE.get(), 0);
}

fn w3(rounds: usize) {
    let mut pool = LocalPool::new();
    let ring: Rc<Vec<Event>> = Rc::new((0..TASKS).map(|_| Event::default()).collect());
    for i in 0..TASKS {
        let ring = ring.clone();
        let body = async move {
            for _ in 0..rounds {
                ring[i].wait().await;
                ring[(i + 1) % TASKS].set();
            }
        };
        pool.spawner().spawn_local(body).unwrap();
    }
    pool.run_until_stalled();
    begin();
    ring[0].set();
    pool.run();
    end(rounds * TASKS);
}

fn main() {
    let arguments = Arguments::get();
    match &*arguments.workload {
        "w1" => w1(arguments.rounds),
        "w2" => w2(arguments.rounds),
        "w3" => w3(arguments.rounds),
        other => panic!("no workload {}", other),
    }
}
