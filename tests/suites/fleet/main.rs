//! Several workers on one database: limits that hold together, downtime, the cost of a claim, what wakes other processes, and a
//! transaction pooler in between. The size of the runs is set by the environment; by default they are small.

mod books;
mod cost;
mod downtime;
mod exchange;
mod hints;
mod limits;
mod pooler;
mod processes;
mod report;
mod speed;
mod stage;

use callwright_tests::on_both;
