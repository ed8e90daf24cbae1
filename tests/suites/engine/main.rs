//! The engine's verbs on both databases, with a clock moved by hand, small definitions and a provider that does what the
//! test says. After every verb the world checks that each enrollment is waiting, open, held or ended, and nothing between (I4).

mod abandoning;
mod bought_file;
mod capping;
mod claiming;
mod conversations;
mod crashing;
mod deadlocks;
mod emergencies;
mod enrolling;
mod erasing;
mod events;
mod explaining;
mod facts;
mod fake;
mod given;
mod housekeeping;
mod in_one;
mod journaling;
mod ledger;
mod messages;
mod one_commit;
mod opting_out;
mod orders;
mod pacing;
mod pausing;
mod placing;
mod planning;
mod poison;
mod previewing;
mod publishing;
mod reconciling;
mod recording;
mod recovering;
mod redeeming;
mod registries;
mod returning;
mod sound;
mod spoiled;
mod stopping_anywhere;
mod trigger_promises;
mod triggered_packages;
mod triggering;
mod versions;

use callwright_tests::on_both;
