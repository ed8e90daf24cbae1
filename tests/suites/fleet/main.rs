//! Several workers on one database: limits that hold together, downtime, the cost of a claim, what wakes other processes, and a
//! transaction pooler in between. The size of the runs is set by the environment; by default they are small.

mod books;
mod cost;
mod downtime;
mod exchange;
mod hints;
mod limits;
mod pooler;
#[path = "../durability/process.rs"]
#[expect(dead_code, reason = "nobody is killed here, and no command is run to its end")]
mod process;
mod processes;
mod report;
mod speed;
mod stage;

use callwright_tests::on_both;
