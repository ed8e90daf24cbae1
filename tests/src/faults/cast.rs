//! Who runs: on SQLite one `serve`; on PostgreSQL an API of its own and several workers. Each has a seat, so that whoever is
//! killed can be started again by the same command line.

use anyhow::Context as _;

use super::process::Process;
use super::world::World;
use crate::Backend;

/// The processes under test.
#[derive(Debug, Default)]
pub struct Cast {
    seats: Vec<Seat>,
    /// Workers so far, for names that no two of them share.
    hired: usize,
}

#[derive(Debug)]
struct Seat {
    role: Role,
    name: String,
    /// A program and its arguments that run the command, such as `strace`.
    wrapped_in: Vec<String>,
    process: Option<Process>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// API and dialing in one.
    Serve,
    Api,
    Worker,
}

impl Cast {
    /// Whoever serves the API, started and answering: it starts the clock.
    pub async fn open(world: &World, backend: Backend) -> anyhow::Result<Self> {
        let role = if backend == Backend::Sqlite { Role::Serve } else { Role::Api };
        let name = if role == Role::Serve { "serve" } else { "api" };
        let seat = Seat { role, name: name.to_owned(), wrapped_in: Vec::new(), process: None };
        let mut cast = Self { seats: vec![seat], hired: 0 };
        cast.start(0, world).await?;
        Ok(cast)
    }

    /// One more worker; its seat.
    pub async fn hire(&mut self, world: &World, wrapped_in: Vec<String>) -> anyhow::Result<usize> {
        self.hired += 1;
        let name = format!("worker-{}", self.hired);
        self.seats.push(Seat { role: Role::Worker, name, wrapped_in, process: None });
        let seat = self.seats.len() - 1;
        self.start(seat, world).await?;
        Ok(seat)
    }

    /// Starts whoever has this seat, and waits until an API answers.
    pub async fn start(&mut self, seat: usize, world: &World) -> anyhow::Result<()> {
        let seat = &mut self.seats[seat];
        let mut process = match seat.role {
            Role::Serve => world.serve(&seat.wrapped_in)?,
            Role::Api => world.api(&seat.wrapped_in)?,
            Role::Worker => world.worker(&seat.name, &seat.wrapped_in)?,
        };
        if seat.role != Role::Worker {
            process.ready(&world.client, &world.api_url).await?;
        }
        seat.process = Some(process);
        Ok(())
    }

    /// The same, without waiting: under a tracer it may not live long enough to answer.
    pub fn launch(&mut self, seat: usize, world: &World, wrapped_in: &[String]) -> anyhow::Result<()> {
        let seat = &mut self.seats[seat];
        seat.process = Some(match seat.role {
            Role::Serve => world.serve(wrapped_in)?,
            Role::Api => world.api(wrapped_in)?,
            Role::Worker => world.worker(&seat.name, wrapped_in)?,
        });
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(&mut self, seat: usize) -> anyhow::Result<()> {
        self.take(seat)?.kill()
    }

    pub fn take(&mut self, seat: usize) -> anyhow::Result<Process> {
        self.seats[seat].process.take().with_context(|| format!("nobody in seat {seat}"))
    }

    pub fn at(&mut self, seat: usize) -> anyhow::Result<&mut Process> {
        self.seats[seat].process.as_mut().with_context(|| format!("nobody in seat {seat}"))
    }

    pub fn role(&self, seat: usize) -> Role {
        self.seats[seat].role
    }

    pub fn len(&self) -> usize {
        self.seats.len()
    }

    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Gives up the seats of those who were asked to leave: they are not started again.
    pub fn dismiss_empty(&mut self) {
        self.seats.retain(|seat| seat.process.is_some());
    }

    /// Starts again whoever ended; their names. Nobody ends by himself unless a scenario makes him.
    pub async fn fill(&mut self, world: &World) -> anyhow::Result<Vec<String>> {
        let mut started = Vec::new();
        for seat in 0..self.seats.len() {
            let process = &mut self.seats[seat].process;
            let gone = match process {
                Some(process) => process.ended()?.is_some(),
                None => true,
            };
            if gone {
                started.push(self.seats[seat].name.clone());
                self.start(seat, world).await?;
            }
        }
        Ok(started)
    }

    /// The ends of everybody's logs.
    pub fn tails(&self) -> String {
        let tail = |seat: &Seat| {
            let text = seat.process.as_ref().map(Process::tail).unwrap_or_default();
            format!("{}:\n{text}\n", seat.name)
        };
        self.seats.iter().map(tail).collect()
    }
}
