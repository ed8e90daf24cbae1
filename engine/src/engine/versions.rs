//! Pinned definition versions: compiled once per process, restored from the database when the files have moved on.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::definitions::library::Bundle;
use crate::definitions::model::cadence::CadenceHours;
use crate::store::walk::Walk;
use crate::store::{Tx, definition, publication};

/// One version, with what every decision of it needs ready at hand.
#[derive(Debug)]
pub(super) struct Version {
    pub bundle: Arc<Bundle>,
    pub hours: Option<Arc<CadenceHours>>,
}

/// Cache by content hash. Versions never change, so nothing is ever dropped for staleness.
#[derive(Debug, Default)]
pub(super) struct Versions {
    cache: RwLock<HashMap<String, Arc<Version>>>,
    /// Content of the files by cadence that this process has offered for good: nothing is news twice.
    offered: RwLock<HashMap<String, String>>,
}

impl Version {
    fn new(bundle: Arc<Bundle>) -> Arc<Self> {
        let hours = bundle.cadence.hours.clone().map(Arc::new);
        Arc::new(Self { bundle, hours })
    }
}

impl Versions {
    fn get(&self, hash: &str) -> Option<Arc<Version>> {
        self.cache.read().ok()?.get(hash).cloned()
    }

    fn put(&self, version: Arc<Version>) -> Arc<Version> {
        if let Ok(mut cache) = self.cache.write() {
            cache.insert(version.bundle.hash.clone(), version.clone());
        }
        version
    }

    fn was_offered(&self, bundle: &Bundle) -> bool {
        let offered = self.offered.read().ok();
        offered.is_some_and(|offered| offered.get(&bundle.cadence.key) == Some(&bundle.hash))
    }

    fn note_offered(&self, bundle: &Bundle) {
        if let Ok(mut offered) = self.offered.write() {
            offered.insert(bundle.cadence.key.clone(), bundle.hash.clone());
        }
    }
}

impl Engine {
    /// The version under this hash, from the cache or the database: never from files, which prove nothing about what was published.
    pub(super) async fn version(&self, tx: &mut Tx, hash: &str) -> Result<Arc<Version>, EngineError> {
        if let Some(version) = self.versions.get(hash) {
            return Ok(version);
        }
        let stored = definition::load(tx, hash)
            .await?
            .ok_or_else(|| EngineError::missing("definition version", hash))?;
        let bundle = Bundle::from_sources(&stored.cadence, &stored.sources).map_err(|problems| {
            EngineError::Version {
                version: hash.to_owned(),
                problem: problems.first().map(|problem| problem.message.clone()).unwrap_or_default(),
            }
        })?;
        Ok(self.versions.put(Version::new(Arc::new(bundle))))
    }

    /// The version an enrollment is pinned to, or why it cannot be used: a fault of this enrollment, not of its batch (I9).
    pub(super) async fn usable_version(
        &self,
        tx: &mut Tx,
        walk: &Walk,
    ) -> Result<Result<Arc<Version>, String>, EngineError> {
        match self.version(tx, &walk.enrollment.version).await {
            Ok(version) => Ok(Ok(version)),
            Err(problem @ (EngineError::Version { .. } | EngineError::Missing { .. })) => {
                Ok(Err(problem.to_string()))
            }
            Err(error) => Err(error),
        }
    }

    /// What new enrollments of a cadence get: the files are offered first, if this process has not done so yet. `None`: the
    /// files have no such cadence, or all its versions are withdrawn.
    pub(super) async fn newest(
        &self,
        tx: &mut Tx,
        cadence: &str,
        now: Instant,
    ) -> Result<Option<Arc<Version>>, EngineError> {
        let Some(bundle) = self.library.current().bundle(cadence) else { return Ok(None) };
        if !self.versions.was_offered(&bundle) {
            // Not noted as offered: this transaction may still be rolled back.
            let known = publication::peek_head(tx, cadence).await?;
            if known.is_none_or(|head| head.files != bundle.hash) {
                self.offer(tx, &bundle, now).await?;
            }
        }
        let head = match publication::head(tx, cadence).await? {
            Some(head) => head,
            None => self.offer(tx, &bundle, now).await?,
        };
        match head.version {
            None => Ok(None),
            Some(hash) if hash == bundle.hash => {
                let cached = self.versions.get(&hash);
                Ok(Some(cached.unwrap_or_else(|| self.versions.put(Version::new(bundle)))))
            }
            Some(hash) => self.version(tx, &hash).await.map(Some),
        }
    }

    /// What [`Engine::newest`] would answer, without offering anything.
    pub(super) async fn foreseen(
        &self,
        tx: &mut Tx,
        cadence: &str,
    ) -> Result<Option<Arc<Version>>, EngineError> {
        let Some(bundle) = self.library.current().bundle(cadence) else { return Ok(None) };
        let is_new = !self.versions.was_offered(&bundle);
        match publication::peek_head(tx, cadence).await? {
            Some(head) if !is_new || head.files == bundle.hash => match head.version {
                None => Ok(None),
                Some(hash) if hash == bundle.hash => Ok(Some(Version::new(bundle))),
                Some(hash) => self.version(tx, &hash).await.map(Some),
            },
            _ => Ok(Some(Version::new(bundle))),
        }
    }

    /// Offers every cadence of the library for publication, so that enrollments can be pinned to what is served.
    pub async fn publish(&self) -> Result<usize, EngineError> {
        self.offer_all(true).await
    }

    /// Offers those of which nothing is published yet.
    pub async fn publish_missing(&self) -> Result<usize, EngineError> {
        self.offer_all(false).await
    }

    async fn offer_all(&self, also_known: bool) -> Result<usize, EngineError> {
        let library = self.library.current();
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let bundles: Vec<Arc<Bundle>> = library.bundles().cloned().collect();
        for bundle in &bundles {
            if also_known || publication::peek_head(&mut tx, &bundle.cadence.key).await?.is_none() {
                self.offer(&mut tx, bundle, now).await?;
            }
        }
        tx.commit().await?;
        for bundle in &bundles {
            self.versions.note_offered(bundle);
        }
        Ok(bundles.len())
    }
}
